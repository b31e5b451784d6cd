"""Lines on the terminal; Hydra's logging config names the handler, so it is imported before the first line."""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from textwrap import TextWrapper
from typing import TextIO

from forcepos.runtime.wording import visible, visible_lines

JSON_VARIABLE = "FORCEPOS_JSON"  # set by --json, for the jobs of a sweep in whatever process they run
ELSEWHERE = "elsewhere"  # attribute of records that a terminal shows in another way
LINK = "link"  # attribute of records with a path, which no wrapping may cut: what it links to, or nothing
_WORDS = {logging.WARNING: "warning: ", logging.ERROR: "error: "}
_YELLOW, _PLAIN = "\x1b[33m", "\x1b[0m"
_INDENT = " " * len("23:59:59 ")


class VisibleFormatter(logging.Formatter):
    """Formatter for lines that may hold names from files: no control character passes. Warnings are named so."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        named = copy(record)  # other handlers receive it as well
        named.message = _WORDS.get(record.levelno, "") + record.message.removeprefix("\t")  # as Hydra lists jobs
        return visible_lines(super().formatMessage(named))

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), kept="\n")  # a traceback has lines of its own


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """Handler that writes to the current sys.stderr, so that log lines appear above a live progress bar."""

    def __init__(self, stream: object = None) -> None:  # noqa: ARG002  # Hydra's default config passes one
        logging.Handler.__init__(self)
        self.setFormatter(VisibleFormatter())
        self.addFilter(lambda record: not getattr(record, ELSEWHERE, False))

    def format(self, record: logging.LogRecord) -> str:
        """On a terminal wrap a line between words or link it, and colour the word for a warning."""
        text = super().format(record)
        if not self.stream.isatty():
            return text
        link, dumb = getattr(record, LINK, None), os.environ.get("TERM") in {"dumb", "unknown"}
        if link is None:
            width = shutil.get_terminal_size().columns
            wrap = TextWrapper(width, "", _INDENT, tabsize=1, break_long_words=False, break_on_hyphens=False)
            text = "\n".join(map(wrap.fill, text.split("\n")))
        elif link and not dumb:
            text = f"\x1b]8;;{visible(link)}\x1b\\{text}\x1b]8;;\x1b\\"
        word = _WORDS.get(record.levelno, "")
        plain = dumb or os.environ.get("NO_COLOR") or not word
        return text if plain else text.replace(word, f"{_YELLOW}{word}{_PLAIN}", 1)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def print_result(text: str, asked: bool = False) -> None:
    """Print a line of JSON: to a file or pipe, or if --json asks for it; a terminal has other things to show."""
    if asked or os.environ.get(JSON_VARIABLE) or not sys.stdout.isatty():
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def log_with_times() -> None:
    """Show log lines with their times from here on, as training does."""
    logging.basicConfig(level=logging.INFO, handlers=[_with_times()])


def _with_times() -> StandardErrorHandler:
    handler = StandardErrorHandler()
    handler.setFormatter(VisibleFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
    return handler


@contextmanager
def lines_on_standard_error() -> Iterator[None]:
    """Show our log lines while the block runs as the command line does, unless the program has handlers."""
    ours, handler = logging.getLogger("forcepos"), _with_times()
    level = ours.level
    if not ours.hasHandlers():
        ours.addHandler(handler)
        ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)


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
