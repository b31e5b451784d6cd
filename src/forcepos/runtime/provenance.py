"""Provenance of a result: code, libraries and user."""

from __future__ import annotations

import getpass
import shutil
import subprocess  # git only, with fixed arguments
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "forcepos",
    "tensorflow",
    "keras",
    "keras-tuner",
    "mlflow",
    "numpy",
    "scikit-learn",
    "mujoco",
    "pyarrow",
)


def package_versions() -> dict[str, str]:
    """Return the versions of the installed libraries that affect a result."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def code_version() -> str:
    """Return the commit of a checkout, with `+changes` if files differ from it; else the package's version."""
    folder = Path(__file__).parents[1]
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit or not (folder.parents[1] / "pyproject.toml").is_file():
        return package_versions().get("forcepos", "unknown")
    return commit + ("+changes" if _git(folder.parents[1], "status", "--porcelain") else "")


def user_name() -> str:
    """Return the user's name, which a container may not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    program = shutil.which("git")
    if program is None:
        return ""
    done = subprocess.run(  # noqa: S603  # a fixed command, no shell
        [program, "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
