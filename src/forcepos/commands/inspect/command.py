"""`python -m forcepos inspect`: what is in recordings, and a config drafted from it."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import ended_by_signals, stop_if_asked

_HELP = """\
forcepos inspect: look before you train. What is in recordings: rows, rate, gaps, ranges, missing values, stuck and
saturated channels, points, classes, and what training would warn of. Which column is what is guessed, and told.

python -m forcepos inspect FILE                                     Feather, Parquet, CSV or other text
python -m forcepos inspect logs/ --no-figures                       a folder, each file one recording
python -m forcepos inspect FILE --write conf/data/mine.yaml         draft a config: data=mine
python -m forcepos inspect FILE --time t_ms --positions X Y Z --label grip       say what cannot be guessed
"""


def main(arguments: Sequence[str]) -> None:
    """Do it, and end with the exit code that a shell expects."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with ended_by_signals():
        _run(asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forcepos inspect", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILES", help="files, folders or patterns of one kind of table"
    )
    parser.add_argument(
        "--write", type=Path, metavar="YAML", help="where the draft goes: a file in a folder data/"
    )
    parser.add_argument("--no-figures", action="store_true", help="draw nothing")
    parser.add_argument("--time", metavar="COLUMN", help="the time of a row")
    parser.add_argument(
        "--positions", nargs="+", default=(), metavar="COLUMN", help="x, y and z, or the first ones"
    )
    parser.add_argument("--point", metavar="COLUMN", help="the touched point's name")
    parser.add_argument("--label", metavar="COLUMN", help="a row's class")
    return parser


def _run(asked: argparse.Namespace) -> None:
    os.environ.setdefault("MPLBACKEND", "Agg")
    from forcepos.commands.inspect.report import inspect  # noqa: PLC0415  # help is answered without

    try:
        result = inspect(asked, Path("outputs/inspect") / time.strftime("%Y-%m-%d_%H-%M-%S"))
    except InputError as error:
        sys.exit(f"error: {error}")
    except Exception:
        stop_if_asked()  # a library may make an error of its own of a signal that reached it
        raise
    sys.stdout.write(json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n")
