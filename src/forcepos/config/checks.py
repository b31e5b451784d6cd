"""Check a composed config: refuse what Hydra and the schema's types let through."""

import copy
import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_type_hints

from hydra.core.config_store import ConfigStore
from omegaconf import BooleanNode, DictConfig, FloatNode, IntegerNode, OmegaConf, StringNode
from omegaconf.errors import ValidationError

from forcepos.config.mistakes import resolving, unknown_key
from forcepos.config.plugins import load_plugin
from forcepos.config.schema import (
    SCHEMAS,
    Config,
    CrossValidationConfig,
    FloatRange,
    IntRange,
    ModelConfig,
    SectorsConfig,
    SplitConfig,
    TableConfig,
    TrackingConfig,
    TunerConfig,
    VersuchConfig,
)
from forcepos.config.table_keys import check_table
from forcepos.runtime.errors import InputError

Schema = TypeVar("Schema")

_NODES: dict[type, Any] = {bool: BooleanNode, int: IntegerNode, float: FloatNode, str: StringNode}

# What Keras logs for each task, with the direction in which it gets better.
OBJECTIVES = {
    "regression": {"loss": "min", "mae": "min", "rmse": "min", "r2": "max"},
    "classification": {"loss": "min", "accuracy": "max", "f1": "max"},
}


def register_schemas() -> None:
    """Register the dataclasses with Hydra, in a group of their own that no list of choices shows."""
    register_resolvers()
    store = ConfigStore.instance()
    store.store(name="root", group="schema", package="_global_", node=Config)
    for name, schema in SCHEMAS.items():
        group, _, choice = name.partition("/")
        store.store(name=choice or "default", group=f"schema/{group}", node=_open(schema))


def _open(schema: type) -> DictConfig:
    """Return a node that takes keys of plug-ins', which are checked once their class is known."""
    node: DictConfig = OmegaConf.structured(schema, flags={"struct": False})
    if "space" in node:
        OmegaConf.set_struct(node.space, value=False)
    return node


def register_resolvers() -> None:
    """Register with OmegaConf, in this process, how a preset's value depends on a choice.

    `${if_equal:${tuner.name},random,3,1}` is 3 with tuner=random, else 1.
    """
    OmegaConf.register_new_resolver("if_equal", lambda value, other, *cases: cases[value != other], replace=True)


@resolving()
def checked(composed: DictConfig, schema: type[Schema]) -> Schema:
    """Convert a composed config to `schema`: no key unknown or missing, no value out of its limits.

    Raises:
        InputError: a key is unknown or missing, or a value refers to nothing or is out of limits; names the key.
    """
    _refuse_unknown_keys(composed, "")
    missing = sorted(OmegaConf.missing_keys(composed))
    if missing:
        raise InputError(_lacks(missing[0]))
    config = OmegaConf.to_object(composed)
    if not isinstance(config, schema):
        raise TypeError(f"not a {schema.__name__}: {type(config)}")
    if isinstance(config, Config):
        _complete(config.model, "model.")
    for key, value, limits in _leaves(config, ""):
        _check_limits(key, value, limits)
    return config


@resolving()
def check_config(composed: DictConfig, plugins: Mapping[str, type]) -> Config:
    """Check a composed config of a run, each key alone and those that depend on one another.

    Args:
        plugins: the base class of what plays the part of these keys.

    Raises:
        InputError: a key is unknown or missing, a value is out of its limits, or a plug-in cannot be used; names
            the key.
    """
    composed = copy.deepcopy(composed)
    OmegaConf.set_struct(composed, value=False)
    for key, base in plugins.items():
        _give_class(composed, key, base)
    config = checked(composed, Config)
    _check_model(config.model)
    _check_tuner(config.tuner)
    _check_objective(config.tuner, config.model.task)
    _check_sectors(config.sectors)
    _check_split(config.split)
    _check_tracking(config.tracking)
    if isinstance(config.data, TableConfig | VersuchConfig):
        check_table(config.data, config.model)
    return config


def _give_class(composed: DictConfig, key: str, base: type) -> None:
    """Make the node `key` one of the class that its group's key `plugin` names, if it names one."""
    place = f"{key.partition('.')[0]}.plugin"
    name = OmegaConf.select(composed, place)
    if name is not None:
        kind = load_plugin(name, base, place)
        typed = OmegaConf.structured(kind, flags={"struct": False})
        values = OmegaConf.to_container(OmegaConf.select(composed, key), resolve=False)
        OmegaConf.update(composed, key, OmegaConf.merge(typed, values), merge=False)


def _refuse_unknown_keys(node: DictConfig, prefix: str) -> None:
    """Refuse keys that `+key=value` added, which a structured config lets through."""
    kind = OmegaConf.get_type(node)
    if not dataclasses.is_dataclass(kind):
        return
    known = [field.name for field in dataclasses.fields(kind)]
    for key in sorted({*known} - {*node}):
        raise InputError(f"{prefix}{key} is required: do not remove it")
    for key in map(str, node):
        if key not in known:
            raise InputError(unknown_key(f"{prefix}{key}", kind, prefix))
        if not OmegaConf.is_missing(node, key) and isinstance(node[key], DictConfig):
            _refuse_unknown_keys(node[key], f"{prefix}{key}.")


def _complete(node: Any, prefix: str) -> None:
    """Make ranges and lists of plain values: a search space may name the one value that it has."""
    for field in dataclasses.fields(node):
        key, value, kind = f"{prefix}{field.name}", getattr(node, field.name), field.metadata.get("of")
        if field.metadata.get("nested"):
            _complete(value, f"{key}.")
        elif dataclasses.is_dataclass(kind):
            setattr(node, field.name, _as_range(key, value, kind))
        elif kind:
            entries = enumerate(value) if isinstance(value, list) else [(0, value)]
            setattr(node, field.name, [_converted(f"{key}[{place}]", entry, kind) for place, entry in entries])


