"""The command line of `python -m forcepos export`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from forcepos.config.mistakes import answer_in_one_line
from forcepos.runtime.files import to_json
from forcepos.runtime.interruption import ended_by_input_errors, ended_by_signals
from forcepos.runtime.log_lines import StandardErrorHandler, VisibleFormatter, print_result, quiet_import
from forcepos.runtime.wording import visible

_HELP = """\
forcepos export: a folder for the robot's computer, with model.onnx, what the model knows of itself (facts.json),
and estimator.py, which answers one sample after the other and needs numpy and onnxruntime only. The export is
compared with the model, and timed; it needs pip install 'forcepos[export]'.

python -m forcepos export outputs/runs/A                    the folder of a run
python -m forcepos export models:/plate@in_use --output robot
"""


def main(arguments: Sequence[str]) -> None:
    """Run the command, and exit with the code that a shell expects."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="forcepos export", description=_HELP, formatter_class=raw)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a run's folder or id, a .keras file, or models:/NAME@ALIAS")
    add("--output", type=Path, metavar="FOLDER", help="a new folder; by default `exported` in the run's")
    add("overrides", nargs="*", metavar="KEY=VALUE", help="of the config: where the data are now, data.path=…")
    answer_in_one_line(parser)
    options = parser.parse_intermixed_args(arguments)  # keys may follow options
    handler = StandardErrorHandler()
    handler.setFormatter(VisibleFormatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    with ended_by_signals(), ended_by_input_errors():
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the export is for a CPU, and compared on one
        with quiet_import():
            from forcepos.experiment.export import export  # noqa: PLC0415  # TensorFlow takes seconds
            from forcepos.results.terminal import show_table  # noqa: PLC0415

        result = export(options.model, options.output, options.overrides)
        print_result(to_json(result))
        show_table("The exported model", [{"": name, "value": value} for name, value in result.items()])
        sys.stderr.write(f"exported: {visible(str(result['folder']))}\n")
