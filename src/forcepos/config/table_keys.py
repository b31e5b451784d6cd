"""Check the keys of a table against one another and against the model."""

import dataclasses
from collections.abc import Iterator

from forcepos.config.schema import ModelConfig, TableConfig
from forcepos.runtime.errors import InputError

AXES = ("x", "y", "z")


def check_table(data: TableConfig, model: ModelConfig) -> None:
    """Refuse keys that no table could satisfy, before one is read.

    Raises:
        InputError: keys contradict one another; one line, with their names.
    """
    checks = (_empty(data), _repeated_columns(data), _of_columns(data), _of_time(data), _of_task(data, model))
    problems = [line for check in checks for line in check]
    if problems:
        raise InputError(problems[0])


def known_axes(data: TableConfig) -> tuple[str, ...]:
    """Return the axes that the targets cover."""
    return AXES[: len(data.targets or [])]


def _empty(data: TableConfig) -> Iterator[str]:
    for field in dataclasses.fields(data):
        if getattr(data, field.name) == "":
            what = "name a file or a folder" if field.name == "path" else "give it a value, or leave it out"
            column = (
                ", a column without a name by its number" if "column with" in field.metadata["meaning"] else ""
            )
            yield f"data.{field.name} is empty: {what}{column}"


def _repeated_columns(data: TableConfig) -> Iterator[str]:
    for key, names in (("features", data.features), ("targets", data.targets or []), ("keep", data.keep or [])):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            yield f"data.{key} names {', '.join(twice)} twice"


def _of_columns(data: TableConfig) -> Iterator[str]:
    targets = data.targets or []
    if len(targets) > len(AXES):
        yield f"data.targets names {len(targets)} columns: it takes one to three, with x, y, z in this order"
    if not targets and data.label is None:
        yield "neither data.targets nor data.label is set: set at least one of them"
    if data.label in data.features:
        yield f"data.label={data.label} is among data.features: the model would see what it has to predict"
    if data.visits and (data.point is None or data.recording is not None):
        yield "data.visits=true makes recordings of data.point: name a column there, and none in data.recording"
    if data.separator is not None and (len(data.separator) != 1 or data.separator == data.decimal):
        yield f"data.separator={data.separator!r} must be one character other than data.decimal={data.decimal}"


def _of_time(data: TableConfig) -> Iterator[str]:
    if data.time is None and data.gap_s is not None:
        yield f"data.gap_s={data.gap_s:g} needs data.time, the column with the time of a row"
    if data.time is None and data.nanoseconds is not None and data.rate_hz is None:
        yield f"data.nanoseconds={data.nanoseconds} needs data.time, the column with the whole seconds"
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
