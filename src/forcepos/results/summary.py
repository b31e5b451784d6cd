"""Summary of a result as one table and as remarks, for the terminal, the report and sweeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Result = Mapping[str, Any]

# References that a result may hold scores of, and their titles.
REFERENCES = {
    "baseline": "mean or most frequent class",
    "linear": "linear model",
    "boosted_trees": "boosted trees",
    "oracle_points": "ideal observer that knows the points",
    "oracle_visits": "ideal observer that knows the visits",
}
_BOUNDS = {
    "limit_row_new_visit": "from a row",
    "limit_row_known_visit": "from a row of a known visit",
    "limit_new_visit": "from a window",
    "limit_known_visit": "from a window of a known visit",
}
_NAMES = {"baseline": "the constant baseline", "linear": "the linear model", "boosted_trees": "the boosted trees"}
_SHOWN = ("euclidean_mean_mm", "euclidean_p95_mm", "r2", "accuracy", "f1_macro", "accuracy_off_border")


def headline(scores: Mapping[str, float]) -> str:
    """Return the name of the score that runs are compared by."""
    return "euclidean_mean_mm" if "euclidean_mean_mm" in scores else "accuracy"


def score_table(result: Result) -> tuple[list[str], list[list[str]]]:
    """Return columns and rows: the model with its intervals, its references, the model on the second split."""
    measures = [name for name in _SHOWN if name in result["test"]]
    rows = [["model", *_with_intervals(result, measures)]]
    for name, title in REFERENCES.items():
        if name in result:
            rows.append([title, *(_value(result[name].get(measure)) for measure in measures)])
    second_split = result.get("also")
    if second_split:
        rows.append([f"model on {second_split['split']}", *_with_intervals(second_split, measures)])
    return ["on the test subset", *measures], rows


def remarks(result: Result) -> list[str]:
    """List caveats of the scores, the most important last."""
    return [
        *_of_intervals(result),
        *_of_bounds(result),
        *_of_coverage(result, ""),
        *_of_leakage(result),
        *_of_second_split(result),
        *_of_baselines(result),
    ]


def _of_intervals(result: Result) -> list[str]:
    if "resampled" not in result:
        return []
    level = 100 * result["confidence"]
    return [f"[low, high]: {level:g} % intervals from a bootstrap over {result['resampled']} of the test subset"]


def _of_bounds(result: Result) -> list[str]:
    """State the Cramér-Rao bound by direction: no single number holds for both."""
    known = [(source, result[name]) for name, source in _BOUNDS.items() if name in result]
    if not known:
        return []
    radial = [f"{of['rmse_radial_mm']:.2g} mm {source}" for source, of in known if "rmse_radial_mm" in of]
    return [
        "Cramér-Rao bound on the rmse of unbiased estimates from joint torques alone (F and T also reveal joint "
        f"angles): {', '.join(radial)}, along the line to the base"
        + ("" if any("rmse_tangential_mm" in of for _, of in known) else "; infinite across it")
    ]


def _of_coverage(result: Result, where: str) -> list[str]:
    coverage = result.get("coverage")
    if not coverage:
        return []
    kinds = "sectors" if "sectors_mean" in coverage else "classes"
    size = (
        f"a mean radius of {coverage['radius_mean_mm']:.3g} mm"
        if "radius_mean_mm" in coverage
        else f"{coverage[f'{kinds}_mean']:.3g} {kinds} per set on average"
    )
    target, observed = 100 * coverage["asked"], 100 * coverage["found"]
    line = f"{where}target coverage {target:g} %, observed {observed:.3g} % on the test subset, with {size}"
    few = "" if coverage["counted"] != "samples" else " (too few recordings to calibrate: samples were counted)"
    return [f"{line}{few}"]


def _of_leakage(result: Result) -> list[str]:
    share = result.get("neighbour_share")
    if share is None:
        return []
    near = "have a training sample of the same recording within a window's length"
    return [f"{100 * share:.3g} % of the test samples {near}: this score is too optimistic"]


def _of_second_split(result: Result) -> list[str]:
    second_split = result.get("also")
    if not second_split:
        return []
    measure, prefix = headline(result["test"]), f"split={second_split['split']}: "
    low, high = second_split["intervals"][measure]
    score = f"{measure} {second_split['test'][measure]:.4g} [{low:.4g}, {high:.4g}]"
    return [f"{prefix}the same hyperparameters reach {score}", *_of_coverage(second_split, prefix)]


def _of_baselines(result: Result) -> list[str]:
    measure = headline(result["test"])
    sign = 1 if measure.endswith("_mm") else -1
    known = [name for name in _NAMES if name in result]
    best = min(known, key=lambda name: sign * result[name][measure])
    if sign * result[best][measure] > sign * result["test"][measure]:
        return []
    values = f"{measure} {result['test'][measure]:.4g} against {result[best][measure]:.4g}"
    return [f"the network does not beat {_NAMES[best]} on the test subset: {values}"]


def _with_intervals(scores: Result, measures: list[str]) -> list[str]:
    cells = []
    for name in measures:
        low, high = scores.get("intervals", {}).get(name, (None, None))
        interval = "" if low is None else f" [{_value(low)}, {_value(high)}]"
        cells.append(f"{_value(scores['test'].get(name))}{interval}")
    return cells


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
