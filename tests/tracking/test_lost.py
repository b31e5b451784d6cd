"""A database that is deleted or replaced while a run is on: the same command records the finished run anew."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from forcepos.config.schema import Config
from forcepos.results.pending_logs import finalize_tracking, log_pending, reopen
from forcepos.runtime.errors import InputError
from forcepos.tracking.description import PARENT_VARIABLE, SweepStory
from forcepos.tracking.run import Run
from forcepos.tracking.track import end_sweep, start_sweep, track
from tests.conftest import a_result, children, runs
from tests.tracking.test_outages import log_everything, smoke_with, what_is_stored

STORY = SweepStory({}, "", (), 0)


def replace(folder: Path, other: Path) -> None:
    """Put another database into the place of the folder's, which open connections go on with."""
    shutil.copy(other / "mlruns" / "mlflow.db", folder / "other.db")
    (folder / "other.db").rename(folder / "mlruns" / "mlflow.db")


def overwrite(folder: Path, other: Path) -> None:
    """Write another database over the folder's, which open connections see at once."""
    shutil.copy(other / "mlruns" / "mlflow.db", folder / "mlruns" / "mlflow.db")


@pytest.fixture
def config(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A config whose store lies in the working directory."""
    shutil.copytree(empty_store, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return smoke_with("sqlite:///mlruns/mlflow.db")


def begin_process() -> None:
    """Forget open databases, as another process would not have them."""
    for engine in SqlAlchemyStore._engine_map.values():
        engine.dispose()


def finish(run: Run, config: Config, folder: Path, fingerprint: str = "v1-abc") -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return finalize_tracking(run, a_result(folder), config, fingerprint)


def stored(config: Config) -> list[Any]:
    begin_process()
    return what_is_stored(config.tracking.uri)


@pytest.mark.parametrize("lose", [replace, overwrite])
def test_a_run_is_recorded_anew_with_everything(
    lose: Callable[[Path, Path], None], config: Config, empty_store: Path, tmp_path: Path
) -> None:
    with track(config, "name", "whole") as run:
        log_everything(run, tmp_path)
    finish(run, config, tmp_path / "whole")
    expected = stored(config)
    overwrite(tmp_path, empty_store)

    begin_process()
    with track(config, "name", "whole") as run:
        log_everything(run, tmp_path)
        lose(tmp_path, empty_store)
        run.log_tags({"device": "CPU"})
    first = finish(run, config, tmp_path / "whole")
    begin_process()
    second = log_pending(config, "v1-abc") or first
    assert second["tracking"] == "complete"
    assert stored(config) == expected
    assert [one.info.run_id for one in runs(tmp_path) if one.info.run_name == "name"] == [second["run_id"]]
    assert list(tmp_path.glob("outputs/unlogged/*")) == []


def test_what_an_earlier_version_kept_of_a_lost_run_is_an_error_that_says_what_to_do(
    config: Config, empty_store: Path, tmp_path: Path
) -> None:
    with track(config, "name", "abc") as run:
        replace(tmp_path, empty_store)
        run.log_scores({"test": {"mae_mm": 1.0}})
    finish(run, config, tmp_path / "run")
    (path,) = tmp_path.glob("outputs/unlogged/*.json")
    kept = json.loads(path.read_text())
    assert [step["name"] for step in kept.pop("logged")] == ["start"]
    path.write_text(json.dumps(kept))
    begin_process()
    message = (
        f"{path} cannot be logged: sqlite:///mlruns/mlflow.db no longer has the run, and an earlier version of "
        "forcepos kept only what it lacked; remove it to train again"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        log_pending(config, "v1-abc")


def test_a_cross_validation_is_recorded_anew_with_the_folds_that_were_complete(
    config: Config, empty_store: Path, tmp_path: Path
) -> None:
    folds = []
    with track(config, "name", "whole") as run:
        for number in (1, 2):
            with track(config, f"fold {number}", f"fold {number}", parent=run) as fold:
                fold.log_scores({"test": {"mae_mm": float(number)}})
            folds.append(finish(fold, config, tmp_path / f"fold_{number}", f"v1-fold{number}"))
            replace(tmp_path, empty_store) if number == 1 else None
        run.log_scores({"test": {"mae_mm": 1.5}})
    finish(run, config, tmp_path / "whole")
    assert folds[0]["tracking"] == "complete"
    begin_process()
    parent, _ = reopen(config, "v1-abc") or (run, None)
    assert parent.anew
    for number, result in enumerate(folds, 1):
        log_pending(config, f"v1-fold{number}", parent, result)
    everything = runs(tmp_path)
    assert [(one.info.run_name, one.info.status, one.data.metrics["test/mae_mm"]) for one in everything] == [
        ("name", "FINISHED", 1.5), ("fold 1", "FINISHED", 1.0), ("fold 2", "FINISHED", 2.0),
    ]  # fmt: skip
    assert len(children(everything, str(parent.run_id))) == 2


def test_a_sweep_is_recorded_anew_with_the_jobs_that_were_complete(
    config: Config, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = []
    sweep = start_sweep(config.tracking, "seed=1,2,3")
    monkeypatch.setenv(PARENT_VARIABLE, sweep)
    for number in (1, 2, 3):
        with track(config, f"job {number}", f"job {number}") as job:
            job.log_scores({"test": {"mae_mm": float(number)}})
            replace(tmp_path, empty_store) if number == 2 else None
        jobs.append(finish(job, config, tmp_path / f"job_{number}", f"v1-job{number}"))
        begin_process()  # as some launchers do: the third job makes a database of its own
    assert not end_sweep(config.tracking, sweep, "FINISHED", None, STORY)
    again = start_sweep(config.tracking, "seed=1,2,3", sweep)
    assert again != sweep
    monkeypatch.setenv(PARENT_VARIABLE, again)
    for number, result in enumerate(jobs, 1):
        log_pending(config, f"v1-job{number}", None, result)
    assert end_sweep(config.tracking, again, "FINISHED", None, STORY)
    everything = runs(tmp_path)
    assert sorted(str(one.info.run_name) for one in everything) == ["job 1", "job 2", "job 3", "sweep seed=1,2,3"]
    assert {one.info.status for one in everything} == {"FINISHED"}
    scores = [one.data.metrics["test/mae_mm"] for one in children(everything, again)]
    assert sorted(scores) == [1.0, 2.0, 3.0]


def test_a_job_that_another_sweep_holds_stays_there(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (start_sweep(config.tracking, name) for name in ("first", "second"))
    monkeypatch.setenv(PARENT_VARIABLE, first)
    with track(config, "job", "job") as job:
        job.log_scores({"test": {"mae_mm": 1.0}})
    result = finish(job, config, tmp_path / "job")
    monkeypatch.setenv(PARENT_VARIABLE, second)
    log_pending(config, "v1-abc", None, result)
    assert [one.info.run_name for one in children(runs(tmp_path), first)] == ["job"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
        ("{}", "result: Field required"),
        ("[1]", "Input should be an object"),
        ('{"tracking": {}, "result": null, "steps": 1}', "result: Input should be an object"),
    ],
)
def test_damaged_logs_of_a_finished_job_are_told_and_its_result_stays(
    content: str,
    fault: str,
    config: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(PARENT_VARIABLE, "sweep")
    (tmp_path / "tracking.json").write_text(content)
    assert log_pending(config, "v1-abc", None, a_result(tmp_path)) is None
    assert caplog.messages == [
        f"{tmp_path}/tracking.json is damaged ({fault}): moved to tracking.json.damaged; "
        "what the tracking store lost of that run, it will lack"
    ]
