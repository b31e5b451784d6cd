"""Answers rows of named signals by a saved model. MLflow loads a copy of this file beside it, without forcepos."""

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

_BATCH = 1024


class RowsModel:
    """A model that takes the rows of one recording, in the order of time, and answers each.

    Attributes:
        model: the Keras model.
        facts: what the model knows of itself: channels with units and ranges, rate, window, calibration, data.
    """

    def __init__(self, path: Path) -> None:
        self.model = keras.models.load_model(path, compile=False, safe_mode=True)
        with zipfile.ZipFile(path) as file:
            self.facts = json.loads(file.read("forcepos.json"))

    def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002  # MLflow's
        """Return a table with an answer for each row: NaN, or no class, until the window is full.

        Channels are found by name, whatever the order of columns; KeyError names those that are missing.
        """
        signals = rows[[channel["name"] for channel in self.facts["channels"]]].to_numpy(np.float32)
        last = np.arange(self.facts["window"] - 1, len(signals))
        columns = answer_columns(self.facts)
        batches = [self._answers(signals, last[first : first + _BATCH]) for first in range(0, len(last), _BATCH)]
        found = np.concatenate(batches) if batches else np.empty((0, len(columns)))
        answers = pd.DataFrame(found, columns=columns, index=last)
        answers = answers.reindex(range(len(signals))).set_axis(rows.index)
        if labels := self.facts["labels"]:
            best = answers.iloc[:, : len(labels)].fillna(-1).to_numpy().argmax(axis=1)
            known = answers.iloc[:, 0].notna()
            answers.insert(0, "predicted", np.where(known, np.array(labels, object)[best], ""))
        return answers

    def _answers(self, signals: Any, last: Any) -> Any:
        """Return (n, columns) for the samples that end with these rows (n,)."""
        windows = signals[look_back(last, self.facts["window"], self.facts["rows"])]
        found = self.model.predict_on_batch(windows.reshape(len(last), *self.facts["input"]))
        parts = [np.asarray(values, np.float32).reshape(len(last), -1) for values in found.values()]
        return np.concatenate(parts, axis=1)


def look_back(last: Any, window: int, rows: int) -> Any:
    """Return (n, rows) the rows that a sample sees which ends with row `last` (n,) of a recording.

    As in training: where a look back longer than the window has fewer rows, those that are there are spread.
    """
    there, place = np.minimum(last + 1, rows)[:, None], np.arange(rows - window)
    first = last[:, None] + 1 - there
    before = first + place * there // max(1, rows - window)
    before = np.where(there < rows, before, first + place)
    return np.concatenate([before, last[:, None] - window + 1 + np.arange(window)], axis=1)


def answer_columns(facts: dict[str, Any]) -> list[str]:
    """Name the columns of a model's outputs, side by side."""
    calibrated, labels = facts["calibration"] is not None, facts["labels"]
    if not labels:
        return [f"{axis}_mm" for axis in facts["axes"]] + ["radius_mm"] * calibrated
    return [f"{group}_{label}" for group in ("probability", "in_set")[: 1 + calibrated] for label in labels]


def _load_pyfunc(path: str) -> RowsModel:  # by this name for MLflow
    return RowsModel(Path(path))
