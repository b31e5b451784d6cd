"""What a run is given besides its config; it is read before TensorFlow, which takes seconds, is loaded."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from forcepos.config.schema import Config
from forcepos.data.checks import check
from forcepos.data.loading import Loaded, load_recordings
from forcepos.tracking.track import check_server
from forcepos.tuning.workers.slurm import Tasks, slurm_tasks

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inputs:
    """Recordings that can be trained on.

    Attributes:
        tasks: where this process stands among those of its Slurm step, None where it is alone.
    """

    loaded: Loaded
    tasks: Tasks | None


def read_inputs(config: Config) -> Inputs:
    """Look for the server of runs and read the recordings.

    Raises:
        InputError: Slurm's tasks, the server of runs or the data cannot be used as they are.
    """
    tasks = slurm_tasks(config)
    check_server(config.tracking)
    loaded = load_recordings(config.data, config.model.window)
    for warning in check(loaded.recordings, config.model.window):
        log.warning("%s", warning)
    return Inputs(loaded, tasks)
