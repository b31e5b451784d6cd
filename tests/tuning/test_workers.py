"""A search with many workers, tried with a training that is a formula."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

import keras_tuner as kt
import pytest

from forcepos.runtime.errors import InputError
from forcepos.tuning import workers
from forcepos.tuning.search import SearchResult, Trainer, search
from forcepos.tuning.trials import Events, Listener, Logs, TrialResult, load_trials, save_trial
from forcepos.tuning.tuner import SearchSpec
from forcepos.tuning.workers import SharedSearch, WorkerPool, work
from tests.tuning.test_search import Formula, declare, small, tuner

Epoch = Callable[[int, Logs], None]
TUNERS = ["random", "bayesian", "grid", "hyperband"]
_FORKS = multiprocessing.get_context("fork")  # which a formula survives, and which takes no time


class Slow(Formula):
    """As long as a worker needs to ask for the next trial, so that all workers get some; leaves a mark."""

    def __init__(self, mark: Path | None = None) -> None:
        super().__init__()
        self._mark = mark

    def __call__(
        self, hyperparameters: Mapping[str, Any], execution: int, seed: int, epochs: int, after_epoch: Epoch
    ) -> list[Logs]:
        if self._mark:
            self._mark.touch()
        time.sleep(0.05)
        return super().__call__(hyperparameters, execution, seed, epochs, after_epoch)


class Dying(Slow):
    """A training whose process is killed, `times` times, in its trial `trial`."""

    def __init__(self, folder: Path, trial: int = 1, times: int = 1) -> None:
        super().__init__()
        self._marks = [folder / f"killed_{trial}_{time}" for time in range(times)]
        self._trial = trial

    def __call__(
        self, hyperparameters: Mapping[str, Any], execution: int, seed: int, epochs: int, after_epoch: Epoch
    ) -> list[Logs]:
        mark = next((mark for mark in self._marks if not mark.exists()), None)
        if mark and len(self.seeds) == self._trial - 1:
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(hyperparameters, execution, seed, epochs, after_epoch)


class Heard(Listener):
    def __init__(self, interrupted_after: int | None = None) -> None:
        self.events: list[tuple[str, int]] = []
        self.epochs, self._last = 0, interrupted_after

    def trial_known(self, result: TrialResult) -> None:
        self.events.append(("known", result.number))

    def trial_started(self, number: int, hyperparameters: dict[str, Any]) -> None:
        self.events.append(("started", number))

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None:
        assert {"loss", "val_mae"} == set(logs)
        self.epochs += 1

    def trial_ended(self, result: TrialResult) -> None:
        self.events.append(("ended", result.number))
        if len(self.numbers("ended")) == self._last:
            raise KeyboardInterrupt

    def numbers(self, kind: str) -> list[int]:
        return [number for what, number in self.events if what == kind]


@dataclass(frozen=True)
class Forked(SharedSearch):
    """Workers that train a formula, each its own."""

    trainers: tuple[Trainer, ...]

    def start(self, number: int, pipe: Connection) -> BaseProcess:
        process = _FORKS.Process(target=work, args=(self.spec, self.trainers[number - 1], pipe))
        process.start()
        return process


class Search:
    """A search in a folder, by workers with these trainers."""

    def __init__(
        self,
        folder: Path,
        *overrides: str,
        declare: Callable[[kt.HyperParameters], None] = declare,
        interrupted_after: int | None = None,
    ) -> None:
        self.folder, self._overrides, self._declare = folder, overrides, declare
        self.heard = Heard(interrupted_after)
        folder.mkdir(exist_ok=True)

    def run(self, *trainers: Trainer) -> SearchResult:
        config = tuner(*self._overrides, f"tuner.workers={len(trainers)}")
        spec = SearchSpec(config, self._declare, self.folder, 1, 9)
        problem: Any = None  # that a formula has no use for
        return WorkerPool(Forked(spec, problem, self.folder, trainers), Events(self.heard)).search()


def points(directory: Path) -> list[tuple[Any, ...]]:
    return [tuple(sorted(trial.hyperparameters.items())) for trial in load_trials(directory)]


@pytest.mark.parametrize("name", TUNERS)
def test_three_workers_do_as_many_distinct_trials_as_asked(name: str, tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", f"tuner={name}", "tuner.max_trials=12", "tuner.workers=3")
    found = searching.run(*(Slow(tmp_path / f"worker_{number}") for number in (1, 2, 3)))
    assert [trial.number for trial in found.trials] == list(range(1, 13))
    assert len(set(points(tmp_path / "s"))) == 12
    assert (
        sorted(searching.heard.numbers("started"))
        == sorted(searching.heard.numbers("ended"))
        == list(range(1, 13))
    )
    assert searching.heard.epochs == 3 * 12
    assert len(list(tmp_path.glob("worker_*"))) == 3, "nobody stood by"
    assert found.score == min(trial.score for trial in found.trials if trial.score is not None)


@pytest.mark.parametrize("name", ["random", "grid"])
def test_many_workers_do_the_trials_that_one_would_do(name: str, tmp_path: Path) -> None:
    """Their proposals do not depend on scores."""
    one, many = tmp_path / "one", tmp_path / "many"
    one.mkdir()
    search(SearchSpec(tuner(f"tuner={name}", "tuner.max_trials=9"), declare, one, 1, 9), Formula(), Events())
    Search(many, f"tuner={name}", "tuner.max_trials=9").run(Slow(), Slow())
    assert load_trials(many) == load_trials(one)


def test_the_trial_of_a_lost_worker_goes_to_another_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    searching = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=6")
    found = searching.run(Dying(tmp_path, trial=2), Slow())
    assert [trial.number for trial in found.trials] == [1, 2, 3, 4, 5, 6]
    assert all(trial.score is not None for trial in found.trials)
    (again,) = [number for number in range(1, 7) if searching.heard.numbers("started").count(number) == 2]
    assert caplog.messages == [f"worker 1 was ended by SIGKILL; trial {again} is handed to the next one"]


def test_a_result_that_a_lost_worker_left_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save_and_die(directory: Path, result: TrialResult) -> None:
        save_trial(directory, result)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(workers, "save_trial", save_and_die)
    searching = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=1")
    searching.run(Formula())
    assert searching.heard.events == [("started", 1), ("ended", 1)]


def test_a_trial_that_takes_its_worker_with_it_three_times_has_failed(tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=2")
    searching.run(Dying(tmp_path, times=3))
    assert [trial.failure for trial in load_trials(tmp_path / "s")] == [
        "its worker was lost 3 times, the last one was ended by SIGKILL", None
    ]  # fmt: skip


def test_workers_that_end_before_they_do_a_trial_end_the_search(tmp_path: Path) -> None:
    class Broken(Forked):
        def start(self, number: int, pipe: Connection) -> BaseProcess:
            process = _FORKS.Process(target=sys.exit, args=(1,))
            process.start()
            return process

    spec, problem = SearchSpec(tuner("tuner=random"), declare, tmp_path, 1, 9), cast("Any", None)
    with pytest.raises(InputError) as error:
        WorkerPool(Broken(spec, problem, tmp_path, ()), Events()).search()
    assert str(error.value) == (
        "3 workers ended before they did a trial, the last one ended with exit code 1: "
        f"see {tmp_path / 'worker_1.log'}"
    )


def test_a_worker_that_is_left_waits_for_those_at_trials(tmp_path: Path) -> None:
    """Else nobody would be there to take over the trial of a worker that is lost at the very end."""
    searching = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=1")
    dying = Dying(tmp_path)  # whichever of them gets the trial, the other one is free
    assert [trial.failure for trial in searching.run(dying, dying).trials] == [None]
    assert searching.heard.events == [("started", 1), ("started", 1), ("ended", 1)]


@pytest.mark.parametrize("name", TUNERS)
def test_a_search_whose_main_process_was_lost_goes_on_with_every_finished_trial(name: str, tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", f"tuner={name}", "tuner.max_trials=8", interrupted_after=3)
    with pytest.raises(KeyboardInterrupt):
        searching.run(Slow(), Slow())
    before = load_trials(tmp_path / "s")
    assert len(before) in (3, 4)
    again = Search(tmp_path / "s", f"tuner={name}", "tuner.max_trials=8")
    found = again.run(Slow(), Slow())
    assert found.reused == len(before)
    assert sorted(again.heard.numbers("known")) == [trial.number for trial in before]
    assert [trial for trial in found.trials if trial in before] == before, "none was done again"
    assert len(set(points(tmp_path / "s"))) == len(found.trials) == 8


def test_one_process_goes_on_with_what_many_workers_left(tmp_path: Path) -> None:
    interrupted = Search(tmp_path / "s", "tuner=bayesian", "tuner.max_trials=8", interrupted_after=3)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run(Slow(), Slow())
    before, heard = load_trials(tmp_path / "s"), Heard()
    spec = SearchSpec(tuner("tuner=bayesian", "tuner.max_trials=8"), declare, tmp_path / "s", 1, 9)
    found = search(spec, Formula(), Events(heard))
    assert len(found.trials) == len(set(points(tmp_path / "s"))) == 8
    assert len(heard.numbers("started")) == 8 - len(before)


def test_a_small_space_is_used_up_once_by_many_workers(tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", "tuner=grid", "tuner.max_trials=99", declare=small)
    assert len(searching.run(Slow(), Slow(), Slow()).trials) == len(set(points(tmp_path / "s"))) == 15


def test_too_many_failures_end_the_search_for_all_workers(tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=9", "tuner.max_failures=3")
    with pytest.raises(InputError, match="^3 of 3 trials failed, the last one with: the formula does not like it"):
        searching.run(Formula(fails=lambda _: True), Formula(fails=lambda _: True))


def test_half_a_line_in_the_journal_is_left_out(tmp_path: Path) -> None:
    """The main process was killed while it wrote."""
    Search(tmp_path / "s", "tuner=random", "tuner.max_trials=3").run(Formula())
    with (tmp_path / "s" / "journal.jsonl").open("a") as file:
        file.write('{"event": "beg')
    found = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=5").run(Formula())
    assert (found.reused, len(found.trials)) == (3, 5)
    assert '"beg\n' not in (tmp_path / "s" / "journal.jsonl").read_text()


def test_workers_wait_for_a_damaged_trial_to_be_done_again(tmp_path: Path) -> None:
    """What the oracle proposed after it may depend on it."""
    searching = Search(tmp_path / "s", "tuner=hyperband", "tuner.max_trials=11")
    before = searching.run(Slow())
    (tmp_path / "s" / "trial_0002.json").write_text("")
    again = Search(tmp_path / "s", "tuner=hyperband", "tuner.max_trials=12")
    found = again.run(Dying(tmp_path), Dying(tmp_path))
    assert again.heard.numbers("started") == [2, 2, 12]
    assert list(found.trials[:11]) == list(before.trials)
    assert found.reused == 10
