"""Handle Ctrl-C, SIGTERM and a cluster's preemption signal so that none is lost.

Python raises a signal's exception wherever the program is, and libraries swallow it in some places: a bare
`except` during their import, a destructor, a callback from C. So the signal is recorded as well, and long-running
code polls for it. Where it would leave something half done, it is deferred.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

from forcepos.runtime.errors import InputError, storage_fault
from forcepos.runtime.wording import visible_lines

_PATIENCE_S = 5.0  # time for a process to close its runs
_INSIST_S = 2.0  # a signal that is repeated after this long is no longer deferred

_received: list[tuple[float, BaseException]] = []  # time and exception of each signal
_deferred: list[int] = []  # for each deferring block: number of signals received before it


class Interrupted(KeyboardInterrupt):
    """The program was asked to stop by this signal."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number  # as shells report a command that a signal ended


def listen() -> None:
    """Raise Interrupted on Ctrl-C and SIGTERM, except where a launcher handles them itself, as submitit does."""
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if not callable(handler) or handler is signal.default_int_handler:
            signal.signal(number, lambda asked, _: _receive(Interrupted(asked)))
    sys.unraisablehook = _keep_quiet
    if "SUBMITIT_EXECUTOR" in os.environ:  # record its preemption signal, which a job near its time limit gets
        number = signal.Signals[f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"]
        handler = signal.getsignal(number)
        if callable(handler):
            signal.signal(number, partial(_answer_as, handler))


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Listen; if a signal ends the block, exit with the code that a shell expects."""
    listen()
    logging.raiseExceptions = False  # a log line that cannot be written is left out: what matters fails by itself
    try:
        yield
    except Interrupted as interrupted:
        sys.stderr.write("interrupted\n")
        sys.exit(interrupted.exit_code)


@contextmanager
def listening() -> Iterator[None]:
    """Listen while the block runs, as a job does; off the main thread, which gets the signals, do nothing."""
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM) if main}
    if main:
        listen()
    try:
        yield
    finally:
        _received.clear()
        for number, answer in before.items():
            signal.signal(number, answer)


@contextmanager
def ended_by_input_errors() -> Iterator[None]:
    """End the program in one line if what is inside refuses its input or cannot write; let other errors pass."""
    try:
        yield
    except InputError as error:
        sys.exit(f"error: {visible_lines(str(error))}")
    except Exception as error:
        stop_if_asked()  # a library may turn a signal into an exception of its own
        fault = storage_fault(error)
        if fault is None:
            raise
        sys.exit(f"error: {visible_lines(fault)}")


def end_children() -> None:
    """Interrupt the child processes but for resource trackers, which clean up; kill those that do not end."""
    import psutil  # noqa: PLC0415  # a command's start does without

    children = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            if not any("resource_tracker" in argument for argument in child.cmdline()):
                child.send_signal(signal.SIGINT)
                children.append(child)
    for child in psutil.wait_procs(children, timeout=_PATIENCE_S)[1]:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def stop_if_asked() -> None:
    """Raise the exception of a signal that was received, in case it was swallowed.

    Raises:
        Interrupted: on Ctrl-C or SIGTERM.
        SystemExit: on a cluster's preemption signal; the job is requeued.
    """
    if _received:
        raise _received[0][1]


@contextmanager
def defer_signals() -> Iterator[None]:
    """Complete the block before a signal takes effect, unless it is repeated after a while.

    Raises:
        Interrupted, SystemExit: as in `stop_if_asked`, for a signal received in the block.
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
    """Suppress the report of an Interrupted in a destructor; `stop_if_asked` raises it later."""
    if not isinstance(raised.exc_value, Interrupted):
        sys.__unraisablehook__(raised)


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
