"""Checkpoints of trials: files beside the trials', which are kept until their run has finished.

Whoever needs one can do without: it is made again by training from the beginning.
"""

import io
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from forcepos.models.training.compiled import Checkpoint
from forcepos.runtime import files
from forcepos.tuning.trials import TrialResult, best_first
from forcepos.tuning.tuner import SearchSpec

log = logging.getLogger(__name__)
_MOST_BYTES = 2**30  # of all files of a search


def _path(directory: Path, number: int, execution: int) -> Path:
    return directory / f"trial_{number:04}_{execution}.npz"


def save_checkpoint(directory: Path, number: int, execution: int, checkpoint: Checkpoint) -> None:
    """Save the arrays of a checkpoint; nothing if there are none."""
    arrays = {f"{name}_{n}": each for name in ("state", "best") for n, each in enumerate(vars(checkpoint)[name])}
    if arrays:
        content = io.BytesIO()
        np.savez(content, **arrays)
        files.write_bytes(_path(directory, number, execution), content.getvalue())


def load_checkpoint(directory: Path, number: int, execution: int, consequence: str) -> Checkpoint | None:
    """Load the arrays of a checkpoint; None if it is gone, or was damaged and is moved aside."""
    path = _path(directory, number, execution)
    try:
        if (content := files.read_bytes(path)) is None:
            log.warning("%s is gone: %s", path, consequence)
            return None
        arrays = dict(np.lib.npyio.NpzFile(io.BytesIO(content), allow_pickle=False))
    except (files.Damaged, zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
        files.move_aside(path, str(error), consequence)
        return None
    state, best = ([arrays[each] for each in arrays if each.startswith(name)] for name in ("state", "best"))
    return Checkpoint(state=state, best=best)


def remove_needless(spec: SearchSpec, trials: Mapping[int, TrialResult]) -> None:
    """Remove those neither of the best trials, for an ensemble, nor of trials that Hyperband may go on with.

    Those are the ones that trained for a while only; where they take too much space, the oldest go first.
    """
    best = best_first(trials.values(), spec.config.direction)[: spec.networks or 0]
    brief = {one.number for one in trials.values() if spec.epochs_of(one.hyperparameters) < spec.epochs}
    gone_on = {spec.config.goes_on_from(one.hyperparameters) for one in trials.values()}
    needed = [*dict.fromkeys([*(one.number for one in best), *sorted(brief - gone_on, reverse=True)])]
    size = 0
    for number in [*needed, *(trials.keys() - {*needed})]:
        for path in spec.directory.glob(f"trial_{number:04}_*.npz"):
            size += path.stat().st_size
            if number not in needed or size > _MOST_BYTES:
                path.unlink()


def remove_checkpoints(directory: Path) -> None:
    for path in directory.glob("trial_*.npz"):
        path.unlink()
