"""forcepos: locate where a robot is touched from its force and torque signals.

Code lives in the packages below, each importing only from those after it: commands, experiment, results, tracking,
tuning, evaluation, models, data, config, runtime. Nothing is imported here, so that a command starts at once.
"""

__version__ = "0.1.0"
