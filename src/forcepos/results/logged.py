"""What MLflow shows of a run: key metrics, a table of all scores, a description and data sets."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forcepos.config.schema import Config, DataConfig
from forcepos.results.scores import REFERENCES, Result, best_baseline, headline, in_words, with_interval
from forcepos.runtime.files import to_json, write_json
from forcepos.runtime.wording import code_span, shortened, visible
from forcepos.tracking.run import Run

if TYPE_CHECKING:  # the end of a sweep, which shows key metrics, takes no Keras
    from forcepos.models.problem import Problem

_KEY = (
    "euclidean_mean_mm", "euclidean_median_mm", "euclidean_p95_mm", "r2", "mae_x_mm", "mae_y_mm", "mae_z_mm",
    "accuracy", "f1_macro", "precision_macro", "recall_macro",
)  # fmt: skip
_COVERAGE = ("found", "radius_mean_mm", "sectors_mean", "classes_mean")
_MOST_COLUMNS = 1000  # of a schema, whose length MLflow limits


def key_metrics(result: Result) -> dict[str, dict[str, float]]:
    """Group the metrics that runs, folds and cross-validations are compared by, at most twenty."""
    main = (headline(result["test"]),)
    groups = _groups("test", "coverage", result, _KEY) | {"test_spread": _pick(result.get("spread"), _KEY)}
    if second := result.get("also"):
        groups |= _groups(second["split"], f"{second['split']}_coverage", second, main)
    seconds = {name.replace(" ", "_"): value for name, value in result.get("seconds", {}).items()}
    groups["best_baseline"] = _pick(result[best_baseline(result)], main)
    groups["seconds"] = _pick(seconds, ("search", "final_training"))
    return groups | {"model": _pick(result, ("weights",))}


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
    second = result.get("also")
    scored = {"model": result} | ({f"model on {second['split']}": second} if second else {})
    others = [name for name in result if name in REFERENCES or name.startswith("limit_")]
    for who, of in (scored | {REFERENCES.get(name, name): {"test": result[name]} for name in others}).items():
        coverage = {f"coverage/{name}": value for name, value in (of.get("coverage") or {}).items()}
        for name, value in {**of["test"], **coverage, **_pick(of, ("neighbour_share",))}.items():
            yield [who, name, value, *of.get("intervals", {}).get(name, (None, None))]


def description(result: Result, config: Config, command: str) -> str:
    """Describe a run in three lines of Markdown: what it is, how good, and the command that repeats it."""
    named = [f"{part} {code_span(getattr(config, part).name)}" for part in ("model", "data", "split", "tuner")]
    folds = f", mean of {len(result['folds'])} folds" if "folds" in result else ""
    measure, best = headline(result["test"]), best_baseline(result)
    scores = [
        f"**{in_words(measure).replace('(mm)', 'in mm')} {_score(result, measure)}**{folds}",
        f"best baseline ({REFERENCES[best]}) {with_interval(result[best][measure])}",
    ]
    if second := result.get("also"):
        scores.append(f"on {code_span(second['split'])} {_score(second, measure)}")
    if coverage := result["coverage"]:
        scores.append(f"coverage {100 * coverage['found']:.3g} % (target {100 * coverage['asked']:g} %)")
    return f"{', '.join(named)}, seed {config.seed}\n\n{', '.join(scores)}\n\nRepeat it: {code_span(command)}"


def _score(scored: Result, measure: str) -> str:
    return with_interval(scored["test"][measure], scored.get("intervals", {}).get(measure))


def datasets(problem: "Problem", data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Describe the recordings, and their subsets for training and test, as MLflow's data sets, by context.

    `data` is that of the run's result. MLflow keeps once for all runs what is said of data with the same digest.
    """
    known = {name: data[name] for name in ("rows", "recordings", "points", "rate_hz")}
    samples = {name: {"samples": data["subsets"][name]} for name in ("train", "test")}
    digests = {"recordings": data["fingerprint"], "train": data["train_digest"], "test": data["test_digest"]}
    shared = _source(problem.config.data) | {"schema": _schema(problem)}
    profiles = {name: to_json(known | samples.get(name, {})) for name in digests}
    return {name: {**shared, "digest": digest, "profile": profiles[name]} for name, digest in digests.items()}


def _source(config: DataConfig) -> dict[str, str]:
    """Return name and source: a local path or code. The features are those of the schema."""
    values = {key: value for key, value in asdict(config).items() if key != "features"}
    path = values.get("path")
    name = Path(path).name if path and config.name in {"table", "versuch"} else config.name
    kind, place = ("local", {"uri": path}) if path else ("code", {"tags": {}})
    return {"name": shortened(visible(name)), "source_type": kind, "source": to_json({**place, "config": values})}


def _schema(problem: "Problem") -> str:
    channels = problem.samples.recordings.channels[:_MOST_COLUMNS]
    targets = [f"{axis}_mm" for axis in problem.task.outputs] if problem.config.model.task == "regression" else []
    types = [*((name, "float") for name in (*channels, *targets)), *([] if targets else [("class", "string")])]
    columns = [{"name": shortened(visible(name)), "type": kind, "required": True} for name, kind in types]
    return to_json({"mlflow_colspec": columns})
