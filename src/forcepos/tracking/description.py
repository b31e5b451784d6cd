"""Names and tags of runs, with which they can be told apart and reproduced."""

import getpass
import hashlib
import json
import os
import shlex
import subprocess  # git only, with fixed arguments
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from hydra.core.hydra_config import HydraConfig

from forcepos.config.schema import Config, CrossValidationConfig
from forcepos.runtime.paths import short_path
from forcepos.runtime.wording import shortened, visible

PARENT_VARIABLE = "FORCEPOS_SWEEP_RUN"  # carries the sweep's run id to its jobs, whatever process they run in
SWEEP_KEYS_VARIABLE = "FORCEPOS_SWEEP_KEYS"  # a JSON list of the keys that the sweep varies
_LONGEST_VALUE = 60  # characters of a value in a name or a param
_NAMED_ANYWAY = ("model", "tuner", "split", "seed", "skip_finished", "tuner.fresh", "tracking.uri")
_SLURM = {"job": "SLURM_JOB_ID", "restarts": "SLURM_RESTART_COUNT", "node": "SLURMD_NODENAME"}


class SweepStory(NamedTuple):
    metrics: Mapping[str, float]  # of the best jobs
    description: str  # in Markdown
    files: Sequence[Path]
    finished: int  # number of jobs that the metrics are of


def run_name(config: Config, overrides: Sequence[str]) -> str:
    """Name a run by its choices, and by any other value that was set; a sweep's job by what the sweep varies."""
    split, varied = config.split, swept(overrides)
    fold = [f"fold={split.fold}"] if isinstance(split, CrossValidationConfig) and split.fold else []
    if varied:
        return " ".join([*(f"{key}={value}" for key, value in varied.items() if key != "split.fold"), *fold])
    others = [shortened(override, _LONGEST_VALUE) for override in overrides if _key(override) not in _NAMED_ANYWAY]
    return " ".join([config.model.name, config.tuner.name, split.name, *fold, f"seed={config.seed}", *others])


def swept(overrides: Sequence[str]) -> dict[str, str]:
    """Return the keys that the sweep varies with the short values of this job; empty outside a sweep."""
    keys = {_key(key) for key in json.loads(os.environ.get(SWEEP_KEYS_VARIABLE, "[]"))}
    values = {_key(override): override.partition("=")[2] for override in overrides}
    return {key: short_value(value) for key, value in values.items() if key in keys}


def _key(override: str) -> str:
    return override.lstrip("+").partition("=")[0].replace("@", "_")  # which no param's name may hold


def short_value(value: str) -> str:
    """Shorten a value that would fill a column: a list to its length, a text to its ends, both with a digest."""
    text = visible(value)
    if len(text) <= _LONGEST_VALUE:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    kept = f"{text.count(',') + 1} values" if text.startswith("[") else shortened(text, _LONGEST_VALUE - 10)
    return f"{kept}, {digest}"


def command(overrides: Sequence[str]) -> str:
    """Return the command that does a run again, quoted for a shell."""
    sources = HydraConfig.get().runtime.config_sources if HydraConfig.initialized() else ()
    folders = [short_path(Path(one.path)) for one in sources if one.provider == "command-line"]
    given = [word for folder in folders for word in ("--config-dir", str(folder))]
    return shlex.join(["python", "-m", "forcepos", *given, *overrides])


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
    "forcepos", "tensorflow", "keras", "keras-tuner", "mlflow", "numpy", "pandas",
    "scikit-learn", "mujoco", "pyarrow",
)  # fmt: skip


def package_versions() -> dict[str, str]:
    """Return the versions of the installed libraries that affect a result."""
    return {name: found.version for name in _PACKAGES for found in [*distributions(name=name)][:1]}


def code_version() -> str:
    """Return the commit of a checkout, with `+changes` if files differ from it; else the package's version."""
    top = Path(__file__).parents[3]
    git = partial(subprocess.run, cwd=top, capture_output=True, text=True, check=True)
    with suppress(FileNotFoundError, subprocess.CalledProcessError):  # no git, or no repository
        if (top / "pyproject.toml").is_file():
            commit = git(["git", "rev-parse", "--verify", "HEAD"]).stdout.strip()
            return commit + ("+changes" if git(["git", "status", "--porcelain"]).stdout else "")
    return package_versions().get("forcepos", "unknown")
