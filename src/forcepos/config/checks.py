"""Compose a config as the command line does, and refuse what Hydra and the schema's types let through."""

import copy
import dataclasses
import functools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from hydra.version import setbase
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

from forcepos.config.contradictions import check_together
from forcepos.config.mistakes import resolving, unknown_key
from forcepos.config.plugins import load_plugin
from forcepos.config.schema import OWN_PLUGINS, SCHEMAS, Config, FloatRange, IntRange
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import conf_dir

Schema = TypeVar("Schema")

_LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "min": (operator.ge, "at least"), "max": (operator.le, "at most"),
    "above": (operator.gt, "above"), "below": (operator.lt, "below"),
}  # fmt: skip


@functools.cache
def register_schemas() -> None:
    """Register the dataclasses with Hydra once, in a group of their own that no list of choices shows."""
    register_resolvers()
    store = ConfigStore.instance()
    store.store(name="root", group="schema", package="_global_", node=Config)
    for name, schema in SCHEMAS.items():
        # Open to keys of plug-ins, which are checked once their class is known.
        node = OmegaConf.structured(schema, flags={"struct": False})
        if "space" in node:
            OmegaConf.set_struct(node.space, value=False)
        if name in OWN_PLUGINS:
            node.plugin = OWN_PLUGINS[name]
        group, _, choice = name.partition("/")
        store.store(name=choice or "default", group=f"schema/{group}", node=node)


def register_resolvers() -> None:
    """Register with OmegaConf, in this process, that `${if_equal:${tuner.name},random,3,1}` is 3 or else 1."""
    OmegaConf.register_new_resolver("if_equal", lambda value, other, *cases: cases[value != other], replace=True)


def compose_unchecked(
    overrides: Sequence[str], config_dir: str | Path | None = None, name: str = "config"
) -> DictConfig:
    """Compose conf/`name`.yaml, without our checks and without Hydra's own node; raise Hydra's errors."""
    register_schemas()
    setup_globals()  # resolvers such as `now`
    setbase("1.3")
    path = create_config_search_path(str(conf_dir()))
    if config_dir is not None:
        folder = Path(config_dir).absolute()
        if not folder.is_dir():
            raise InputError(f"Additional config directory '{folder}' not found")
        path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
    config = ConfigLoaderImpl(path).load_configuration(name, list(overrides), RunMode.RUN)
    with open_dict(config):
        del config["hydra"]
    return config


def refuse_missing(composed: DictConfig) -> None:
    if missing := sorted(OmegaConf.missing_keys(composed)):
        raise InputError(f"{missing[0]} is required: set it on the command line, {missing[0]}=…")


@resolving()
def checked(composed: DictConfig, schema: type[Schema]) -> Schema:
    """Convert a composed config to `schema`, or raise InputError with the name of the key that is wrong."""
    _refuse_unknown_keys(composed, "")
    if schema is Config:
        _complete(composed.model)
    refuse_missing(composed)
    config = OmegaConf.to_object(composed)
    if not isinstance(config, schema):
        raise TypeError(f"not a {schema.__name__}: {type(config)}")
    for key, value, limits in _leaves(config, ""):
        if wanted := wanted_limit(value, limits):
            raise InputError(f"{key}={value} must be {wanted}")
    return config


@resolving()
def check_config(composed: DictConfig, plugins: Mapping[str, type]) -> Config:
    """Check a run's config: plug-ins, by key and base class, and all keys; an InputError names the wrong one."""
    composed = copy.deepcopy(composed)
    OmegaConf.set_struct(composed, value=False)
    for key, base in plugins.items():
        _give_class(composed, key, base)
    config = checked(composed, Config)
    check_together(config)
    return config


def _give_class(composed: DictConfig, key: str, base: type) -> None:
    """Make the node `key` one of the class that its group's key `plugin` names, if it names one."""
    place, (above, _, last) = f"{key.partition('.')[0]}.plugin", key.rpartition(".")
    if (name := OmegaConf.select(composed, place)) is not None:
        parent = OmegaConf.select(composed, above)
        typed = DictConfig(load_plugin(name, base, place), last, parent, flags={"struct": False})
        typed.merge_with(OmegaConf.to_container(parent[last], resolve=False))
        parent[last] = typed


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


def _complete(node: DictConfig) -> None:
    """Make ranges and lists of plain values: a search space may name the one value that it has."""
    schema: Any = OmegaConf.get_type(node)
    for field in dataclasses.fields(schema):
        name, kind = field.name, field.metadata.get("of")
        if field.metadata.get("nested"):
            _complete(node[name])
        elif kind and not OmegaConf.is_missing(node, name):
            node[name] = _typed(node, name, kind)


def _typed(node: DictConfig, name: str, kind: type) -> DictConfig | ListConfig:
    """Return what the key means: a range, if `kind` is its dataclass, or a list with entries of type `kind`."""
    value = node[name]
    if not dataclasses.is_dataclass(kind):
        return ListConfig(value if isinstance(value, ListConfig) else [value], name, node, element_type=kind)
    typed = DictConfig(kind, name, node)
    plain = {"min": value, "max": value, "step": 1, "sampling": "linear"}
    typed.merge_with(value if isinstance(value, DictConfig) else {key: plain[str(key)] for key in typed})
    return typed


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
            if (limits or field.metadata.get("of")) and any(isinstance(entry, list | dict) for entry in value):
                raise InputError(f"{key}={value} must be a list of plain values")
            yield from ((f"{key}[{place}]", entry, limits) for place, entry in enumerate(value))
        else:
            yield key, value, limits


def wanted_limit(value: Any, limits: dict[str, Any]) -> str | None:
    """Return the limit that a value breaks, in words; None if it breaks none."""
    if value is None:
        return None
    for kind, limit in limits.items():
        if kind == "choices" and value not in limit:
            return f"one of {', '.join(limit)}"
        if kind in _LIMITS and not _LIMITS[kind][0](value, limit):
            return f"{_LIMITS[kind][1]} {limit}"
    return "finite" if isinstance(value, float) and not math.isfinite(value) else None
