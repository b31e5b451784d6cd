"""Paths: conf/ lies with the code, everything that a run writes under the working directory."""

import hashlib
from pathlib import Path


def conf_dir() -> Path:
    """Return the folder of config groups: inside an installed wheel, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    packaged = package / "conf"
    return packaged if packaged.is_dir() else package.parents[1] / "conf"


def short_path(path: Path) -> Path:
    """Return `path` relative to the working directory if it lies inside."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def finished_file(fingerprint: str) -> Path:
    return Path.cwd() / "outputs" / "finished" / f"{fingerprint}.json"


def pending_logs_file(fingerprint: str, store: str) -> Path:
    """Return the file in which a run or sweep with this fingerprint keeps what its store has not logged yet."""
    digest = hashlib.sha256(store.encode()).hexdigest()[:6]
    return Path.cwd() / "outputs" / "unlogged" / f"{fingerprint}-{digest}.json"
