"""Ctrl-C, SIGTERM and a cluster's warning, such that they cannot get lost.

Python raises an exception wherever the program is, and libraries swallow it in some places: a bare `except`
while they are imported, a destructor, a callback from C. So the signal is remembered as well, and those who
work for long ask.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType

import psutil

_PATIENCE_S = 5.0  # for a process to close its runs

_received: list[BaseException] = []


class Interrupted(KeyboardInterrupt):
    """The program was asked to stop, by this signal."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.exit_code = 128 + signal_number  # what a shell gives a command that a signal ended


def listen() -> None:
    """Answer Ctrl-C and SIGTERM with an Interrupted."""
    signal.signal(signal.SIGINT, _answer)
    signal.signal(signal.SIGTERM, _answer)


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


def remember_warning() -> None:
    """Remember also what submitit answers when a job nears its time limit; other processes get no such signal."""
    name = f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"
    number = getattr(signal, name, None)  # None on Windows
    answer = signal.getsignal(number) if number else None
    if number and callable(answer) and "SUBMITIT_EXECUTOR" in os.environ:
        signal.signal(number, partial(_answer_as, answer))


def stop_if_asked() -> None:
    """Raise again what got lost.

    Raises:
        Interrupted: a signal was received.
        SystemExit: a cluster's warning was received, and the job is queued again.
    """
    if _received:
        raise _received[0]


def _answer(number: int, _: FrameType | None) -> None:
    _received.append(Interrupted(number))
    raise _received[-1]


def _answer_as(answer: Callable[[int, FrameType | None], object], number: int, frame: FrameType | None) -> None:
    try:
        answer(number, frame)
    except SystemExit as raised:
        _received.append(raised)
        raise
