"""Lines on the terminal; Hydra's logging config names the handler, so it is imported before the first line."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from forcepos.runtime.wording import visible, visible_lines


class VisibleFormatter(logging.Formatter):
    """Formatter for lines that may hold names from files: no control character passes."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        return visible_lines(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), kept="\n")  # a traceback has lines of its own


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Handler that writes to the current sys.stderr, so that log lines appear above a live progress bar."""

    def __init__(self, stream: object = None) -> None:  # noqa: ARG002  # Hydra's default config passes one
        logging.Handler.__init__(self)
        self.setFormatter(VisibleFormatter())

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


@contextmanager
def lines_on_standard_error() -> Iterator[None]:
    """Show our log lines while the block runs as the command line does, unless the program has handlers."""
    ours, handler = logging.getLogger("forcepos"), StandardErrorHandler()
    handler.setFormatter(VisibleFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
    if not ours.hasHandlers():
        ours.addHandler(handler)
        ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.removeHandler(handler)


def prefix_log_lines(name: str) -> None:
    """Begin each log line on the terminal with `name`, for several jobs that share it."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, StandardErrorHandler):
            handler.setFormatter(VisibleFormatter(f"%(asctime)s {name}: %(message)s", "%H:%M:%S"))


@contextmanager
def quiet_import() -> Iterator[None]:
    """Capture what TensorFlow prints while it is imported, below Python's streams; show it if the import fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryFile() as kept:
        standard_error = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(standard_error, kept.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
