"""A search in this process: an oracle proposes, trials train, listeners receive events."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from forcepos.runtime.errors import InputError, TrialFailure
from forcepos.runtime.interruption import stop_if_asked
from forcepos.tuning.ledger import Ledger, SearchResult, score_of
from forcepos.tuning.trials import Events, Logs, TrialResult, Values, save_trial
from forcepos.tuning.tuner import SearchSpec

log = logging.getLogger(__name__)
_POLL_S = 0.5  # how often a waiting process tries again

Report = Callable[[int, int, int, Logs], None]  # trial, execution, epoch, Keras' logs
# Trains one network from scratch: hyperparameters, seed of its weights, epochs, what receives each epoch's logs.
Trainer = Callable[[Mapping[str, Any], int, int, Callable[[int, Logs], None]], list[Logs]]


@contextmanager
def lock_search(directory: Path, fresh: bool, wait: bool = False) -> Iterator[None]:
    """Lock the search in `directory` for this process; with `fresh`, put aside its trials first.

    Where another process holds the lock, `wait` for it, as jobs of one sweep do, or raise an InputError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.with_suffix(".lock"))
    try:
        held = lock.acquire(timeout=0)
    except Timeout as error:
        taken = f"another process works on this search, {directory}"
        if not wait:
            raise InputError(f"{taken}: wait for it, or change the config") from error
        log.info("%s: waiting for it", taken)
        held = lock.acquire(poll_interval=_POLL_S)
    with held:
        if fresh and any(directory.glob("trial_*.json")):
            directory.rename(directory.with_name(f"{directory.name}.before-{time.strftime('%Y-%m-%d_%H-%M-%S')}"))
            directory.mkdir()
        yield


def search(spec: SearchSpec, train: Trainer, events: Events) -> SearchResult:
    """Run trials, one after the other, until there are `max_trials`; finished ones in `spec.directory` count.

    An InputError tells that every trial failed, or `max_failures` did.
    """
    ledger = Ledger(spec, events)
    while begun := ledger.begin():
        stop_if_asked()
        result = run_trial(spec, *begun, train, events.epoch_ended)
        save_trial(spec.directory, result)
        ledger.end(result)
    return ledger.found()


def run_trial(spec: SearchSpec, number: int, values: Values, train: Trainer, report: Report) -> TrialResult:
    """Train as often as the tuner's config says, with weights of its own each time.

    Each execution takes `spec.epochs` epochs, except with Hyperband, which decides that in `values`.
    """
    history = list[list[Logs]]()
    epochs = values.get("tuner/epochs", spec.epochs)

    def after_epoch(epoch: int, logs: Logs) -> None:
        history[-1].append(logs)
        report(number, len(history), epoch, logs)
        if not math.isfinite(logs["loss"]):
            raise TrialFailure(f"the loss is not finite in epoch {epoch}")

    try:
        for execution in range(1, spec.config.executions_per_trial + 1):
            history.append([])
            # The same seed in every run of the search.
            seed = np.random.SeedSequence([spec.seed, number, execution]).generate_state(1)[0] >> 1
            train(values, int(seed), epochs, after_epoch)
    except TrialFailure as error:
        return TrialResult(number, values, history, None, str(error))
    score = score_of(spec.config, history)
    failure = None if math.isfinite(score) else f"{spec.config.objective} is not finite"
    return TrialResult(number, values, history, None if failure else score, failure)
