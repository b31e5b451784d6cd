"""Trials that go on from where others have ended, and the files which that takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import pytest

from forcepos.experiment.trial_ensemble import CANDIDATES
from forcepos.models.architectures.architecture import search_space
from forcepos.models.problem import Problem
from forcepos.models.training.compiled import Checkpoint
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.runtime import files
from forcepos.tuning import checkpoints
from forcepos.tuning.checkpoints import load_checkpoint, remove_checkpoints, remove_needless, save_checkpoint
from forcepos.tuning.search import SearchResult, search
from forcepos.tuning.trials import Events, Listener, Logs, TrialResult
from forcepos.tuning.tuner import SearchSpec, Tuner
from tests.damage import damaged_contents, replaced_by
from tests.models.test_training import CHOSEN, prepared
from tests.tuning.test_search import declare, tuner

# Three trials of an epoch, the best of which goes on to three.
HYPERBAND = (
    "tuner=hyperband", "tuner.max_trials=4", "model.space.num_layers=1", "model.space.units=16",
    "model.statistics_s=0", "training.epochs=3",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # takes most of the time, and no machine fails here


@pytest.mark.parametrize("xla", ["never", pytest.param("always", marks=pytest.mark.system)])
def test_a_training_that_goes_on_gives_the_numbers_of_one_that_never_ended(xla: str, tmp_path: Path) -> None:
    """With all that draws random numbers: the order of samples, dropout, and offsets."""
    chosen, problem = CHOSEN | {"dropout": True}, prepared(f"training.xla={xla}", "training.offset_noise=1")
    whole, first, second = Checkpoint(), Checkpoint(), list[Logs]()
    history = NetworkTrainer(problem, tmp_path).trial(chosen, 5, 4, lambda *_: None, whole)
    begun = NetworkTrainer(problem, tmp_path).trial(chosen, 5, 1, lambda *_: None, first)
    save_checkpoint(tmp_path, 1, 1, first)
    loaded = load_checkpoint(tmp_path, 1, 1, "")
    assert loaded is not None
    loaded.epochs, loaded.objective = first.epochs, first.objective
    numbers = list[int]()
    second = NetworkTrainer(problem, tmp_path).trial(chosen, 5, 4, lambda epoch, _: numbers.append(epoch), loaded)
    assert [*begun, *second] == history
    assert numbers == [2, 3, 4]
    assert loaded.objective == whole.objective == min(logs["val_mae"] for logs in history)
    for name in ("state", "best"):
        for ours, theirs in zip(getattr(loaded, name), getattr(whole, name), strict=True):
            assert np.array_equal(ours, theirs)


def test_a_checkpoint_has_the_weights_of_the_best_epoch(tmp_path: Path) -> None:
    trainer, kept, seen = NetworkTrainer(prepared(), tmp_path), Checkpoint(), list[Any]()

    def after_epoch(epoch: int, logs: Logs) -> None:
        latest = trainer._latest
        assert latest
        seen.append((logs["val_mae"], latest[2].get_weights()))

    trainer.trial(CHOSEN | {"lr": 0.05}, 1, 6, after_epoch, kept)
    value, weights = min(seen, key=lambda pair: pair[0])
    assert kept.objective == value
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(kept.best, weights, strict=True))


class Told(Listener):
    def __init__(self, last: int | None = None) -> None:
        self.epochs, self._last = list[tuple[int, int]](), last

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Logs) -> None:
        self.epochs.append((number, epoch))
        if len(self.epochs) == self._last:
            raise KeyboardInterrupt


@cache
def small_problem(*overrides: str) -> Problem:
    return prepared(*HYPERBAND, *overrides)


def searched(folder: Path, told: Listener, *overrides: str) -> SearchResult:
    problem = small_problem(*overrides)
    folder.mkdir(exist_ok=True)
    config = problem.config
    spec = SearchSpec(cast("Tuner", config.tuner), search_space(config.model), folder, 1, 3, 0)
    return search(spec, NetworkTrainer(problem, folder).execute, Events(told))


@cache
def whole_search() -> SearchResult:
    with TemporaryDirectory() as folder:
        return searched(Path(folder), Told())


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.npz"))


def test_a_winner_of_hyperband_goes_on_where_it_ended_in_each_execution(tmp_path: Path) -> None:
    told = Told()
    *others, winner = searched(tmp_path / "s", told, "tuner.executions_per_trial=2").trials
    before = others[int(winner.hyperparameters["tuner/trial_id"])]
    assert [len(epochs) for epochs in winner.history] == [3, 3]
    assert [epochs[:1] for epochs in winner.history] == before.history
    assert [epoch for number, epoch in told.epochs if number == winner.number] == [2, 3, 2, 3]
    assert all(last["loss"] < first["loss"] for first, *_, last in winner.history)


def test_a_winner_whose_checkpoint_is_gone_is_trained_from_its_beginning_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_it, told = whole_search(), Told()
    monkeypatch.setattr(files, "write_bytes", _but_no_checkpoint(files.write_bytes))
    without = searched(tmp_path / "without", told)
    assert list(without.trials) == list(with_it.trials)
    assert [epoch for number, epoch in told.epochs if number == 4] == [1, 2, 3]
    before = int(without.trials[3].hyperparameters["tuner/trial_id"]) + 1
    assert caplog.messages == [
        f"{tmp_path / 'without' / f'trial_{before:04}_1.npz'} is gone: "
        "trial 4, which goes on from there, is trained from its beginning"
    ]


def _but_no_checkpoint(write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
    return lambda path, content: None if path.suffix == ".npz" else write(path, content)


@pytest.mark.parametrize("killed_after", [4, *(pytest.param(n, marks=pytest.mark.system) for n in (2, 5))])
def test_a_hyperband_search_that_was_killed_ends_as_if_it_had_not_been(killed_after: int, tmp_path: Path) -> None:
    """In the first round, after the winner's first epoch and after its last one."""
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "parts", Told(killed_after))
    assert list(searched(tmp_path / "parts", Told()).trials) == list(whole_search().trials)


