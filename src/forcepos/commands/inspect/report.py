"""The steps of an inspection: survey, checks of training, tables and figures, the drafted config."""

import argparse
import json
import logging
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from forcepos.commands.inspect.facts import SHOWN, facts, quantity, remarks, show
from forcepos.commands.inspect.guesses import Guesses
from forcepos.commands.inspect.health import health, save_figures
from forcepos.commands.inspect.survey import Survey, survey_of
from forcepos.config.checks import compose_unchecked
from forcepos.config.schema import Config
from forcepos.data.loading import load_checked
from forcepos.data.recordings import Recordings
from forcepos.data.splits.split import split_of
from forcepos.experiment.api import to_config
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import conf_dir
from forcepos.runtime.wording import name_some, visible

log = logging.getLogger(__name__)
_SPLITS: tuple[list[str], ...] = ([], ["split=held_out_recordings"], ["split=random"])  # the first that suits
_LONGEST = 200_000  # characters of a draft: a longer one takes too long to read
_MOST_VALUES = 50_000_000  # more are not loaded: an inspection must not need the memory that training does
_PLAIN = re.compile(r"[A-Za-z_][\w./ -]*(?<! )")
_NOT_TEXT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
_COMMENTS = {
    "visits": "each run of rows with the same point is a recording",
    "gap_s": "a longer pause starts a new recording",
    "missing": "some rows lack values: refuse them instead, to see which",
}
_TO_SET = {  # what training needs, with what helps
    "features": "data.features=[COLUMN,…]: no numeric column that varies is left",
    "targets": "data.targets=[X,Y,Z]: no position columns were recognised; inspect takes --positions X Y Z",
    "rate_hz": "data.rate_hz=ROWS_PER_SECOND: no time column was recognised; inspect takes --time COLUMN",
}


