"""Results and pending logs that were damaged are moved aside, and their work is done again."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from mlflow.store.entities import PagedList
from omegaconf import DictConfig, OmegaConf

from forcepos.experiment import sweep
from forcepos.results.finished_runs import SKIP_VARIABLE, cached_result
from forcepos.results.pending_logs import reopen
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import write_state
from forcepos.runtime.paths import finished_file, pending_logs_file
from tests.conftest import checked_config, compose_config
from tests.damage import as_bytes, damaged_contents, damaged_fields, replaced_by

CONFIG = checked_config("skip_finished=true", "split=cross_validation", "split.folds=2")
FOLD: dict[str, Any] = {
    "run_id": "1", "test": {"r2": 0.5}, "baseline": {"r2": None}, "tracking": "complete", "outputs": "o",
}  # fmt: skip
RESULT = FOLD | {
    "objective": 1.5, "model_uri": "models:/m-1", "best_hyperparameters": {"lr": 0.1}, "folds": [FOLD, FOLD],
    "also": None,
}  # fmt: skip
STEPS: list[dict[str, Any]] = [
    {"name": "start", "when": 5, "arguments": {"name": "n", "search": "s", "parent": None, "params": {"a": "1"}}},
    {"name": "log_epoch", "when": 6, "arguments": {"member": 1, "epoch": 2, "logs": {"loss": 0.5}}},
    {"name": "close", "when": 7, "arguments": {"status": "FINISHED", "reason": None}},
]
PENDING: dict[str, Any] = {"tracking": {"uri": "u"}, "result": RESULT, "steps": STEPS}


NUMBERS = ["-1", "0", "2.5", str(10**30), "nan"]


def possible(prefix: str) -> list[str]:
    """The changes that leave a result one that a run could have."""
    anything = ["None", "True", *NUMBERS, "'abc'", "[1]", "{}"]
    scores = ["missing", "None", *NUMBERS]
    found: dict[str, list[str]] = {}
    for place in ("", "folds.0."):
        found |= {
            f"{place}run_id": ["None", "'abc'"], f"{place}test": ["{}"], f"{place}test.r2": scores,
            f"{place}baseline": ["{}"], f"{place}baseline.r2": ["missing", *NUMBERS], f"{place}outputs": ["'abc'"],
        }  # fmt: skip
    found |= {
        "objective": NUMBERS[:-1], "model_uri": ["None", "'abc'"], "best_hyperparameters": ["None", "{}"],
        "best_hyperparameters.lr": ["missing", *anything], "also": ["missing", *anything[1:]],
    }  # fmt: skip
    return [f"{prefix}{name}: {value}" for name, values in found.items() for value in values]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    client = MagicMock()
    client.search_runs.return_value = PagedList([], None)
    monkeypatch.setattr("forcepos.tracking.steps.open_store", lambda _: (client, "1"))


def damages(value: dict[str, Any]) -> list[tuple[str, bytes | str]]:
    things = [(thing, thing) for thing in ("folder", "pipe", "link to nowhere")]
    fields = [(kind, as_bytes(changed)) for kind, changed in damaged_fields(value | {"version": 1})]
    return [*fields, *damaged_contents(as_bytes(value)), *things]


def put(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else b"")
    if isinstance(content, str):
        replaced_by(content, path)


def assert_moved_aside(path: Path, content: bytes | str, messages: list[str], consequence: str) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    assert not os.path.lexists(path)
    (message,) = messages
    assert message.startswith(f"{path} is damaged (")
    assert message.endswith(f"): moved to {aside.name}; {consequence}")
    assert isinstance(content, str) or aside.read_bytes() == content
    aside.rename(path.parent / "seen") if not aside.is_dir() else aside.rmdir()


def test_every_field_of_a_finished_runs_result_is_checked(caplog: pytest.LogCaptureFixture) -> None:
    path = finished_file("v1-abc")
    unused = list[str]()
    for kind, content in damages(RESULT):
        put(path, content)
        caplog.clear()
        result = cached_result(CONFIG, "v1-abc")
        if result is None and kind != "tracking: 'incomplete'":
            assert_moved_aside(path, content, caplog.messages, "the run is done again")
        elif result is not None:
            unused.append(kind)
            whole = {name: value for name, value in json.loads(content).items() if name != "version"}
            assert json.dumps(result) == json.dumps(whole)  # a NaN does not equal itself
    assert sorted(unused) == sorted([*possible(""), "version: missing", "one more"])


def test_every_field_of_pending_logs_is_checked(caplog: pytest.LogCaptureFixture) -> None:
    digest = pending_logs_file("v1-abc", f"{CONFIG.tracking.uri} {CONFIG.tracking.experiment}")
    refused, unused = dict[str, str](), list[str]()
    for kind, content in damages(PENDING):
        put(digest, content)
        caplog.clear()
        try:
            opened = reopen(CONFIG, "v1-abc")
        except InputError as error:
            refused[kind] = str(error)
            continue
        if opened is None:
            assert_moved_aside(digest, content, caplog.messages, "the run is done again")
        else:
            unused.append(kind)
    assert {kind.rsplit(":")[0] for kind in refused} == {
        "steps.0.name", "steps.0.arguments", "steps.0.arguments.name", "steps.0.arguments.search",
        "steps.0.arguments.params", "steps.0",
    }  # fmt: skip
    for message in refused.values():
        assert message.startswith(f"{digest} cannot be logged: ")
        assert message.endswith("; remove it to train again")
    for kind in possible("result."):
        assert kind in unused
    steps = {kind for kind in unused if kind.startswith("steps") and ".arguments." not in kind}
    assert steps == {"steps.0.when: -1", "steps.0.when: 0", f"steps.0.when: {10**30}"}


def test_a_result_is_read_as_it_was_written_whatever_the_version() -> None:
    write_state(finished_file("v1-abc"), RESULT)
    assert cached_result(CONFIG, "v1-abc") == RESULT
    finished_file("v1-abc").write_bytes(as_bytes(RESULT))  # before files carried a version
    assert cached_result(CONFIG, "v1-abc") == RESULT
    finished_file("v1-abc").write_bytes(as_bytes(RESULT | {"version": 2}))
    with pytest.raises(
        InputError, match="v1-abc.json was written by a newer version of forcepos: use that one, or"
    ):
        cached_result(CONFIG, "v1-abc")
    assert finished_file("v1-abc").is_file()


def multirun() -> DictConfig:
    config = compose_config()
    OmegaConf.set_struct(config, False)
    config.hydra = {"overrides": {"task": ["seed=1,2"]}, "sweep": {"dir": "s"}, "sweeper": {}, "launcher": {}}
    return config


def unfinished_sweep() -> Path:
    """Return the file that keeps the run's id of a sweep with these overrides."""
    digest = hashlib.sha256(json.dumps(["seed=1,2"]).encode()).hexdigest()[:12]
    return pending_logs_file(f"sweep-{digest}", f"{CONFIG.tracking.uri} {CONFIG.tracking.experiment}")


