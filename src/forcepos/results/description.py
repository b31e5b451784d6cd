"""A run in words, and its data sets: what MLflow shows beside the scores of runs and models."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from forcepos.config.schema import Config, DataConfig
from forcepos.models.problem import Problem, Regression
from forcepos.results.key_metrics import best_baseline
from forcepos.results.scores import REFERENCES, Result, headline
from forcepos.runtime.files import to_json
from forcepos.runtime.wording import code_span, shortened, visible

_MEASURES = {"euclidean_mean_mm": "mean error in mm", "accuracy": "accuracy"}
_MOST_COLUMNS = 1000  # of a schema, whose length MLflow limits


def description(result: Result, config: Config, command: str) -> str:
    """Describe a run in three lines of Markdown: what it is, how good, and the command that repeats it."""
    named = [f"{part} {code_span(getattr(config, part).name)}" for part in ("model", "data", "split", "tuner")]
    folds = f", mean of {len(result['folds'])} folds" if "folds" in result else ""
    measure, best = headline(result["test"]), best_baseline(result)
    scores = [
        f"**{_MEASURES[measure]} {_with_interval(result, measure)}**{folds}",
        f"best baseline ({REFERENCES[best]}) {result[best][measure]:.3g}",
    ]
    if second := result.get("also"):
        scores.append(f"on {code_span(second['split'])} {_with_interval(second, measure)}")
    if coverage := result["coverage"]:
        scores.append(f"coverage {100 * coverage['found']:.3g} % (target {100 * coverage['asked']:g} %)")
    return f"{', '.join(named)}, seed {config.seed}\n\n{', '.join(scores)}\n\nRepeat it: {code_span(command)}"


def _with_interval(scored: Result, measure: str) -> str:
    ends = scored.get("intervals", {}).get(measure)
    return f"{scored['test'][measure]:.3g}" + (f" [{ends[0]:.3g}, {ends[1]:.3g}]" if ends else "")


def datasets(problem: Problem, data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Describe the recordings, and their subsets for training and test, as MLflow's data sets, by context.

    Args:
        data: `data` of the run's result. A digest stands for all that is said of its data set, which MLflow keeps
            once for all runs.
    """
    known = {name: data[name] for name in ("rows", "recordings", "points", "rate_hz")}
    samples = {name: {"samples": data["subsets"][name]} for name in ("train", "test")}
    digests = {"recordings": data["fingerprint"], "train": data["train_digest"], "test": data["test_digest"]}
    shared = _source(problem.config.data) | {"schema": _schema(problem)}
    return {
        context: {**shared, "digest": digest, "profile": to_json(known | samples.get(context, {}))}
        for context, digest in digests.items()
    }


def _source(config: DataConfig) -> dict[str, str]:
    """Return name and source: a local path or code. The features are those of the schema."""
    values = {key: value for key, value in asdict(config).items() if key != "features"}
    path = values.get("path")
    name = Path(path).name if path and config.name in {"table", "versuch"} else config.name
    kind, place = ("local", {"uri": path}) if path else ("code", {"tags": {}})
    return {"name": shortened(visible(name)), "source_type": kind, "source": to_json({**place, "config": values})}


def _schema(problem: Problem) -> str:
    task, channels = problem.task, problem.samples.recordings.channels[:_MOST_COLUMNS]
    targets = [f"{axis}_mm" for axis in task.outputs] if isinstance(task, Regression) else []
    columns = [{"name": shortened(visible(name)), "type": "float"} for name in (*channels, *targets)]
    columns += [] if targets else [{"name": "class", "type": "string"}]
    return to_json({"mlflow_colspec": [{**column, "required": True} for column in columns]})
