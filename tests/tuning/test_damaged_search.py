"""The files of a search that were damaged: what cannot be read is done again, and nothing else is."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from forcepos.runtime.errors import InputError
from forcepos.tuning.search import SearchResult, lock_search, search
from forcepos.tuning.trials import Events, Listener, TrialResult
from forcepos.tuning.tuner import SearchSpec, Tuner
from tests.damage import as_bytes, damaged_contents, damaged_fields, replaced_by
from tests.tuning.test_search import Formula, declare, tuner

TUNERS = ["random", "bayesian", "grid", "hyperband"]
SEED = 11  # of random trials only the second has two layers


class Heard(Listener):
    def __init__(self) -> None:
        self.known, self.started = list[int](), list[int]()

    def trial_known(self, result: TrialResult) -> None:
        self.known.append(result.number)

    def trial_started(self, number: int, hyperparameters: dict[str, Any]) -> None:
        self.started.append(number)


def two_layers(chosen: Mapping[str, Any]) -> bool:
    return bool(chosen["num_layers"] == 2)


@cache
def _config(name: str) -> Tuner:
    slow = ["tuner.num_initial_points=11"] if name == "bayesian" else []  # a proposal takes a while
    return tuner(f"tuner={name}", "tuner.max_failures=9", *slow)


def searched(folder: Path, trials: int, name: str = "random") -> tuple[SearchResult, Heard]:
    """Search, or go on searching, in `folder`; networks of two layers fail."""
    heard, config = Heard(), dataclasses.replace(_config(name), max_trials=trials)
    with lock_search(folder / "abc", fresh=False):
        found = search(SearchSpec(config, declare, folder / "abc", SEED, 9), Formula(two_layers), Events(heard))
    return found, heard


def outline(found: SearchResult) -> list[tuple[Any, ...]]:
    return [(each.number, each.hyperparameters, each.score, each.failure) for each in found.trials]


class Damaged:
    """A search of three trials of which the second failed, again and again with one file damaged.

    It is gone on with, for one trial more, which must end as if nothing had been damaged.
    """

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        self._folder, self._caplog, self.kinds = folder, caplog, 0
        searched(folder / "before", 3)
        shutil.copytree(folder / "before", folder / "whole")
        found, heard = searched(folder / "whole", 4)
        assert (heard.known, heard.started) == ([1, 2, 3], [4])
        self._wanted = outline(found)
        assert [score is None for *_, score, _ in self._wanted] == [False, True, False, False]

    def text(self, name: str) -> bytes:
        return (self._folder / "before" / "abc" / name).read_bytes()

    def go_on(self, name: str, content: bytes | str, kind: str) -> list[int]:
        """Go on with this content, or this kind of thing, in the file's place; return the trials done again."""
        place = self._folder / "damaged"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self._folder / "before", place)
        path = place / "abc" / name
        if isinstance(content, str):
            replaced_by(content, path)
        else:
            path.write_bytes(content)
        self._caplog.clear()
        self.kinds += 1
        found, heard = searched(place, 4)
        assert outline(found) == self._wanted, kind
        assert heard.started[-1] == 4, kind
        assert sorted(heard.known + heard.started) == [1, 2, 3, 4], kind
        self._check_told(path, content, kind)
        return heard.started[:-1]

    def _check_told(self, path: Path, content: bytes | str, kind: str) -> None:
        told, aside = self._caplog.messages, path.with_name(f"{path.name}.damaged")
        assert len(told) == int(aside.exists() or aside.is_symlink()), kind
        if told:
            assert told[0].startswith(f"{path} is damaged ("), kind
            assert f": moved to {aside.name}; " in told[0], kind
            assert "\n" not in told[0], kind
        if told and isinstance(content, bytes):
            assert aside.read_bytes() == content, kind


