"""`prepare` while it runs: help, progress, signals."""

from __future__ import annotations

import os
import pty
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands.prepare.made import numbers, text, zipped
from tests.commands.prepare.running import ZIPPED, prepared


def test_help_is_answered_in_less_than_two_seconds_of_processor_time(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = prepared(tmp_path, "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert finished.code == 0
    assert "python -m forcepos prepare data.source=versuch_f1.zip" in finished.out
    assert '  pattern: "{experiment}_{i}_{j}_demoRecord.txt"' in finished.out
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs that take seconds."""
    content = text(numbers(1)) * 5000
    path = tmp_path_factory.mktemp("large") / "large.zip"
    return zipped(path, {f"f_{i}_{j}_demoRecord.txt": content for i in range(11) for j in range(11)})


def stopped(source: Path, place: Path, sent: int) -> tuple[int, str]:
    """Exit code and standard error of a run that gets a signal while it writes."""
    command = [sys.executable, "-m", "forcepos", "prepare", f"data.source={source}", "data.target=mine.feather"]
    process = subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True)
    while not any(path.stat().st_size for path in place.glob("*.unfinished")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(sent)
    return process.wait(timeout=60), process.communicate()[1]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_nothing(sent: int, code: int, large: Path, tmp_path: Path) -> None:
    ended, logged = stopped(large, tmp_path, sent)
    assert ended == code
    assert logged.splitlines()[-1] == "interrupted"
    assert "Traceback" not in logged
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_nothing_that_looks_like_a_result(large: Path, tmp_path: Path) -> None:
    ended, _ = stopped(large, tmp_path, signal.SIGKILL)
    assert ended == -signal.SIGKILL
    assert not (tmp_path / "mine.feather").exists()
    assert len(list(tmp_path.iterdir())) == 1
    (tmp_path / "mine.feather.1.unfinished").write_text("of process 1, which lives")
    assert prepared(tmp_path, f"data.source={ZIPPED}", "data.target=mine.feather").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.feather", "mine.feather.1.unfinished"]


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "forcepos", "prepare", f"data.source={ZIPPED}"]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # Linux' way to say that the other side was closed
        pass
    os.close(ours)
    assert process.wait() == 0
    assert "━".encode() in shown
