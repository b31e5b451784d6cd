"""forcepos: locate where a robot is touched from its force and torque signals.

Code lives in the packages below, each importing only from those after it: commands, experiment, results,
tracking, tuning, evaluation, models, data, config, runtime. A name of `__all__` is imported when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forcepos.data.readers.table import Reader
    from forcepos.data.splits.split import Split
    from forcepos.experiment.api import compose, load_recordings, run, runs
    from forcepos.models.architectures.architecture import Architecture
    from forcepos.runtime.errors import InputError
    from forcepos.tuning.tuner import Tuner

__version__ = "0.1.0"
__all__ = ["Architecture", "InputError", "Reader", "Split", "Tuner", "compose", "load_recordings", "run", "runs"]
if not TYPE_CHECKING:  # or mypy would take any name for one of the door's

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'forcepos' has no attribute {name!r}")
        return getattr(import_module("forcepos.experiment.api"), name)
