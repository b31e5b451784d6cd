"""The context of a tracked run, from its start to its end, and the run of a multirun, above its jobs' runs."""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pandas as pd

from forcepos.config.plugins import values_with_plugins
from forcepos.config.schema import Config, TrackingConfig
from forcepos.tracking import description
from forcepos.tracking.mlflow_run import UNLOGGED_PARAMS
from forcepos.tracking.place import resolve
from forcepos.tracking.run import Run
from forcepos.tracking.store import open_store

log = logging.getLogger(__name__)
PARENT_VARIABLE = "FORCEPOS_SWEEP_RUN"  # carries the sweep's run id to its jobs, whatever process they run in
SWEEP_KEYS_VARIABLE = description.SWEEP_KEYS_VARIABLE


def check_server(config: TrackingConfig) -> None:
    """Check that a tracking server is reachable, before anything that takes long; a job of a sweep needs none.

    Raises:
        InputError: it is unreachable, or has no experiment that MLFLOW_EXPERIMENT_ID names.
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

    Args:
        search: fingerprint of the search, by which the same command finds its unfinished run.
        parent: the run that it belongs to; by default the sweep's, if there is one.
        swept: what the sweep varies, and the values of this job.

    Raises:
        InputError: the store cannot be used. A fold, or a job of a sweep, runs without it.
    """
    run = Run(config)
    if config.tracking.name == "none":
        yield run
        return
    if not is_part(parent):
        run.connect()
    try:
        run.start(name, search, parent_id(parent), _params(config, swept or {}))
        yield run
        run.close("FINISHED")
    except Exception as error:
        run.close("FAILED", f"{type(error).__name__}: {error}")
        raise
    except BaseException:  # Ctrl-C and SIGTERM
        run.close("KILLED", "interrupted")
        raise


def is_part(parent: Run | None) -> bool:
    """Return whether a run belongs to a cross-validation or a sweep, which started with a reachable store."""
    return parent is not None or PARENT_VARIABLE in os.environ


def parent_id(parent: Run | None) -> str | None:
    """Return the id of the run that a run belongs to."""
    return parent.run_id if parent else os.environ.get(PARENT_VARIABLE)


def _params(config: Config, swept: Mapping[str, str]) -> dict[str, str]:
    """Return the values that make the run what it is, in short; all of them are in its config.json."""
    values = pd.json_normalize(values_with_plugins(config)).to_dict("records")[0]
    texts = {
        str(key): json.dumps(value) if isinstance(value, list) else str(value)
        for key, value in values.items()
        if value is not None and not str(key).startswith(UNLOGGED_PARAMS)
    }
    varied = {f"sweep.{key}": value for key, value in swept.items()}
    return {key: description.short_value(text) for key, text in texts.items()} | varied
