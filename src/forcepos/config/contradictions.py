"""Check the keys of a config against one another, once each is within its own limits."""

import dataclasses
from collections.abc import Iterator
from itertools import chain, pairwise

from forcepos.config import schema
from forcepos.runtime.errors import InputError

AXES = ("x", "y", "z")
# What Keras logs for each task, with the direction in which it gets better.
OBJECTIVES = {
    "regression": {"loss": "min", "mae": "min", "rmse": "min", "r2": "max"},
    "classification": {"loss": "min", "accuracy": "max", "f1": "max"},
}


def check_together(config: schema.Config) -> None:
    """Refuse keys that contradict one another, before data are read: an InputError, one line, names them."""
    data, model = config.data, config.model
    of_data = _of_table(data, model) if isinstance(data, schema.TableConfig) else ()
    of_search = chain(_of_model(model), _of_tuner(config.tuner, model.task), _of_sectors(config.sectors))
    others = chain(_of_training(config), _of_split(config.split), _of_tracking(config.tracking))
    problems = chain(of_search, others, of_data)
    if problem := next(problems, None):
        raise InputError(problem)


def known_axes(data: schema.TableConfig) -> tuple[str, ...]:
    """Return the axes that the targets cover."""
    return AXES[: len(data.targets or [])]


def _of_model(model: schema.ModelConfig) -> Iterator[str]:
    if model.space.sees == "row" and model.window != 1:
        yield f"model.window={model.window} must be 1: {model.name} sees one row at a time"
    if model.space.sees == "window" and model.window < 2:
        yield f"model.window={model.window} must be at least 2: {model.name} sees rows in sequence"
    if len(set(model.axes)) != len(model.axes):
        yield f"model.axes={model.axes} contains an axis twice"


def _of_tuner(tuner: schema.TunerConfig, task: str) -> Iterator[str]:
    if tuner.max_trials is None and tuner.minutes is None and not tuner.ends:
        needed = "tuner.minutes, or a tuner that ends by itself, grid or hyperband"
        yield f"tuner.max_trials=null needs {needed}: {tuner.name} never does"
    objective, direction, directions = tuner.objective, tuner.direction, OBJECTIVES[task]
    right = directions.get(objective.removeprefix("val_"))
    if right is None:
        choose = "choose " + ", ".join(f"val_{name}" for name in directions)
        yield f"tuner.objective={objective} is not a metric of a {task}: {choose}, or one of them without val_"
    if right != direction:
        yield f"tuner.direction={direction} would search for the worst {objective}: set tuner.direction={right}"


def _of_training(config: schema.Config) -> Iterator[str]:
    ensemble, fixed = config.training.ensemble, isinstance(config.tuner, schema.FixedTunerConfig)
    if ensemble != "trials":
        if type(ensemble) is not int or ensemble < 1:
            yield f"training.ensemble={ensemble} must be at least 1, or trials"
    elif fixed or config.training.pretrain:
        other = "tuner=fixed" if fixed else "training.pretrain"
        yield f"training.ensemble=trials needs a search, and {other} does without: choose a number"
    elif config.evaluation.calibration == "folds":
        instead = "choose evaluation.calibration=part, or a number"
        yield f"training.ensemble=trials has no networks that were trained without a fold: {instead}"


def _of_sectors(sectors: schema.SectorsConfig) -> Iterator[str]:
    starts = sorted(sectors.starts_deg)
    if not all(0 < after - before < 180 for before, after in pairwise([*starts, starts[0] + 360])):
        yield "sectors.starts_deg must be different angles less than 180 degrees apart"


def _of_split(split: schema.SplitConfig) -> Iterator[str]:
    part, most = split.calibration_ratio, split.validation_ratio
    if part >= most:
        yield f"split.calibration_ratio={part} must be below split.validation_ratio={most}, from which it is taken"
    if isinstance(split, schema.CrossValidationConfig) and split.fold is not None and split.fold > split.folds:
        yield f"split.fold={split.fold} must be at most split.folds={split.folds}"
    blocks = split.blocks if isinstance(split, schema.BlockedSplitConfig) else "auto"
    if blocks != "auto" and not (type(blocks) is int and 3 <= blocks <= 100_000):
        yield f"split.blocks={blocks} must be auto, or an integer from 3 to 100000"


