"""`forcepos compare` as it is typed: runs by folder or id, a table, a page and, in a pipe, JSON."""

from __future__ import annotations

import json
import os
import pty
import sys
from pathlib import Path
from subprocess import run

import pytest

from tests.results.made_runs import made_run, positions
from tests.running import WITHOUT_LIBRARIES, Finished, environment_with, processor_time_s
from tests.warm import forcepos

ERRORS = [1.0, 5.0, 2.0, 9.0, 4.0, 3.0, 7.0, 2.0]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep with two finished jobs, of which the second errs by 1 mm more, and an unfinished one."""
    for job, step in enumerate((0, 1)):
        made_run(tmp_path / "sweep" / f"{job}", positions([error + step for error in ERRORS]), {"seed": job})
    (tmp_path / "sweep" / "2").mkdir()
    return tmp_path


def compared(place: Path, *runs: str) -> Finished:
    return forcepos(["compare", *runs, "--output", "page.html"], place)


def refused(place: Path, *runs: str) -> str:
    """Return the error, one line, with nothing on standard output."""
    finished = compared(place, *runs)
    assert finished.code == 1, finished.err
    assert finished.out == ""
    assert len(finished.err.splitlines()) == 1
    return finished.err.strip()


def test_a_table_ends_with_the_page_and_a_pipe_gets_json(sweep: Path) -> None:
    finished = compared(sweep, "sweep/0", "sweep/1")
    assert finished.code == 0, finished.err
    lines = finished.err.splitlines()
    assert lines[0].rstrip() == "euclidean_mean_mm on the test subset of split=blocked"
    rows = [" ".join(line.replace("│", " ").split()) for line in lines]
    assert "1 seed=0 4.12 the best" in rows
    assert "2 seed=1 5.12 1.00 [1.00, 1.00] the difference is real" in rows
    assert lines[-1] == "comparison: page.html"
    assert finished.result["page"] == "page.html"
    assert [(each["run"], each["verdict"]) for each in finished.result["runs"]] == [
        ("1 seed=0", "the best"), ("2 seed=1", "the difference is real")
    ]  # fmt: skip
    assert (sweep / "page.html").read_text().count('src="data:image/png;base64,iVBOR') == 2


def test_a_page_that_cannot_be_written_is_told_in_one_line(sweep: Path) -> None:
    (sweep / "page.html").mkdir()
    assert refused(sweep, "sweep/0", "sweep/1") == "error: page.html cannot be written: Is a directory"


def test_of_a_sweep_the_finished_jobs_are_compared(sweep: Path) -> None:
    finished = compared(sweep, "sweep")
    assert finished.code == 0, finished.err
    assert finished.err.splitlines()[0] == "warning: sweep: 1 of its 3 jobs are not finished and left out"
    assert len(finished.result["runs"]) == 2


def test_runs_and_sweeps_are_found_by_their_id_in_mlflow(sweep: Path) -> None:
    (sweep / "sweep" / "sweep.json").write_text(json.dumps({"run_id": "id-sweep"}))
    copy = sweep / "mlruns" / "artifacts" / "id-0" / "artifacts"
    copy.mkdir(parents=True)
    (copy / "result.json").write_bytes((sweep / "sweep" / "0" / "result.json").read_bytes())
    for runs in (["id-0", "id-1"], ["id-sweep"]):
        finished = compared(sweep, *runs)
        assert finished.code == 0, finished.err
        assert len(finished.result["runs"]) == 2


def test_what_cannot_be_compared_is_one_line(sweep: Path) -> None:
    where = "is neither a folder nor the id of a run or sweep below"
    assert refused(sweep, "nope\x1b[1m", "sweep/0") == rf"error: nope\x1b[1m {where} {sweep}"
    assert refused(sweep, "id-", "sweep/0") == f"error: id- {where} {sweep}"
    assert refused(sweep, "sweep/0").startswith("error: a comparison takes two different runs")
    made_run(sweep / "other", positions(ERRORS, "random"), {"split.name": "random"})
    message = "error: other and sweep/1 were tested on different rows: split=random and split=blocked"
    assert refused(sweep, "other", "sweep/1") == message
    assert not (sweep / "page.html").exists()


def test_on_a_terminal_json_is_printed_only_if_asked_for(sweep: Path) -> None:
    for options, printed in (([], False), (["--json"], True)):
        ours, its = pty.openpty()
        command = [sys.executable, "-m", "forcepos", "compare", "sweep/0", "sweep/1", *options]
        done = run(
            command, cwd=sweep, stdout=its, capture_output=False, stderr=-1, check=True, env=environment_with()
        )
        os.set_blocking(ours, False)
        os.write(its, b"end\n")
        assert (b'{"page": "outputs/comparisons/' in os.read(ours, 100_000)) == printed
        assert b"comparison: outputs/comparisons/" in done.stderr
        os.close(ours)
        os.close(its)


def test_the_command_starts_without_tensorflow_or_mlflow(sweep: Path) -> None:
    importing = processor_time_s("-c", f"import forcepos.commands.train; {WITHOUT_LIBRARIES}")
    assert processor_time_s("-m", "forcepos", "compare", "--help") < 1.5 * importing
    program = f"import sys; from forcepos.commands.compare import main; main(sys.argv[1:]); {WITHOUT_LIBRARIES}"
    run([sys.executable, "-c", program, "sweep/0", "sweep/1"], cwd=sweep, check=True, capture_output=True)
