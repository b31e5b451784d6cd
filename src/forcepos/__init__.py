"""forcepos: locate where a robot is touched from its force and torque signals.

Code lives in the packages below, each importing only from those after it: commands, experiment, results, tracking,
tuning, evaluation, models, data, config, runtime. Nothing is imported here, so that a command starts at once.
"""

__version__ = "0.1.0"


def __getattr__(name: str):
    from importlib import import_module

    places = {
        "Architecture": "models.architectures.architecture",
        "Split": "data.splits.split",
        "Reader": "data.readers.reader",
        "Tuner": "tuning.tuner",
    }
    if name in places:
        return getattr(import_module("forcepos." + places[name]), name)
    raise AttributeError(name)
