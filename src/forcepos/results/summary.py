"""A result in words and as one table: the same on the terminal, in the report and in a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Result = Mapping[str, Any]

# What stands beside the model in a result, if it was measured, and what it is called.
REFERENCES = {
    "baseline": "mean or most frequent class",
    "linear": "linear model",
    "boosted_trees": "boosted trees",
    "oracle_points": "oracle that knows the points",
    "oracle_visits": "oracle that knows the visits",
}
LIMITS = {
    "limit_row_new_visit": "from a row",
    "limit_row_known_visit": "from a row of a known visit",
    "limit_new_visit": "from a window",
    "limit_known_visit": "from a window of a known visit",
}
_NAMES = {"baseline": "the constant baseline", "linear": "the linear model", "boosted_trees": "the boosted trees"}
_SHOWN = ("euclidean_mean_mm", "euclidean_p95_mm", "r2", "accuracy", "f1_macro", "accuracy_off_border")


def headline(scores: Mapping[str, float]) -> str:
    """The measure that runs are compared by."""
    return "euclidean_mean_mm" if "euclidean_mean_mm" in scores else "accuracy"


def score_table(result: Result) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: the model with its intervals, what stands beside it, the same on another split."""
    measures = [name for name in _SHOWN if name in result["test"]]
    rows = [["model", *_with_intervals(result, measures)]]
    for name, title in REFERENCES.items():
        if name in result:
            rows.append([title, *(_figure(result[name].get(measure)) for measure in measures)])
    also = result.get("also")
    if also:
        rows.append([f"model on {also['split']}", *_with_intervals(also, measures)])
    return ["on the test part", *measures], rows


def remarks(result: Result) -> list[str]:
    """What should not be overlooked, the gravest last."""
    return [
        *_of_intervals(result),
        *_of_limit(result),
        *_of_coverage(result, ""),
        *_of_neighbours(result),
        *_of_another_split(result),
        *_of_baselines(result),
    ]


def _of_intervals(result: Result) -> list[str]:
    if "resampled" not in result:
        return []
    level = 100 * result["confidence"]
    return [f"[low, high]: {level:g} % intervals from a bootstrap over {result['resampled']} of the test part"]


def _of_limit(result: Result) -> list[str]:
    """In words: what joint torques tell differs by direction, and no number stands for both."""
    known = [(what, result[name]) for name, what in LIMITS.items() if name in result]
    if not known:
        return []
    told = [f"{what} {scores['rmse_radial_mm']:.2g} mm" for what, scores in known if "rmse_radial_mm" in scores]
    return [
        "no unbiased estimate from joint torques alone (F and T know the joint angles, too) has an rmse below: "
        f"{', '.join(told)} along the line to the base"
        + ("" if any("rmse_tangential_mm" in scores for _, scores in known) else "; across it they tell nothing")
    ]


def _of_coverage(result: Result, where: str) -> list[str]:
    coverage = result.get("coverage")
    if not coverage:
        return []
    kinds = "sectors" if "sectors_mean" in coverage else "classes"
    size = (
        f"a mean radius of {coverage['radius_mean_mm']:.3g} mm"
        if "radius_mean_mm" in coverage
        else f"sets of {coverage[f'{kinds}_mean']:.3g} {kinds}"
    )
    asked, found = 100 * coverage["asked"], 100 * coverage["found"]
    line = f"{where}{size} should hold {asked:g} % of the samples and holds {found:.3g} % of the test part"
    few = (
        "" if coverage["counted"] != "samples" else " (too few recordings to calibrate with: samples were counted)"
    )
    return [f"{line}{few}"]


def _of_neighbours(result: Result) -> list[str]:
    share = result.get("neighbour_share")
    if share is None:
        return []
    near = "have a training sample of the same recording within a window's length"
    return [f"{100 * share:.3g} % of the test samples {near}: this score flatters"]


def _of_another_split(result: Result) -> list[str]:
    also = result.get("also")
    if not also:
        return []
    measure = headline(result["test"])
    low, high = also["intervals"][measure]
    reached = f"{measure} {also['test'][measure]:.4g} [{low:.4g}, {high:.4g}]"
    line = f"split={also['split']}: the same hyperparameters reach {reached}"
    return [line, *_of_coverage(also, f"split={also['split']}: ")]


def _of_baselines(result: Result) -> list[str]:
    measure = headline(result["test"])
    sign = 1 if measure.endswith("_mm") else -1
    known = [name for name in _NAMES if name in result]
    best = min(known, key=lambda name: sign * result[name][measure])
    if sign * result[best][measure] > sign * result["test"][measure]:
        return []
    figures = f"{measure} {result['test'][measure]:.4g} against {result[best][measure]:.4g}"
    return [f"the network does not beat {_NAMES[best]} on the test part: {figures}"]


def _with_intervals(scores: Result, measures: list[str]) -> list[str]:
    cells = []
    for name in measures:
        low, high = scores.get("intervals", {}).get(name, (None, None))
        interval = "" if low is None else f" [{_figure(low)}, {_figure(high)}]"
        cells.append(f"{_figure(scores['test'].get(name))}{interval}")
    return cells


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
