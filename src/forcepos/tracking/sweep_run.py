"""The run of a multirun, above its jobs' runs."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from mlflow.entities import Metric

from forcepos.config.schema import TrackingConfig
from forcepos.runtime.interruption import defer_signals
from forcepos.runtime.wording import shortened
from forcepos.tracking.outages import ERRORS, is_outage, reason, usable
from forcepos.tracking.store import create_run, find_run, open_store, resume_run

log = logging.getLogger(__name__)
_LONGEST = 8000  # characters of a tag


@dataclass(frozen=True)
class SweepStory:
    """What a sweep's run shows beside the table of its jobs."""

    metrics: Mapping[str, float] = field(default_factory=dict)  # of the best jobs
    description: str = ""  # in Markdown
    files: Sequence[Path] = ()


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
def end_sweep(
    config: TrackingConfig, run_id: str, status: str, table: Path | None, story: SweepStory = SweepStory()
) -> bool:
    """End a sweep's run, with the table of its jobs as a file and as an MLflow table; return whether it could."""
    try:
        client, experiment_id = open_store(config)  # marks runs of processes that ended, as after Ctrl-C
        if not find_run(client, experiment_id, run_id):
            log.warning("tracking.uri=%s no longer has the sweep's run", config.uri)
            return False
        client.set_terminated(run_id, status)
        if table:
            client.log_artifact(run_id, str(table))
            # As `log_table` does, which would add to a table that is there.
            client.log_text(run_id, pd.read_csv(table).to_json(orient="split", index=False), "sweep.json")
            client.set_tag(run_id, "mlflow.loggedArtifacts", '[{"path": "sweep.json", "type": "table"}]')
            client.set_tag(run_id, "mlflow.note.content", story.description[:_LONGEST])
            now = time.time_ns() // 1_000_000
            metrics = [Metric(name, value, now, 0) for name, value in story.metrics.items()]
            client.log_batch(run_id, metrics=metrics)
            for file in story.files:
                client.log_artifact(run_id, str(file))
    except ERRORS as error:
        if not is_outage(error):
            raise
        ended = "the sweep's run is not ended there"
        log.warning("tracking.uri=%s is unreachable (%s): %s", config.uri, reason(error), ended)
        return False
    return True
