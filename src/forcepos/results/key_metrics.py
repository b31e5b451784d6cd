"""The scores of a run in MLflow: at most twenty as metrics, all of them as a table."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from forcepos.results.scores import REFERENCES, Result, headline
from forcepos.runtime.files import write_json
from forcepos.tracking.run import Run

_BASELINES = ("baseline", "linear", "boosted_trees")  # references that know no more than the network
_KEY = (
    "euclidean_mean_mm", "euclidean_median_mm", "euclidean_p95_mm", "r2", "mae_x_mm", "mae_y_mm", "mae_z_mm",
    "accuracy", "f1_macro", "precision_macro", "recall_macro",
)  # fmt: skip
_COVERAGE = ("found", "radius_mean_mm", "sectors_mean", "classes_mean")


def best_baseline(result: Result) -> str:
    """Return the name of the baseline with the best main score."""
    measure = headline(result["test"])
    sign = 1 if measure.endswith("_mm") else -1
    return min((name for name in _BASELINES if name in result), key=lambda name: sign * result[name][measure])


def key_metrics(result: Result) -> dict[str, dict[str, float]]:
    """Group the metrics that runs, folds and cross-validations are compared by, at most twenty."""
    main = (headline(result["test"]),)
    groups = _groups("test", "coverage", result, _KEY) | {"test_spread": _pick(result.get("spread"), _KEY)}
    if second := result.get("also"):
        groups |= _groups(second["split"], f"{second['split']}_coverage", second, main)
    seconds = {name.replace(" ", "_"): value for name, value in result.get("seconds", {}).items()}
    return groups | {
        "best_baseline": _pick(result[best_baseline(result)], main),
        "seconds": _pick(seconds, ("search", "final_training")),
        "model": _pick(result, ("weights",)),
    }


def _groups(name: str, coverage: str, scored: Result, scores: Iterable[str]) -> dict[str, dict[str, float]]:
    """Group a split's scores, the ends of the main one's interval, and its coverage."""
    main = headline(scored["test"])
    ends = zip(("low", "high"), scored.get("intervals", {}).get(main, ()), strict=False)
    of_interval = {f"{name}_{end}": {main: value} for end, value in ends}
    return {name: _pick(scored["test"], scores), **of_interval, coverage: _pick(scored["coverage"], _COVERAGE)}


def _pick(values: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, float]:
    return {name: values[name] for name in names if name in values} if values else {}


def log_table(result: Result, folder: Path, run: Run) -> None:
    """Log all scores as a table that MLflow shows: who, score, value, and the ends of its interval."""
    path = folder / "tables" / "scores.json"
    path.parent.mkdir(exist_ok=True)
    write_json(path, {"columns": ["who", "score", "value", "low", "high"], "data": list(_rows(result))})
    run.log_file(path, "tables")
    run.log_tags({"mlflow.loggedArtifacts": '[{"path": "tables/scores.json", "type": "table"}]'})


def _rows(result: Result) -> Iterator[list[Any]]:
    scored = {"model": result}
    if second := result.get("also"):
        scored[f"model on {second['split']}"] = second
    scored |= {
        REFERENCES.get(name, name): {"test": scores}
        for name, scores in result.items()
        if name in REFERENCES or name.startswith("limit_")
    }
    for who, of in scored.items():
        coverage = {f"coverage/{name}": value for name, value in (of.get("coverage") or {}).items()}
        for name, value in {**of["test"], **coverage, **_pick(of, ("neighbour_share",))}.items():
            yield [who, name, value, *of.get("intervals", {}).get(name, (None, None))]
