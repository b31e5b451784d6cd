"""Small recordings with known faults, and runs of `inspect` on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.running import Finished
from tests.warm import forcepos

WRENCH = ["Fx", "Fy", "Fz", "Tx", "Ty", "Tz"]
# Every step of a run, as short as possible.
TINY = [
    "tuner=random", "tuner.max_trials=1", "training.epochs=1", "training.final_epochs=1",
    "model.space.num_layers.max=1", "evaluation.figures=false", "evaluation.baselines=false",
    "evaluation.also=null", "tracking=none",
]  # fmt: skip


def recording(rows: int = 300, start_s: float = 0.0, rate_hz: float = 100.0) -> pd.DataFrame:
    """Make a recording of a hand that moves over a plate while its wrench follows, with noise."""
    rng = np.random.default_rng(rows)
    time_s = start_s + np.arange(rows) / rate_hz
    angle = 2 * np.pi * np.arange(rows) / rows
    places = np.column_stack([400 + 50 * np.sin(angle), -60 + 40 * np.cos(angle), 30 + 9 * np.sin(2 * angle)])
    wrench = (places - places.mean(axis=0)) @ rng.normal(size=(3, 6)) + rng.normal(0, 20, (rows, 6))
    frame = pd.DataFrame(np.round(wrench, 6), columns=WRENCH)
    frame.insert(0, "time", np.round(time_s, 6))
    return frame.assign(**dict(zip("xyz", np.round(places.T, 6), strict=True)))


def inspected(place: Path, *arguments: str) -> Finished:
    return forcepos(["inspect", *arguments], place)


def facts(place: Path, *arguments: str) -> dict[str, Any]:
    """Return the line on standard output."""
    finished = inspected(place, "--no-figures", *arguments)
    assert finished.code == 0, finished.err
    assert len(finished.out.splitlines()) == 1
    return finished.result


def refused(place: Path, *arguments: str) -> str:
    """Return the error, one line, with nothing on standard output."""
    finished = inspected(place, "--no-figures", *arguments)
    assert finished.code == 1, finished.err
    assert finished.out == ""
    assert len(finished.err.splitlines()) == 1
    return finished.err.strip()
