"""A search in this process: an oracle proposes, trials train, listeners receive events."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import stop_if_asked
from forcepos.tuning.events import Events
from forcepos.tuning.ledger import Ledger, SearchResult
from forcepos.tuning.spec import SearchSpec
from forcepos.tuning.trial_run import Trainer, run_trial
from forcepos.tuning.trials import save_trial

log = logging.getLogger(__name__)
_POLL_S = 0.5  # how often a waiting process tries again


@contextmanager
def lock_search(directory: Path, fresh: bool, wait: bool = False) -> Iterator[None]:
    """Lock the search in `directory` for this process; with `fresh`, put aside its trials first.

    Args:
        wait: for another process that holds the lock, as jobs of one sweep do.

    Raises:
        InputError: another process holds the lock, and `wait` is false.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        if not wait:
            raise InputError(
                f"another process works on this search, {directory}: wait for it, or change the config"
            ) from error
        log.info("another process works on this search, %s: waiting for it", directory)
        lock.acquire(poll_interval=_POLL_S)
    try:
        if fresh and any(directory.glob("trial_*.json")):
            directory.rename(directory.with_name(f"{directory.name}.before-{time.strftime('%Y-%m-%d_%H-%M-%S')}"))
            directory.mkdir()
        yield
    finally:
        lock.release()


def search(spec: SearchSpec, train: Trainer, events: Events) -> SearchResult:
    """Run trials, one after the other, until there are `max_trials`; finished ones in `spec.directory` count.

    Raises:
        InputError: every trial failed, or more than `max_failures` did.
    """
    ledger = Ledger(spec, events)
    while begun := ledger.begin():
        stop_if_asked()
        result = run_trial(spec, *begun, train, events.epoch_ended)
        save_trial(spec.directory, result)
        ledger.end(result)
    return ledger.found()
