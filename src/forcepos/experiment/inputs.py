"""What is checked and read before TensorFlow, which takes seconds, is loaded."""

import dataclasses
import json
import logging
import math
import os
import reprlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

from forcepos.config.checks import wanted_limit
from forcepos.config.schema import Config, FixedTunerConfig, IntRange, ModelConfig, SimulatedConfig
from forcepos.data.loading import Loaded, load_checked
from forcepos.data.recordings import Recordings
from forcepos.models.architectures.architecture import architecture_of
from forcepos.results.finished_runs import CONFIG, holds_result
from forcepos.results.progress import Progress
from forcepos.runtime.errors import InputError
from forcepos.runtime.wording import name_some
from forcepos.tracking.store import read_artifact
from forcepos.tracking.track import check_server
from forcepos.tuning.space import Space
from forcepos.tuning.trials import Values

log = logging.getLogger(__name__)
_WHO = ("this run", "that one")
_SEEN = (
    "training.pretrain=%s learned from these recordings: with another split or seed it knows what is tested here"
)
_MANY_ROWS = 500_000  # that one has hardly meant


def read_inputs(config: Config) -> Loaded:
    """Look for the tracking server, check given hyperparameters, and read the recordings."""
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))
    if tasks > 1:
        raise InputError(
            f"Slurm runs this command as {tasks} tasks, each of which would do the whole run: ask for one task, "
            f"srun --ntasks=1 --cpus-per-task={tasks} …, and set tuner.workers={tasks}"
        )
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


def given_hyperparameters(config: Config) -> Values | None:
    """Return the hyperparameters that are trained without a search; None if there is a search."""
    if not isinstance(config.tuner, FixedTunerConfig):
        return None
    source, text = config.tuner.hyperparameters, None
    if source.startswith("runs:/"):
        given, what = f"tuner.hyperparameters={source}", "best hyperparameters"
        text = read_artifact(config.tracking, given, "best_hyperparameters.json", what)
    return check_hyperparameters(read_hyperparameters(source, text), config.model, source)


def read_hyperparameters(source: str | Path, text: bytes | None = None) -> Values:
    """Read hyperparameters from JSON, of the file `source` or given: an object of them, or a result.json."""
    try:
        path = Path(source, "result.json") if Path(source).is_dir() else Path(source)
        text = path.read_bytes() if text is None else text
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


def check_pretraining(config: Config, recordings: Recordings | None = None) -> None:
    """Compare the run that training.pretrain names with this one, as far as that goes without the recordings.

    Raises:
        InputError: it is unknown or unfinished, or has other channels, rows, outputs or layers; names them.
    """
    if not (source := config.training.pretrain):
        return
    given = f"training.pretrain={source}"
    try:
        if source.startswith("runs:/"):
            files = ("result.json", f"config/{CONFIG}")
            texts = [read_artifact(config.tracking, given, file, "a result") for file in files]
        elif holds_result(Path(source)):
            texts = [Path(source, name).read_bytes() for name in ("result.json", CONFIG)]
        else:
            raise InputError(f"{given} is not the folder of a finished run")
        problem = next(_differences(*map(json.loads, texts), config, recordings), None)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{given} cannot be used: {type(error).__name__}: {error}") from error
    if problem:
        raise InputError(f"{given} {problem}")


def _differences(
    result: Mapping[str, Any], before: Mapping[str, Any], config: Config, recordings: Recordings | None
) -> Iterator[str]:
    """Say what keeps this run from starting with the weights of one that had the config `before`."""
    if "folds" in result:
        yield "is a cross-validation, which has no model of its own"
    theirs, ours = before["data"]["features"], config.data.features
    lacking = [[name for name in one if name not in other] for one, other in permutations((theirs, ours))]
    if parts := [f"{who} lacks {name_some(names, 10)}" for who, names in zip(_WHO, lacking, strict=True) if names]:
        yield f"has other channels: {', '.join(parts)}"
    if theirs != ours:
        yield f"has the channels in another order: set data.features=[{','.join(theirs)}]"
    regression, data, values = config.model.task == "regression", result["data"], dataclasses.asdict(config)
    keys = ("model.task", "model.plugin", "model.window", "model.axes" if regression else "sectors.starts_deg")
    compared = {
        key: tuple(of[key.partition(".")[0]][key.partition(".")[2]] for of in (before, values)) for key in keys
    }
    if recordings:
        classes, rates = list(recordings.label_names), (data["rate_hz"], recordings.rate_hz)
        compared |= {} if regression else {"classes": (data.get("classes", classes), classes)}
        compared |= {"rows per second": rates} if all(rates) and max(rates) > 1.1 * min(rates) else {}
    for key, (was, now) in compared.items():
        if was != now:
            yield f"has {key}={was}, this run {now}"
    known = result["best_hyperparameters"]
    for key, value in (given_hyperparameters(config) or {}).items():
        if key not in {"lr", "batch_size"} and known.get(key, value) != value:
            yield f"has {key}={known[key]}, tuner.hyperparameters {value}: only lr and batch_size may differ"
    if recordings and data["fingerprint"] == recordings.fingerprint:
        log.warning(_SEEN, config.training.pretrain)


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> Values:
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise ValueError(f"it holds {reprlib.repr(name)} twice")
    return dict(pairs)


def check_hyperparameters(values: Mapping[str, Any], model: ModelConfig, source: str) -> Values:
    """Check the values that the network they describe needs, and return them without those of unused layers."""
    needed: Values = {}
    space, given = architecture_of(model), f"tuner.hyperparameters={source}"
    for entry in Space(space.declare_all).needed(needed):
        if entry.name not in values:
            raise InputError(f"{given} lacks {entry.name}")
        value = values[entry.name]
        kinds = " or ".join(kind.__name__ for kind in entry.kinds)
        wanted = wanted_limit(value, _limits(space, entry.name)) if entry.is_of_kind(value) else kinds
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
