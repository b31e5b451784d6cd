"""A search with many workers, tried with threads and with a training that is a formula."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner as kt
import pytest

from forcepos.runtime.errors import InputError
from forcepos.tuning.events import EventQueue, Events, Listener
from forcepos.tuning.ledger import Ledger, SearchResult
from forcepos.tuning.search import open_ledger, search
from forcepos.tuning.spec import SearchSpec
from forcepos.tuning.trial_run import Trainer
from forcepos.tuning.trials import Logs, TrialResult, load_trials
from forcepos.tuning.workers.chief import Chief, served
from forcepos.tuning.workers.worker import work
from tests.tuning.test_search import Formula, declare, small, tuner

Epoch = Callable[[int, Logs], None]
TUNERS = ["random", "bayesian", "grid", "hyperband"]


class Lost(BaseException):
    """A worker's process is killed."""


class Slow(Formula):
    """As long as a worker needs to ask for the next trial, so that all workers get some."""

    def __call__(
        self, hyperparameters: Mapping[str, Any], seed: int, epochs: int, after_epoch: Epoch
    ) -> list[Logs]:
        time.sleep(0.05)
        return super().__call__(hyperparameters, seed, epochs, after_epoch)


class Heard(Listener):
    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []
        self.epochs = 0

    def trial_known(self, result: TrialResult) -> None:
        self.events.append(("known", result.number))

    def trial_started(self, number: int, hyperparameters: dict[str, Any]) -> None:
        self.events.append(("started", number))

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None:
        assert {"loss", "val_mae"} == set(logs)
        self.epochs += 1

    def trial_ended(self, result: TrialResult) -> None:
        self.events.append(("ended", result.number))

    def numbers(self, kind: str) -> list[int]:
        return [number for what, number in self.events if what == kind]


class Search:
    """A chief on a folder, and workers as threads."""

    def __init__(
        self, folder: Path, *overrides: str, declare: Callable[[kt.HyperParameters], None] = declare
    ) -> None:
        self.directory, self.heard, self.lost = folder, Heard(), list[str]()
        self.spec, self.events = SearchSpec(tuner(*overrides), declare, folder, 1, 9), Events(self.heard)
        folder.mkdir(exist_ok=True)

    def run(self, *trainers: Trainer, then: Callable[[Chief], None] = lambda _: None) -> SearchResult:
        waiting = EventQueue(self.heard)
        with open_ledger(self.spec, waiting) as ledger:
            return self._work(ledger, waiting, trainers, then)

    def _work(
        self, ledger: Ledger, waiting: EventQueue, trainers: tuple[Trainer, ...], then: Callable[[Chief], None]
    ) -> SearchResult:
        chief = Chief(ledger, self.directory, waiting)
        with served(chief) as port:
            workers = [
                threading.Thread(target=self._worker, args=(train, f"worker_{number}", port))
                for number, train in enumerate(trainers, 1)
            ]
            for worker in workers:
                worker.start()
            then(chief)
            for worker in workers:
                worker.join(60)
            waiting.deliver()
            chief.raise_failure()
        return ledger.found()

    def _worker(self, train: Trainer, name: str, port: int) -> None:
        try:
            work(self.spec, train, name, port)
        except Lost:
            self.lost.append(name)
        except InputError:  # the chief has failed; it says why
            return


def lost_in(trial: int) -> Formula:
    class Killed(Slow):
        def __call__(
            self, hyperparameters: Mapping[str, Any], seed: int, epochs: int, after_epoch: Epoch
        ) -> list[Logs]:
            if len(self.seeds) == trial - 1:
                raise Lost
            return super().__call__(hyperparameters, seed, epochs, after_epoch)

    return Killed()


def points(directory: Path) -> list[tuple[Any, ...]]:
    return [tuple(sorted(trial.hyperparameters.items())) for trial in load_trials(directory)]


