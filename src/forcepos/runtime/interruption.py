"""End a process: on Ctrl-C, SIGTERM or a cluster's preemption signal, none of which is lost, or when it is done.

Libraries swallow a signal's exception in some places: a bare `except`, a destructor, a callback from C. So it is
recorded, and long-running code polls for it. Where it would leave something half done, it is deferred.
When the work is done, Python and TensorFlow would destroy all objects for seconds. Exit hooks run the last
registered first, so one that is registered before any large library is imported may end the process instead.
"""

import atexit
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from types import FrameType

from forcepos.runtime.errors import InputError, storage_fault
from forcepos.runtime.wording import visible_lines

_ASKING = (signal.SIGINT, signal.SIGTERM)
_PATIENCE_S = 5.0  # time for a process to close its runs
_INSIST_S = 2.0  # a signal that is repeated after this long is no longer deferred
_END_WITH_OTHERS = ("resource_tracker", "submitit.local._local")  # the latter would print a traceback
_LOOK_S = 0.5  # how often a process of a pool looks for its parent
_exit_code: list[int] = []  # one entry once the hook is registered
_received: list[tuple[float, BaseException]] = []  # time and exception of each signal
_deferred: list[int] = []  # for each deferring block: number of signals received before it


class Interrupted(KeyboardInterrupt):
    """The program was asked to stop by this signal."""

    @property
    def exit_code(self) -> int:
        return 128 + int(self.args[0])  # as shells report a command that a signal ended


def listen() -> None:
    """Raise Interrupted on Ctrl-C and SIGTERM, except where a launcher handles them itself, as submitit does."""
    for number in _ASKING:
        handler = signal.getsignal(number)
        if not callable(handler) or handler is signal.default_int_handler:
            signal.signal(number, lambda asked, _: _receive(Interrupted(asked)))
    sys.unraisablehook = _keep_quiet
    if "SUBMITIT_EXECUTOR" in os.environ:  # record its preemption signal, which a job near its time limit gets
        number = signal.Signals[f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"]
        if callable(handler := signal.getsignal(number)):
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
    """Listen while the block runs, as a job does; do nothing off the main thread, which gets the signals."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in _ASKING}
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
    except Exception as error:
        stop_if_asked()  # a library may turn a signal into an exception of its own
        fault = str(error) if isinstance(error, InputError) else storage_fault(error)
        if fault is None:
            raise
        sys.exit(f"error: {visible_lines(fault)}")


def end_children() -> None:
    """Interrupt the child processes but for those that end with the others; kill those that do not end."""
    import psutil  # noqa: PLC0415  # a command's start does without

    children = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            if not any(name in argument for argument in child.cmdline() for name in _END_WITH_OTHERS):
                child.send_signal(signal.SIGINT)
                children.append(child)
    for child in psutil.wait_procs(children, timeout=_PATIENCE_S)[1]:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def stop_if_asked() -> None:
    """Raise the exception of a signal that was received, Interrupted or SystemExit, in case it was swallowed."""
    if _received:
        raise _received[0][1]


@contextmanager
def defer_signals() -> Iterator[None]:
    """Complete the block before a signal takes effect, unless it is repeated after a while."""
    _deferred.append(len(_received))
    try:
        yield
    finally:
        before = _deferred.pop()
        if len(_received) > before and not _deferred:
            raise _received[before][1]


def _keep_quiet(raised: "sys.UnraisableHookArgs") -> None:
    """Suppress the report of an Interrupted in a destructor; `stop_if_asked` raises it later."""
    if not isinstance(raised.exc_value, Interrupted):
        sys.__unraisablehook__(raised)


def _answer_as(answer: Callable[[int, FrameType | None], object], number: int, frame: FrameType | None) -> None:
    try:
        answer(number, frame)
    except SystemExit as raised:
        _receive(raised)


def _receive(asked: BaseException) -> None:
    _received.append((time.monotonic(), asked))
    if not _deferred or _received[-1][0] - _received[_deferred[0]][0] >= _INSIST_S:
        raise asked


def end_promptly(work: Callable[[], object]) -> None:
    """Do all the work of a process and let it end promptly, with the exit code that Python would give it."""
    skip_teardown()
    _exit_code[0] = 1
    try:
        with ended_by_input_errors():
            work()
            _flush_output()
        _exit_code[0] = 0
    except SystemExit as ended:
        _exit_code[0] = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if _exit_code[0]:
            with suppress(OSError):
                _flush_output()  # else the end of the process would fail of it again
        raise
    except KeyboardInterrupt:  # not an Interrupted: Python then kills itself by SIGINT
        atexit.unregister(_leave)
        raise


def _flush_output() -> None:
    """Flush standard output; what cannot be written is dropped, and a closed pipe is left to Python."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        error.filename = "standard output"
        raise


def skip_teardown() -> None:
    """End this process right after the exit hooks that are registered from now on, by default with 0."""
    if not _exit_code:
        _exit_code.append(0)
        atexit.register(_leave)


@cache
def end_with_parent() -> None:
    """End this process of a pool when the one that started it ends: one that is killed cannot end its children."""
    import psutil  # noqa: PLC0415  # a command's start does without

    starter = multiprocessing.parent_process()

    def watch() -> None:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(starter.pid if starter else None)
            while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
                time.sleep(_LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _leave() -> None:
    logging.shutdown()
    sys.stdout.flush()  # fails for a closed pipe: Python then ends the process as usual
    sys.stderr.flush()
    os._exit(_exit_code[0])
