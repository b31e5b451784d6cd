"""The folder of a run or sweep: the files of one only, so that no report lies beside the result of another."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from forcepos.config.mistakes import UNREADABLE
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import short_path

MARK = ".unfinished"  # in a run's folder until it has ended well, so that the same run may be repeated there
CONFIG = "config.json"  # in a run's folder: its checked values, as they were then
_OUTPUTS = ("model.keras", "tables", "result.json", "figures", "report.html", "fold_1")


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Mark the folder of a run that begins; remove the mark if it ends well."""
    if not holds_result(folder):
        (folder / MARK).touch()
    yield
    (folder / MARK).unlink(missing_ok=True)


def holds_result(folder: Path) -> bool:
    """Return whether a run has ended well in this folder."""
    return (folder / "result.json").exists() and not (folder / MARK).exists()


def refuse_result(folder: Path, way_out: str = "move it away") -> None:
    """Refuse to train into a folder that holds a result.

    Raises:
        InputError: a run has ended well there.
    """
    if holds_result(folder):
        raise InputError(
            f"{short_path(folder)} holds the result of a finished run: choose another folder, or {way_out}"
        )


def refuse_used(folders: Sequence[Path], same: bool, skip: bool) -> None:
    """Refuse folders of runs in which another command has left something, or the same one its results.

    Args:
        same: the same command made them: it resumes, and logs what the store lacks.
        skip: finished runs are skipped.

    Raises:
        InputError: names the first such folder.
    """
    for folder in folders:
        result = folder / "result.json"
        lacking = result.is_file() and b'"tracking": "incomplete"' in result.read_bytes()  # as the run wrote it
        if same and (skip or lacking):
            continue
        refuse_result(folder, "set skip_finished=true to reuse it" if same else "move it away")
        if not same and (folder / MARK).exists() and any((folder / output).exists() for output in _OUTPUTS):
            raise InputError(
                f"{short_path(folder)} holds parts of an interrupted run of another command: "
                "choose another folder, or move it away"
            )


def meaning(config: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a config what does not make it another run."""
    return {key: value for key, value in config.items() if key not in {"hydra", "skip_finished", "tracking"}}


def read_config(path: Path) -> dict[str, Any]:
    """Read a config that a run or Hydra has saved; an absent or broken one is empty."""
    try:
        return dict(OmegaConf.to_container(OmegaConf.load(path)))  # type: ignore[arg-type]
    except UNREADABLE:
        return {}
