"""Write docs/config.md from the schema and conf/: `python docs/scripts/config_page.py > docs/config.md`."""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from inspect import formatannotation
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from forcepos.config.checks import register_schemas
from forcepos.config.reference import Field, choices, find_field, groups, marked, own_config
from forcepos.config.schema import Config, FloatRange, IntRange
from forcepos.runtime.paths import conf_dir

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
    "FloatRange": "range of numbers", "dict[str, str]": "mapping of strings to strings",
}  # fmt: skip
_WORDS = {"blocks": "auto", "ensemble": "trials"}  # that may stand for a number, by key
_SIGNS = {"min": "≥", "max": "≤", "above": ">", "below": "<"}
_LONG = 60  # characters of a value that is shown in full
_WIDTH = 110  # characters of a line


def page() -> str:
    """Return docs/config.md; composes every choice."""
    sections = (line for group in groups() for line in _section(group))
    return "\n".join([_PAGE.format(ranges=_ranges()), *_table(_own_rows()), *sections, ""])


def _ranges() -> str:
    fields = {field.name: field for kind in (IntRange, FloatRange) for field in dataclasses.fields(kind)}
    keys = ", ".join(f"`{name}` ({field.metadata['meaning']})" for name, field in fields.items())
    plain = "A plain value makes a range, or a list, of that value alone: `model.space.num_layers=3`."
    return textwrap.fill(f"The keys of a range are {keys}. {plain}", _WIDTH)


def _own_rows() -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows of the keys that belong to no group."""
    for field in dataclasses.fields(Config):
        if field.name not in groups():
            value = f"`{_shown(own_config()[field.name])}`"
            yield f"`{field.name}`", _type(field), value, field.metadata["meaning"]


def _section(group: str) -> Iterator[str]:
    """Yield the lines of a group: its choices, then its keys."""
    meaning = _PRESETS.get(group) or find_field(group).metadata["meaning"]
    yield from (f"\n## `{group}`: {meaning}\n", "| choice | meaning |", "|---|---|")
    for name, choice in zip(marked(group), choices(group), strict=True):
        yield f"| {name} | {_LAUNCHERS.get(choice) or _header(conf_dir() / group / f'{choice}.yaml')} |"
    if group not in _PRESETS:
        yield from ("", *_table(_rows(group)))


def _header(path: Path) -> str:
    """Return the comment at the top of a file, without the package and the command that chooses it."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    texts = [line.removeprefix("# ") for line in lines]
    return " ".join(text for text in texts if not text.startswith(("@package", "python -m")))


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield from ("| key | type | value | meaning |", "|---|---|---|---|")
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _rows(group: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield key, type, values and meaning of each key; a key that differs between schemas has several rows."""
    names_of_choices = choices(group)
    rows: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for choice in names_of_choices:
        for name, field, value in _composed(group, choice):
            row = rows.setdefault((name, _type(field), field.metadata["meaning"]), {})
            row.setdefault(_shown(value), []).append(choice)
    for (name, kind, meaning), values in rows.items():
        if names_of_choices in values.values():
            shown = [f"`{value}`" for value in values]
        else:
            shown = [f"`{value}` ({', '.join(names)})" for value, names in values.items()]
        is_its_name = all([value] == names for value, names in values.items()) and len(values) == len(
            names_of_choices
        )
        value = "the choice's name" if is_its_name else "; ".join(shown)
        value = "forcepos' own" if (name, kind) == (f"{group}.plugin", "string") else value
        yield f"`{name}`", kind, value, meaning


def _composed(group: str, choice: str) -> Iterator[tuple[str, Field, Any]]:
    """Yield each key of a choice with its field and its value before interpolation."""
    register_schemas()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        node = compose(f"{group}/{choice}")[group]
    yield from _leaves(OmegaConf.get_type(node), OmegaConf.to_container(node), group)


def _leaves(schema: Any, values: Any, prefix: str) -> Iterator[tuple[str, Field, Any]]:
    for field in dataclasses.fields(schema):
        name, nested, value = f"{prefix}.{field.name}", field.metadata["nested"], values[field.name]
        if nested:
            yield from _leaves(nested, value, name)
        else:
            yield name, field, value


def _type(field: Field) -> str:
    """Return a key's type with its limits: `list of 2 integers ≥ 1`, `number > 0 or null`."""
    kind, of = formatannotation(field.type).removesuffix(" | None"), field.metadata["of"]
    if of:
        kind = of.__name__ if of in (IntRange, FloatRange) else f"list[{of.__name__}]"
    entry = kind.removeprefix("list[").removesuffix("]") if kind.startswith("list[") else kind
    limits = dict(field.metadata["limits"])
    length, allowed = limits.pop("length", None), limits.pop("choices", ())
    text = (
        ", ".join(f"`{choice}`" for choice in allowed) or _TYPES.get(entry) or f"integer or `{_WORDS[field.name]}`"
    )
    if entry != kind:
        text = f"list of {f'{length} ' if length else ''}{text}{'' if allowed else 's'}"
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
