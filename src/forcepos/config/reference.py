"""Render docs/config.md and the text of --help from the schema and conf/."""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from omegaconf import OmegaConf

from forcepos.config.schema import SCHEMAS, Config, FloatRange, IntRange
from forcepos.runtime.paths import conf_dir

_HELP = """\
forcepos: where does a robot touch? Learned from its force and torque signals.
One command composes a config, searches hyperparameters, trains, evaluates, and logs the run to MLflow.

python -m forcepos                                       the defaults, on a simulated arm
python -m forcepos model=cnn_regression tuner=bayesian   choose from the groups below
python -m forcepos data=versuch data.path=FILE           a Feather file in the notebook's format
python -m forcepos data=table data.path=FILE 'data.features=[Fx,Fy]' 'data.targets=[x,y]' data.time=t
python -m forcepos tuner.max_trials=20 training.final_epochs=100
python -m forcepos -m model=ffnn_regression,cnn_regression tuner=random,bayesian
python -m forcepos debug=smoke                           every step, in seconds
python -m forcepos prepare data.source=ZIP               convert text logs to such a Feather file
python -m forcepos inspect FILES                         inspect data before training; --write drafts a config

Groups and their choices:
{groups}

Frequently used keys:
{keys}

--cfg job         prints every key with its value; add choices and overrides to see their effect
--config-dir DIR  adds a folder with choices of your own; like any Hydra config, it is trusted code
"""
_PAGE = """\
# Config reference

<!-- Written by `make reference` from the schema and conf/: edit those, not this page. -->

`python -m forcepos GROUP=CHOICE` chooses a file of a group and `KEY=VALUE` sets a key. The command line wins over
presets (`experiment`, `debug`), and presets win over choices. `python -m forcepos --cfg job` prints the resulting
config.

The last word of a key may be its unit: `_mm`, `_s`, `_hz`, `_n` (newton), `_deg`, `_percent`. A value that not all
choices of the group have is followed by those that have it. `???` has to be set.

{ranges}
"""
_FREQUENT = (
    "seed", "skip_finished", "data.seed", "split.test_ratio", "split.validation_ratio", "split.calibration_ratio",
    "model.window", "model.scaling", "tuner.objective", "tuner.direction", "tuner.max_trials",
    "tuner.executions_per_trial", "tuner.max_failures", "tuner.workers", "tuner.fresh", "tuner.hyperparameters",
    "training.epochs", "training.final_epochs", "training.patience", "training.ensemble", "training.device",
    "evaluation.also", "evaluation.coverage", "tracking.uri",
)  # fmt: skip
# What a group is for, where the schema has no key for it.
_PRESETS = {
    "experiment": "presets: named sets of overrides",
    "debug": "presets for trying forcepos out",
    "hydra/launcher": "where the jobs of a sweep (-m) run",
}
# Hydra's own launchers, which have no file in conf/.
_LAUNCHERS = {
    "basic": "One job after another.",
    "joblib": "Jobs side by side on this machine.",
    "submitit_local": "Jobs side by side on this machine, each a process of its own with a time limit.",
}
_TYPES = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean", "IntRange": "range of integers",
    "FloatRange": "range of numbers",
}  # fmt: skip
_SIGNS = {"min": "≥", "max": "≤", "above": ">", "below": "<"}
_LONG = 60  # characters of a value that is shown in full
_WIDTH = 110  # characters of a line of --help

Field = dataclasses.Field[Any]


def help_text() -> str:
    """Return the text of --help without composing a config, which takes Hydra a second."""
    groups = {group: ", ".join(_marked(group)) for group in _groups()}
    keys = {name: _with_choices(_field(name)) for name in _FREQUENT}
    return _HELP.format(groups=_columns(groups), keys=_columns(keys))


def page() -> str:
    """Return docs/config.md; composes every choice."""
    sections = (line for group in _groups() for line in _section(group))
    return "\n".join([_PAGE.format(ranges=_ranges()), *_table(_own_rows()), *sections, ""])


def _ranges() -> str:
    fields = {field.name: field for kind in (IntRange, FloatRange) for field in dataclasses.fields(kind)}
    keys = ", ".join(f"`{name}` ({field.metadata['meaning']})" for name, field in fields.items())
    return textwrap.fill(f"The keys of a range are {keys}.", _WIDTH)


def _own_rows() -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows of the keys that belong to no group."""
    for field in dataclasses.fields(Config):
        if field.name not in _groups():
            value = f"`{_shown(_config()[field.name])}`"
            yield f"`{field.name}`", _type(field), value, field.metadata["meaning"]


@cache
def _config() -> Any:
    return OmegaConf.to_container(OmegaConf.load(conf_dir() / "config.yaml"))


def _groups() -> dict[str, str | None]:
    """Return the groups in the order of conf/config.yaml, each with its default choice."""
    entries = [entry for entry in _config()["defaults"] if isinstance(entry, dict)]
    return {group: choice for entry in entries for group, choice in entry.items()} | {"hydra/launcher": "basic"}


def _choices(group: str) -> dict[str, str]:
    """Return the choices of a group, the default first, each with the header of its file."""
    found = {path.stem: _header(path) for path in sorted((conf_dir() / group).glob("*.yaml"))}
    if group == "hydra/launcher":
        found = _LAUNCHERS | found
    default = _groups()[group]
    return {name: found[name] for name in sorted(found, key=lambda name: name != default)}


def _marked(group: str) -> Iterator[str]:
    for choice in _choices(group):
        yield f"{choice} (default)" if choice == _groups()[group] != "default" else choice


def _header(path: Path) -> str:
    """Return the comment at the top of a file, without the package and the command that chooses it."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    texts = [line.removeprefix("# ") for line in lines]
    return " ".join(text for text in texts if not text.startswith(("@package", "python -m")))


