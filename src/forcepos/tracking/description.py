"""Names and tags of runs, with which they can be told apart and reproduced."""

import os
from collections.abc import Sequence

from forcepos.config.schema import Config, CrossValidationConfig
from forcepos.runtime.provenance import code_version, package_versions, user_name

_NAMED_ANYWAY = ("model", "tuner", "split", "seed", "skip_finished", "tuner.fresh", "tracking.uri")
_SLURM = {"job": "SLURM_JOB_ID", "restarts": "SLURM_RESTART_COUNT", "node": "SLURMD_NODENAME"}


def run_name(config: Config, overrides: Sequence[str]) -> str:
    """Name a run by its choices, and by any other value that was set."""
    others = [override for override in overrides if override.lstrip("+").split("=")[0] not in _NAMED_ANYWAY]
    split = config.split
    fold = [f"fold={split.fold}"] if isinstance(split, CrossValidationConfig) and split.fold else []
    return " ".join([config.model.name, config.tuner.name, split.name, *fold, f"seed={config.seed}", *others])


def provenance(device: str, data: str, overrides: Sequence[str]) -> dict[str, str]:
    """Return the tags of a run: command, code, data, device, the cluster's job, libraries."""
    return {
        "overrides": " ".join(overrides),
        "code_version": code_version(),
        # What the UI's own columns show.
        "mlflow.source.name": " ".join(["python -m forcepos", *overrides]),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": user_name(),
        "data_fingerprint": data,
        "device": device,
        **{f"slurm.{name}": os.environ[variable] for name, variable in _SLURM.items() if variable in os.environ},
        **{f"version.{name}": version for name, version in package_versions().items()},
    }