def _as_range(key: str, value: Any, kind: Any) -> Any:
    kinds, plain = get_type_hints(kind), {"min": value, "max": value, "step": 1, "sampling": "linear"}
    given = value if isinstance(value, dict) else {name: plain[name] for name in kinds}
    for name in sorted({*given} ^ {*kinds}):
        raise InputError(
            unknown_key(f"{key}.{name}", kind, f"{key}.") if name in given else _lacks(f"{key}.{name}")
        )
    return kind(**{name: _converted(f"{key}.{name}", given[name], kinds[name]) for name in kinds})


def _lacks(key: str) -> str:
    return f"{key} is required: set it on the command line, {key}=…"


def _converted(key: str, value: Any, kind: type) -> Any:
    try:
        return _NODES[kind](value, is_optional=False)._value()  # noqa: SLF001
    except ValidationError as error:
        text = str(error).replace("$VALUE_TYPE", type(value).__name__).replace("$VALUE", str(value))
        raise InputError(f"{key}={value}: {text}") from error


def _leaves(node: Any, prefix: str) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield every leaf of a config: key, value, limits. Each entry of a list is a leaf."""
    for field in dataclasses.fields(node):
        key, value = f"{prefix}{field.name}", getattr(node, field.name)
        limits = dict(field.metadata.get("limits", {}))
        if isinstance(value, IntRange | FloatRange) and value.min > value.max:
            raise InputError(f"{key}.min={value.min} is greater than {key}.max={value.max}")
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{key}.")
        elif isinstance(value, list):
            length = limits.pop("length", None)
            if not value or length not in (None, len(value)):
                raise InputError(f"{key}={value} must {f'have {length} entries' if length else 'not be empty'}")
            yield from ((f"{key}[{place}]", entry, limits) for place, entry in enumerate(value))
        else:
            yield key, value, limits


def _check_limits(key: str, value: Any, limits: dict[str, Any]) -> None:
    wanted = wanted_limit(value, limits)
    if wanted:
        raise InputError(f"{key}={value} must be {wanted}")


def wanted_limit(value: Any, limits: dict[str, Any]) -> str | None:
    """Return the limit that a value breaks, in words; None if it breaks none."""
    if value is None:
        return None
    for kind, limit in limits.items():
        match kind:
            case "min":
                kept, wanted = value >= limit, f"at least {limit}"
            case "max":
                kept, wanted = value <= limit, f"at most {limit}"
            case "above":
                kept, wanted = value > limit, f"above {limit}"
            case "below":
                kept, wanted = value < limit, f"below {limit}"
            case _:
                kept, wanted = value in limit, f"one of {', '.join(limit)}"
        if not kept:
            return wanted
    return "finite" if isinstance(value, float) and not math.isfinite(value) else None


def _check_model(model: ModelConfig) -> None:
    if model.space.sees == "row" and model.window != 1:
        raise InputError(f"model.window={model.window} must be 1: {model.name} sees one row at a time")
    if model.space.sees == "window" and model.window < 2:
        raise InputError(f"model.window={model.window} must be at least 2: {model.name} sees rows in sequence")
    if len(set(model.axes)) != len(model.axes):
        raise InputError(f"model.axes={model.axes} contains an axis twice")


def _check_objective(tuner: TunerConfig, task: str) -> None:
    directions = OBJECTIVES[task]
    direction = directions.get(tuner.objective.removeprefix("val_"))
    if direction is None:
        raise InputError(
            f"tuner.objective={tuner.objective} is not a metric of a {task}: "
            f"choose {', '.join(f'val_{name}' for name in directions)}, or one of them without val_"
        )
    if direction != tuner.direction:
        raise InputError(
            f"tuner.direction={tuner.direction} would search for the worst {tuner.objective}: "
            f"set tuner.direction={direction}"
        )


def _check_split(split: SplitConfig) -> None:
    validation, calibration = split.validation_ratio, split.calibration_ratio
    if calibration >= validation:
        raise InputError(
            f"split.calibration_ratio={calibration} must be below split.validation_ratio={validation}, "
            "from which it is taken"
        )
    if isinstance(split, CrossValidationConfig) and split.fold is not None and split.fold > split.folds:
        raise InputError(f"split.fold={split.fold} must be at most split.folds={split.folds}")


def _check_tracking(tracking: TrackingConfig) -> None:
    """Refuse what MLflow would refuse, or turn into a path, after hours of training."""
    if not tracking.experiment.strip():
        raise InputError("tracking.experiment is empty")
    name = tracking.register_as
    if name is not None and (not name.strip() or set(name) & set("/\\:") or name in {".", ".."}):
        raise InputError(f"tracking.register_as={name} must be a name without /, \\ and :")


def _check_tuner(tuner: TunerConfig) -> None:
    if tuner.max_trials is None and not tuner.ends:
        raise InputError(
            f"tuner.max_trials=null needs a tuner that ends by itself, grid or hyperband: {tuner.name} never does"
        )


def _check_sectors(sectors: SectorsConfig) -> None:
    starts = sorted(sectors.starts_deg)
    widths = [after - before for before, after in zip(starts, [*starts[1:], starts[0] + 360], strict=True)]
    if min(widths) <= 0 or max(widths) >= 180:
        raise InputError("sectors.starts_deg must be different angles less than 180 degrees apart")
