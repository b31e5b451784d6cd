"""What is checked and read before TensorFlow, which takes seconds, is loaded."""

from __future__ import annotations

import logging

from forcepos.config.schema import Config
from forcepos.data.checks import check
from forcepos.data.loading import Loaded, load_recordings
from forcepos.runtime.errors import InputError
from forcepos.runtime.resources import step_size
from forcepos.tracking.track import check_server

log = logging.getLogger(__name__)


def read_inputs(config: Config) -> Loaded:
    """Look for the tracking server and read the recordings.

    Raises:
        InputError: Slurm started the command several times, or the tracking server or the data cannot be used.
    """
    _refuse_slurm_tasks()
    check_server(config.tracking)
    loaded = load_recordings(config.data, config.model.window)
    for warning in check(loaded.recordings, config.model.window):
        log.warning("%s", warning)
    return loaded


def _refuse_slurm_tasks() -> None:
    """Refuse to be one of several tasks of a step: each of them would do the whole run."""
    tasks, _ = step_size()
    if tasks > 1:
        raise InputError(
            f"Slurm runs this command as {tasks} tasks, each of which would do the whole run: ask for one task, "
            f"srun --ntasks=1 --cpus-per-task={tasks} …, and set tuner.workers={tasks}"
        )
