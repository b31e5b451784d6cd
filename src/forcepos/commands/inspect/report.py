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
from forcepos.commands.inspect.guesses import UNKNOWN
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
_NOTES = {
    "visits": "a guess, each run of rows with the same point is a recording",
    "gap_s": "a guess, a longer pause starts a new recording",
    "missing": "a guess, some rows lack values: refuse them instead, to see which",
    "targets": "no position columns were recognised: only the label is learned",
}
_ADVICE = {
    "features": " Remove what is not available where the model is used; joint angles reveal the position.",
    "targets": " Sectors are centred on the origin: to classify by them, set offset_mm so that it is mid-plate.",
}
_TO_SET = {  # what training needs and nothing told, with what helps
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
    to_set = [text.partition(": ") for key, text in _TO_SET.items() if survey.settings.get(key) == UNKNOWN]
    overrides, training = _training(survey, bool(to_set))
    path = options.write or folder / "conf" / "data" / "inspected.yaml"
    built_in = path.resolve().parent.parent == conf_dir().resolve()
    config_dir = [] if built_in else ["--config-dir", str(path.parent.parent)]
    command = shlex.join(["python", "-m", "forcepos", *config_dir, f"data={path.stem}", *overrides])
    lines, measures = health(survey.recordings)
    found = facts(survey)
    found |= {"remarks": remarks(survey, found), "training": training}
    found |= {"health": {"findings": lines, "channels": measures}, "figures": []}
    notes = (f"note: {remark}" for remark in found["remarks"])
    show(survey, found, [*notes, *(f"health: {line}" for line in lines), *training])
    if not options.no_figures:
        found["figures"] = [str(path) for path in save_figures(survey, measures, folder)]
        sys.stderr.write(f"figures: {', '.join(found['figures'])}\n")
    _write(path, _draft(survey, command), "--write" if options.write else "the draft")
    sys.stderr.write(visible(f"config: {path}; train with {command}") + "\n")
    if to_set:
        added = " ".join(shlex.quote(key) for key, _, _ in to_set)
        command += f" {added}  # fill in; {'; '.join(why for _, _, why in to_set)}"
    elif any("would fail" in line for line in training):
        command += "  # once what training would fail of is mended"
    return found | {"config": str(path), "command": command}


def _write(path: Path, text: str, what: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be written: {error}") from error


def _training(survey: Survey, incomplete: bool) -> tuple[list[str], list[str]]:
    """Return the overrides with which training works, if any help, and its warnings or error, a line each."""
    roles, text = survey.guesses.roles, _draft(survey, "")
    axes = ",".join("xyz"[: len(roles["positions"])])
    overrides = [f"model.axes=[{axes}]"] if axes and len(axes) < 5 else []
    overrides = ["model=cnn_classification"] if roles["label"] and not axes else overrides
    values = len(survey.recordings.recording) * (len(roles["features"]) + len(roles["positions"]))
    if incomplete:
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


def _draft(survey: Survey, command: str) -> str:
    """Return the YAML text; `command` trains with it."""
    guesses, settings, points = survey.guesses, survey.settings, survey.points
    notes = {key: f"a guess, {reason}" for key, reason in guesses.reasons.items()} | _NOTES
    notes |= {key: f"set it: {_TO_SET[key]}" for key in _TO_SET if settings.get(key) == UNKNOWN}
    notes["path"] = "" if Path(settings["path"]).is_absolute() else "relative to the working directory"
    if label := guesses.roles["label"]:
        notes["label"] += f": {survey.columns[label].distinct} classes"
    of_points = f" of {quantity(points, 'point')}" if points else ""
    files, rows = quantity(len(survey.sources), "file"), len(survey.recordings.recording)
    lines = [f"Drafted by `forcepos inspect` from {files} with {rows} rows:"]
    lines += [f"{quantity(len(survey.recordings.names), 'recording')}{of_points}. Guesses are marked as such."]
    lines = [f"# {line}" for line in (*lines, *command.splitlines())]
    lines += ["defaults:", "  - table", "  - _self_", "", "name: table"]
    if guesses.candidates and not label:
        lines += [
            f"# label: {name_some(list(map(quoted, guesses.candidates)), SHOWN)}  # possibly, with few values"
        ]
    for key, value in settings.items():
        note = notes.get(key, "")
        if isinstance(value, list) and value:
            reason = guesses.reasons["positions" if key == "targets" else key]
            lines += [f"# A guess: {reason}.{_ADVICE[key]}", f"{key}:", *(f"  - {quoted(one)}" for one in value)]
        else:
            scalar = (
                quoted(value)
                if isinstance(value, str)
                else json.dumps(None if value == [] else value).removesuffix(".0")
            )
            lines += [f"{key}: {scalar}{f'  # {note}' * bool(note)}"]
    return "\n".join([*lines, ""])


def quoted(text: str) -> str:
    """Return text as a YAML scalar that stands for exactly this text."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else visible(json.dumps(text, ensure_ascii=False)).replace("${", "\\\\${")


def _check_draft_path(path: Path) -> None:
    """Refuse a file that exists or that cannot be selected as data=…, before anything is read."""
    faults = {
        "exists and is not overwritten": path.exists(),
        "must be a .yaml file in a folder data, such as conf/data/mine.yaml":
            path.resolve().parent.name != "data" or path.suffix != ".yaml",
        f"{path.stem} cannot be selected as data=…; use letters, digits and _":
            not re.fullmatch(r"[A-Za-z_]\w*", path.stem),
        f"data={path.stem} is built in; choose another name": (conf_dir() / "data" / path.name).exists(),
    }  # fmt: skip
    for fault in [fault for fault, there in faults.items() if there][:1]:
        raise InputError(f"--write {path}: {fault}")
