"""Results of finished runs: which of them are reused."""

from __future__ import annotations

from pathlib import Path

import pytest

from forcepos.results.finished_runs import SKIP_VARIABLE, cached_result
from forcepos.runtime.files import write_state
from forcepos.runtime.paths import finished_file
from tests.conftest import a_result, checked_config

RESULT = a_result("run")


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """When the run "v1-known" finished, in a working directory that knows no other."""
    monkeypatch.chdir(tmp_path)
    write_state(finished_file("v1-known"), RESULT)
    return finished_file("v1-known").stat().st_mtime


def test_a_finished_run_is_reused_only_if_that_is_asked_for(finished: float) -> None:
    assert cached_result(checked_config(), "v1-known") is None
    assert cached_result(checked_config("skip_finished=true"), "v1-known") == RESULT


def test_what_resumes_reuses_its_own_runs_and_none_from_before_it_began(
    finished: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = checked_config()
    assert cached_result(config, "v1-known", since=str(finished - 1)) == RESULT
    assert cached_result(config, "v1-known", since=str(finished + 1)) is None
    monkeypatch.setenv(SKIP_VARIABLE, str(finished + 1))  # for the jobs of a sweep
    assert cached_result(config, "v1-known") is None
    assert cached_result(config, "v1-other") is None
    monkeypatch.setenv(SKIP_VARIABLE, str(finished - 1))
    assert cached_result(config, "v1-known") == RESULT
