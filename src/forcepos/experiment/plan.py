"""The plan of a run: all that is known before it starts."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from forcepos.config.schema import Config
from forcepos.data.loading import Loaded
from forcepos.results.finished_runs import run_fingerprint
from forcepos.runtime.paths import search_dir
from forcepos.tracking.description import provenance, run_name
from forcepos.tracking.run import Run
from forcepos.tuning.fingerprint import search_fingerprint


@dataclass(frozen=True)
class RunPlan:
    """One run, or one fold of a cross-validation.

    Attributes:
        folder: receives result, model and figures.
        overrides: of the command line.
        device: that training runs on, in words.
        parent: the run of the cross-validation that this one is a fold of.
        since: when that began, for `cached_result`.
    """

    config: Config
    loaded: Loaded
    folder: Path
    overrides: tuple[str, ...]
    device: str
    parent: Run | None = None
    since: str | None = None

    @property
    def name(self) -> str:
        """The run's name in MLflow."""
        return run_name(self.config, self.overrides)

    @cached_property
    def facts(self) -> dict[str, str]:
        """Where the run comes from: its tags in MLflow."""
        return provenance(self.device, self.loaded.recordings.fingerprint, self.overrides)

    @cached_property
    def fingerprint(self) -> str:
        """What makes two runs the same run."""
        return run_fingerprint(self.config, self.loaded.recordings.fingerprint)

    @cached_property
    def search_fingerprint(self) -> str:
        """What makes two searches the same search."""
        return search_fingerprint(self.config, self.loaded.recordings.fingerprint)

    @property
    def search_dir(self) -> Path:
        """Where the search keeps its trials."""
        return search_dir(self.search_fingerprint)
