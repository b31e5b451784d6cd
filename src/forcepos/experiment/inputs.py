"""What is checked and read before TensorFlow, which takes seconds, is loaded."""

import dataclasses
import json
import logging
import math
import os
import reprlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from forcepos.config.checks import wanted_limit
from forcepos.config.schema import Config, FixedTunerConfig, IntRange, ModelConfig, SimulatedConfig
from forcepos.data.loading import Loaded, load_checked
from forcepos.data.recordings import Recordings
from forcepos.models.architectures.architecture import PREPROCESSING, architecture_of, preprocessing, search_space
from forcepos.results.finished_runs import CONFIG, MODEL, holds_result
from forcepos.results.progress import Progress
from forcepos.runtime.errors import InputError
from forcepos.tracking.store import fetch
from forcepos.tracking.store import read_hyperparameters as read_run
from forcepos.tracking.track import check_server
from forcepos.tuning.trials import Values
from forcepos.tuning.tuner import Space

log = logging.getLogger(__name__)
_MANY_ROWS = 500_000  # that one has hardly meant


def read_inputs(config: Config) -> Loaded:
    """Look for the tracking server, check given hyperparameters, and read the recordings."""
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks > 1:
        fault = f"Slurm runs this command as {tasks} tasks, each of which would do the whole run"
        remedy = f"ask for one task, srun --ntasks=1 --cpus-per-task={tasks} …, and set tuner.workers={tasks}"
        raise InputError(f"{fault}: {remedy}")
    check_server(config.tracking)
    check_pretraining(config)
    given_hyperparameters(config)
    if isinstance(data := config.data, SimulatedConfig):
        points = math.prod(data.grid)
        rows = points * data.visits * data.rows
        many = rows > _MANY_ROWS  # about half of them will be training samples
        visits = f"data.visits={data.visits} x data.rows={data.rows} of each visit"
        plan = f"; training {Progress(config, rows // 2).plan()}" if many else ""
        level, size = logging.WARNING if many else logging.INFO, f"{rows:,} rows: {points} points of data.grid"
        log.log(level, "simulating %s x %s%s", size, visits, plan)
    loaded = load_checked(config)
    check_pretraining(config, loaded.recordings)
    return loaded


def with_known_seconds(config: Config, rate_hz: float | None) -> Config:
    """Leave out statistics over seconds, where rows do not tell what a second is and others are left to try."""
    shuffled = getattr(config.split, "shuffle_rows", False)
    known = [seconds for seconds in config.model.statistics_s if not seconds or (rate_hz and not shuffled)]
    if not known or len(known) == len(config.model.statistics_s):
        return config
    unknown = "no rate of rows is known: set data.time or data.rate_hz"
    why = "split.shuffle_rows shuffles rows" if shuffled else unknown
    log.warning("model.statistics_s: only 0 is tried, since %s", why)
    return dataclasses.replace(config, model=dataclasses.replace(config.model, statistics_s=known))


def given_hyperparameters(config: Config) -> Values | None:
    """Return the hyperparameters that are trained without a search; None if there is a search."""
    if not isinstance(config.tuner, FixedTunerConfig):
        return None
    source = config.tuner.hyperparameters
    text = read_run(config.tracking, source) if source.startswith("runs:/") else None
    return check_hyperparameters(read_hyperparameters(source, text), config.model, source)


