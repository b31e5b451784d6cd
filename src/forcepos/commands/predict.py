"""The command line of `python -m forcepos predict`."""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from forcepos.config.mistakes import command_parser
from forcepos.config.plugins import use_plugin_folders
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import to_json
from forcepos.runtime.log_lines import log_with_times, print_result, quiet_import
from forcepos.runtime.wording import visible

_HELP = """\
forcepos predict: positions, or classes, for every row of new recordings, which are read as those in training were;
scores, coverage and figures where their truth is known.

python -m forcepos predict outputs/runs/A new/*.csv                         the folder of a run
python -m forcepos predict 4f0c… new.mcap --output predictions.csv          its id in MLflow
python -m forcepos predict models:/plate@in_use logs/ data.time=stamp       a registered model; another time column
"""


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    parser = command_parser("predict", _HELP)
    add = parser.add_argument
    add("model", metavar="MODEL", help="a run's folder or id, a .keras file, or models:/NAME@ALIAS")
    add("files", nargs="+", metavar="FILES", help="files, folders or patterns; and keys such as data.time=t")
    output = Path("outputs/predictions") / time.strftime("%Y-%m-%d_%H-%M-%S") / "predictions.parquet"
    add("--output", type=Path, metavar="FILE", default=output, help=".parquet or .csv")
    add("--config-dir", metavar="FOLDER", help="with a reader of your own, which data.plugin=… names")
    options = parser.parse_intermixed_args(arguments)  # keys may follow options
    log_with_times()
    overrides = [one for one in options.files if re.match(r"[\w.]+=", one) and not Path(one).exists()]
    files = [one for one in options.files if one not in overrides]
    if not files:
        raise InputError("name the files of the recordings, too")
    if options.output.suffix not in {".parquet", ".csv"}:
        raise InputError(f"--output {options.output} must end with .parquet or .csv")
    use_plugin_folders([Path(options.config_dir).absolute()] if options.config_dir else [])
    with quiet_import():
        from forcepos.experiment.prediction import predict  # noqa: PLC0415  # TensorFlow takes seconds

    print_result(to_json(predict(options.model, files, overrides, options.output)))
    sys.stderr.write(f"predictions: {visible(str(options.output))}\n")
