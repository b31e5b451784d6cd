"""What training would say to the drafted config, told by the checks of training itself."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from forcepos.commands.inspect.survey import Survey
from forcepos.config.checks import register_schemas, to_config
from forcepos.config.schema import Config
from forcepos.data.checks import check
from forcepos.data.loading import load_recordings
from forcepos.data.samples import all_samples
from forcepos.data.splits.split import split_samples
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import conf_dir

MOST_VALUES = 50_000_000  # more are not loaded here: looking must not need the memory that training does


def warnings_of_training(seen: Survey, text: str, overrides: Sequence[str]) -> list[str]:
    """Lines for a person: warnings, the error that would end the run, or why neither is known."""
    values = seen.rows * (len(seen.guesses.features) + len(seen.guesses.positions))
    if "???" in text:
        return ["training would need what is marked ??? in the draft"]
    if values > MOST_VALUES:
        return [f"training's own checks were not made: {values:,} values are more than are loaded to look at"]
    with _warned() as told:
        try:
            config = _composed(text, overrides)
            recordings = load_recordings(config.data, config.model.window).recordings
            told.extend(check(recordings, config.model.window))
            split_samples(all_samples(recordings, config.model.window), config.split, config.seed)
        except (InputError, HydraException, OmegaConfBaseException) as error:
            return [f"training would refuse this: {error}"]
    known = {fault for source in seen.sources for fault in source.faults}  # told with the files
    return [f"training would warn: {line}" for line in told if line not in known]


@contextmanager
def _warned() -> Iterator[list[str]]:
    """What is logged, to be told with everything else."""
    told: list[str] = []
    log = logging.getLogger("forcepos")
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    log.propagate = False
    try:
        yield told
    finally:
        log.removeHandler(handler)
        log.propagate = True


def _composed(text: str, overrides: Sequence[str]) -> Config:
    register_schemas()
    with _folder(text) as folder, initialize_config_dir(str(conf_dir()), version_base="1.3"):
        found = f"hydra.searchpath=[file://{folder}]"
        return to_config(compose("config", overrides=[found, "data=inspected", *overrides]))


@contextmanager
def _folder(text: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "data"
        place.mkdir()
        (place / "inspected.yaml").write_text(text, encoding="utf-8")
        yield Path(folder)
