"""Check the keys of data=table against one another and against the model."""

from __future__ import annotations

from collections.abc import Iterator

from forcepos.config.schema import ModelConfig, TableConfig
from forcepos.runtime.errors import InputError

AXES = ("x", "y", "z")


def check_table(data: TableConfig, model: ModelConfig) -> None:
    """Refuse keys that no table could satisfy, before one is read.

    Raises:
        InputError: keys contradict one another; one line, with their names.
    """
    for problem in (*_of_columns(data), *_of_time(data), *_of_task(data, model)):
        raise InputError(problem)


def known_axes(data: TableConfig) -> tuple[str, ...]:
    """Return the axes that the targets cover."""
    return AXES[: len(data.targets or [])]


def _of_columns(data: TableConfig) -> Iterator[str]:
    targets = data.targets or []
    if len(targets) > len(AXES):
        yield f"data.targets names {len(targets)} columns: it takes one to three, with x, y, z in this order"
    if not targets and data.label is None:
        yield "neither data.targets nor data.label is set: set at least one of them"
    for key, names in (("data.features", data.features), ("data.targets", targets)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            yield f"{key} names {', '.join(twice)} twice"
    if data.label in data.features:
        yield f"data.label={data.label} is among data.features: the model would see what it has to predict"
    if data.separator is not None and (len(data.separator) != 1 or data.separator == data.decimal):
        yield f"data.separator={data.separator!r} must be one character other than data.decimal={data.decimal}"


def _of_time(data: TableConfig) -> Iterator[str]:
    if data.time is None and data.gap_s is not None:
        yield f"data.gap_s={data.gap_s:g} needs data.time, the column with the time of a row"
    if data.time is None and data.rate_hz is None:
        yield "neither data.rate_hz nor data.time is set: set one of them"


def _of_task(data: TableConfig, model: ModelConfig) -> Iterator[str]:
    known = known_axes(data)
    if model.task == "classification":
        if data.label is None and len(known) < 2:
            yield (
                f"data.targets names {len(known)} column, but sectors need x and y: name another, "
                "or a column of classes in data.label"
            )
        return
    if not known:
        yield (
            f"data.targets names no column, but model={model.name} predicts positions: name columns with x, y, z, "
            "or choose a classification for data.label"
        )
    unknown = [axis for axis in model.axes if axis not in known]
    if unknown:
        left = [axis for axis in model.axes if axis in known] or known
        yield (
            f"model.axes contains {', '.join(unknown)}, but data.targets covers only {', '.join(known)}: "
            f"set model.axes=[{','.join(left)}], or name another column"
        )