def test_a_checkpoint_is_kept_until_the_trial_that_goes_on_from_it_has_ended(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path / "s", Told(last=4))  # the winner has begun
    assert files_in(tmp_path / "s") == [f"trial_000{number}_1.npz" for number in (1, 2, 3)]
    found = searched(tmp_path / "s", Told())
    before = int(found.trials[3].hyperparameters["tuner/trial_id"]) + 1
    assert files_in(tmp_path / "s") == [f"trial_000{number}_1.npz" for number in (1, 2, 3) if number != before]
    remove_checkpoints(tmp_path / "s")
    assert files_in(tmp_path / "s") == []


def made(epochs: int = 0) -> Checkpoint:
    return Checkpoint(epochs, [np.arange(3.0), np.array(7, np.int64)], [np.eye(2, dtype=np.float32)], 1.5)


def test_arrays_are_loaded_as_they_were_saved(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 12, 2, made())
    loaded = load_checkpoint(tmp_path, 12, 2, "")
    assert loaded is not None
    for ours, theirs in zip([*loaded.state, *loaded.best], [*made().state, *made().best], strict=True):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
    assert (len(loaded.state), len(loaded.best)) == (2, 1)
    assert files_in(tmp_path) == ["trial_0012_2.npz"]


def test_a_damaged_checkpoint_is_moved_aside_and_one_with_objects_is_not_unpickled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_checkpoint(tmp_path, 1, 1, made())
    path = tmp_path / "trial_0001_1.npz"
    whole = path.read_bytes()
    at = whole.index(np.arange(3.0).tobytes()) + 9
    flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    np.savez(tmp_path / "object.npz", state_0=np.array([{}], dtype=object))
    contents = [
        content for kind, content in damaged_contents(whole) if kind not in ("twice", "invalid UTF-8 inside")
    ]
    for content in [*contents, flipped, b"", (tmp_path / "object.npz").read_bytes()]:
        path.write_bytes(content)
        caplog.clear()
        assert load_checkpoint(tmp_path, 1, 1, "trial 4 begins anew") is None
        (message,) = caplog.messages
        assert message.startswith(f"{path} is damaged (")
        assert message.endswith("; trial 4 begins anew")
        assert not path.exists()
    for kind in ("folder", "pipe", "link to nowhere"):
        path.touch()
        replaced_by(kind, path)
        assert load_checkpoint(tmp_path, 1, 1, "") is None


def trial(number: int, score: float | None, epochs: int = 9, before: int | None = None) -> TrialResult:
    values: dict[str, Any] = {"tuner/epochs": epochs}
    values |= {} if before is None else {"tuner/trial_id": f"{before - 1:04}"}
    return TrialResult(number, values, [], score, None if score else "it diverged")


def kept(folder: Path, networks: int, *trials: TrialResult) -> list[int]:
    """The trials, of which each left a checkpoint of 1 kB, that still have one."""
    spec = SearchSpec(tuner("tuner=hyperband"), declare, folder, 1, 9, networks)
    for one in trials:
        save_checkpoint(folder, one.number, 1, Checkpoint(state=[np.zeros(128)]))
    remove_needless(spec, {one.number: one for one in trials})
    return [int(name[6:10]) for name in files_in(folder)]


def test_networks_of_the_best_trials_are_kept_and_of_those_that_may_go_on(tmp_path: Path) -> None:
    long = [trial(1, 4.0), trial(2, 2.0), trial(3, None), trial(4, 3.0)]
    assert kept(tmp_path, 2, *long) == [2, 4]
    assert kept(tmp_path, 0, *long) == []
    brief = [trial(5, 9.0, 3), trial(6, 8.0, 3), trial(7, 1.0, before=6)]
    assert kept(tmp_path, 2, *long, *brief) == [2, 5, 7]


def test_at_most_ten_networks_are_kept_for_an_ensemble(tmp_path: Path) -> None:
    trials = [trial(number, 20.0 - number) for number in range(1, 13)]
    assert kept(tmp_path, CANDIDATES, *trials) == list(range(3, 13))


def test_files_take_up_to_a_limit_and_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brief = [trial(number, float(number), 3) for number in range(1, 6)]
    save_checkpoint(tmp_path, 1, 1, Checkpoint(state=[np.zeros(128)]))
    size = (tmp_path / "trial_0001_1.npz").stat().st_size
    monkeypatch.setattr(checkpoints, "_MOST_BYTES", 3 * size)
    assert kept(tmp_path, 0, *brief) == [3, 4, 5]
    assert kept(tmp_path, 1, *brief) == [1, 4, 5]  # the best one before


def test_a_trial_that_is_under_way_elsewhere_keeps_what_it_has_left(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 8, 1, made())
    assert kept(tmp_path, 1, trial(1, 1.0)) == [1, 8]
