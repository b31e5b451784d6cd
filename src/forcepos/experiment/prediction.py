"""Predictions for the rows of recordings that a model has not seen, with scores where their truth is known."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forcepos.config.schema import Config
from forcepos.data.loading import read_table
from forcepos.data.recordings import Recordings, all_samples, tare
from forcepos.data.sectors import make_sectors
from forcepos.evaluation import metrics
from forcepos.experiment.saved_model import config_for, default_config, find_model
from forcepos.models.facts import Familiarity, read_facts
from forcepos.models.problem import AXES, Classification, Regression
from forcepos.results.figures import errors, style
from forcepos.runtime.files import write_csv, write_json
from forcepos.tracking.served import RowsModel

log = logging.getLogger(__name__)


def predict(model: str, files: Sequence[str], overrides: Sequence[str], output: Path) -> dict[str, Any]:
    """Predict the rows of all files, write them to `output`, scores and figures beside it, and return the scores.

    Raises InputError where model or files cannot be used.
    """
    path = find_model(model, default_config(overrides))
    facts = read_facts(path)
    answering, tables = RowsModel(path), list[pd.DataFrame]()
    for file in files:
        config, data = config_for(facts, file, overrides)
        recordings = tare(read_table(data), data)
        table = _predicted(answering, recordings, config)
        tables.append(table.assign(recording=f"{file}: " + table["recording"]) if len(files) > 1 else table)
        log.info("%s: %d rows of %d recordings", file, len(table), len(recordings.names))
    predictions = pd.concat(tables, ignore_index=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix == ".csv":
        write_csv(output, predictions)
    else:
        predictions.to_parquet(output, index=False)
    flags = {flag: int(count) for flag, count in predictions["flag"].value_counts().items() if flag}
    result = {"model": str(path), "rows": len(predictions), "flags": flags, "predictions": str(output)}
    result |= _scored(predictions, facts, config, output.parent / "figures")
    write_json(output.with_name(f"{output.stem}.json"), result)
    return result


def _predicted(answering: RowsModel, recordings: Recordings, config: Config) -> pd.DataFrame:
    """Tabulate each row: recording, place and time, what is predicted, its flag, and the truth where it is known.

    A flag is "filling" before the window is full, "not finite" where a sample is, "far" where it is farther from
    training than 99 % of the validation samples.
    """
    facts, row = answering.facts, recordings.numbered_rows()
    signals = pd.DataFrame(recordings.signals, columns=[channel["name"] for channel in facts["channels"]])
    parts = [answering.predict(signals.iloc[first:end]) for first, end in recordings.runs]
    answers = pd.concat(parts).rename(columns={f"{axis}_mm": f"predicted_{axis}_mm" for axis in AXES})
    names = np.array(recordings.names, object)[recordings.recording]
    table = pd.DataFrame({"recording": names, "row": row, "time_s": row / (recordings.rate_hz or np.nan)})
    samples, flag = all_samples(recordings, facts["window"]), np.full(len(table), "filling", object)
    far = Familiarity(np.array(facts["far"]["mean"]), np.array(facts["far"]["matrix"]), facts["far"]["distance"])
    members = np.arange(len(samples.last), dtype=np.int32)
    flag[samples.last] = np.where(far.distances(samples, members) > 1, "far", "")
    numbers = answers.select_dtypes("number").iloc[:, 0].to_numpy()
    flag[samples.last[~np.isfinite(numbers[samples.last])]] = "not finite"
    table = pd.concat([table, answers.reset_index(drop=True)], axis=1).assign(flag=flag)
    return table.assign(**_truth(recordings, config))


def _truth(recordings: Recordings, config: Config) -> dict[str, Any]:
    """Return columns of the truth, as far as recordings tell it."""
    if config.model.task == "regression":
        known = [axis for axis in config.model.axes if axis in recordings.axes]
        return {f"true_{axis}_mm": recordings.positions[:, AXES.index(axis)] for axis in known}
    if recordings.labels is not None:
        return {"true": np.array(recordings.label_names, object)[recordings.labels]}
    if not {*recordings.axes} >= {"x", "y"}:
        return {}
    sectors = make_sectors(config.sectors)
    names = np.array([*sectors.names, None], object)  # the last: in no sector
    return {"true": names[sectors.label(recordings.positions)]}


def _scored(predictions: pd.DataFrame, facts: dict[str, Any], config: Config, folder: Path) -> dict[str, Any]:
    """Score and draw the rows whose truth is known; nothing where there are none."""
    axes, labels = facts["axes"], facts["labels"]
    truth = [f"true_{axis}_mm" for axis in axes] if axes else ["true"]
    if not {*truth} <= {*predictions.columns}:
        return {}
    unanswered = predictions["flag"].isin(["filling", "not finite"])
    known = predictions[predictions[truth].notna().all(axis=1) & ~unanswered]
    known = known if axes else known[known["true"].isin(labels)]
    if not len(known):
        return {}
    recording = pd.factorize(known["recording"])[0]
    draws, unit = metrics.draw_units(recording, known["row"].to_numpy(), config.evaluation.resamples, config.seed)

    def measures(of: metrics.Draws) -> metrics.Measures:
        if axes:
            predicted = known[[f"predicted_{axis}_mm" for axis in axes]].to_numpy(np.float32)
            return metrics.regression_measures(known[truth].to_numpy(np.float32), predicted, axes, of)
        true, chosen = (known[name].map(labels.index).to_numpy() for name in ("true", "predicted"))
        return metrics.classification_measures(true, chosen, None, of)

    scores = metrics.scores_of(measures(metrics.every_sample_once(len(known))))
    ends = metrics.intervals(measures(draws), config.evaluation.confidence)
    result = {"scored_rows": len(known), "scores": scores, "intervals": ends, "resampled": unit}
    if facts["calibration"]:
        result["coverage"] = {"level": facts["calibration"]["coverage"], "found": _covered(known, axes, labels)}
    folder.mkdir(exist_ok=True)
    task = Regression(tuple(axes)) if axes else Classification(None, tuple(labels))
    with style.drawing():
        for name, figure in errors.answers(known.assign(split="new recordings", point=recording), task, {}):
            figure.savefig(folder / f"{name}.png")
    return result


def _covered(known: pd.DataFrame, axes: Sequence[str], labels: Sequence[str]) -> float:
    """Return the share of rows whose radius, or set of classes, contains the truth."""
    if axes:
        off = [known[f"predicted_{axis}_mm"] - known[f"true_{axis}_mm"] for axis in axes]
        return float((np.linalg.norm(off, axis=0) <= known["radius_mm"]).mean())
    sets = known[[f"in_set_{label}" for label in labels]].to_numpy(bool)
    return float(sets[np.arange(len(known)), known["true"].map(labels.index)].mean())
