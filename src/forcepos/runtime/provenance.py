"""Provenance of a result: code, libraries and user."""

import getpass
import shutil
import subprocess  # git only, with fixed arguments
from importlib.metadata import distributions
from pathlib import Path

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


def user_name() -> str:
    """Return the user's name, which a container may not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says, nothing where there is no git or no repository."""
    command = [shutil.which("git") or "", "-C", str(folder), *arguments]
    if not command[0]:
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
