"""What an inspection tells: facts as JSON and in tables, remarks, checks of training, and the drafted config."""

import argparse
import json
import logging
import re
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any

import numpy as np
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.guesses import NAMED
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
from forcepos.runtime.wording import first_lines, name_some, shortened, visible, visible_lines, visible_name

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
_UNSET = {"null": "???", "[]": "null"}  # what nothing tells, as OmegaConf writes it, and what there is not
_TO_SET = {  # what training needs and nothing told, with what helps
    "features": "data.features=[COLUMN,…]: no numeric column that varies is left",
    "targets": "data.targets=[X,Y,Z]: no position columns were recognised; inspect takes --positions X Y Z",
    "rate_hz": "data.rate_hz=ROWS_PER_SECOND: no time column was recognised; inspect takes --time COLUMN",
}
_SHOWN = 8  # names in a list
_SATURATED_SHARE = 0.01  # of all rows that lie exactly at the end of the range
_SATURATED_ROWS, _FEW_VALUES = 5, 10  # of a channel with fewer values, rows at an end are nothing unusual
_RARE = 0.1  # of the largest class
_WIDTH = 120
_COLUMNS = ("column", "kind", "min", "max", "mean", "std", "missing", "distinct", "stuck in")
_RIGHT = {*_COLUMNS[2:], "rows", "%"}


