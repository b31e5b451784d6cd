"""The command line, and programs, in processes that begin with the libraries loaded: importing them takes seconds.

Python's forkserver imports them once and forks for each command. What a command does from there on is what it does
everywhere, but that a new database of MLflow is a copy (`tests.stores`); tests of how a command starts, or of what
it tells while it does, take `tests.running`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import chdir, suppress
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from multiprocessing.util import get_temp_dir
from pathlib import Path

from forcepos.runtime.interruption import _leave
from forcepos.runtime.log_lines import quiet_import
from tests.running import Finished, environment_with
from tests.stores import copy_tables

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.libraries"])
_TOP = Path(__file__).parents[1]


def forcepos(arguments: Sequence[str], folder: Path, timeout_s: float = 300, **environment: str) -> Finished:
    """What `python -m forcepos` does in `folder`."""
    with tempfile.TemporaryDirectory() as streams:
        command = ["forcepos", *arguments]
        return _finished(command, folder, timeout_s, environment_with(**environment), Path(streams))


def python(program: str, folder: Path, arguments: Sequence[str] = (), timeout_s: float = 300) -> Finished:
    """What a program of the user's does in `folder`."""
    with tempfile.TemporaryDirectory() as streams:
        path = Path(streams, "program.py")
        path.write_text(program)
        return _finished([str(path), *arguments], folder, timeout_s, environment_with(), Path(streams))


def _finished(
    words: Sequence[str], folder: Path, timeout_s: float, environment: Mapping[str, str], streams: Path
) -> Finished:
    out, err = streams / "out", streams / "err"
    process = _start(words, folder, environment, out, err)
    process.join(timeout_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise subprocess.TimeoutExpired(list(words), timeout_s, out.read_text(), err.read_text())
    return Finished(process.exitcode, out.read_text(), err.read_text())


class Started:
    """A command at work, whose standard error can be read while it runs."""

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        with tempfile.TemporaryDirectory() as streams:
            pipe = Path(streams, "err")
            os.mkfifo(pipe)
            self._process = _start(["forcepos", *arguments], folder, environment_with(), Path(os.devnull), pipe)
            self.stderr = pipe.open()  # waits until the other end is open, too

    def running(self) -> bool:
        return self._process.is_alive()

    def send_signal(self, number: int) -> None:
        """Send it, if there is still someone to take it."""
        assert self._process.pid is not None
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def wait(self, timeout_s: float) -> int:
        """The exit code; negative where a signal ended the command."""
        self._process.join(timeout_s)
        self.stderr.close()
        assert self._process.exitcode is not None, f"still running after {timeout_s} s"
        return self._process.exitcode


def _start(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], out: Path, err: Path
) -> ForkServerProcess:
    with quiet_import(), chdir(_TOP):  # where it finds the module that it loads
        forkserver.ensure_running()
    tables = Path(get_temp_dir(), "tables.db")  # removed when this process ends
    process = _FORKS.Process(target=_command, args=(words, folder, environment, out, err, tables))
    process.start()
    return process


def _command(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], out: Path, err: Path, tables: Path
) -> None:
    """Be that command, `forcepos` or the path of a program, in a process of its own."""
    for path, stream in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = list(words)
    copy_tables(tables)
    try:
        if words[0] == "forcepos":
            runpy.run_module("forcepos", run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(words[0], run_name="__main__")
    except KeyboardInterrupt:  # before forcepos listens: end as Python does
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        atexit.unregister(_leave)  # a forked process is never torn down, and its last message is printed later
        atexit._run_exitfuncs()  # it would leave them out
