"""The report of a run: files and figures in its folder, report.html, the same in MLflow, one line of JSON."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forcepos.config.schema import DataConfig
from forcepos.data.recordings import force_places
from forcepos.data.splits.random import leaked_share
from forcepos.evaluation.evaluate import Evaluation, References, differences, errors_by_unit
from forcepos.models.facts import Familiarity, facts_of, write_facts
from forcepos.models.final import TrainedModel, batches
from forcepos.models.problem import AXES, Problem, Regression
from forcepos.models.training.device import rows_of
from forcepos.results.figures import style
from forcepos.results.findings import find, verdict
from forcepos.results.finished_runs import MODEL, PREDICTIONS
from forcepos.results.scores import CARD, all_scored, key_metrics, remarks, score_lines, write_score_files
from forcepos.runtime.files import to_json, write_csv, write_json
from forcepos.runtime.wording import markdown_table, shortened, visible
from forcepos.tracking.run import DataSets, Run
from forcepos.tuning.search import SearchResult


@dataclass(frozen=True)
class Scored:
    """A trained model with the problem that it was trained for, and scores on that problem's test subset."""

    problem: Problem
    trained: TrainedModel
    evaluation: Evaluation
    references: References

    @cached_property
    def familiarity(self) -> Familiarity:
        split = self.problem.split
        return Familiarity.of(self.problem.samples, split.train, split.validation)

    @cached_property
    def facts(self) -> dict[str, Any]:  # what the model knows of itself
        return facts_of(self.problem, self.trained.model, self.trained.calibration, self.familiarity)


