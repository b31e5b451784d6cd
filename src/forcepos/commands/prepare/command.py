"""`python -m forcepos prepare`: converts text logs, one per visit of a point, to the notebook's Feather file."""

import logging
import sys
from collections.abc import Sequence

from forcepos.commands.prepare.config import logs_config
from forcepos.commands.prepare.conversion import prepare
from forcepos.runtime.files import to_json
from forcepos.runtime.interruption import ended_by_input_errors, ended_by_signals
from forcepos.runtime.log_lines import StandardErrorHandler, VisibleFormatter
from forcepos.runtime.paths import conf_dir

_HELP = """\
forcepos prepare: converts text logs, one per visit of a point, to a Feather file that data=versuch reads.

python -m forcepos prepare data.source=versuch_f1.zip                      or a folder with the logs
python -m forcepos prepare data.source=versuch_f1.zip data.keep_rows=3000  the last 3000 rows of each
python -m forcepos prepare data.source=logs data.target=mine.feather data.overwrite=true
python -m forcepos prepare data.source=logs 'data.pattern="{experiment}_{i}_{j}_{visit}.txt"'

"""


def main(arguments: Sequence[str]) -> None:
    """Run the command, and exit with the code that a shell expects."""
    if {"--help", "-h"} & set(arguments):
        keys = (conf_dir() / "prepare.yaml").read_text()
        sys.stdout.write(_HELP + keys[keys.index("data:") :])
        return
    handler = StandardErrorHandler()
    handler.setFormatter(VisibleFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    with ended_by_signals(), ended_by_input_errors():
        result = prepare(logs_config(arguments))
        sys.stdout.write(to_json(result) + "\n")
