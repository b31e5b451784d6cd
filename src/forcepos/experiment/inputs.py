"""What is checked and read before TensorFlow, which takes seconds, is loaded."""

from pathlib import Path

from forcepos.config.schema import Config, FixedTunerConfig
from forcepos.data.loading import Loaded, load_checked
from forcepos.runtime.errors import InputError
from forcepos.runtime.resources import step_size
from forcepos.tracking.store import read_hyperparameters as read_run
from forcepos.tracking.track import check_server
from forcepos.tuning.given import check_hyperparameters, parse_hyperparameters, read_hyperparameters
from forcepos.tuning.trials import Values


def read_inputs(config: Config) -> Loaded:
    """Look for the tracking server, check given hyperparameters, and read the recordings.

    Raises:
        InputError: Slurm started the command several times, or tracking server, hyperparameters or data cannot be
            used.
    """
    tasks, _ = step_size()
    if tasks > 1:
        raise InputError(
            f"Slurm runs this command as {tasks} tasks, each of which would do the whole run: ask for one task, "
            f"srun --ntasks=1 --cpus-per-task={tasks} …, and set tuner.workers={tasks}"
        )
    check_server(config.tracking)
    given_hyperparameters(config)
    return load_checked(config)


def given_hyperparameters(config: Config) -> Values | None:
    """Return the hyperparameters that are trained without a search; None if there is a search.

    Raises:
        InputError: they cannot be read, or no such network can be trained.
    """
    if not isinstance(config.tuner, FixedTunerConfig):
        return None
    source = config.tuner.hyperparameters
    if source.startswith("runs:/"):
        given = parse_hyperparameters(read_run(config.tracking, source), source)
    else:
        given = read_hyperparameters(Path(source))
    return check_hyperparameters(given, config.model, source)
