"""The table of a sweep's jobs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from forcepos.experiment.sweep_table import job_rows
from forcepos.results.finished_runs import unfinished
from forcepos.runtime.files import write_json
from tests.conftest import a_result


def test_a_job_that_was_killed_after_its_result_was_written_has_failed(tmp_path: Path) -> None:
    scores = {"accuracy": 0.5}
    for number, killed in ((0, False), (1, True)):
        job = tmp_path / str(number)
        job.mkdir()
        with suppress(KeyboardInterrupt), unfinished(job):
            write_json(job / "result.json", a_result(job) | {"test": scores, "baseline": scores})
            if killed:
                raise KeyboardInterrupt  # while it draws its figures
    assert [(row["job"], row["status"]) for row in job_rows(tmp_path)] == [(0, "FINISHED"), (1, "FAILED")]