def read_hyperparameters(source: str | Path, text: bytes | None = None) -> Values:
    """Read hyperparameters from JSON, of the file `source` or given: an object of them, or a result.json."""
    try:
        file = "result.json" if Path(source).is_dir() else ""
        text = Path(source, file).read_bytes() if text is None else text
        values = json.loads(text, object_pairs_hook=_without_repetition)
    except OSError as error:
        raise InputError(f"tuner.hyperparameters={source} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        fault = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise InputError(f"tuner.hyperparameters={source} is not JSON: {fault}") from error
    given = values.get("best_hyperparameters", values) if isinstance(values, dict) else values
    place = "" if given is values else ": best_hyperparameters"
    if not isinstance(given, dict):
        kind = "null" if given is None else f"a {type(given).__name__}"
        raise InputError(f"tuner.hyperparameters={source}{place} holds {kind}, not an object")
    return given


def source_folder(config: Config) -> Path:
    """Return the folder of the run that training.pretrain names, or one like it for a run that MLflow keeps."""
    source = str(config.training.pretrain)
    if not source.startswith("runs:/"):
        return Path(source)
    return fetch(config.tracking, source, "training.pretrain=", [f"config/{CONFIG}", "result.json"])


def check_pretraining(config: Config, recordings: Recordings | None = None) -> None:
    """Raise InputError if training.pretrain names no run, or one with other channels, rows, outputs or layers."""
    if not (source := config.training.pretrain):
        return
    folder, problem = source_folder(config), "is not the folder of a finished run with a model"
    try:
        if holds_result(folder) and (folder / MODEL).is_file():
            result, before = (json.loads((folder / name).read_bytes()) for name in ("result.json", CONFIG))
            compared = _compared(result, before, config, recordings)
            problems = (f"has {name}={was} where this run has {now}" for name, was, now in compared if was != now)
            problem = next(problems, "")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        problem = f"cannot be used: {type(error).__name__}: {error}"
    if problem:
        raise InputError(f"training.pretrain={source} {problem}")


def _compared(
    result: Mapping[str, Any], before: Mapping[str, Any], config: Config, recordings: Recordings | None
) -> Iterator[tuple[str, Any, Any]]:
    """Yield names and values, there and here, of what networks depend on; of other channels those that differ."""
    theirs, ours = before["data"]["features"], config.data.features
    only = [name for name in theirs if name not in ours], [name for name in ours if name not in theirs]
    yield "data.features", *(only if any(only) else (theirs, ours))
    values, regression = dataclasses.asdict(config), config.model.task == "regression"
    outputs = "model.axes" if regression else "sectors.starts_deg"
    for name in ("model.task", "model.plugin", "model.window", outputs):
        group, _, key = name.partition(".")
        yield name, before[group][key], values[group][key]
    for name, value in (given_hyperparameters(config) or {}).items():
        if name not in {"lr", "batch_size"}:
            yield name, result["best_hyperparameters"].get(name, value), value
    if recordings:
        was, now = result["data"]["rate_hz"], recordings.rate_hz
        if was and now and not 1 / 1.1 < was / now < 1.1:
            yield "rows per second", was, now
        if not regression:
            yield "classes", result["data"].get("classes", []), list(recordings.label_names)
        if result["data"]["fingerprint"] == recordings.fingerprint:
            known = "learned from these recordings: split as there, or it knows what is tested here"
            log.warning("training.pretrain=%s %s", config.training.pretrain, known)


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> Values:
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise ValueError(f"it holds {reprlib.repr(name)} twice")
    return dict(pairs)


def check_hyperparameters(values: Values, model: ModelConfig, source: str) -> Values:
    """Check the values that the network they describe needs, and return them without those of unused layers."""
    space, given = architecture_of(model), f"tuner.hyperparameters={source}"
    for name, usual in zip(PREPROCESSING, preprocessing(model, {}), strict=True):
        choices = list(dict.fromkeys(getattr(model, name)))
        if len(choices) == 1 and values.get(name, usual) != usual:
            raise InputError(f"{given}: {name}={reprlib.repr(values[name])} is not model.{name}={usual}")
        values = {name: usual} | values
    needed: Values = {}
    for entry in Space(search_space(model)).needed(needed):
        if entry.name not in values:
            raise InputError(f"{given} lacks {entry.name}")
        value = values[entry.name]
        kinds = " or ".join(kind.__name__ for kind in entry.kinds)
        limits = _limits(model if entry.name in PREPROCESSING else space, entry.name)
        wanted = wanted_limit(value, limits) if entry.is_of_kind(value) else kinds
        if wanted:
            raise InputError(f"{given}: {entry.name}={reprlib.repr(value)} must be {wanted}")
        needed[entry.name] = value
    limit, number = getattr(space, "num_layers", None), needed.get("num_layers", 0)
    if isinstance(limit, IntRange) and number > limit.max:
        raise InputError(f"{given}: num_layers={number} is more than model.space.num_layers.max={limit.max}")
    return needed


def _limits(space: Any, name: str) -> dict[str, Any]:
    """Return the limits of the key in model.space that a hyperparameter belongs to: filters of conv_0_filter."""
    key = next((field for field in dataclasses.fields(space) if field.name.rstrip("s") in name), None)
    if key is None:
        return {}
    values = getattr(space, key.name)
    ends = {end.name: end for end in dataclasses.fields(values)} if dataclasses.is_dataclass(values) else {}
    return dict(ends.get("max", key).metadata.get("limits", {}))
