"""The context of a tracked run, from its start to its end, and the run of a multirun, above its jobs' runs."""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.entities import Metric
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from forcepos.config.plugins import values_with_plugins
from forcepos.config.schema import Config, TrackingConfig
from forcepos.runtime.interruption import defer_signals
from forcepos.runtime.wording import shortened
from forcepos.tracking.description import PARENT_VARIABLE, SweepStory, short_value
from forcepos.tracking.outages import ERRORS, is_outage, reason, usable
from forcepos.tracking.place import resolve
from forcepos.tracking.run import UNLOGGED_PARAMS, Run
from forcepos.tracking.store import create_run, find_run, open_store, resume_run

log = logging.getLogger(__name__)


def check_server(config: TrackingConfig) -> None:
    """Raise InputError where a tracking server is unreachable or lacks the experiment with MLFLOW_EXPERIMENT_ID.

    This is before anything that takes long. A job of a sweep needs no server.
    """
    if config.name == "none" or PARENT_VARIABLE in os.environ:
        return
    variables = ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")
    given = [name for name in variables if os.environ.get(name) == config.experiment]
    if given:
        log.info("tracking.experiment=%s, from %s", config.experiment, given[0])
    if given or resolve(config.uri)[1] is None:
        open_store(config)


@contextmanager
def track(
    config: Config, name: str, search: str, parent: Run | None = None, swept: Mapping[str, str] | None = None
) -> Iterator[Run]:
    """Track what happens inside as one run: FINISHED, FAILED with the reason, or KILLED.

    By `search`, a fingerprint, the same command finds its unfinished run; `parent` is by default the sweep's run,
    which varies what is `swept`. Raises InputError where the store cannot be used, unless there is a parent.
    """
    run = Run(config, parent)
    if not run.is_part and config.tracking.name != "none":  # without tracking, every step is left out
        run.connect()
    try:
        run.start(name, search, _params(config, swept or {}), run.parent_id)
        yield run
        run.close("FINISHED")
    except BaseException as error:
        fails = isinstance(error, Exception)  # else Ctrl-C or SIGTERM
        run.close("FAILED" if fails else "KILLED", f"{type(error).__name__}: {error}" if fails else "interrupted")
        raise


def _params(config: Config, swept: Mapping[str, str]) -> dict[str, str]:
    """Return the values that make the run what it is, in short; all of them are in its config.json."""
    values: dict[Any, Any] = pd.json_normalize(values_with_plugins(config)).to_dict("records")[0]
    logged = {key: value for key, value in values.items() if not key.startswith(UNLOGGED_PARAMS)}
    texts = {key: json.dumps(value) if isinstance(value, list) else str(value) for key, value in logged.items()}
    varied = {f"sweep.{key}": value for key, value in swept.items()}
    return {key: short_value(text) for key, text in texts.items() if logged[key] is not None} | varied


def start_sweep(config: TrackingConfig, overrides: str, begun: str | None = None, varied: str = "") -> str:
    """Start the run of a multirun, named by what is varied, or resume the one that was `begun`; return its id."""
    client, experiment_id = open_store(config)
    with usable(config.uri):
        if begun and find_run(client, experiment_id, begun):
            resume_run(client, begun)
            return begun
        source = {"mlflow.source.name": f"python -m forcepos -m {overrides}", "mlflow.source.type": "LOCAL"}
        return create_run(client, experiment_id, shortened(f"sweep {varied or overrides}", 100), source)


@defer_signals()
def end_sweep(config: TrackingConfig, run_id: str, status: str, table: Path | None, story: SweepStory) -> bool:
    """End a sweep's run, with the table of its jobs as a file and as an MLflow table; return whether it could."""
    try:
        client, experiment_id = open_store(config)  # marks runs of processes that ended, as after Ctrl-C
        run = find_run(client, experiment_id, run_id)
        if not run:
            log.warning("tracking.uri=%s no longer has the sweep's run", config.uri)
            return False
        client.set_terminated(run_id, status)
        if table:
            # As `log_table` does, which would add to a table that is there.
            client.log_text(run_id, pd.read_csv(table).to_json(orient="split", index=False), "sweep.json")
            client.set_tag(run_id, "mlflow.loggedArtifacts", '[{"path": "sweep.json", "type": "table"}]')
            client.set_tag(run_id, MLFLOW_RUN_NOTE, story.description[:8000])
            # A resumed sweep has more finished jobs, or the same metrics, which MLflow keeps once.
            place = (run.info.start_time, story.finished)
            client.log_batch(run_id, metrics=[Metric(*metric, *place) for metric in story.metrics.items()])
            for file in (table, *story.files):
                client.log_artifact(run_id, str(file))
    except ERRORS as error:
        if not is_outage(error):
            raise
        ended = "the sweep's run is not ended there"
        log.warning("tracking.uri=%s is unreachable (%s): %s", config.uri, reason(error), ended)
        return False
    return True
