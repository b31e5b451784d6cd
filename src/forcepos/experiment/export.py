"""Exports a model for the robot: to ONNX with its facts and the live estimator, compared and timed."""

import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from subprocess import PIPE  # for the exported folder's own estimator, with fixed arguments
from typing import Any

import numpy as np
import pandas as pd
import psutil

from forcepos.data.loading import load_recordings
from forcepos.data.recordings import Float64
from forcepos.experiment.saved_model import data_of, default_config, find_model
from forcepos.live import estimator
from forcepos.models.facts import read_facts
from forcepos.models.onnx import to_onnx
from forcepos.results.finished_runs import PREDICTIONS
from forcepos.results.scores import CARD
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import write_json
from forcepos.runtime.wording import markdown_table
from forcepos.tracking.served import RowsModel, answer_columns

log = logging.getLogger(__name__)
_MOST = 0.01  # mm, or of a probability, between the export's answers and the model's
_ROWS = 20_000  # that are compared at most
# Runs in the exported folder, in a process of its own, and prints seconds and microseconds.
_TIMING = """
import time; begin = time.perf_counter()
import json, sys; sys.path.insert(0, "."); sys.path.append(sys.argv[1])
import estimator, numpy as np
live = estimator.Estimator(".", tared=True); start = time.perf_counter() - begin
mean, step = np.array(live.facts["far"]["mean"]), 1 / (live.facts["rate_hz"] or 100)
taken = []
for number in range(6000):
    begin = time.perf_counter_ns(); live(mean, number * step); taken.append(time.perf_counter_ns() - begin)
others = {"tensorflow", "keras", "forcepos", "mlflow"} & {*sys.modules}
quantiles = (np.percentile(taken[1000:], [50, 99, 99.9]) / 1000).tolist()
print(json.dumps([start, quantiles, sorted(others)]), flush=True)
sys.stdin.read()
"""


def export(model: str, folder: Path | None, overrides: Sequence[str]) -> dict[str, Any]:
    """Export a model into a new folder and return what was measured; InputError where that is impossible.

    The estimator answers the rows of the test part, one by one; the largest difference from the model's answers is
    returned in mm, or as a probability; above 0.01 the export is refused.
    """
    path = find_model(model, default_config(overrides))
    facts, folder = read_facts(path), folder or path.parent / "exported"
    if folder.exists():
        raise InputError(f"{folder} is there: choose another folder with --output, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export") as temporary:
        place = Path(temporary, "exported")
        place.mkdir()
        rows_model = RowsModel(path)
        to_onnx(rows_model.model, place / "model.onnx")
        write_json(place / "facts.json", facts)
        shutil.copy(estimator.__file__, place / "estimator.py")
        rows, what = _compared_rows(facts, path.parent, overrides)
        largest, unit = _difference(rows_model, place, rows), "mm" if facts["axes"] else "of a probability"
        if not largest <= _MOST:
            limit = f"at most {_MOST:g} is allowed"
            raise InputError(f"the export differs by {largest:.3g} {unit} from the model on {what}: {limit}")
        result = {"largest difference": f"{largest:.2g} {unit} on {what}", **_timed(place)}
        card = (path.parent / CARD).read_text() if (path.parent / CARD).is_file() else ""
        table = markdown_table([("", ""), *result.items()])
        title = "## The export, on the machine where it was made"
        (place / CARD).write_text(f"{card}\n{title}\n\n{table}\n", encoding="utf-8")
        place.rename(folder)
    return {"folder": str(folder), **result}


def _compared_rows(facts: dict[str, Any], run: Path, overrides: Sequence[str]) -> tuple[list[Float64], str]:
    """Return parts of recordings, (rows, channels) each, with the test part, or what else there is; and which."""
    try:
        recordings = load_recordings(data_of(facts, overrides)).recordings
    except InputError as error:
        log.warning("the data cannot be read (%s): compared on random signals instead", error)
        mean, matrix = (np.array(facts["far"][name]) for name in ("mean", "matrix"))
        drawn = np.random.default_rng(1).normal(size=(2000, len(mean)))
        return [mean + drawn @ np.linalg.pinv(matrix).T], "2000 random rows like those of training"
    names, of = [*recordings.names], "the data"
    if (predictions := run / PREDICTIONS).is_file():
        table = pd.read_parquet(predictions, columns=["split", "recording"])
        names, of = [*dict.fromkeys(table["recording"][table["split"] == table["split"].iloc[0]])], "the test part"
    parts, count = list[Float64](), 0
    for first, end in recordings.runs.tolist():
        if recordings.names[recordings.recording[first]] in names and count < _ROWS:
            parts.append(recordings.signals[first:end].astype(np.float64))
            count += end - first
    return parts, f"{count} rows of {len(parts)} recordings of {of}"


def _difference(model: RowsModel, folder: Path, parts: Sequence[Float64]) -> float:
    """Return the largest difference between the estimator's answers and the model's, NaN where one has none."""
    facts, live = model.facts, estimator.Estimator(folder, tared=True)
    columns, step, largest = answer_columns(facts), 1 / (facts["rate_hz"] or 1), 0.0
    for rows in parts:
        live.reset()
        answers = [live(row, number * step) for number, row in enumerate(rows)]
        found = np.array([one.probabilities if facts["labels"] else one.position for one in answers])
        table = model.predict(pd.DataFrame(rows, columns=[channel["name"] for channel in facts["channels"]]))
        off = np.abs(found - table[columns[: found.shape[1]]].to_numpy())[facts["window"] - 1 :]
        largest = max(largest, float(off.max(initial=0.0)))
    return largest


def _timed(folder: Path) -> dict[str, str]:
    """Time the estimator in a process that knows nothing but this folder, numpy and onnxruntime."""
    command = [sys.executable, "-IB", "-c", _TIMING, str(Path(np.__file__).parents[1])]
    with psutil.Popen(command, cwd=folder, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as process:
        line = process.stdout.readline()
        memory = process.memory_info().rss / 1e6 if line else 0
        _, error = process.communicate()
    if not line:
        raise InputError(f"the exported estimator does not run: {error.strip().splitlines()[-1]}")
    start, (median, p99, p999), others = json.loads(line)
    size = sum(file.stat().st_size for file in folder.iterdir())
    return {
        "one sample, median": f"{median:.0f} us", "p99": f"{p99:.0f} us", "p99.9": f"{p999:.0f} us",
        "start": f"{start:.2f} s", "memory": f"{memory:.0f} MB", "size of the folder": f"{size / 1000:.0f} kB",
        "needs": "numpy, onnxruntime" + "".join(f", {name}" for name in others),
    }  # fmt: skip
