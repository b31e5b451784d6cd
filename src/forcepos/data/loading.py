"""Recordings from whatever `data` names."""

from __future__ import annotations

from dataclasses import dataclass

from forcepos.config.schema import DataConfig, SimulatedConfig, TableConfig, VersuchConfig
from forcepos.data.readers.read import read_table
from forcepos.data.readers.versuch import read_versuch
from forcepos.data.recordings import Recordings
from forcepos.data.short import without_short
from forcepos.data.simulation.simulation import Simulation


@dataclass(frozen=True)
class Loaded:
    """Recordings with the signals that the model sees; the simulation too where they come from one."""

    recordings: Recordings
    simulation: Simulation | None = None


def load_recordings(config: DataConfig, window: int = 1) -> Loaded:
    """Read or make the recordings; of tables, those that are shorter than a window are left out with a warning.

    A table's recordings are cut by gaps and columns, and a short piece is nothing unusual. A log of the notebook's
    is a visit of a point: one that is short stays, and is an error later.

    Raises:
        InputError: the source cannot be used; says which file, recording or column, and why.
    """
    match config:
        case SimulatedConfig():
            simulation = Simulation(config)
            return Loaded(simulation.recordings.select(config.features), simulation)
        case VersuchConfig():
            return Loaded(read_versuch(config))
        case TableConfig():
            return Loaded(without_short(read_table(config), window))
        case _:
            raise TypeError(f"not a data source: {type(config)}")
