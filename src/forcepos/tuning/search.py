"""A search: an oracle proposes, trials train, listeners are told; in this process, or with workers."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras_tuner as kt
from filelock import FileLock, Timeout
from sklearn.exceptions import ConvergenceWarning

from forcepos.config.schema import TunerConfig
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.tuning.ledger import RUNNING, Ledger, SearchResult, TrialListener, number_of
from forcepos.tuning.oracles import make_oracle
from forcepos.tuning.trial_run import Trainer, run_trial
from forcepos.tuning.trials import Logs, load_trials, save_trial

log = logging.getLogger(__name__)
_POLL_S = 0.5  # how often a waiting process asks for a search that another one holds


@contextmanager
def lock_search(directory: Path, fresh: bool, wait: bool = False) -> Iterator[None]:
    """Hold the search in `directory` for this process; with `fresh`, put aside what it holds first.

    Args:
        wait: for another process that is at this search, as jobs of one sweep do.

    Raises:
        InputError: another process is at this search, and `wait` is false.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        if not wait:
            raise InputError(
                f"another process is at this search, {directory}: wait for it, or change the config"
            ) from error
        log.info("another process is at this search, %s: waiting for it", directory)
        lock.acquire(poll_interval=_POLL_S)
    try:
        if fresh and load_trials(directory):
            directory.rename(directory.with_name(f"{directory.name}.before-{time.strftime('%Y-%m-%d_%H-%M-%S')}"))
            directory.mkdir()
        yield
    finally:
        lock.release()


@contextmanager
def open_ledger(
    config: TunerConfig,
    declare: Callable[[kt.HyperParameters], None],
    directory: Path,
    seed: int,
    epochs: int,
    listeners: Sequence[TrialListener],
) -> Iterator[Ledger]:
    """The ledger of the search that `directory` holds, which this process has claimed.

    Raises:
        InputError: `config.max_failures` of the trials that are there failed.
    """
    space = kt.HyperParameters()
    declare(space)
    with warnings.catch_warnings():
        # A Gaussian process on a handful of trials often ends at a bound of its length scale; harmless.
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield Ledger(config, make_oracle(config, space, seed, epochs), directory, listeners)


def search(
    config: TunerConfig,
    declare: Callable[[kt.HyperParameters], None],
    train: Trainer,
    directory: Path,
    seed: int,
    epochs: int,
    listeners: Sequence[TrialListener],
) -> SearchResult:
    """Run trials, one after the other, until there are `config.max_trials`; those in `directory` count.

    Args:
        train: trains a network for the epochs that it is given, `epochs` but with Hyperband.
        directory: claimed by this process.

    Raises:
        InputError: every trial failed, or more than `config.max_failures` did.
    """

    def report(number: int, execution: int, epoch: int, logs: Logs) -> None:
        for listener in listeners:
            listener.epoch_ended(number, execution, epoch, logs)

    with open_ledger(config, declare, directory, seed, epochs, listeners) as ledger:
        while (trial := ledger.begin("forcepos")).status == RUNNING:
            stop_if_asked()
            values = dict(trial.hyperparameters.values)
            result = run_trial(config, number_of(trial), values, seed, epochs, train, report)
            save_trial(directory, result)
            ledger.end(result)
        return ledger.found()
