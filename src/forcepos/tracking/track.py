"""A run from its begin to its end, whatever that is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from forcepos.config.schema import Config, TrackingConfig
from forcepos.tracking.run import Run, TrackedRun
from forcepos.tracking.store import open_store
from forcepos.tracking.sweep_run import parent_run


def check_server(config: TrackingConfig) -> None:
    """Whether a server of runs is there, before anything that takes long; part of a sweep goes on without it.

    Raises:
        InputError: it is away.
    """
    if config.name == "mlflow" and config.uri.startswith("http") and parent_run() is None:
        open_store(config)


@contextmanager
def track(config: Config, name: str, search: str, parent: Run | None = None) -> Iterator[Run]:
    """Record what happens inside as one run: FINISHED, FAILED with the reason, or KILLED.

    Args:
        search: fingerprint of the search, by which the same command finds a run that it did not finish.
        parent: the run that it belongs to; by default the sweep's, if there is one.

    Raises:
        InputError: the store cannot be used. A part of something larger goes on without it.
    """
    if config.tracking.name == "none":
        yield Run()
        return
    run = TrackedRun(config)
    params = {key: str(value) for key, value in _flatten(dataclasses.asdict(config)).items()}
    if not is_part(parent):
        run.connect()
    try:
        run.start(name, search, parent_id(parent), params)
        yield run
        run.close("FINISHED")
    except Exception as error:
        run.close("FAILED", f"{type(error).__name__}: {error}")
        raise
    except BaseException:  # Ctrl-C and SIGTERM
        run.close("KILLED", "interrupted")
        raise


def is_part(parent: Run | None) -> bool:
    """Whether a run belongs to a cross-validation or a sweep, which began with a store that was there."""
    return parent is not None or parent_run() is not None


def parent_id(parent: Run | None) -> str | None:
    """The id of the run that a run belongs to."""
    return parent.run_id if parent else parent_run()


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = json.dumps(value) if isinstance(value, list) else value
    return flat
