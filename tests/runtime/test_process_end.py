"""A process ends as Python would end it, but for the time that it takes to destroy what it has loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

BEGINNING = """
import atexit, os, sys, tempfile, threading, time
from forcepos.runtime.interruption import end_promptly, skip_teardown

class Library:
    def __del__(self):
        os.write(1, b"destroyed")

library = Library()
"""
WORK = """
def work():
    global folder
    folder = tempfile.TemporaryDirectory(dir={folder!r})
    atexit.register(print, "hook")
    threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
    sys.stdout.write("." * 1_000_000)
    {end}

end_promptly(work)
"""
OUTPUT = "." * 1_000_000 + "thread\nhook\n"


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("end", "code", "last_line"),
    [
        ("return", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('error: no')", 1, "error: no"),
        ("raise ValueError('a bug')", 1, "ValueError: a bug"),
    ],
)
def test_exit_code_output_threads_hooks_and_temporary_folders_are_those_of_any_process(
    end: str, code: int, last_line: str, tmp_path: Path
) -> None:
    ended = run(BEGINNING + WORK.format(folder=str(tmp_path), end=end))
    assert (ended.returncode, ended.stdout) == (code, OUTPUT)
    assert ended.stderr.rpartition("\n")[0].endswith(last_line)
    assert list(tmp_path.iterdir()) == []


def test_output_that_cannot_be_written_ends_a_process_in_one_line() -> None:
    code = "from forcepos.runtime.interruption import end_promptly; end_promptly(lambda: print(1))"
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full, stderr=subprocess.PIPE, env=buffered, text=True, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (
        1,
        "error: standard output: No space left on device; free some space; then the same command continues\n",
    )


def test_ctrl_c_before_anyone_listens_ends_a_process_as_ever(tmp_path: Path) -> None:
    ended = run(BEGINNING + WORK.format(folder=str(tmp_path), end="raise KeyboardInterrupt"))
    assert (ended.returncode, ended.stdout) == (-signal.SIGINT, f"{OUTPUT}destroyed")


def test_a_closed_pipe_is_reported_as_ever() -> None:
    command = [sys.executable, "-c", f"{BEGINNING}\nend_promptly(lambda: print('.'))"]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(command, env=buffered, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"BrokenPipeError" in process.stderr.read()
    assert process.returncode == 120


def test_a_worker_process_skips_its_teardown_and_no_command_around_it_loses_its_exit_code() -> None:
    ended = run(f"{BEGINNING}\nskip_teardown()\nprint('worked')")
    assert (ended.returncode, ended.stdout) == (0, "worked\n")
    ended = run(f"{BEGINNING}\nend_promptly(lambda: (skip_teardown(), sys.exit(3)))")
    assert (ended.returncode, ended.stdout) == (3, "")