def _of_tracking(tracking: schema.TrackingConfig) -> Iterator[str]:
    """Refuse what MLflow would refuse, or turn into a path, after hours of training."""
    if not tracking.experiment.strip():
        yield "tracking.experiment is empty"
    name = tracking.register_as
    if name is not None and (not name.strip() or set(name) & set("/\\:") or name in {".", ".."}):
        yield f"tracking.register_as={name} must be a name without /, \\ and :"


def _of_table(data: schema.TableConfig, model: schema.ModelConfig) -> Iterator[str]:
    for field in reversed(dataclasses.fields(data)):  # `seconds` before `time`, which repeats it
        if getattr(data, field.name) == "":
            what = "name a file or a folder" if field.name == "path" else "give it a value, or leave it out"
            hint = ", a column without a name by its number" * ("column with" in field.metadata["meaning"])
            yield f"data.{field.name} is empty: {what}{hint}"
    for key, names in (("features", data.features), ("targets", data.targets or []), ("keep", data.keep or [])):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            yield f"data.{key} names {', '.join(twice)} twice"
    yield from chain(_of_paths(data), _of_columns(data), _of_task(data, model))


def _of_paths(data: schema.TableConfig) -> Iterator[str]:
    for role in ("recording", "label", "session"):
        pattern = getattr(data, f"{role}_from")
        if pattern is not None and getattr(data, role) is not None:
            yield f"data.{role} and data.{role}_from are both set: a column or a part of the path gives the {role}"
        if pattern is not None and pattern.count("{}") != 1:
            yield f"data.{role}_from={pattern} must mark the {role} by {{}} once, as in {{}}/*.csv or run_{{}}.csv"
    for name, pattern in (data.join or {}).items():
        if not isinstance(pattern, str) or not pattern.strip() or not name.strip() or {".", ","} & {*name}:
            yield f"data.join: {name!r} must have a file or a pattern, and a name without dots and commas"
    if data.join and len({pattern.count("*") for pattern in data.join.values()}) > 1:
        yield "data.join: all its patterns must hold as many *, whose texts tell which files are of one trial"
    if data.join and data.join_by == "time" and data.time is None:
        yield "data.join needs data.time, the column with the time in each file, or data.join_by=row"


def _of_columns(data: schema.TableConfig) -> Iterator[str]:
    targets = data.targets or []
    if len(targets) > len(AXES):
        yield f"data.targets names {len(targets)} columns: it takes one to three, with x, y, z in this order"
    if not targets and data.label is None and data.label_from is None:
        yield "neither data.targets nor data.label is set: set at least one of them"
    if data.label in data.features:
        yield f"data.label={data.label} is among data.features: the model would see what it has to predict"
    if data.visits and (data.point is None or data.recording is not None or data.recording_from is not None):
        yield "data.visits=true makes recordings of data.point: name a column there, and none in data.recording"
    if data.separator is not None and (len(data.separator) != 1 or data.separator == data.decimal):
        yield f"data.separator={data.separator!r} must be one character other than data.decimal={data.decimal}"
    if data.time is None and data.gap_s is not None:
        yield f"data.gap_s={data.gap_s:g} needs data.time, the column with the time of a row"
    if data.time is None and data.nanoseconds is not None and data.rate_hz is None:
        yield f"data.nanoseconds={data.nanoseconds} needs data.time, the column with the whole seconds"
    yield from _of_tare(data)


def _of_tare(data: schema.TableConfig) -> Iterator[str]:
    begin, end = data.tare_ms
    if begin >= end:
        yield f"data.tare_ms=[{begin:g},{end:g}] must be an interval: its beginning, then its end"
    for key in ("tare_features", "tare_force"):
        if unknown := [name for name in getattr(data, key) or () if name not in data.features]:
            yield f"data.{key} names {', '.join(unknown)}, which data.features does not"


def _of_task(data: schema.TableConfig, model: schema.ModelConfig) -> Iterator[str]:
    known = known_axes(data)
    if model.task == "classification":
        if data.label is None and data.label_from is None and len(known) < 2:
            instead = "name another, or a column of classes in data.label"
            yield f"data.targets names {len(known)} column, but sectors need x and y: {instead}"
        return
    if not known:
        instead = "name columns with x, y, z, or choose a classification for data.label"
        yield f"data.targets names no column, but model={model.name} predicts positions: {instead}"
    if unknown := ", ".join(axis for axis in model.axes if axis not in known):
        left = ",".join([axis for axis in model.axes if axis in known] or known)
        instead = f"set model.axes=[{left}], or name another column"
        yield f"model.axes contains {unknown}, but data.targets covers only {', '.join(known)}: {instead}"
