"""Warnings and errors of training with the drafted config, from its own checks."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from forcepos.commands.inspect.survey import Survey
from forcepos.config.composition import compose_unchecked
from forcepos.config.schema import Config
from forcepos.data.loading import load_checked
from forcepos.data.recordings import all_samples
from forcepos.data.splits.split import split_samples
from forcepos.experiment.api import to_config
from forcepos.runtime.errors import InputError

_LONGEST = 200_000  # characters of a draft, likewise
_MOST_VALUES = 50_000_000  # more are not loaded: an inspection must not need the memory that training does


def training_warnings(survey: Survey, text: str, overrides: Sequence[str]) -> list[str]:
    """Return lines for the user: warnings, the error that training would raise, or why neither is known."""
    values = survey.rows * (len(survey.guesses.features) + len(survey.guesses.positions))
    if "???" in text:
        return ["training would need the values that are marked ??? in the draft"]
    if len(text) > _LONGEST:
        return [f"the checks of training were skipped: a draft of {len(text):,} characters takes too long to read"]
    if values > _MOST_VALUES:
        return [f"the checks of training were skipped: {values:,} values are too many to load here"]
    with _warned() as messages:
        try:
            config = _composed(text, overrides)
            recordings = load_checked(config).recordings
            split_samples(all_samples(recordings, config.model.window), config.split, config.seed)
        except InputError as error:
            return [f"training would fail: {error}"]
        except (HydraException, OmegaConfBaseException) as error:
            reason = str(error).partition("\n")[0]
            return [f"training would fail: {reason}"]
    known = {row_error for source in survey.sources for row_error in source.row_errors}  # reported with the files
    return [f"training would warn: {line}" for line in messages if line not in known]


@contextmanager
def _warned() -> Iterator[list[str]]:
    """Collect what is logged, to report it with everything else."""
    messages: list[str] = []
    log = logging.getLogger("forcepos")
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    log.propagate = False
    try:
        yield messages
    finally:
        log.removeHandler(handler)
        log.propagate = True


def _composed(text: str, overrides: Sequence[str]) -> Config:
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, "data", "inspected.yaml")
        draft.parent.mkdir()
        draft.write_text(text, encoding="utf-8")
        return to_config(compose_unchecked(["data=inspected", *overrides], folder))
