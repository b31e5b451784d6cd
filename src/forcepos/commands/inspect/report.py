"""The steps of an inspection: survey, draft, checks of training, tables and remarks on standard error, figures."""

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

from forcepos.commands.inspect.draft import check_draft_path, draft, to_fill_in, training_command
from forcepos.commands.inspect.facts import SHOWN, facts, quantity, remarks, role
from forcepos.commands.inspect.health import health
from forcepos.commands.inspect.roles import ROLES
from forcepos.commands.inspect.survey import Survey, survey_of
from forcepos.config.composition import compose_unchecked
from forcepos.config.schema import Config
from forcepos.data.loading import load_checked
from forcepos.data.recordings import Recordings
from forcepos.data.splits.split import split_of
from forcepos.experiment.api import to_config
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import first_lines, name_some, shortened, visible, visible_lines, visible_name

log = logging.getLogger(__name__)
# Others where the default leaves a subset empty.
_SPLITS: tuple[list[str], ...] = ([], ["split=held_out_recordings"], ["split=random"])
_LONGEST = 200_000  # characters of a draft: a longer one takes too long to read
_MOST_VALUES = 50_000_000  # more are not loaded: an inspection must not need the memory that training does
_WIDTH = 120
_MOST = {"file": 10, "column": 500, "recording": 12, "class": 40}  # rows of a table, by its first column
_COLUMNS = ("column", "kind", "min", "max", "mean", "std", "missing", "distinct", "stuck in")
_RIGHT = {*_COLUMNS[2:], "rows", "%"}


def inspect(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Inspect files, print the findings and return them; write figures, and a draft not asked for, into `folder`.

    Raises:
        InputError: a file cannot be read, a column does not exist, or the draft cannot be written.
    """
    if options.write is not None:
        check_draft_path(options.write)
    if len(options.positions) > 3:
        raise InputError("--positions takes one to three columns: x, y, z")
    with _warned():  # what training warns of is told below
        survey = survey_of(options)
    path = options.write or folder / "conf" / "data" / "inspected.yaml"
    overrides, training = _training(survey)
    command = training_command(path, overrides)
    lines, measures = health(survey.recordings)
    found = facts(survey)
    found |= {"remarks": [*remarks(survey, found)], "training": training}
    found["health"] = {"findings": lines, "channels": measures}
    found["figures"] = []
    notes = (f"note: {remark}" for remark in found["remarks"])
    _show(survey, found, [*notes, *(f"health: {line}" for line in lines), *training])
    if not options.no_figures:
        from forcepos.commands.inspect.figures import save_figures  # noqa: PLC0415  # matplotlib takes a second

        found["figures"] = [str(path) for path in save_figures(survey, measures, folder)]
        sys.stderr.write(f"figures: {', '.join(found['figures'])}\n")
    _write(path, "\n".join([*draft(survey, command), ""]), "--write" if options.write else "the draft")
    sys.stderr.write(visible(f"config: {path}; train with {command}") + "\n")
    mended = "  # once what training would fail of is mended" * any("would fail" in line for line in training)
    return found | {"config": str(path), "command": to_fill_in(survey, command) or command + mended}


def _write(path: Path, text: str, what: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be written: {error}") from error


def _training(survey: Survey) -> tuple[list[str], list[str]]:
    """Return the overrides with which training works, if any help, and its warnings or error, a line each."""
    guesses, text = survey.guesses, "\n".join([*draft(survey, ""), ""])
    axes = ",".join("xyz"[: len(guesses.positions)])
    overrides = [f"model.axes=[{axes}]"] if axes and len(axes) < 5 else []
    overrides = ["model=cnn_classification"] if guesses.label and not axes else overrides
    values = survey.rows * (len(guesses.features) + len(guesses.positions))
    if to_fill_in(survey, ""):
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
        else:
            for failure in failures[:1]:
                log.warning("%s; %s suits these recordings", failure, override[0])
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


def _show(survey: Survey, found: Mapping[str, Any], lines: Iterable[str]) -> None:
    console = Console(stderr=True, width=None if sys.stderr.isatty() else _WIDTH)
    for title, columns, rows in _tables(survey, found):
        console.print(Text(shortened(visible(title)), "bold"))
        console.print(_table(columns, [*rows]))
    rate = f", {found['rate_hz']:.6g} rows per second" if found["rate_hz"] else ""
    points = f" of {quantity(survey.points, 'point')}" if survey.points else ""
    files, recordings = quantity(found["files"], "file"), quantity(found["recordings"], "recording")
    for line in (f"{files}, {recordings}{points}, {survey.rows} rows{rate}", *lines):
        console.print(Text(visible_lines(line)), soft_wrap=True)


def _tables(
    survey: Survey, found: Mapping[str, Any]
) -> Iterator[tuple[str, Sequence[str], Iterable[Sequence[str]]]]:
    guesses, recordings = survey.guesses, survey.recordings
    files = ((str(source.path), source.kind, str(source.layout or "")) for source in survey.sources)
    yield "Files", ("file", "format", "layout"), files
    yield "Columns", _COLUMNS, _columns(survey, found)
    if len(recordings.names) > 1:
        lengths = map(str, np.diff(recordings.bounds)[:, 0])
        yield "Recordings", ("recording", "rows"), zip(recordings.names, lengths, strict=True)
    for name, counts in found["balance"].items():
        what, total = "the label" if name == guesses.label else "possibly a label", sum(counts.values())
        shares = ((value, str(count), f"{100 * count / total:.1f}") for value, count in counts.items())
        yield f"Classes of {name}, {what}", ("class", "rows", "%"), shares
    chosen = {name: getattr(guesses, name) or () for name in ROLES}
    names = (one if isinstance(one, str) else name_some(one, SHOWN) for one in chosen.values())
    reasons = (guesses.reasons.get(name, "none found") for name in ROLES)
    yield "Guesses", ("role", "columns", "reason"), zip(ROLES, names, reasons, strict=True)


def _columns(survey: Survey, found: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for name, column in survey.columns.items():
        numbers = (f"{value:.5g}" for value in (column.low, column.high, column.mean, column.std))
        shown = numbers if name in found["ranges"] else ("",) * 4
        distinct = "many" if column.distinct is None else f"{column.distinct}"
        count = found["stuck"].get(name, "")
        stuck_in = "all" if count == found["recordings"] else f"{count}"
        kind, missing = role(survey, name) or column.kind, f"{found['missing'].get(name, '')}"
        yield name, kind, *shown, missing, distinct, stuck_in


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table()
    for name in columns:
        right = name in _RIGHT
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    most = _MOST.get(columns[0], len(rows))
    more = first_lines([row[0] for row in rows], most)[most:]
    for row in [*rows[:most], *([line] for line in more)]:
        table.add_row(*(Text(shortened(visible_name(cell))) for cell in row))
    return table