@pytest.fixture
def damaged(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Damaged:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # takes most of the time, and no machine fails here
    return Damaged(tmp_path, caplog)


# Changes that no search can tell from what it writes, or that do not matter.
UNTOLD = [
    "history.0.0: missing", "history.0.0.loss: None", "history.0.0.loss: -1", "history.0.0.loss: 0",
    "history.0.0.loss: 2.5", "history.0.0.loss: 1000000000000000000000000000000", "history.0.0.loss: nan",
    "history.0.0.val_mae: 2.5", "history.0.0.val_mae: 1000000000000000000000000000000", "failure: missing",
    "stopped: missing", "seconds: missing", "seconds: 2.5", "seconds: 1000000000000000000000000000000",
    "version: missing", "one more",
]  # fmt: skip


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_trial_whose_file_was_damaged_is_done_again_alone(number: int, damaged: Damaged) -> None:
    name = f"trial_{number:04}.json"
    text = damaged.text(name)
    for kind, content in damaged_contents(text):
        assert damaged.go_on(name, content, kind) == [number], kind
    for thing in ("folder", "pipe", "link to nowhere"):
        assert damaged.go_on(name, thing, thing) == [number]


def test_every_field_of_a_trial_damaged_in_every_way_leaves_the_search_as_it_was(damaged: Damaged) -> None:
    kinds = dict(damaged_fields(json.loads(damaged.text("trial_0001.json"))))
    again = {kind: damaged.go_on("trial_0001.json", as_bytes(value), kind) for kind, value in kinds.items()}
    assert len(kinds) > 120
    assert [kind for kind, numbers in again.items() if not numbers and kind != "seconds: 0"] == UNTOLD


def test_every_field_of_a_failed_trial_is_checked_too(damaged: Damaged) -> None:
    kinds = dict(damaged_fields(json.loads(damaged.text("trial_0002.json"))))
    for kind, value in kinds.items():
        if kind.startswith(("score", "failure")) and kind != "failure: 'abc'":
            assert damaged.go_on("trial_0002.json", as_bytes(value), kind) == [2], kind


def test_every_field_of_the_journal_damaged_in_every_way_repeats_and_loses_no_trial(damaged: Damaged) -> None:
    lines = damaged.text("journal.jsonl").splitlines(keepends=True)
    assert len(lines) == 6
    for place, line in enumerate(lines[1:4], 1):
        for kind, value in damaged_fields(json.loads(line)):
            content = json.dumps(value).encode() + b"\n"
            text = b"".join([*lines[:place], content, *lines[place + 1 :]])
            assert damaged.go_on("journal.jsonl", text, f"line {place}: {kind}") == [], kind


def test_a_journal_that_was_replaced_by_something_else_repeats_and_loses_no_trial(damaged: Damaged) -> None:
    text = damaged.text("journal.jsonl")
    for kind, content in damaged_contents(text):
        assert damaged.go_on("journal.jsonl", content, kind) == [], kind
    for thing in ("folder", "pipe", "link to nowhere"):
        assert damaged.go_on("journal.jsonl", thing, thing) == []


@pytest.mark.parametrize("name", TUNERS)
def test_the_oracle_proposes_what_it_would_have_without_the_damage(name: str, tmp_path: Path) -> None:
    """Hyperband's trials from the tenth on repeat the best of the first nine for longer."""
    wanted, _ = searched(tmp_path / "whole", 13, name)
    searched(tmp_path / "damaged", 11, name)
    place = tmp_path / "damaged" / "abc"
    (place / "trial_0003.json").write_bytes(b"")
    (place / "trial_0010.json").write_bytes(b"{}")
    lines = (place / "journal.jsonl").read_bytes().splitlines(keepends=True)
    for line in (2, 7, 18):  # trial 2 begins, trial 4 ends, trial 10 begins
        lines[line] = b"\x00\n"
    (place / "journal.jsonl").write_bytes(b"".join(lines))
    found, heard = searched(tmp_path / "damaged", 13, name)
    assert outline(found) == outline(wanted)
    assert heard.started == [3, 10, 12, 13]
    assert found.reused == 9
    again, heard = searched(tmp_path / "damaged", 13, name)
    assert (outline(again), heard.started) == (outline(wanted), [])
    assert len(list(place.glob("*.damaged"))) == 3


@pytest.mark.parametrize("name", ["trial_0001.json", "journal.jsonl"])
def test_a_file_of_a_newer_version_is_left_alone(name: str, damaged: Damaged, tmp_path: Path) -> None:
    newer = damaged.text(name).replace(b'"version": 1', b'"version": 2')
    path = tmp_path / "before" / "abc" / name
    path.write_bytes(newer)
    with pytest.raises(InputError) as error:
        searched(tmp_path / "before", 4)
    assert str(error.value) == (
        f"{path} was written by a newer version of forcepos: use that one, or move the file away to do without it"
    )
    assert path.read_bytes() == newer


def test_files_that_are_damaged_again_do_not_replace_those_moved_aside(damaged: Damaged, tmp_path: Path) -> None:
    place = tmp_path / "before" / "abc"
    for content in (b"first", b"second", b"third"):
        (place / "trial_0002.json").write_bytes(content)
        searched(tmp_path / "before", 3)
    aside = {path.name: path.read_bytes() for path in place.glob("trial_0002.json.*")}
    assert aside == {
        "trial_0002.json.damaged": b"first",
        "trial_0002.json.damaged-2": b"second",
        "trial_0002.json.damaged-3": b"third",
    }


def test_files_without_a_version_are_read_as_ever(damaged: Damaged, tmp_path: Path) -> None:
    place = tmp_path / "before" / "abc"
    for path in place.glob("*.json*"):
        text = path.read_text().replace(', "version": 1', "").replace(',\n  "version": 1', "")
        assert "version" not in text
        path.write_text(text)
    _, heard = searched(tmp_path / "before", 4)
    assert (heard.known, heard.started) == ([1, 2, 3], [4])


def test_a_search_goes_on_twice_after_its_journal_was_lost(damaged: Damaged, tmp_path: Path) -> None:
    (tmp_path / "before" / "abc" / "journal.jsonl").unlink()
    for trials, started in ((4, [4]), (5, [5])):
        _, heard = searched(tmp_path / "before", trials)
        assert heard.started == started
