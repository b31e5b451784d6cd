"""Ctrl-C, SIGTERM and a cluster's warning, such that they cannot get lost.

Python raises an exception wherever the program is, and libraries swallow it in some places: a bare `except`
while they are imported, a destructor, a callback from C. So the signal is remembered as well, and those who
work for long ask. Where it would leave something in halves, it waits.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

import psutil

from forcepos.runtime.errors import InputError

_PATIENCE_S = 5.0  # for a process to close its runs
_INSIST_S = 2.0  # who asks again after this long does not want to wait

_received: list[tuple[float, BaseException]] = []  # when, and what it raises
_deferred: list[int] = []  # for each block that is being done, how many signals came before it


class Interrupted(KeyboardInterrupt):
    """The program was asked to stop, by this signal."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number  # what a shell gives a command that a signal ended


def listen() -> None:
    """Answer Ctrl-C and SIGTERM with an Interrupted."""
    signal.signal(signal.SIGINT, _answer)
    signal.signal(signal.SIGTERM, _answer)
    sys.unraisablehook = _keep_quiet


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Listen, and end the program with the exit code that a shell expects if a signal ends what is inside."""
    listen()
    try:
        yield
    except Interrupted as interrupted:
        sys.stderr.write("interrupted\n")
        sys.exit(interrupted.exit_code)


@contextmanager
def ended_by_input_errors() -> Iterator[None]:
    """End the program with one line if what is inside refuses its input; let other errors pass."""
    try:
        yield
    except InputError as error:
        sys.exit(f"error: {error}")
    except Exception:
        stop_if_asked()  # a library may turn a signal into an exception of its own
        raise


def listen_in_job() -> None:
    """Listen in a process that a launcher has made, where it does not answer itself, as submitit does."""
    for number, silence in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) == silence:
            signal.signal(number, _answer)
    sys.unraisablehook = _keep_quiet
    _remember_warning()


def _remember_warning() -> None:
    """Remember also what submitit answers when a job nears its time limit; other processes get no such signal."""
    name = f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"
    number = getattr(signal, name, None)  # None on Windows
    answer = signal.getsignal(number) if number else None
    if number and callable(answer) and "SUBMITIT_EXECUTOR" in os.environ:
        signal.signal(number, partial(_answer_as, answer))


def end_children() -> None:
    """Interrupt the processes that this one has started, and kill those that do not end."""
    children = [child for child in psutil.Process().children(recursive=True) if not _ends_by_itself(child)]
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.send_signal(signal.SIGINT)
    for child in psutil.wait_procs(children, timeout=_PATIENCE_S)[1]:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def _ends_by_itself(child: psutil.Process) -> bool:
    """Python's and joblib's own helpers that clean up behind a process."""
    try:
        return any("resource_tracker" in argument for argument in child.cmdline())
    except psutil.Error:
        return True  # it has ended


def stop_if_asked() -> None:
    """Raise again what got lost.

    Raises:
        Interrupted: a signal was received.
        SystemExit: a cluster's warning was received, and the job is queued again.
    """
    if _received:
        raise _received[0][1]


@contextmanager
def defer_signals() -> Iterator[None]:
    """Do all of what is inside before a signal is answered, unless it comes again after a while.

    Raises:
        Interrupted, SystemExit: as in `stop_if_asked`, for a signal that came inside.
    """
    before = len(_received)
    _deferred.append(before)
    try:
        yield
    finally:
        _deferred.pop()
        if len(_received) > before and not _deferred:
            raise _received[before][1]


def _keep_quiet(raised: sys.UnraisableHookArgs) -> None:
    """A destructor cannot raise an Interrupted, and Python would print it: whoever asks next raises it again."""
    if not isinstance(raised.exc_value, Interrupted):
        sys.__unraisablehook__(raised)


def _answer(number: int, _: FrameType | None) -> None:
    _receive(Interrupted(number))


def _answer_as(answer: Callable[[int, FrameType | None], object], number: int, frame: FrameType | None) -> None:
    try:
        answer(number, frame)
    except SystemExit as raised:
        _receive(raised)


def _receive(asked: BaseException) -> None:
    now = time.monotonic()
    _received.append((now, asked))
    if _deferred:
        first, _ = _received[_deferred[0]]
        if now - first < _INSIST_S:
            return
    raise asked
