"""The command line of `python -m forcepos inspect`."""

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

from forcepos.config.mistakes import command_parser
from forcepos.runtime.log_lines import StandardErrorHandler, print_result
from forcepos.runtime.wording import visible

_HELP = """\
forcepos inspect: check recordings before training: rows, rate, gaps, ranges, missing values, stuck and saturated
channels, points, classes, and what training would warn of. The roles of columns are guessed, with reasons.
The last line is the command that trains.

python -m forcepos inspect FILE                                     Feather, Parquet, CSV or other text
python -m forcepos inspect logs/ --no-figures                       a folder, each file one recording
python -m forcepos inspect FILE --write conf/data/mine.yaml         draft a config: data=mine
python -m forcepos inspect FILE --time t_ms --positions X Y Z --label grip       name what cannot be guessed
python -m forcepos inspect trials/ --join ft=wrench.csv tcp=pose.csv --time ft.t  files of one trial, side by side
"""


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parser = command_parser("inspect", _HELP)
    add = parser.add_argument
    add("files", nargs="+", metavar="FILES", help="files, folders or patterns, all with the same columns")
    add("--write", type=Path, metavar="YAML", help="where to write the draft: a file in a folder named data")
    add("--no-figures", action="store_true", help="draw no figures")
    add("--time", metavar="COLUMN", help="column with the time")
    join = "put these files of each trial side by side: by time where --time names it, else by row"
    add("--join", nargs="+", default=(), metavar="NAME=FILE", help=join)
    add("--positions", nargs="+", default=(), metavar="COLUMN", help="columns with x, y and z, or x and y, or x")
    add("--point", metavar="COLUMN", help="column with the name of the touched point")
    add("--label", metavar="COLUMN", help="column with the class")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, handlers=[StandardErrorHandler()])
    os.environ.setdefault("MPLBACKEND", "Agg")
    from forcepos.commands.inspect.report import inspect  # noqa: PLC0415  # --help does not need it

    path = Path("outputs/inspect") / time.strftime("%Y-%m-%d_%H-%M-%S")
    others = (path.with_name(f"{path.name}-{number}") for number in count(2))  # two may begin at once
    result = inspect(options, next(folder for folder in chain([path], others) if not folder.exists()))
    line = json.dumps(result, ensure_ascii=False, allow_nan=False)
    print_result(line if line.isprintable() else json.dumps(result), asked=True)  # hidden characters as codes
    sys.stderr.write(visible(result["command"]) + "\n")