def test_a_sweep_whose_run_the_store_lost_skips_what_is_complete_since_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("forcepos.tracking.track.start_sweep", lambda *_: "new")
    monkeypatch.setattr(sweep, "_open", [])
    path = unfinished_sweep()
    put(path, b'{"run_id": "lost"}')
    os.utime(path, (1000, 1000))
    sweep.SweepCallback().on_multirun_start(multirun())
    sweep._open.pop().lock.release()
    assert os.environ[SKIP_VARIABLE] == "1000.0"
    assert json.loads(path.read_text())["run_id"] == "new"
    assert path.stat().st_mtime == 1000


def test_a_sweep_whose_file_was_damaged_is_started_anew(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = list[str | None]()

    def start(_: Any, __: str, known: str | None, *_varied: str) -> str:
        begun.append(known)
        return "new"

    monkeypatch.setattr("forcepos.tracking.track.start_sweep", start)
    monkeypatch.setattr(sweep, "_open", [])
    path = unfinished_sweep()
    config = multirun()
    for content in (b'{"run_id": "7"}', b"", b"[]", b'{"run_id": 3}', b'{"run_id": "7"', b'{"run": "7"}'):
        put(path, content)
        caplog.clear()
        sweep.SweepCallback().on_multirun_start(config)
        sweep._open.pop().lock.release()
        path.unlink()
        if len(begun) > 1:
            warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
            assert_moved_aside(path, content, warnings, "the sweep begins anew")
    assert begun == ["7", None, None, None, None, None]
