"""Findings of a survey: stuck and saturated channels, classes, and remarks for the user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from forcepos.commands.inspect.columns import Column
from forcepos.commands.inspect.survey import Survey
from forcepos.commands.inspect.times import GAP_STEPS
from forcepos.data.recordings import Float64
from forcepos.runtime.wording import name_some

SHOWN = 8  # names in a list
_SATURATED_SHARE = 0.01  # of all rows that lie exactly at the end of the range
_SATURATED_ROWS = 5
_ALIKE = 0.999  # absolute correlation above which a feature is taken for a copy of a target
_RARE = 0.1  # of the largest class


def channels(survey: Survey) -> list[Column]:
    """Return the columns with measurements: not time, positions, names or commands."""
    taken, kinds = survey.guesses.taken, survey.guesses.kinds
    never = {"row number", "commanded position", "commanded angle", "position"}
    return [
        column
        for column in survey.columns.values()
        if column.name not in taken and column.numeric and kinds[column.name] not in never
    ]


def stuck(survey: Survey) -> dict[str, int]:
    """Return the number of recordings in which a channel never changes, where there are any."""
    counts = Counter(name for recording in survey.recordings for name in recording.stuck)
    return {column.name: counts[column.name] for column in channels(survey) if counts[column.name]}


def saturated(survey: Survey) -> dict[str, list[dict[str, Any]]]:
    """Return the ends of channels' ranges at which many rows lie exactly."""
    found: dict[str, list[dict[str, Any]]] = {}
    for column in channels(survey):
        if column.low == column.high or (column.distinct or _SATURATED_ROWS * 2) < _SATURATED_ROWS * 2:
            continue
        for end, value, rows in (("low", column.low, column.at_low), ("high", column.high, column.at_high)):
            usual = column.known / column.distinct if column.distinct else 1
            if rows >= max(_SATURATED_ROWS, _SATURATED_SHARE * column.known, _SATURATED_ROWS * usual):
                found.setdefault(column.name, []).append({"end": end, "value": value, "rows": rows})
    return found


def balance(survey: Survey) -> dict[str, dict[str, int]]:
    """Count the rows of each class, of the label and of columns that may be one."""
    names = (survey.guesses.label, *survey.guesses.candidates)
    return {name: _classes(counts) for name in names if name and (counts := survey.columns[name].counts)}


def _classes(counts: Mapping[float | str, int]) -> dict[str, int]:
    in_order = sorted(counts, key=lambda value: (isinstance(value, str), value))
    return {f"{value:g}" if isinstance(value, float) else value: counts[value] for value in in_order}


def target_copies(survey: Survey) -> dict[str, str]:
    """Return features that follow a target so closely that they are copies of it, each with its target."""
    features = [*survey.guesses.features]
    found: dict[str, str] = {}
    for target in survey.guesses.positions:  # not all columns with all, of which there may be thousands
        values = survey.sample.reindex(columns=features).to_numpy()
        alike = np.abs(_correlations(values, survey.sample.reindex(columns=[target]).to_numpy())) > _ALIKE
        found |= dict.fromkeys((name for name, is_alike in zip(features, alike, strict=True) if is_alike), target)
    return found


def _correlations(columns: Float64, column: Float64) -> Float64:
    """(columns,) over the rows in which both are known; NaN where these are fewer than three or all alike."""
    known = np.isfinite(columns) & np.isfinite(column)
    count = known.sum(axis=0)
    with np.errstate(all="ignore"):
        first, second = (
            np.where(known, values - values.sum(axis=0, where=known) / count, 0.0)
            for values in (columns, np.broadcast_to(column, columns.shape))
        )
        together = (first * second).sum(axis=0) / np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    return np.where(count >= 3, together, np.nan)


def remarks(survey: Survey) -> list[str]:
    """Return what the user should check, a line each."""
    return [*_of_files(survey), *_of_values(survey), *_of_time(survey), *_of_channels(survey), *_of_roles(survey)]


def _of_files(survey: Survey) -> Iterator[str]:
    yield from (f"skipped: {line}" for line in survey.skipped[:SHOWN])
    for source in survey.sources:
        row_errors = source.row_errors
        more = f"; {len(row_errors)} such lines" if len(row_errors) > 1 else ""
        yield from (f"{row_error}{more}" for row_error in row_errors[:1])


def _of_values(survey: Survey) -> Iterator[str]:
    for column in survey.columns.values():
        missing = column.missing - column.not_numbers
        if missing and column.missing < column.rows:
            yield f"column {column.name}: {quantity(missing, 'value')} missing or not finite"
        if column.not_numbers:
            values = quantity(column.not_numbers, "non-numeric value")
            yield f"column {column.name}: {values}, such as {column.example!r}"
    empty = [column.name for column in survey.columns.values() if column.missing == column.rows]
    if empty:
        yield f"no values in column {name_some(empty, SHOWN)}"


def _of_time(survey: Survey) -> Iterator[str]:
    times = survey.times
    if times.gaps:
        yield (
            f"time has {quantity(times.gaps, 'gap')} of more than {GAP_STEPS} steps, "
            f"the longest of {times.longest_s:.3g} s before row {times.longest_row}"
        )
    if times.back:
        yield f"time goes backwards {quantity(times.back, 'time')}"
    if times.same:
        yield f"{quantity(times.same, 'row')} with the time of the row before"


def _of_channels(survey: Survey) -> Iterator[str]:
    total = len(survey.recordings)
    constant: dict[int, list[str]] = {}
    for name, count in stuck(survey).items():
        if count == total or name in survey.guesses.features:
            constant.setdefault(count, []).append(name)
    for count, names in sorted(constant.items(), reverse=True):
        where = "every recording" if count == total else f"{count} of {total} recordings"
        yield f"constant in {where}: {name_some(names, SHOWN)}"
    for name, ends in saturated(survey).items():
        for end in ends:
            value = f"its {'minimum' if end['end'] == 'low' else 'maximum'}"
            yield f"column {name} is exactly {end['value']:.6g}, {value}, in {end['rows']} rows: saturated?"
    for feature, target in target_copies(survey).items():
        yield f"column {feature} follows {target} so closely that a model would only copy it"


def _of_roles(survey: Survey) -> Iterator[str]:
    guesses = survey.guesses
    if not guesses.positions:
        yield "no position columns found: name them with --positions X Y Z, or set data.targets"
    if not guesses.time:
        yield "no time column found: name it with --time, or set data.rate_hz"
    if not guesses.features:
        yield "no column is left for the features: set data.features"
    for name, counts in balance(survey).items():
        rare = [value for value, count in counts.items() if count < _RARE * max(counts.values())]
        if rare and name == guesses.label:
            fewest, most = min(counts.values()), max(counts.values())
            yield f"label {name}: few rows of class {name_some(rare, SHOWN)}, {fewest} compared with {most}"
    if guesses.candidates and not guesses.label:
        few = name_some(guesses.candidates, SHOWN)
        yield f"{few}: few distinct values, so each may be a label; choose one with --label"


def quantity(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}{'s'[: number != 1]}"


def role(survey: Survey, name: str) -> str:
    """Return the role of a column, or else its kind."""
    guesses = survey.guesses
    roles: dict[str | None, str] = {guesses.recording: "recording", guesses.point: "point", guesses.label: "label"}
    if name in guesses.time:
        return "time"
    return "label?" if name in guesses.candidates else roles.get(name) or guesses.kinds[name]