def inspect(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Print and return what files hold, or raise an InputError; write figures, or a draft too, into `folder`."""
    if options.write:
        _check_draft_path(options.write)
    if len(options.positions) > 3:
        raise InputError("--positions takes one to three columns: x, y, z")
    with _warned():  # what training warns of is told below
        survey = survey_of(options)
    overrides, training = _training(survey)
    path = options.write or folder / "conf" / "data" / "inspected.yaml"
    built_in = path.resolve().parent.parent == conf_dir().resolve()
    config_dir = [] if built_in else ["--config-dir", str(path.parent.parent)]
    command = shlex.join(["python", "-m", "forcepos", *config_dir, f"data={path.stem}", *overrides])
    lines, measures = health(survey.recordings)
    found = _facts(survey)
    found |= {"remarks": _remarks(survey, found), "training": training}
    found |= {"health": {"findings": lines, "channels": measures}, "figures": []}
    notes = (f"note: {remark}" for remark in found["remarks"])
    _show(survey, found, [*notes, *(f"health: {line}" for line in lines), *training])
    if not options.no_figures:
        found["figures"] = [str(path) for path in save_figures(survey, measures, folder)]
        sys.stderr.write(f"figures: {', '.join(found['figures'])}\n")
    _write(path, _draft(survey, command), "--write" if options.write else "the draft")
    sys.stderr.write(visible(f"config: {path}; train with {command}") + "\n")
    if to_set := [_TO_SET[key].partition(": ") for key, value in survey.settings.items() if value is None]:
        added = " ".join(shlex.quote(key) for key, _, _ in to_set)
        command += f" {added}  # fill in; {'; '.join(why for _, _, why in to_set)}"
    elif any("would fail" in line for line in training):
        command += "  # once what training would fail of is mended"
    return found | {"config": str(path), "command": command}


def _facts(survey: Survey) -> dict[str, Any]:
    """Return what a survey finds, as far as JSON can hold it."""
    recordings, columns, times = survey.recordings, survey.columns, survey.recordings.times
    signals, first, guesses = recordings.signals, recordings.bounds[:, 0], survey.guesses
    pauses = int(times.pauses.sum()) if times else 0
    if times and "gap_s" in survey.settings:  # pauses that begin a new recording
        pauses += len(recordings.names) - len(times.names)
    never = np.fmin.reduceat(signals, first) == np.fmax.reduceat(signals, first)  # changes in a recording
    stuck = zip(recordings.channels, (never & (np.diff(recordings.bounds) > 1)).sum(axis=0).tolist(), strict=True)
    labels = filter(None, (guesses.roles["label"], *guesses.candidates))
    longest_s = round(float(times.longest_s.max()), 9) if times and pauses else 0.0
    return {
        "files": len(survey.sources), "recordings": len(recordings.names), "points": survey.points or None,
        "rows": len(recordings.recording), "rate_hz": recordings.rate_hz,
        "gaps": {"count": pauses, "longest_s": longest_s},
        "ranges": {name: [one.low, one.high] for name, one in columns.items() if one.low <= one.high},
        "missing": {name: one.rows - one.known for name, one in columns.items() if one.known < one.rows},
        "stuck": {name: count for name, count in stuck if count},
        "saturated": {name: ends for name in recordings.channels if (ends := _saturated(columns[name]))},
        "balance": {name: counts for name in labels if (counts := columns[name].counts)},
        "guesses": guesses.roles,
    }  # fmt: skip


def _saturated(one: Column) -> list[dict[str, Any]]:
    usual = one.known / one.distinct if one.distinct else 1
    many = max(_SATURATED_ROWS, _SATURATED_SHARE * one.known, _SATURATED_ROWS * usual)
    ends = zip(one.at_ends.items(), (one.low, one.high), strict=True)
    found = [{"end": end, "value": value, "rows": rows} for (end, rows), value in ends if rows >= many]
    return found if one.low < one.high and (one.distinct or np.inf) >= _FEW_VALUES else []


def _remarks(survey: Survey, found: dict[str, Any]) -> list[str]:
    """Return what the user should check and training does not tell, a line each; `found` are the facts."""
    roles, candidates = survey.guesses.roles, survey.guesses.candidates
    lines = [f"skipped: {line}" for line in [*survey.skipped.values()][:_SHOWN]]
    names = Counter(path.name for path in [*(source.path for source in survey.sources), *survey.skipped])
    if len(recurring := [name for name, count in names.items() if count > 1]) > 1:
        parts = "if they are parts of one trial, set data.join, which puts them side by side"
        lines += [f"{name_some(recurring, _SHOWN)} are in several folders: {parts}"]
    for first, *more in (source.row_errors for source in survey.sources if source.row_errors):
        lines += [first + f"; {len(more) + 1} such lines" * bool(more)]
    for one in survey.columns.values():
        lines += _faults(one, found["saturated"].get(one.name, ()))
    if not roles["positions"]:
        lines += ["no position columns found: name them with --positions X Y Z, or set data.targets"]
    if not roles["time"]:
        lines += ["no time column found: name it with --time, or set data.rate_hz"]
    counts = found["balance"].get(roles["label"], {})
    if rare := [value for value, count in counts.items() if count < _RARE * max(counts.values())]:
        few = f"{name_some(rare, _SHOWN)}, {min(counts.values())} compared with {max(counts.values())}"
        lines += [f"label {roles['label']}: few rows of class {few}"]
    if candidates and not roles["label"]:
        few = f"{name_some(candidates, _SHOWN)}: few distinct values, so each may be a label"
        lines += [f"{few}; choose one with --label"]
    return lines


def _faults(one: Column, saturated: Iterable[dict[str, Any]]) -> Iterator[str]:
    if lost := one.rows - one.known - len(one.faults):
        yield f"column {one.name}: {_quantity(lost, 'value')} missing or not finite"
    for first in one.faults[:1]:
        yield f"column {one.name}: {_quantity(len(one.faults), 'non-numeric value')}, such as {first[:30]!r}"
    for end in saturated:
        which = f"its {end['end']}est value, in {end['rows']} rows: saturated?"
        yield f"column {one.name} is exactly {end['value']:.6g}, {which}"


def _quantity(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}{'s'[: number != 1]}"


def _show(survey: Survey, found: dict[str, Any], lines: Iterable[str]) -> None:
    """Print the facts as tables, and lines, on standard error."""
    console = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
    for title, most, columns, rows in _tables(survey, found):
        table = Table()
        for name in columns:
            right = name in _RIGHT
            table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
        more = first_lines([row[0] for row in rows], most)[most:]
        for row in [*rows[:most], *([line] for line in more)]:
            table.add_row(*(Text(shortened(visible_name(str(cell)))) for cell in row))
        console.print(Text(shortened(visible(title)), "bold"), table, sep="\n")
    rate = f", {found['rate_hz']:.6g} rows per second" if found["rate_hz"] else ""
    points = f" of {_quantity(survey.points, 'point')}" if survey.points else ""
    files, recordings = _quantity(found["files"], "file"), _quantity(found["recordings"], "recording")
    for line in (f"{files}, {recordings}{points}, {found['rows']} rows{rate}", *lines):
        console.print(Text(visible_lines(line)), soft_wrap=True)


def _tables(survey: Survey, found: dict[str, Any]) -> Iterator[tuple[str, int, Sequence[str], list[list[Any]]]]:
    """Yield titles, how many rows are shown, the names of columns, and all rows."""
    guesses, recordings, label = survey.guesses, survey.recordings, survey.guesses.roles["label"]
    files = [[source.path, source.kind, source.layout or ""] for source in survey.sources]
    yield "Files", 10, ("file", "format", "layout"), files
    roles = {guesses.roles[one]: one for one in reversed(NAMED)} | dict.fromkeys(guesses.candidates, "label?")
    rows = []
    for name, one in survey.columns.items():
        numbers = [f"{value:.5g}" * (name in found["ranges"]) for value in (one.low, one.high, one.mean, one.std)]
        distinct, stuck = "many" if one.distinct is None else one.distinct, found["stuck"].get(name, "")
        kind, missing = roles.get(name) or one.kind or one.type, found["missing"].get(name, "")
        rows += [[name, kind, *numbers, missing, distinct, "all" if stuck == found["recordings"] else stuck]]
    yield "Columns", 500, _COLUMNS, rows
    if len(recordings.names) > 1:
        lengths = zip(recordings.names, np.diff(recordings.bounds)[:, 0], strict=True)
        yield "Recordings", 12, ("recording", "rows"), [[*pair] for pair in lengths]
    for name, counts in found["balance"].items():
        what, total = "the label" if name == label else "possibly a label", sum(counts.values())
        shares = [[value, count, f"{100 * count / total:.1f}"] for value, count in counts.items()]
        yield f"Classes of {name}, {what}", 40, ("class", "rows", "%"), shares
    chosen = ((role, [one] if isinstance(one, str) else one or []) for role, one in guesses.roles.items())
    why = [[role, name_some(names, _SHOWN), guesses.reasons.get(role, "none found")] for role, names in chosen]
    yield "Guesses", len(why), ("role", "columns", "reason"), why


def _write(path: Path, text: str, what: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be written: {error}") from error


def _training(survey: Survey) -> tuple[list[str], list[str]]:
    """Return the overrides with which training works, if any help, and its warnings or error, a line each."""
    roles, text = survey.guesses.roles, _draft(survey, "")
    axes = ",".join("xyz"[: len(roles["positions"])])
    overrides = [f"model.axes=[{axes}]"] if axes and len(axes) < 5 else []
    overrides = ["model=cnn_classification"] if roles["label"] and not axes else overrides
    values = len(survey.recordings.recording) * (len(roles["features"]) + len(roles["positions"]))
    if None in survey.settings.values():
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
    guesses, settings, label = survey.guesses, survey.settings, survey.guesses.roles["label"]
    notes = {key: f"a guess, {reason}" for key, reason in guesses.reasons.items()} | _NOTES
    notes |= {key: f"set it: {text}" for key, text in _TO_SET.items() if settings.get(key, "") is None}
    notes["path"] = "" if Path(settings["path"]).is_absolute() else "relative to the working directory"
    notes |= {"label": f"{notes['label']}: {survey.columns[label].distinct} classes"} if label else {}
    files, rows = _quantity(len(survey.sources), "file"), len(survey.recordings.recording)
    recordings, points = _quantity(len(survey.recordings.names), "recording"), _quantity(survey.points, "point")
    lines = [f"# Drafted by `forcepos inspect` from {files} with {rows} rows:"]
    lines += [f"# {recordings}{f' of {points}' * bool(survey.points)}. Guesses are marked as such."]
    lines += [f"# {line}" for line in command.splitlines()]
    lines += ["defaults:", "  - table", "  - _self_", "", "name: table"]
    few = [*map(quoted, guesses.candidates)] if not label else []
    lines += [f"# label: {name_some(few, _SHOWN)}  # possibly, with few values"] if few else []
    for key, value in settings.items():
        note = f"  # {notes[key]}" if notes.get(key) else ""
        if isinstance(value, list) and value:
            reason = guesses.reasons["positions" if key == "targets" else key]
            lines += [f"# A guess: {reason}.{_ADVICE[key]}", f"{key}:", *(f"  - {quoted(one)}" for one in value)]
        else:
            scalar = quoted(value) if isinstance(value, str) else json.dumps(value).removesuffix(".0")
            lines += [f"{key}: {_UNSET.get(scalar, scalar)}{note}"]
    return "\n".join([*lines, ""])


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
