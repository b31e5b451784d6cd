"""`python -m benchmarks quality --quick`, killed and given again, measures what was missing and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from benchmarks.quality.ways import ways

from tests.running import environment_with

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]


def test_a_killed_measurement_resumes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "quality", "--quick", "--seeds", "1"]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    kept, environment = tmp_path / "outputs/bench-quality/quick/simulated", environment_with(PYTHONPATH=path)
    first = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    measuring = wait_for_results(first, kept, 2)
    first.kill()
    first.wait()
    psutil.wait_procs(measuring, timeout=30)
    assert not any(process.is_running() for process in measuring), "it measures on without who asked for it"
    finished = {file: file.stat().st_mtime_ns for file in kept.glob("*.json")}

    again = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert all(file.stat().st_mtime_ns == moment for file, moment in finished.items())
    assert len([*kept.glob("*.json")]) == len(ways())
    for way in ways():
        assert sum(line.startswith(f"| {way} |") for line in again.stdout.splitlines()) >= 4  # a row of each table
    assert "| notebook | 1 | 1 of 1 |" in again.stdout
    assert (kept.parent / "quality_simulated.png").stat().st_size > 10_000


def wait_for_results(process: subprocess.Popen[bytes], kept: Path, count: int) -> list[psutil.Process]:
    """Wait until so many runs have finished; return the processes that go on with the others."""
    end = time.monotonic() + 600
    while len([*kept.glob("*.json")]) < count:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)
    return psutil.Process(process.pid).children(recursive=True)
