"""Finished runs: each in a folder of its own, its result in a cache, so that it need not be done again."""

import hashlib
import json
import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf

from forcepos.config.mistakes import UNREADABLE
from forcepos.config.plugins import values_with_plugins
from forcepos.config.schema import Config, CrossValidationConfig
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import Damaged, parse, read_state, write_json
from forcepos.runtime.paths import finished_file, short_path

log = logging.getLogger(__name__)
SKIP_VARIABLE = "FORCEPOS_SKIP_FINISHED"  # set for the jobs of a resumed sweep: when it began
_VERSION = 1  # raise it with a change of the code after which the same run has another result
MARK = ".unfinished"  # in a run's folder until it has ended well, so that the same run may be repeated there
CONFIG = "config.json"  # in a run's folder: its checked values, as they were then
MODEL = "model.keras"
PREDICTIONS = "predictions.parquet"  # likewise, as predictions_table makes it
_OUTPUTS = (MODEL, "tables", "result.json", "figures", "report.html", "fold_1")


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Mark the folder of a run that begins; remove the mark if it ends well."""
    if not holds_result(folder):
        (folder / MARK).touch()
    yield
    (folder / MARK).unlink(missing_ok=True)


def holds_result(folder: Path) -> bool:
    return (folder / "result.json").exists() and not (folder / MARK).exists()


def refuse_result(folder: Path, way_out: str = "move it away") -> None:
    """Raise InputError for a folder in which a run has ended well: none may train into it."""
    if holds_result(folder):
        held = f"{short_path(folder)} holds the result of a finished run"
        raise InputError(f"{held}: choose another folder, or {way_out}")


def refuse_used(folders: Sequence[Path], same: bool, skip: bool) -> None:
    """Raise InputError for a folder of another command, or of the `same` one if it is done and not to `skip`."""
    for folder in folders:
        result = folder / "result.json"
        lacking = result.is_file() and b'"tracking": "incomplete"' in result.read_bytes()  # as the run wrote it
        if same and (skip or lacking):
            continue
        refuse_result(folder, "set skip_finished=true to reuse it" if same else "move it away")
        if not same and (folder / MARK).exists() and any((folder / output).exists() for output in _OUTPUTS):
            held = f"{short_path(folder)} holds parts of an interrupted run of another command"
            raise InputError(f"{held}: choose another folder, or move it away")


def find_by_id(run_id: str) -> Path | None:
    """Return the folder, below the working directory, of the run or sweep with this id in MLflow."""
    for file in sorted([*Path().rglob("result.json"), *Path().rglob("sweep.json")]):
        own = file.name == "sweep.json" or (file.parent / CONFIG).exists()  # not a fold's nor MLflow's copy
        if own and run_id.encode() in file.read_bytes() and read_config(file).get("run_id") == run_id:
            return file.parent
    return None


def meaning(config: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a config what does not make it another run."""
    return {key: config[key] for key in config.keys() - {"hydra", "skip_finished", "fail_fast", "tracking"}}


def read_config(path: Path) -> dict[str, Any]:
    """Read a config that a run or Hydra has saved; an absent or broken one is empty."""
    try:
        return dict(OmegaConf.to_container(OmegaConf.load(path)))  # type: ignore[arg-type]
    except UNREADABLE:
        return {}


@dataclass(frozen=True)
class _StoredFold:
    run_id: str | None
    test: dict[str, float | None]
    baseline: dict[str, float | None]
    tracking: Literal["complete", "incomplete", "none"]
    outputs: str


@dataclass(frozen=True)
class _StoredResult(_StoredFold):  # what is used of one; all the rest is passed on as it is
    objective: float
    model_uri: str | None
    best_hyperparameters: dict[str, Any] | None
    folds: list[_StoredFold] = field(default_factory=list)


def run_fingerprint(config: Config, data_fingerprint: str) -> str:
    """Return a version and a hash of config and data; where a run is tracked does not matter."""
    values = values_with_plugins(config) | {"tracking": None, "skip_finished": None}
    del values["fail_fast"]  # unknown to earlier versions, whose results are found
    values["tuner"] |= {"fresh": None, "max_failures": None, "workers": None}
    digest = hashlib.sha256(json.dumps([values, data_fingerprint], sort_keys=True).encode())
    return f"v{_VERSION}-{digest.hexdigest()[:12]}"


def cached_result(config: Config, fingerprint: str, since: str | None = None) -> dict[str, Any] | None:
    """Return a finished run's result if skip_finished asks for it, or the variable or `since`, a file's time."""
    since = "0" if config.skip_finished else os.environ.get(SKIP_VARIABLE, since)
    if since is None:
        return None
    path = finished_file(fingerprint)
    result = read_state(path, dict[str, Any], "the run is done again", partial(check_result, path, config))
    if result is None and config.skip_finished:
        warn_of_earlier_versions(path.parent, "not reused, since this version's results may differ")
    if result is None or result["tracking"] == "incomplete" or path.stat().st_mtime < float(since):
        return None
    result.pop("version", None)  # of the file
    return result


def repeat_result(result: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Log where the same run was finished before, and write its result into `folder` too."""
    log.info("finished before, in %s", result["outputs"])
    write_json(folder / "result.json", result)
    return result


def check_result(path: Path, config: Config, result: dict[str, Any]) -> None:
    """Raise Damaged where a result, read from the file `path`, lacks what is used of a run with this config."""
    stored, split = parse(path, json.dumps(result).encode(), _StoredResult), config.split
    folds = split.folds if isinstance(split, CrossValidationConfig) and split.fold is None else 0
    if not math.isfinite(stored.objective) or len(stored.folds) != folds:
        raise Damaged(f"it holds {len(stored.folds)} folds and the objective {stored.objective}")


def warn_of_earlier_versions(folder: Path, consequence: str) -> None:
    """Log that `folder` holds files of other versions of forcepos, which this one does not use."""
    others = sum(not path.name.startswith((f"v{_VERSION}-", "sweep-")) for path in folder.glob("*.json"))
    if others:
        log.warning("files of another version of forcepos in %s (%d): %s", folder, others, consequence)
