"""Multirun: one parent run in MLflow over all jobs, closed whatever happens."""

from __future__ import annotations

import os
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from forcepos.config import TrackingConfig

_open: list[str] = []  # the run of the multirun that this process launched


class SweepCallback(Callback):
    """Hydra calls this in the process that launches the jobs, before the first of them."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Start the sweep's run and leave its id where the jobs find it."""
        if config.tracking.name == "none":
            return
        from forcepos.tracking import PARENT_VARIABLE, start_sweep  # noqa: PLC0415  # MLflow takes seconds

        tracking = OmegaConf.to_object(config.tracking)
        if not isinstance(tracking, TrackingConfig):
            raise TypeError(f"not a tracking config: {type(tracking)}")
        run_id = start_sweep(tracking, f"sweep {' '.join(config.hydra.overrides.task)}")
        os.environ[PARENT_VARIABLE] = run_id
        _open.append(run_id)


def close_sweep(status: str) -> None:
    """End the sweep's run, if this process launched one. Hydra's own hook is not called when a job fails."""
    while _open:
        from forcepos.tracking import PARENT_VARIABLE, end_sweep  # noqa: PLC0415  # MLflow takes seconds

        os.environ.pop(PARENT_VARIABLE, None)
        end_sweep(_open.pop(), status)
