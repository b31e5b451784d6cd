"""End a process as soon as its work is done.

By default, Python then destroys every module and object, and TensorFlow's C++ destructors follow: seconds in
which the shell waits for memory that the operating system reclaims anyway. What matters comes before that: Python
prints the traceback, joins the threads and calls the exit hooks (process pools, temporary files), the last
registered first. So a hook that is registered before any large library is imported runs after all of theirs, and
ends the process.
"""

import atexit
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from threading import Thread

from forcepos.runtime.interruption import ended_by_input_errors

_LOOK_S = 0.5

_exit_code: list[int] = []  # one entry once the hook is registered


def end_promptly(work: Callable[[], object]) -> None:
    """Do all the work of a process and let it end promptly, with the exit code that Python would give it.

    The process must do nothing else afterwards. If its output cannot be flushed, as to a closed pipe, the hook
    fails and Python ends the process as usual.
    """
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

    Thread(target=watch, daemon=True).start()


def _leave() -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_exit_code[0])
