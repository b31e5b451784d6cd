"""A run on a disk that gets full, whenever that is: one line, and with more space the same command continues."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.experiment.test_resume import SEARCH
from tests.warm import forcepos

pytestmark = pytest.mark.system
Mount = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Mount]:
    """Mount a disk of a given size, or make the one that is there larger."""
    mount, place = shutil.which("mount"), tmp_path / "disk"
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount a small disk")
    place.mkdir()

    def sized(size: str) -> Path:
        remount = (
            ["-o", f"remount,size={size}"] if place.is_mount() else ["-t", "tmpfs", "-o", f"size={size}", "tmpfs"]
        )
        done = subprocess.run([mount, *remount, str(place)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        return place

    yield sized
    subprocess.run(["/bin/umount", "--lazy", str(place)], check=False)


@pytest.mark.parametrize("size", ["8k", "600k", "1m"])
def test_a_run_on_a_full_disk_ends_in_one_line_and_continues_with_more_space(size: str, disk: Mount) -> None:
    place = disk(size)
    full = forcepos(SEARCH, place)
    assert full.code == 1
    assert full.err.splitlines()[-1].startswith("error: ")
    assert "full" in full.err.splitlines()[-1] or "No space left on device" in full.err.splitlines()[-1]
    for block in ("Traceback", "--- Logging error ---", "Exception ignored"):
        assert block not in full.err
    finished = sum(1 for _ in place.glob("outputs/search/*/trial_*.json"))
    disk("100m")
    again = forcepos(SEARCH, place)
    assert again.code == 0, again.err
    if finished:
        assert f"reused {finished} of 2 trials from an earlier run" in again.err
