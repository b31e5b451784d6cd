"""The plan of a run: all that is known before it starts."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import keras_tuner

from forcepos.config.plugins import values_with_plugins
from forcepos.config.schema import Config
from forcepos.data.loading import Loaded
from forcepos.results.finished_runs import run_fingerprint
from forcepos.runtime.paths import search_dir
from forcepos.tracking.description import provenance, run_name
from forcepos.tracking.run import Run

_VERSION = 2  # raise it with a change of the code after which the same trial has another score
_OF_A_TRIAL = ("epochs", "device", "deterministic", "xla", "precision")
_NOT_MEANT = ("max_trials", "max_failures", "fresh", "workers")


@dataclass(frozen=True)
class RunPlan:
    """One run, or one fold of a cross-validation."""

    config: Config
    loaded: Loaded
    folder: Path  # receives result, model and figures
    overrides: tuple[str, ...]  # of the command line
    device: str  # that training runs on, in words
    parent: Run | None = None  # the run of the cross-validation that this one is a fold of
    since: str | None = None  # when that began, for `cached_result`

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


def search_fingerprint(config: Config, data_fingerprint: str) -> str:
    """Return twelve hexadecimal digits over everything that changes what a trial means.

    `tuner.max_trials` is left out, so that raising it extends a search; so are max_failures, fresh and workers.
    """
    values = values_with_plugins(config)
    meaning = {
        "data": data_fingerprint,
        "tuner": {key: value for key, value in values["tuner"].items() if key not in _NOT_MEANT},
        "training": {key: values["training"][key] for key in _OF_A_TRIAL},
        "versions": [_VERSION, keras.__version__, keras_tuner.__version__],
        **({"reader": values["data"]["plugin"]} if "plugin" in values["data"] else {}),
        **{key: values[key] for key in ("seed", "split", "sectors", "model")},
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:12]
