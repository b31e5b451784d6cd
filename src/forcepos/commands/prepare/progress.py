"""How far it is: a bar on a terminal, lines in a log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

log = logging.getLogger(__name__)
_QUIET_S = 5.0  # without a terminal, it is told at most this often
_Item = TypeVar("_Item")


def tracked(items: Sequence[_Item]) -> Iterator[_Item]:
    """The items, while it is shown how many of them are done."""
    console = Console(stderr=True)
    if console.is_terminal:
        yield from track(items, "logs", console=console, transient=True)
        return
    told = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - told >= _QUIET_S:
            told = time.monotonic()
            log.info("%d of %d logs", done, len(items))
