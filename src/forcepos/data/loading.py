"""Loads recordings from the source that `data` names."""

import logging
import math
from dataclasses import dataclass

from forcepos.config.schema import Config, DataConfig, SimulatedConfig, TableConfig
from forcepos.data.checks import check, drop_short
from forcepos.data.readers.read import read_table
from forcepos.data.recordings import Recordings
from forcepos.data.simulation.simulation import Simulation
from forcepos.data.tare import tare
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)
_MOST_ROWS = 2**31  # that can be numbered


@dataclass(frozen=True)
class Loaded:
    """Recordings with the signals that the model sees, and the simulation if they come from one."""

    recordings: Recordings
    simulation: Simulation | None = None


def load_checked(config: Config) -> Loaded:
    """Load the recordings of a run and check them; warnings are logged.

    Raises:
        InputError: they cannot be used; names the file, recording or column and the reason.
    """
    loaded = load_recordings(config.data, config.model.window)
    for warning in check(loaded.recordings, config.model.window):
        log.warning("%s", warning)
    return loaded


def load_recordings(config: DataConfig, window: int = 1) -> Loaded:
    """Read or simulate the recordings; drop a table's recordings that are shorter than a window, with a warning.

    A table's recordings are cut by gaps and columns, so a short one is nothing unusual. A recording that is a
    visit of a point is not cut: a short one stays, and is an error later.

    Raises:
        InputError: the source cannot be used; names the file, recording or column and the reason.
    """
    if isinstance(config, TableConfig):
        recordings = tare(read_table(config), config)
        return Loaded(recordings if config.visits else drop_short(recordings, window))
    if not isinstance(config, SimulatedConfig):
        raise TypeError(f"not a data source: {type(config)}")
    rows = math.prod(config.grid) * config.visits * config.rows
    try:
        if rows > _MOST_ROWS:
            raise MemoryError  # noqa: TRY301  # as it would after hours
        simulation = Simulation(config)
        return Loaded(simulation.recordings.select(config.features), simulation)
    except MemoryError as error:
        raise InputError(
            f"{rows:,} simulated rows do not fit into memory: reduce data.grid, data.visits or data.rows"
        ) from error