@pytest.mark.parametrize("name", TUNERS)
def test_three_workers_do_as_many_distinct_trials_as_asked(name: str, tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", f"tuner={name}", "tuner.max_trials=12", "tuner.workers=3")
    trainers = [Slow() for _ in range(3)]
    found = searching.run(*trainers)
    assert [trial.number for trial in found.trials] == list(range(1, 13))
    assert len(set(points(tmp_path / "s"))) == 12
    assert (
        sorted(searching.heard.numbers("started"))
        == sorted(searching.heard.numbers("ended"))
        == list(range(1, 13))
    )
    assert searching.heard.epochs == 3 * 12
    assert all(train.seeds for train in trainers), "nobody stood by"
    assert found.score == min(trial.score for trial in found.trials if trial.score is not None)


@pytest.mark.parametrize("name", ["random", "grid"])
def test_many_workers_do_the_trials_that_one_would_do(name: str, tmp_path: Path) -> None:
    """Their proposals do not depend on scores."""
    one, many = tmp_path / "one", tmp_path / "many"
    one.mkdir()
    search(SearchSpec(tuner(f"tuner={name}", "tuner.max_trials=9"), declare, one, 1, 9), Formula(), Events())
    Search(many, f"tuner={name}", "tuner.max_trials=9").run(Slow(), Slow())
    assert load_trials(many) == load_trials(one)


def test_the_trial_of_a_lost_worker_goes_to_another_one(tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=6")

    def replace(chief: Chief) -> None:
        while not searching.lost:
            time.sleep(0.01)
        assert chief.lost("worker_1", "was ended by SIGKILL") is not None

    found = searching.run(lost_in(trial=2), Slow(), then=replace)
    assert [trial.number for trial in found.trials] == [1, 2, 3, 4, 5, 6]
    assert all(trial.score is not None for trial in found.trials)
    again = [number for number in range(1, 7) if searching.heard.numbers("started").count(number) == 2]
    assert len(again) == 1


def test_a_result_that_a_lost_worker_left_counts(tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=1")
    first = Search(tmp_path / "other", "tuner=random", "tuner.max_trials=1")
    first.run(Formula())
    with open_ledger(searching.spec, searching.events) as ledger:
        chief = Chief(ledger, searching.directory, searching.events)
        chief.create_trial("worker_1")
        (tmp_path / "other" / "trial_0001.json").rename(tmp_path / "s" / "trial_0001.json")
        assert chief.lost("worker_1", "was ended by SIGKILL") == 1
        assert chief.create_trial("worker_2").status == "STOPPED"
    assert searching.heard.events == [("started", 1), ("ended", 1)]


def test_a_trial_that_takes_its_worker_with_it_three_times_has_failed(tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=1")
    with open_ledger(searching.spec, searching.events) as ledger:
        chief = Chief(ledger, searching.directory, searching.events)
        for _ in range(3):
            assert chief.create_trial("worker_1").status == "RUNNING"
            chief.lost("worker_1", "was ended by SIGKILL")
        assert chief.create_trial("worker_1").status == "STOPPED"
    assert [trial.failure for trial in load_trials(tmp_path / "s")] == [
        "its worker was lost 3 times, the last one was ended by SIGKILL"
    ]


def test_a_worker_that_is_left_waits_for_those_at_trials(tmp_path: Path) -> None:
    """Else nobody would be there to take over the trial of a worker that is lost at the very end."""
    searching = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=1")
    with open_ledger(searching.spec, searching.events) as ledger:
        chief = Chief(ledger, searching.directory, searching.events)
        assert chief.create_trial("worker_1").status == "RUNNING"
        assert chief.create_trial("worker_2").status == "IDLE"
        chief.lost("worker_1", "was ended by SIGKILL")
        assert chief.create_trial("worker_2").trial_id == "0"


@pytest.mark.parametrize("name", TUNERS)
def test_a_search_whose_chief_was_lost_goes_on_with_every_finished_trial(name: str, tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", f"tuner={name}", "tuner.max_trials=8")
    searching.run(lost_in(trial=3), lost_in(trial=2))
    before = load_trials(tmp_path / "s")
    assert len(before) == 3
    again = Search(tmp_path / "s", f"tuner={name}", "tuner.max_trials=8")
    found = again.run(Slow(), Slow())
    assert found.reused == 3
    assert sorted(again.heard.numbers("known")) == [trial.number for trial in before]
    assert [trial for trial in found.trials if trial in before] == before, "none was done again"
    assert len(set(points(tmp_path / "s"))) == len(found.trials) == 8


def test_one_process_goes_on_with_what_many_workers_left(tmp_path: Path) -> None:
    Search(tmp_path / "s", "tuner=bayesian", "tuner.max_trials=8").run(lost_in(trial=3), lost_in(trial=2))
    heard = Heard()
    spec = SearchSpec(tuner("tuner=bayesian", "tuner.max_trials=8"), declare, tmp_path / "s", 1, 9)
    found = search(spec, Formula(), Events(heard))
    assert len(found.trials) == len(set(points(tmp_path / "s"))) == 8
    assert len(heard.numbers("started")) == 5


def test_a_small_space_is_used_up_once_by_many_workers(tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", "tuner=grid", "tuner.max_trials=99", declare=small)
    assert len(searching.run(Slow(), Slow(), Slow()).trials) == len(set(points(tmp_path / "s"))) == 15


def test_too_many_failures_end_the_search_for_all_workers(tmp_path: Path) -> None:
    searching = Search(tmp_path / "s", "tuner=random", "tuner.max_trials=9", "tuner.max_failures=3")
    with pytest.raises(InputError, match="^3 of 3 trials failed, the last one with: the formula does not like it"):
        searching.run(Formula(fails=lambda _: True), Formula(fails=lambda _: True))


def test_a_worker_whose_chief_is_gone_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forcepos.tuning.workers.worker._ANSWER_S", 1)
    with pytest.raises(InputError, match="^the chief of the search does not answer: "):
        work(SearchSpec(tuner("tuner=random"), declare, tmp_path, 1, 9), Formula(), "worker_1", port=9)


def test_nothing_is_said_on_standard_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """KerasTuner prints the conditions of a search space when it sends one."""
    Search(tmp_path / "s", "tuner=grid", "tuner.max_trials=5", declare=small).run(Formula())
    assert capfd.readouterr().out == ""


def test_half_a_line_in_the_journal_is_left_out(tmp_path: Path) -> None:
    """A chief was killed while it wrote."""
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
    with open_ledger(searching.spec, searching.events) as ledger:
        chief = Chief(ledger, searching.directory, searching.events)
        assert (chief.create_trial("worker_1").trial_id, chief.create_trial("worker_2").status) == ("01", "IDLE")
        chief.lost("worker_1", "was ended by SIGKILL")
        assert chief.create_trial("worker_2").trial_id == "01"
    again = Search(tmp_path / "s", "tuner=hyperband", "tuner.max_trials=12")
    found = again.run(Slow(), Slow())
    assert list(found.trials[:11]) == list(before.trials)
    assert sorted(again.heard.numbers("started")) == [2, 12]
    assert found.reused == 10