def _field(name: str) -> Field:
    """Return the first field of the schema that has this dotted name."""
    group, _, last = name.rpartition(".")
    schemas = [schema for place, schema in SCHEMAS.items() if place.split("/")[0] == group] or [Config]
    return next(field for schema in schemas for field in dataclasses.fields(schema) if field.name == last)


def _with_choices(field: Field) -> str:
    choices = field.metadata["limits"].get("choices")
    return f"{field.metadata['meaning']} ({', '.join(choices)})" if choices else str(field.metadata["meaning"])


def _columns(texts: dict[str, str]) -> str:
    width = max(map(len, texts)) + 2
    wrapped = (textwrap.wrap(text, _WIDTH - width, break_on_hyphens=False) for text in texts.values())
    return "\n".join(
        f"{name:<{width}}" + f"\n{'':<{width}}".join(lines) for name, lines in zip(texts, wrapped, strict=True)
    )


def _section(group: str) -> Iterator[str]:
    """Yield the lines of a group: its choices, then its keys."""
    meaning = _PRESETS.get(group) or _field(group).metadata["meaning"]
    yield from (f"\n## `{group}`: {meaning}\n", "| choice | meaning |", "|---|---|")
    for choice, header in zip(_marked(group), _choices(group).values(), strict=True):
        yield f"| {choice} | {header} |"
    if group not in _PRESETS:
        yield from ("", *_table(_rows(group)))


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield from ("| key | type | value | meaning |", "|---|---|---|---|")
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _rows(group: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield key, type, values and meaning of each key; a key that differs between schemas has several rows."""
    choices = list(_choices(group))
    rows: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for choice in choices:
        for name, field, value in _composed(group, choice):
            row = rows.setdefault((name, _type(field), field.metadata["meaning"]), {})
            row.setdefault(_shown(value), []).append(choice)
    for (name, kind, meaning), values in rows.items():
        if choices in values.values():
            shown = [f"`{value}`" for value in values]
        else:
            shown = [f"`{value}` ({', '.join(names)})" for value, names in values.items()]
        is_its_name = all([value] == names for value, names in values.items()) and len(values) == len(choices)
        yield f"`{name}`", kind, "the choice's name" if is_its_name else "; ".join(shown), meaning


def _composed(group: str, choice: str) -> Iterator[tuple[str, Field, Any]]:
    """Yield each key of a choice with its field and its value before interpolation."""
    from hydra import compose, initialize_config_dir  # noqa: PLC0415  # --help does not need it

    from forcepos.config.checks import register_schemas  # noqa: PLC0415  # likewise

    register_schemas()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        node = compose(f"{group}/{choice}")[group]
    yield from _leaves(OmegaConf.get_type(node), OmegaConf.to_container(node), group)


def _leaves(schema: Any, values: Any, prefix: str) -> Iterator[tuple[str, Field, Any]]:
    types = get_type_hints(schema)
    for field in dataclasses.fields(schema):
        name, kind, value = f"{prefix}.{field.name}", types[field.name], values[field.name]
        if dataclasses.is_dataclass(kind) and kind not in (IntRange, FloatRange):
            yield from _leaves(kind, value, name)
        else:
            yield name, field, value


def _type(field: Field) -> str:
    """Return a key's type with its limits: `list of 2 integers ≥ 1`, `number > 0 or null`."""
    kind = str(field.type).removesuffix(" | None")
    entry = kind.removeprefix("list[").removesuffix("]")
    limits = dict(field.metadata["limits"])
    length, choices = limits.pop("length", None), limits.pop("choices", ())
    text = ", ".join(f"`{choice}`" for choice in choices) or _TYPES[entry]
    if entry != kind:
        text = f"list of {f'{length} ' if length else ''}{text}{'' if choices else 's'}"
    bounds = "".join(f", {_SIGNS[name]} {limit}" for name, limit in limits.items())
    return text + bounds.replace(",", "", 1) + (" or null" if "None" in str(field.type) else "")


def _shown(value: Any) -> str:
    """Return a value in YAML's notation, without the middle of a long list."""
    match value:
        case str():
            return value
        case float():
            return f"{value:.10g}"
        case list():
            entries = [_shown(entry) for entry in value]
            text = ", ".join(entries)
            return f"[{text}]" if len(text) <= _LONG else f"[{entries[0]}, …, {entries[-1]}]"
        case dict():
            return f"{{{', '.join(f'{name}: {_shown(entry)}' for name, entry in value.items())}}}"
    return json.dumps(value)


if __name__ == "__main__":
    sys.stdout.write(page())
