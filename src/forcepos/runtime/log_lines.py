"""Log lines on the terminal; Hydra's logging config names the handler, so it is imported before the first line."""

from __future__ import annotations

import logging
import sys
from typing import TextIO


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is now, so that log lines pass above a live progress bar."""

    def __init__(self, stream: object = None) -> None:  # noqa: ARG002  # Hydra's default config passes one
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def prefix_log_lines(name: str) -> None:
    """Begin each log line on the terminal with `name`, where several jobs write."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, StandardErrorHandler):
            handler.setFormatter(logging.Formatter(f"%(asctime)s {name}: %(message)s", "%H:%M:%S"))
