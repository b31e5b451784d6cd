"""Names and tags of runs, with which they can be told apart and reproduced."""

import getpass
import os
import subprocess  # git only, with fixed arguments
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

from forcepos.config.schema import Config, CrossValidationConfig

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
    user = "unknown"
    with suppress(KeyError, OSError):  # a container may not know it
        user = getpass.getuser()
    return {
        "overrides": " ".join(overrides),
        "code_version": code_version(),
        # What the UI's own columns show.
        "mlflow.source.name": " ".join(["python -m forcepos", *overrides]),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": user,
        "data_fingerprint": data,
        "device": device,
        **{f"slurm.{name}": os.environ[variable] for name, variable in _SLURM.items() if variable in os.environ},
        **{f"version.{name}": version for name, version in package_versions().items()},
    }


_PACKAGES = (
    "forcepos", "tensorflow", "keras", "keras-tuner", "mlflow", "numpy", "scikit-learn", "mujoco", "pyarrow",
)  # fmt: skip


def package_versions() -> dict[str, str]:
    """Return the versions of the installed libraries that affect a result."""
    installed = {name: next(iter(distributions(name=name)), None) for name in _PACKAGES}
    return {name: found.version for name, found in installed.items() if found}


def code_version() -> str:
    """Return the commit of a checkout, with `+changes` if files differ from it; else the package's version."""
    top = Path(__file__).parents[3]
    commit = _git(top, "rev-parse", "--verify", "HEAD") if (top / "pyproject.toml").is_file() else ""
    changes = "+changes" if commit and _git(top, "status", "--porcelain") else ""
    return f"{commit}{changes}" or package_versions().get("forcepos", "unknown")


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says, nothing where there is no git or no repository."""
    command = ["git", "-C", str(folder), *arguments]
    with suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    return ""
