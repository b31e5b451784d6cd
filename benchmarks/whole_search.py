"""A whole search of the notebook's size, beside the notebook's way with its networks."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.notebook_file import POINTS, ROWS_A_POINT, full_size
from benchmarks.search_workers import STEPS as PIECE
from benchmarks.search_workers import widths
from benchmarks.table import Table
from benchmarks.turns import Job, Seconds, in_turn, spread
from benchmarks.where_time_goes import STEPS
from forcepos.tuning.trials import load_trials

_PROFILE = "ms a step: matrix products, Adam alone"
_TRAINING_ROWS = int(0.8 * 0.9 * POINTS * ROWS_A_POINT)


def whole_search(rounds: int, epochs: int) -> list[Table]:
    """A search of one epoch a trial as it is; from its networks' steps, in turn, one of `epochs` epochs.

    A machine that slows down under long work would count against whoever works longest: so each network's steps
    and validation are measured in turn, ours and theirs, seconds at a time, and the search is added up from them.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = str(full_size(Path(folder)))
        whole = {key: values[0] for key, values in _once("forcepos", [path, folder, 1]).items()}
        read_s = _once("notebook_arrays", [path])["seconds"][0]
        chosen = [trial.hyperparameters for trial in load_trials(Path(folder))]
        pieces = [_in_turn(path, folder, number, rounds) for number in range(1, len(chosen) + 1)]
        profiles = [_profile(hyperparameters) for hyperparameters in chosen]
    table = Table(
        f"A whole ffnn_regression search at full size, random, {len(chosen)} trials of {epochs} epochs",
        ("what", "network, batch", "forcepos, s", "notebook, s", "ratio", _PROFILE),
    )
    table.add("preparation", "", f"{whole['preparation_s']:.1f}", f"{read_s:.0f}", "", "")
    totals = [np.full(rounds, whole["preparation_s"]), np.full(rounds, read_s)]
    for number, ((network, steps, parts), piece) in enumerate(zip(profiles, pieces, strict=True), 1):
        step_ms, own_epoch_s, their_epoch_s = _epochs(piece, steps)
        fixed_s = max(0.0, whole[f"trial_{number}_s"] - float(np.median(own_epoch_s)))
        seconds = (fixed_s + epochs * own_epoch_s, epochs * their_epoch_s)
        totals = [total + more for total, more in zip(totals, seconds, strict=True)]
        profile = f"{step_ms:.2f}: {parts}"
        table.add(f"trial {number}", network, *(spread(each, 0) for each in seconds), _ratio(*seconds), profile)
    table.add("whole", "", *(spread(total, 0) for total in totals), _ratio(*totals), "")
    return [table]


def _once(function: str, arguments: list[Any]) -> dict[str, Any]:
    job = Job("benchmarks.search_workers", function, arguments)
    return in_turn({function: job}, rounds=1, warm_up=0)[function]


def _ratio(ours: Seconds, theirs: Seconds) -> str:
    return spread(theirs / ours, 1)


def _in_turn(path: str, folder: str, number: int, rounds: int) -> dict[str, dict[str, Seconds]]:
    jobs = {
        name: Job("benchmarks.search_workers", f"{name}_training", [path, folder, number])
        for name in ("forcepos", "notebook")
    }
    return in_turn(jobs, rounds, warm_up=1)


def _epochs(told: dict[str, dict[str, Seconds]], steps: int) -> tuple[float, Seconds, Seconds]:
    """Our ms a step; seconds of an epoch with its validation, ours and theirs, round by round."""
    ours, theirs = (
        steps * told[name]["train_s"] / PIECE + told[name]["validation_s"] for name in ("forcepos", "notebook")
    )
    return float(1000 * np.median(told["forcepos"]["train_s"]) / PIECE), ours, theirs


def _profile(chosen: dict[str, Any]) -> tuple[str, int, str]:
    """A trial's network, its steps an epoch, and the ms a step of its matrix products and of Adam alone."""
    units = widths(chosen)
    size = chosen["batch_size"]
    layers = [(size, before, width) for before, width in zip([20, 20, *units], [20, *units, 3], strict=True)]
    jobs = {
        part: Job("benchmarks.where_time_goes", function, [layers])
        for part, function in (("products", "products_of"), ("Adam", "adam_of"))
    }
    told = in_turn(jobs, rounds=3, warm_up=1)
    parts = [f"{np.median(told[part]['seconds']) * 1000 / STEPS:.2f}" for part in jobs]
    dropout = ", dropout" if chosen["dropout"] else ""
    return f"{units}{dropout}, {size}", -(-_TRAINING_ROWS // size), ", ".join(parts)