def inspect(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Print and return what files hold, or raise an InputError; write figures, or a draft too, into `folder`."""
    if options.write:
        _check_draft_path(options.write)
    if len(options.positions) > 3:
        raise InputError("--positions takes one to three columns: x, y, z")
    with _warned():  # what training warns of is told below
        survey = survey_of(options)
    path = options.write or folder / "conf" / "data" / "inspected.yaml"
    overrides, training = _training(survey)
    built_in = path.resolve().parent.parent == conf_dir().resolve()
    config_dir = [] if built_in else ["--config-dir", str(path.parent.parent)]
    command = shlex.join(["python", "-m", "forcepos", *config_dir, f"data={path.stem}", *overrides])
    lines, measures = health(survey.recordings)
    found = facts(survey)
    found |= {"remarks": [*remarks(survey, found)], "training": training}
    found |= {"health": {"findings": lines, "channels": measures}, "figures": []}
    notes = (f"note: {remark}" for remark in found["remarks"])
    show(survey, found, [*notes, *(f"health: {line}" for line in lines), *training])
    if not options.no_figures:
        found["figures"] = [str(path) for path in save_figures(survey, measures, folder)]
        sys.stderr.write(f"figures: {', '.join(found['figures'])}\n")
    _write(path, "\n".join([*_draft(survey, command), ""]), "--write" if options.write else "the draft")
    sys.stderr.write(visible(f"config: {path}; train with {command}") + "\n")
    mended = "  # once what training would fail of is mended" * any("would fail" in line for line in training)
    return found | {"config": str(path), "command": _to_fill_in(survey, command) or command + mended}


def _write(path: Path, text: str, what: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be written: {error}") from error


def _training(survey: Survey) -> tuple[list[str], list[str]]:
    """Return the overrides with which training works, if any help, and its warnings or error, a line each."""
    guesses, text = survey.guesses, "\n".join([*_draft(survey, ""), ""])
    axes = ",".join("xyz"[: len(guesses.positions)])
    overrides = [f"model.axes=[{axes}]"] if axes and len(axes) < 5 else []
    overrides = ["model=cnn_classification"] if guesses.label and not axes else overrides
    values = len(survey.recordings.recording) * (len(guesses.features) + len(guesses.positions))
    if _to_fill_in(survey, ""):
        return overrides, ["training would need the values that are marked ??? in the draft"]
    if len(text) > _LONGEST or values > _MOST_VALUES:
        much = f"{values:,} values and a draft of {len(text):,} characters are too many to load here"
        return overrides, [f"the checks of training were skipped: {much}"]
    with _warned() as records, tempfile.TemporaryDirectory() as folder:
        try:
            _write(Path(folder, "data", "inspected.yaml"), text, "the draft")
            config = to_config(compose_unchecked(["data=inspected", *overrides], folder))
            overrides += _split(config, load_checked(config).recordings)
        except (InputError, HydraException, OmegaConfBaseException) as error:
            return overrides, [f"training would fail: {error}"]
    known = {row_error for source in survey.sources for row_error in source.row_errors}  # reported with the files
    lines = (record.getMessage() for record in records)
    return overrides, [f"training would warn: {line}" for line in lines if line not in known]


def _split(config: Config, recordings: Recordings) -> list[str]:
    """Return the override of the first split that suits the recordings; none for the default."""
    failures = []
    for override in _SPLITS:
        split = split_of(to_config(compose_unchecked(override)).split if override else config.split)
        try:
            split.subsets(split.samples(recordings, config.model.window), config.seed)
        except InputError as error:
            failures.append(error)
            continue
        if failures:
            log.warning("%s; %s suits these recordings", failures[0], override[0])
        return override
    raise failures[0]


@contextmanager
def _warned() -> Iterator[list[logging.LogRecord]]:
    """Collect what is logged, to report it with everything else."""
    log, handler = logging.getLogger("forcepos"), BufferingHandler(sys.maxsize)
    log.addHandler(handler)
    log.propagate = False
    try:
        yield handler.buffer
    finally:
        log.removeHandler(handler)
        log.propagate = True


def _draft(survey: Survey, command: str) -> Iterator[str]:
    """Yield the lines of the YAML text; `command` trains with it."""
    guesses, settings = survey.guesses, survey.settings
    where = "" if Path(settings["path"]).is_absolute() else "  # relative to the working directory"
    recordings, points = quantity(len(survey.recordings.names), "recording"), quantity(survey.points, "point")
    files, rows = quantity(len(survey.sources), "file"), len(survey.recordings.recording)
    yield f"# Drafted by `forcepos inspect` from {files} with {rows} rows:"
    yield f"# {recordings}{f' of {points}' * bool(survey.points)}. Guesses are marked as such."
    yield from (f"# {line}" for line in command.splitlines())
    yield from ("defaults:", "  - table", "  - _self_", "", "name: table")
    yield f"path: {quoted(settings['path'])}{where}"
    yield from (f"{key}: ???  # set it: {_TO_SET[key]}" for key in _missing_keys(survey.guesses))
    if guesses.features:
        yield f"# A guess: {guesses.reasons['features']}. Remove what is not available where the model is used."
        kinds = {name: guesses.kinds[name] for name in guesses.features}
        if "joint angle" in kinds.values():
            yield "# Joint angles reveal the position: without them, the model learns from forces alone."
        yield "features:"
        yield from (f"  - {quoted(name)}{f'  # {kind}' * bool(kind)}" for name, kind in kinds.items())
    if guesses.positions:
        yield f"# A guess: {guesses.reasons['positions']}."
        yield f"targets: [{', '.join(map(quoted, guesses.positions))}]"
        yield "# Sectors are centred on the origin: to classify by them, set offset_mm so that it is mid-plate."
    elif guesses.label:
        yield "targets: null  # no position columns were recognised: only the label is learned"
    if guesses.candidates and not guesses.label:
        yield f"# label: {name_some(list(map(quoted, guesses.candidates)), SHOWN)}  # possibly, with few values"
    for key, value in settings.items():
        reason = _COMMENTS.get(key) or guesses.reasons.get(key, "")
        reason += f": {survey.columns[value].distinct} classes" if key == "label" else ""
        if key not in {"path", "targets"}:
            scalar = quoted(value) if isinstance(value, str) else json.dumps(value).removesuffix(".0")
            yield f"{key}: {scalar}{f'  # a guess, {reason}' * bool(reason)}"


def _missing_keys(guesses: Guesses) -> list[str]:
    """Name the keys that training needs and that could not be guessed."""
    known = (guesses.features, guesses.positions or guesses.label, guesses.time)
    return [key for key, value in zip(_TO_SET, known, strict=True) if not value]


def quoted(text: str) -> str:
    """Return text as a YAML scalar that stands for exactly this text."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else visible(json.dumps(text, ensure_ascii=False)).replace("${", "\\\\${")


def _check_draft_path(path: Path) -> None:
    """Refuse a file that exists or that cannot be selected as data=…, before anything is read."""
    if path.exists():
        raise InputError(f"--write {path}: exists and is not overwritten")
    if path.resolve().parent.name != "data" or path.suffix != ".yaml":
        raise InputError(f"--write {path}: must be a .yaml file in a folder data, such as conf/data/mine.yaml")
    if not re.fullmatch(r"[A-Za-z_]\w*", path.stem):
        raise InputError(f"--write {path}: {path.stem} cannot be selected as data=…; use letters, digits and _")
    if (conf_dir() / "data" / path.name).exists():
        raise InputError(f"--write {path}: data={path.stem} is built in; choose another name")


def _to_fill_in(survey: Survey, command: str) -> str:
    """Return the command with placeholders for the keys that could not be guessed; empty where all were."""
    keys = [_TO_SET[key].partition(": ") for key in _missing_keys(survey.guesses)]
    added = " ".join(shlex.quote(key) for key, _, _ in keys)
    return f"{command} {added}  # fill in; {'; '.join(why for _, _, why in keys)}" if keys else ""
