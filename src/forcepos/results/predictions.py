"""Every prediction that a run has scored, as a table: the rows behind scores, figures and comparisons."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forcepos.data.recordings import force_places
from forcepos.evaluation.evaluate import Evaluation
from forcepos.models.final import TrainedModel
from forcepos.models.problem import AXES, Problem, Regression


@dataclass(frozen=True)
class Scored:
    """A trained model with the problem that it was trained for, and its scores on that problem's test subset."""

    problem: Problem
    trained: TrainedModel
    evaluation: Evaluation


def predictions_table(scored: Scored) -> pd.DataFrame:
    """Tabulate the predictions of a test subset, a row for each of its samples.

    Columns are `split` (its name), `subset` (test), `recording` (its name), `point` (its number), `row` (of the
    target in its recording, from 0), `time_s` (of that row, from the recording's first; NaN if rows are shuffled),
    `force_n` (the force's size, where Fx, Fy and Fz are all among the signals), then `true_x_mm`,
    `predicted_x_mm`, … and `radius_mm`; or `x_mm`, … (the known position), `true`, `predicted` (names of classes)
    and `probability_<class>`, …, and `in_set_<class>`, ….
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