@dataclass(frozen=True)
class RunReport:
    scored: Scored
    search: SearchResult
    second_split: Scored | None  # with the same hyperparameters
    seconds: Mapping[str, float]  # that each phase of this run took, by its name

    @property
    def all_scored(self) -> list[Scored]:
        return [self.scored, *([self.second_split] if self.second_split else [])]

    @cached_property
    def predictions(self) -> pd.DataFrame:
        return pd.concat(map(predictions_table, self.all_scored), ignore_index=True)

    @property
    def objective(self) -> float:
        """The search's best validation objective, or the final training's, averaged over an ensemble."""
        found = self.search.score
        return float(np.mean([value for _, value in self.kept]) if found is None else found)

    @cached_property
    def kept(self) -> list[tuple[int, float]]:
        """The epoch, from 1, whose weights each network has, with patience the best, and its objective."""
        tuner, training = self.scored.problem.config.tuner, self.scored.problem.config.training
        best = training.patience or self.search.ensemble
        pick = min if tuner.direction == "min" else max
        curves = [[logs[tuner.objective] for logs in history] for history in self.scored.trained.histories]
        kept = [curve.index(pick(curve)) if best else len(curve) - 1 for curve in curves]
        return [(place + 1, curve[place]) for place, curve in zip(kept, curves, strict=True)]

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Errors by point and recording, coverage by region, the trials; no places where none are known."""
        problem, evaluation = self.scored.problem, self.scored.evaluation
        test, recordings = problem.test_samples, problem.samples.recordings
        points = [f"point {number}" for number in range(int(recordings.point.max()) + 1)]
        units = {"point": (points, recordings.point), "recording": (recordings.names, recordings.recording)}
        unknown = [f"{axis}_mm" for axis in AXES if axis not in recordings.axes]
        measured = (test.positions, evaluation.true, evaluation.predicted)
        tables = dict[str, pd.DataFrame]()
        for name, (names, number) in units.items():
            of_each = errors_by_unit(problem.task, names, number[test.last], measured)
            tables[f"errors_by_{name}"] = of_each.drop(columns=unknown)
        if evaluation.coverage and set(recordings.axes) >= {"x", "y"}:
            tables["coverage_by_region"] = evaluation.coverage.regions
        if trials := self.search.trials:
            shown = {"number": "number", "objective": "score", "failure": "failure", "stopped": "stopped"}
            facts = [{column: vars(one)[name] for column, name in shown.items()} for one in trials]
            rows = [fact | one.hyperparameters for fact, one in zip(facts, trials, strict=True)]
            tables["trials"] = pd.DataFrame(rows, dtype=object)
        return tables


def save(report: RunReport, folder: Path, run: Run) -> dict[str, Any]:
    """Write model, tables and result.json into `folder`, log the same, and return the result."""
    path = folder / MODEL
    model, problem = report.scored.trained.model, report.scored.problem
    signals, _ = next(iter(batches(problem, problem.split.test[:1], 1, rows_of(model))))
    model.save(path)
    write_facts(path, report.scored.facts)
    # With one raw sample, as the model takes it.
    run.log_model(path, signals.numpy(), problem.config.tracking.register_as)
    report.predictions.to_parquet(folder / PREDICTIONS, index=False)
    run.log_file(folder / PREDICTIONS)
    (folder / "tables").mkdir(exist_ok=True)
    for name, table in [("learning_curves", _learning_curves(report)), *report.tables.items()]:
        write_csv(folder / "tables" / f"{name}.csv", table)
        run.log_file(folder / "tables" / f"{name}.csv", "tables")
    split, second, leaks = problem.split, report.second_split, problem.config.split.leaks
    result = {
        "run_id": run.run_id,
        **_evaluated(report.scored),
        "confidence": problem.config.evaluation.confidence,
        "neighbour_share": leaked_share(problem.samples, split.train, split.test) if leaks else None,
        "also": {"split": second.problem.config.split.name, **_evaluated(second)} if second else None,
        "objective": report.objective,
        "best_hyperparameters": report.search.best,
        "ensemble": [{"trial": number, "weight": share} for number, share in report.search.shares().items()],
        "seconds": {name: round(seconds, 2) for name, seconds in report.seconds.items()},
        "best_epoch": report.kept[0][0],
        "input_rows": rows_of(model),
        "weights": model.count_params(),
        "model_uri": run.model_uri or path.as_uri(),
        "tracking": run.expected_status,
        "outputs": str(folder),
    }
    result["verdict"] = verdict(result, problem.config.split)
    result["checks"] = [asdict(finding) for finding in find(result, report.search, problem.config)]
    for path in (*write_score_files(result, folder), write_model_card(result, report.scored.facts, folder / CARD)):
        run.log_file(path)
    run.log_hyperparameters(report.search.best)
    save_result(result, folder, run, datasets(problem, result["data"]))
    return result


def write_model_card(result: dict[str, Any], facts: dict[str, Any], path: Path) -> Path:
    """Write what the model was trained on, how good it is, and where its limits are."""
    scores = markdown_table(score_lines(result))
    contents = {"result": result, "facts": facts, "scores": scores, "remarks": list(remarks(result))}
    path.write_text(style.page("model_card.md.jinja", **contents), encoding="utf-8")
    return path


def save_result(result: dict[str, Any], folder: Path, run: Run, data: DataSets | None = None) -> None:
    """Write result.json into `folder`; log it, its main scores, and all of them as a table that MLflow shows."""
    rows = []  # who, score, value, and the ends of its interval
    for who, of in all_scored(result, " on ").items():
        coverage = {f"coverage/{name}": value for name, value in (of.get("coverage") or {}).items()}
        values = of["test"] | coverage | {name: of[name] for name in ("neighbour_share",) if name in of}
        ends = of.get("intervals", {})
        rows += [[who, score, value, *ends.get(score, (None, None))] for score, value in values.items()]
    table = folder / "tables" / "scores.json"
    table.parent.mkdir(exist_ok=True)
    write_json(table, {"columns": ["who", "score", "value", "low", "high"], "data": rows})
    write_json(folder / "result.json", result)
    run.log_scores(key_metrics(result), data)
    run.log_file(table, "tables")
    run.log_tags({"mlflow.loggedArtifacts": '[{"path": "tables/scores.json", "type": "table"}]'})
    run.log_file(folder / "result.json")


def _learning_curves(report: RunReport) -> pd.DataFrame:
    networks = enumerate(report.scored.trained.histories, 1)
    rows = ({"network": n, "epoch": epoch, **logs} for n, each in networks for epoch, logs in enumerate(each, 1))
    return pd.DataFrame(rows)


def _data(problem: Problem) -> dict[str, Any]:
    """Describe recordings and subsets; `train_digest` and `test_digest` tell which rows are those subsets'."""
    recordings = problem.samples.recordings
    rows = {name: problem.samples.last[getattr(problem.split, name)].tobytes() for name in ("train", "test")}
    known = recordings.fingerprint.encode()
    return {
        "name": problem.config.data.name,
        "fingerprint": recordings.fingerprint,
        "rows": len(recordings.signals),
        "recordings": len(recordings.names),
        "points": int(recordings.point.max()) + 1,
        "rate_hz": recordings.rate_hz,
        "window": problem.samples.window,
        "classes": list(recordings.label_names),
        "subsets": {name: len(members) for name, members in vars(problem.split).items()},
        "tested_recordings": len(np.unique(recordings.recording[problem.test_samples.last])),
        "outside_training": _outside_training(problem),
        **{f"{name}_digest": hashlib.sha256(known + of).hexdigest()[:12] for name, of in rows.items()},
    }


def _outside_training(problem: Problem) -> dict[str, float]:
    """Return, of each channel with any, the share of test samples outside its training range, widened by 5 %."""
    samples, signals = problem.samples, problem.samples.recordings.signals
    trained = signals[samples.covered(problem.split.train)]
    low, high = trained.min(axis=0), trained.max(axis=0)
    tested, margin = signals[problem.test_samples.last], 0.05 * (high - low)
    shares = ((tested < low - margin) | (tested > high + margin)).mean(axis=0)
    return {name: share for name, share in zip(samples.recordings.channels, shares.tolist(), strict=True) if share}


