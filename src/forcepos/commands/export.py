"""The command line of `python -m forcepos export`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from forcepos.config.mistakes import command_parser
from forcepos.runtime.files import to_json
from forcepos.runtime.log_lines import log_with_times, print_result, quiet_import
from forcepos.runtime.wording import visible

_HELP = """\
forcepos export: a folder for the robot's computer, with model.onnx, what the model knows of itself (facts.json),
and estimator.py, which answers one sample after the other and needs numpy and onnxruntime only. The export is
compared with the model, and timed; it needs pip install 'forcepos[export]'.

python -m forcepos export outputs/runs/A                    the folder of a run
python -m forcepos export models:/plate@in_use --output robot
"""


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parser = command_parser("export", _HELP)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a run's folder or id, a .keras file, or models:/NAME@ALIAS")
    add("--output", type=Path, metavar="FOLDER", help="a new folder; by default `exported` in the run's")
    add("overrides", nargs="*", metavar="KEY=VALUE", help="of the config: where the data are now, data.path=…")
    options = parser.parse_intermixed_args(arguments)  # keys may follow options
    log_with_times()
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the export is for a CPU, and compared on one
    with quiet_import():
        from forcepos.experiment.export import export  # noqa: PLC0415  # TensorFlow takes seconds
        from forcepos.results.terminal import show_table  # noqa: PLC0415

    result = export(options.model, options.output, options.overrides)
    print_result(to_json(result))
    show_table("The exported model", [{"": name, "value": value} for name, value in result.items()])
    sys.stderr.write(f"exported: {visible(str(result['folder']))}\n")
