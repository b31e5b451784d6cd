"""A signal in the middle of a transaction: the run is closed whenever it comes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from forcepos.runtime import interruption
from forcepos.runtime.interruption import Interrupted, listen
from forcepos.tracking.track import track
from tests.conftest import children, runs
from tests.tracking.test_outages import log_everything, smoke_with


@pytest.fixture(autouse=True)
def _listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Answer signals as the command line does, and forget them afterwards."""
    monkeypatch.setattr(interruption, "_received", [])
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    listen()
    yield
    for number, answer in before.items():
        signal.signal(number, answer)


class Transactions:
    """Counts transactions that write, and sends a signal in the middle of one: it holds the database by then."""

    def __init__(self) -> None:
        self.done = 0
        self.interrupt: int | None = None
        event.listen(Session, "after_flush", self._written)

    def _written(self, *_: object) -> None:
        self.done += 1
        if self.done == self.interrupt:
            os.kill(os.getpid(), signal.SIGINT)

    def end(self) -> None:
        event.remove(Session, "after_flush", self._written)


@pytest.fixture
def transactions() -> Iterator[Transactions]:
    counted = Transactions()
    yield counted
    counted.end()


@pytest.mark.system
def test_a_run_that_is_interrupted_in_any_transaction_is_closed_and_has_its_trials_once(
    transactions: Transactions, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    (tmp_path / "mlruns").mkdir()

    def record(name: str, interrupt: int | None = None) -> None:
        transactions.done, transactions.interrupt = 0, interrupt
        with track(smoke_with(uri), name, search=name) as run:
            log_everything(run, tmp_path)

    record("makes the experiment")
    record("whole")
    count = transactions.done
    assert count > 20
    for number in range(1, count + 1):
        with pytest.raises(Interrupted):
            record(f"interrupted in {number}", number)
    everything = runs(tmp_path)
    interrupted = [run for run in everything if (run.info.run_name or "").startswith("interrupted")]
    assert [run.info.status for run in interrupted] == ["KILLED"] * count
    for run in interrupted:
        trials = [trial.info for trial in children(everything, run.info.run_id)]
        assert len({trial.run_name for trial in trials}) == len(trials) <= 3
        assert "RUNNING" not in {trial.status for trial in trials}
