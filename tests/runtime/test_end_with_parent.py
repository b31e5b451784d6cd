"""Processes of a pool end with the process that started them, even if that is killed."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import psutil

from forcepos.runtime.interruption import end_with_parent

_SPAWN: Any = multiprocessing.get_context("spawn")


def _work(start_s: float) -> None:
    time.sleep(start_s)
    end_with_parent()
    time.sleep(60)


def _start_two(tell: Callable[[tuple[int, int]], None]) -> None:
    at_work, starting = (_SPAWN.Process(target=_work, args=(start_s,)) for start_s in (0, 3))
    at_work.start()
    starting.start()
    tell((at_work.pid, starting.pid))
    time.sleep(60)


def test_a_process_ends_with_a_parent_that_is_killed_even_while_it_starts() -> None:
    told = _SPAWN.Queue()
    parent = _SPAWN.Process(target=_start_two, args=(told.put,))
    parent.start()
    children = [psutil.Process(number) for number in told.get(timeout=60)]
    time.sleep(1)
    assert all(child.is_running() for child in children)
    parent.kill()
    assert psutil.wait_procs(children, timeout=20)[1] == []
    parent.join()
