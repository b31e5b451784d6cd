"""The main job, `python -m forcepos overrides…`: one run, or the jobs of a multirun."""

import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import hydra
from hydra._internal import utils
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from forcepos.config.checks import register_resolvers, register_schemas
from forcepos.config.mistakes import answer_in_one_line, explain
from forcepos.config.schema import Config
from forcepos.experiment.api import start_run, to_config
from forcepos.experiment.sweep import AGAIN, SweepEnded, close_sweep, sweep_job
from forcepos.runtime.files import to_json
from forcepos.runtime.interruption import Interrupted, end_children, ended_by_input_errors, ended_by_signals
from forcepos.runtime.log_lines import JSON_VARIABLE, print_result
from forcepos.runtime.paths import conf_dir
from forcepos.runtime.resources import in_sweep, overrides_of
from forcepos.runtime.wording import visible, visible_lines

_hydras_report = utils.run_and_report
_INCOMPLETE = 3  # exit code: the run is complete, but MLflow lacks some of it


@hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")
def _job(composed: DictConfig) -> float:
    """Do one run; return what Hydra's sweepers minimise."""
    register_resolvers()  # a launcher's worker process receives Hydra's state, but not these
    settings = HydraConfig.get()
    if settings.job.chdir:  # relative paths begin, and earlier searches are, where the command was started
        os.chdir(settings.runtime.cwd)
    folder, overrides = Path(settings.runtime.output_dir), list(map(visible, overrides_of(settings)))
    with ended_by_input_errors(), sweep_job(settings.job.num, folder) if in_sweep() else nullcontext():
        config = to_config(composed)
        result = start_run(config, folder, overrides)
        print_result(to_json(result))
    if result["tracking"] == "incomplete" and not in_sweep():
        sys.stderr.write(f"tracking is incomplete: {AGAIN}\n")
        sys.exit(_INCOMPLETE)
    return _loss(config, result)


def _loss(config: Config, result: dict[str, Any]) -> float:
    """Return what sweepers minimise. Never a test score: whatever chooses by it would fit the test subset."""
    return float(result["objective"]) * (1 if config.tuner.direction == "min" else -1)


def main() -> None:
    """Run the job or jobs and exit with the code that a shell expects."""
    register_schemas()
    utils.run_and_report = _report
    with ended_by_signals(), ended_by_input_errors():
        sys.argv[1:] = _options_first(sys.argv[1:])
        status = "FAILED"
        try:
            _report(_job)
            status = "FINISHED"
        except (Interrupted, SweepEnded):
            end_children()
            raise
        finally:
            complete = close_sweep(status)  # whether MLflow has all of it
    if not complete:
        sys.exit(_INCOMPLETE)


def _options_first(arguments: list[str]) -> list[str]:
    """Put options before overrides: Hydra takes none after or between them. Ours, --json, is not for it."""
    if "--json" in arguments:
        os.environ[JSON_VARIABLE] = "1"
        arguments = [each for each in arguments if each != "--json"]
    parser = utils.get_args_parser()
    answer_in_one_line(parser)
    overrides = parser.parse_intermixed_args(arguments).overrides
    return [*(each for each in arguments if each not in overrides), *overrides]


def _report(func: Callable[[], Any]) -> Any:
    """Do a step of Hydra's: a mistake of the user's that it meets is told in one line, all else as Hydra does."""

    def explaining() -> Any:
        try:
            with ended_by_input_errors():  # Hydra makes folders and log files before our code begins
                return func()
        except Exception as error:
            if os.environ.get("HYDRA_FULL_ERROR") != "1" and (line := explain(error)):
                sys.exit(f"error: {visible_lines(line)}")
            raise

    return _hydras_report(explaining)
