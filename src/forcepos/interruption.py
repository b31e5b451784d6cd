"""Ctrl-C and SIGTERM, such that they cannot get lost.

Python raises an exception wherever the program is, and libraries swallow it in some places: a bare `except`
while they are imported, a destructor, a callback from C. So the signal is remembered as well, and those who
work for long ask.
"""

from __future__ import annotations

import signal
from types import FrameType

_received: list[int] = []


class Interrupted(KeyboardInterrupt):
    """The program was asked to stop, by this signal."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.exit_code = 128 + signal_number  # what a shell gives a command that a signal ended


def listen() -> None:
    """Answer Ctrl-C and SIGTERM with an Interrupted."""
    signal.signal(signal.SIGINT, _answer)
    signal.signal(signal.SIGTERM, _answer)


def stop_if_asked() -> None:
    """Raise an Interrupted that got lost.

    Raises:
        Interrupted: a signal was received.
    """
    if _received:
        raise Interrupted(_received[0])


def _answer(number: int, _: FrameType | None) -> None:
    _received.append(number)
    raise Interrupted(number)
