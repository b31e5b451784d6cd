"""forcepos: locate where a robot is touched from its force and torque signals.

Code lives in the packages below, each importing only from those after it: commands, experiment, results,
tracking, tuning, evaluation, models, data, config, runtime. `__all__` is the front door, for notebooks and
programs: a name is imported when it is first used, so that nothing large is loaded before.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forcepos.config.composition import compose
    from forcepos.experiment.api import load_recordings, run, runs
    from forcepos.runtime.errors import InputError

__version__ = "0.1.0"
__all__ = ["InputError", "compose", "load_recordings", "run", "runs"]
_HOMES = {
    "InputError": "runtime.errors",
    "compose": "config.composition",
    "load_recordings": "experiment.api",
    "run": "experiment.api",
    "runs": "experiment.api",
}

if not TYPE_CHECKING:  # or any name would be one of the door's to mypy

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'forcepos' has no attribute {name!r}")
        return getattr(import_module(f"forcepos.{_HOMES[name]}"), name)
