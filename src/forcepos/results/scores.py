"""Results in words: a table of scores and remarks, for terminal, report and sweeps alike."""

from collections.abc import Iterator, Mapping
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


def score_table(result: Result) -> list[dict[str, str]]:
    """Return rows of cells: the model with its intervals, its references, the model on the second split."""
    scored = {"model": result}
    scored |= {title: {"test": result[name]} for name, title in REFERENCES.items() if name in result}
    if result.get("also"):
        scored[f"model on {result['also']['split']}"] = result["also"]
    measures = [name for name in _SHOWN if name in result["test"]]
    return [
        {"on the test subset": title} | {name: _with_interval(scores, name) for name in measures}
        for title, scores in scored.items()
    ]


def _with_interval(scores: Result, name: str) -> str:
    value, ends = scores["test"].get(name), scores.get("intervals", {}).get(name, (None, None))
    interval = "" if ends[0] is None else f" [{ends[0]:.4g}, {ends[1]:.4g}]"
    return "" if value is None else f"{value:.4g}{interval}"


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
        yield f"{where}the same hyperparameters reach {measure} {_with_interval(second_split, measure)}"
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
