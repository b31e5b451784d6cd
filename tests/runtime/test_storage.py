"""A full disk, a folder that cannot be written, a file in its place: one line, and the exit code says so."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from forcepos.runtime.errors import storage_fault
from forcepos.runtime.interruption import ended_by_input_errors, ended_by_signals
from tests.running import Finished, environment_with

AGAIN = "then the same command continues"


def error_of(code: int, *names: object) -> OSError:
    return OSError(code, os.strerror(code), *names)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (error_of(errno.ENOSPC, "a/b.json"), "a/b.json: No space left on device; free some space"),
        (error_of(errno.EDQUOT, "a"), "a: Disk quota exceeded; free some space"),
        (error_of(errno.EFBIG, "a"), "a: File too large; raise the limit on the size of files (ulimit -f)"),
        (error_of(errno.EROFS, "a"), "a: Read-only file system; make it writable, or work in another folder"),
        (error_of(errno.EACCES, "a"), "a: Permission denied; make it writable, or work in another folder"),
        (error_of(errno.ENOTDIR, "a/b"), "a/b: Not a directory; it is in the place of a folder: move it away"),
        (error_of(errno.EISDIR, "a"), "a: Is a directory; a folder is in the place of a file: move it away"),
        (error_of(errno.ENOSPC), "{here}: No space left on device; free some space"),
        # h5py, pyarrow and SQLAlchemy tell it in words of their own.
        (OSError("Can't write data (file write failed: errno = 28, error message = 'No space left on device')"),
         "{here}: No space left on device; free some space"),
        (RuntimeError("(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT]"),
         "{here}: database or disk is full; free some space"),
        (RuntimeError("attempt to write a readonly database"),
         "{here}: attempt to write a readonly database; make it writable, or work in another folder"),
        (RuntimeError("unable to open database file"),
         "{here}: unable to open database file; make it writable, or work in another folder"),
    ],
)  # fmt: skip
def test_an_error_of_the_file_system_is_described_with_what_helps(error: Exception, words: str) -> None:
    assert storage_fault(error) == f"{words.format(here=Path.cwd())}; {AGAIN}"


def test_what_follows_from_a_full_disk_is_described_by_it() -> None:
    """A ZIP file that cannot be closed, since it could not be written."""
    with pytest.raises(ValueError, match="Can't close the ZIP file") as raised:
        _close_after(error_of(errno.ENOSPC, "model.keras"))
    assert storage_fault(raised.value) == f"model.keras: No space left on device; free some space; {AGAIN}"


def _close_after(error: OSError) -> None:
    try:
        raise error
    finally:
        raise ValueError("Can't close the ZIP file")


@pytest.mark.parametrize(
    "bug",
    [
        KeyError("units_7"), FileNotFoundError(2, "No such file or directory", "x"), BrokenPipeError(32, "broken"),
        FileExistsError(17, "File exists", str(Path(__file__).parent)), ConnectionRefusedError(111, "refused"),
    ],
)  # fmt: skip
def test_a_bug_keeps_its_traceback(bug: Exception) -> None:
    assert storage_fault(bug) is None
    with pytest.raises(type(bug)), ended_by_input_errors():
        raise bug


def test_a_log_line_that_cannot_be_written_is_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", True)  # put back afterwards
    handler, log = logging.FileHandler("/dev/full"), logging.getLogger("of this test")
    log.propagate = False
    log.addHandler(handler)
    with ended_by_signals():
        log.warning("it is full")
    assert capsys.readouterr().err == ""
    log.removeHandler(handler)


def shell(command: str, folder: Path) -> Finished:
    """Run a command line with `forcepos` in it."""
    done = subprocess.run(
        ["/bin/bash", "-c", command.replace("forcepos", f"{sys.executable} -m forcepos", 1)],
        cwd=folder, env=environment_with(), capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("touch outputs; forcepos debug=smoke",
         "outputs: Not a directory; it is in the place of a folder: move it away"),
        ("ulimit -f 0; forcepos debug=smoke",
         "{}: File too large; raise the limit on the size of files (ulimit -f)"),
        ("forcepos --help > /dev/full", "{}: No space left on device; free some space"),
    ],
)  # fmt: skip
def test_a_command_that_cannot_write_ends_in_one_line(command: str, line: str, tmp_path: Path) -> None:
    finished = shell(command, tmp_path)
    assert finished.code == 1
    assert finished.err.splitlines()[-1] == f"error: {line.format(tmp_path)}; {AGAIN}"
    assert "Traceback" not in finished.err
    assert "Exception ignored" not in finished.err