def _evaluated(scored: Scored) -> dict[str, Any]:
    evaluation, coverage = scored.evaluation, scored.evaluation.coverage
    compared = differences(scored.problem, evaluation.predicted, scored.references.predictions)
    return {
        "test": evaluation.test,
        **scored.references.scores,
        "data": _data(scored.problem),
        "differences": compared,  # from the model's score: low and high
        "intervals": {name: list(ends) for name, ends in evaluation.intervals.items()},
        "resampled": evaluation.resampled,
        "coverage": coverage.scores if coverage else None,
        "far": float((scored.familiarity.distances(scored.problem.samples, scored.problem.split.test) > 1).mean()),
    }


def predictions_table(scored: Scored) -> pd.DataFrame:
    """Tabulate the predictions of a test subset, a row for each of its samples.

    Columns are `split`, `subset`, `recording`, `point`, `row` (of the target in its recording, from 0), `time_s`
    (from its start; NaN if rows are shuffled), `force_n` (the force's size, if known), then `true_x_mm`,
    `predicted_x_mm`, … and `radius_mm`; or, of classes, `x_mm`, … (the known position), `true`, `predicted`,
    `probability_<class>`, … and `in_set_<class>`, ….
    """
    problem, test = scored.problem, scored.problem.test_samples
    recordings, number = test.recordings, test.recordings.recording[test.last]
    row = test.last - recordings.bounds[number, 0]
    shuffled = getattr(problem.config.split, "shuffle_rows", False)
    columns = {
        "split": problem.config.split.name,
        "subset": "test",
        "recording": np.array(recordings.names, object)[number],
        "point": recordings.point[test.last],
        "row": row,
        "time_s": np.where(shuffled, np.nan, row / (recordings.rate_hz or np.nan)),
    }
    if places := force_places(recordings.channels):
        columns["force_n"] = np.linalg.norm(recordings.signals[test.last][:, places].astype(np.float64), axis=1)
    return pd.DataFrame(columns | _answers(scored))


def _answers(scored: Scored) -> dict[str, NDArray[Any]]:
    task, evaluation, test = scored.problem.task, scored.evaluation, scored.problem.test_samples
    answers = dict[str, NDArray[Any]]()
    if isinstance(task, Regression):
        for axis, true, predicted in zip(task.outputs, evaluation.true.T, evaluation.predicted.T, strict=True):
            answers |= {f"true_{axis}_mm": true, f"predicted_{axis}_mm": predicted}
        return answers | ({"radius_mm": evaluation.outputs["radius"]} if "radius" in evaluation.outputs else {})
    names = np.array(task.outputs, object)
    answers |= {f"{axis}_mm": test.positions[:, AXES.index(axis)] for axis in test.recordings.axes}
    answers |= {name: names[getattr(evaluation, name).argmax(axis=1)] for name in ("true", "predicted")}
    sets = evaluation.outputs.get(task.kinds, evaluation.predicted[:, :0])  # none without calibration
    for group, values in (("probability", evaluation.predicted), ("in_set", sets)):
        answers |= {f"{group}_{name}": of for name, of in zip(names, values.T, strict=False)}
    return answers


def datasets(problem: Problem, data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Describe recordings, training and test subset as MLflow's data sets, by context; `data` is the result's."""
    known = {name: data[name] for name in ("rows", "recordings", "points", "rate_hz")}
    samples = {name: {"samples": data["subsets"][name]} for name in ("train", "test")}
    digests = {"recordings": data["fingerprint"], "train": data["train_digest"], "test": data["test_digest"]}
    shared = _source(problem.config.data) | {"schema": _schema(problem)}
    profiles = {name: to_json(known | samples.get(name, {})) for name in digests}
    return {name: {**shared, "digest": digest, "profile": profiles[name]} for name, digest in digests.items()}


def _source(config: DataConfig) -> dict[str, str]:
    values = {key: value for key, value in asdict(config).items() if key != "features"}  # as in the schema
    path = values.get("path")
    name = Path(path).name if path and config.name in {"table", "versuch"} else config.name
    kind, place = ("local", {"uri": path}) if path else ("code", {"tags": {}})
    return {"name": shortened(visible(name)), "source_type": kind, "source": to_json({**place, "config": values})}


def _schema(problem: Problem) -> str:
    channels = problem.samples.recordings.channels[:1000]  # MLflow limits their length
    targets = [f"{axis}_mm" for axis in problem.task.outputs] if problem.config.model.task == "regression" else []
    types = [*((name, "float") for name in (*channels, *targets)), *([] if targets else [("class", "string")])]
    columns = [{"name": shortened(visible(name)), "type": kind, "required": True} for name, kind in types]
    return to_json({"mlflow_colspec": columns})
