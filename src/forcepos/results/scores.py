"""Scores in words: names, digits, the table of scores and remarks, for terminal, report and sweeps alike."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]
# References that a result may hold scores of, and their titles.
REFERENCES = {
    "baseline": "mean or most frequent class",
    "linear": "linear model",
    "boosted_trees": "boosted trees",
    "oracle_points": "ideal, knows points",
    "oracle_visits": "ideal, knows visits",
}
_BOUNDS = {
    "limit_row_new_visit": "from a row",
    "limit_row_known_visit": "from a row of a known visit",
    "limit_new_visit": "from a window",
    "limit_known_visit": "from a window of a known visit",
}
_NAMES = {"baseline": "the constant baseline", "linear": "the linear model", "boosted_trees": "the boosted trees"}
# Scores that tables show, with their titles.
_SHOWN = {
    "euclidean_mean_mm": "mean error (mm)",
    "euclidean_p95_mm": "95 % of errors below (mm)",
    "r2": "R²",
    "accuracy": "accuracy",
    "f1_macro": "F1, mean over classes",
    "accuracy_off_border": "accuracy off borders",
}
# Metrics of training.
_METRICS = {
    "mae": "mean absolute error (mm)",
    "rmse": "root mean square error (mm)",
    "r2": "R²",
    "f1": "F1, mean over classes",
}
_SMALLEST, _MOST_DECIMALS = 1e-3, 6


def metric_in_words(name: str) -> str:
    """Return a metric of Keras' logs in words with its unit; `val_` says that it is the validation subset's."""
    metric = name.removeprefix("val_")
    return ("validation: " if metric != name else "") + _METRICS.get(metric, metric)


def headline(scores: Mapping[str, float]) -> str:
    """Return the name of the score that runs are compared by."""
    return "euclidean_mean_mm" if "euclidean_mean_mm" in scores else "accuracy"


def with_interval(value: float | None, ends: Sequence[float | None] | None = None, unit: str = "") -> str:
    """Write a value and the ends of its interval with two digits of the interval's width: `1.26 [1.12, 1.42]`.

    Without an interval it has three digits, and below 0.001 it is 0.00. Nothing is written of None.
    """
    if value is None:
        return ""
    low, high = ends or (None, None)
    width = 0.0 if low is None or high is None else high - low
    if not (math.isfinite(width) and width > 0):
        size = abs(value) if math.isfinite(value) and abs(value) >= _SMALLEST else 1.0
        decimals = _decimals(size, 3)
    else:
        decimals = _decimals(width, 2)
    interval = "" if low is None or high is None else f" [{low:z.{decimals}f}, {high:z.{decimals}f}]"
    return f"{value:z.{decimals}f}{unit and ' '}{unit}{interval}"


def _decimals(size: float, digits: int) -> int:
    """Return the decimals with which a number of this size has so many digits."""
    return min(max(digits - 1 - math.floor(math.log10(size)), 0), _MOST_DECIMALS)


def score_table(result: Result, wide: bool = False) -> list[dict[str, str]]:
    """Return rows of cells: the model with its intervals, its references, the model on the second split.

    Args:
        wide: give the last column intervals, too; without them the table fits 80 columns.
    """
    scored = {"model": result}
    scored |= {title: {"test": result[name]} for name, title in REFERENCES.items() if name in result}
    if result.get("also"):
        scored[f"model, {result['also']['split']}"] = result["also"]
    measures = [name for name in _SHOWN if name in result["test"]]
    return [
        {"test subset": title}
        | {_SHOWN[name]: _cell(scores, name, wide or name != measures[-1]) for name in measures}
        for title, scores in scored.items()
    ]


def _cell(scores: Result, name: str, interval: bool = True) -> str:
    written = with_interval(scores["test"].get(name), scores.get("intervals", {}).get(name))
    return written if interval else written.partition(" ")[0]


def remarks(result: Result) -> Iterator[str]:
    """Yield caveats of the scores, the most important last."""
    if "resampled" in result:
        level, units = 100 * result["confidence"], result["resampled"]
        yield f"[low, high]: {level:g} % intervals from a bootstrap over {units} of the test subset"
    yield from _of_bounds(result)
    yield from _of_coverage(result)
    if result.get("neighbour_share") is not None:
        share = f"{100 * result['neighbour_share']:.3g} % of the test samples have a training sample"
        yield f"{share} of the same recording within a window's length: this score is too optimistic"
    measure = headline(result["test"])
    if second_split := result.get("also"):
        where = f"split={second_split['split']}: "
        yield f"{where}the same hyperparameters reach {measure} {_cell(second_split, measure)}"
        yield from _of_coverage(second_split, where)
    sign = 1 if measure.endswith("_mm") else -1
    best = min((name for name in _NAMES if name in result), key=lambda name: sign * result[name][measure])
    score, reference = result["test"][measure], result[best][measure]
    if sign * reference <= sign * score:
        values = f"{measure} {score:.4g} against {reference:.4g}"
        yield f"the network does not beat {_NAMES[best]} on the test subset: {values}"


def _of_bounds(result: Result) -> Iterator[str]:
    """State the Cramér-Rao bound by direction: no single number holds for both."""
    known = {source: result[name] for name, source in _BOUNDS.items() if name in result}
    radial = [f"{of['rmse_radial_mm']:.2g} mm {source}" for source, of in known.items() if "rmse_radial_mm" in of]
    across = "" if any("rmse_tangential_mm" in of for of in known.values()) else "; infinite across it"
    if known:
        yield (
            "Cramér-Rao bound on the rmse of unbiased estimates from joint torques alone (F and T also reveal "
            f"joint angles): {', '.join(radial)}, along the line to the base{across}"
        )


def _of_coverage(result: Result, where: str = "") -> Iterator[str]:
    coverage = result.get("coverage")
    if not coverage:
        return
    if "radius_mean_mm" in coverage:
        size = f"a mean radius of {coverage['radius_mean_mm']:.3g} mm"
    else:
        kinds = "sectors" if "sectors_mean" in coverage else "classes"
        size = f"{coverage[f'{kinds}_mean']:.3g} {kinds} per set on average"
    target, observed = 100 * coverage["asked"], 100 * coverage["found"]
    few = "" if coverage["counted"] != "samples" else " (too few recordings to calibrate: samples were counted)"
    yield f"{where}target coverage {target:g} %, observed {observed:.3g} % on the test subset, with {size}{few}"
