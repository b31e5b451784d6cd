"""Explain in one line what Hydra, OmegaConf or YAML refuse about a config, and what may have been meant."""

import argparse
import dataclasses
import re
import shlex
import sys
from collections import ChainMap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from traceback import walk_tb
from typing import Any, NoReturn

from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import CompactHydraException, HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, InterpolationKeyError, OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from forcepos.config.reference import choices, groups
from forcepos.config.schema import SCHEMAS, Config
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import short_path
from forcepos.runtime.wording import visible

_COMMANDS = ("prepare", "inspect", "compare", "predict", "export", "ui")
UNREADABLE = (OSError, ValueError, YAMLError, OmegaConfBaseException)  # what reading a YAML file may raise


@contextmanager
def resolving() -> Iterator[None]:
    """Make an InputError of what OmegaConf refuses, such as an interpolation that fails."""
    try:
        yield
    except OmegaConfBaseException as error:
        raise InputError(_of_omegaconf(error)) from error


def explain(error: BaseException) -> str | None:
    """Return the error in one line; None if it has to be shown as it is, as of a job that fails."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    if str(error).startswith("error: ") or "_job" in [frame.f_code.co_name for frame in frames]:
        return None
    names = ChainMap(*(frame.f_locals for frame in reversed(frames)))  # of the innermost function first
    file = short_path(Path(names["full_path"])) if "full_path" in names else None  # of Hydra's reader
    line = None
    match error:
        case OverrideParseException():
            line = _of_argument(error.override)
        case CompactHydraException():
            line = _of_composition(error)
        case OmegaConfBaseException():
            line = _of_omegaconf(error)
        case MarkedYAMLError(problem_mark=mark) if mark is not None:
            line = f"{file}, line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
        case ValueError() | OSError() | YAMLError():
            where = f"{file} cannot be read" if file else getattr(names.get("override"), "input_line", "")
            line = " ".join(f"{where}: {error}".removeprefix(": ").split())
    return line


def explain_word(word: str) -> str:
    """Return what is wrong with a word that is no command, no option and not key=value."""
    meant = get_close_matches(word, _COMMANDS, 1)
    meant = meant or [f"{group}={word}" for group in groups() if word in choices(group)]
    meant = meant or [f"{key}=…" for key in nearest(word, _all_keys(word)) if word != "train"]
    hint = f"did you mean {' or '.join(meant)}?" if meant else "without one, a model is trained"
    return f"{word} is neither key=value nor a command ({', '.join(_COMMANDS)}): {hint}"


def answer_in_one_line(parser: argparse.ArgumentParser) -> None:
    """Let the parser end the program with one line instead of its usage."""

    def refuse(message: str) -> NoReturn:
        option = re.split("[= ]", message.partition("unrecognized arguments: ")[2])[0]
        near = get_close_matches(option, re.findall(r"--?[\w-]+", parser.format_usage()), 2)
        near = near or [f"{key}=…" for key in nearest(option.lstrip("-"), _all_keys(option))]
        hint = f": did you mean {' or '.join(near)}?" if near else "; see --help"
        sys.exit(f"error: {visible(message)}{hint}")

    parser.error = refuse  # type: ignore[method-assign]


def command_parser(command: str, about: str) -> argparse.ArgumentParser:
    """Return a parser for the arguments of a command, which answers mistakes in one line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=f"forcepos {command}", description=about, formatter_class=raw)
    answer_in_one_line(parser)
    return parser


def unknown_key(key: str, kind: Any, place: str) -> str:
    """Say what a key may mean that `kind` lacks, the dataclass under `place`, which ends in a dot or is empty."""
    known = list(dict.fromkeys(_all_keys(key)))
    if dataclasses.is_dataclass(kind):
        ours = [f"{place}{field.name}" for field in dataclasses.fields(kind)]
        known = known if place or kind is Config else ours  # of another command than training
    else:  # a range, before it is checked
        ours = [name for name in known if place and name.startswith(place)]
    schemas = [(name, _keys(schema, f"{name.partition('/')[0]}.")) for name, schema in SCHEMAS.items()]
    parts = [name.partition("/") for name, keys in schemas if key in keys]
    owners = [f"{group}={one}" for group, _, begin in parts for one in choices(group) if one.startswith(begin)]
    if owners and kind is not dict:
        return f"unknown key {key}: it belongs to {' or '.join(owners)}"
    if key in known:
        return f"{key} cannot be set: {place[:-1]} is one value"
    near = nearest(key, [*ours, *known])
    near = [name for name in near if name in ours] or (nearest(key, ours) if place else []) or near
    if near:
        return f"unknown key {key}: did you mean {' or '.join(near)}?"
    names = ", ".join(name.removeprefix(place) for name in ours)
    return f"unknown key {key}" + (f": {place[:-1] or 'the config'} has {names}" if names else "")


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three keys whose last word is most like that of `name`, those first that are like all of it."""
    last = {key: re.split("[./]", key)[-1] for key in known}
    word = get_close_matches(re.split("[./]", name)[-1], last.values(), 1)
    alike = [key for key in last if last[key] in word]
    return [name] if name in alike else get_close_matches(name, alike, 3, cutoff=0)


def _all_keys(key: str) -> Iterator[str]:
    if key.startswith("hydra"):
        yield from _keys(HydraConf, "hydra.")
    yield from groups()
    yield from _keys(Config, "")
    for name, schema in SCHEMAS.items():
        yield from _keys(schema, f"{name.partition('/')[0]}.")


def _keys(schema: Any, prefix: str) -> Iterator[str]:
    for field in dataclasses.fields(schema):
        yield f"{prefix}{field.name}"
        nested = field.metadata.get("nested") or field.metadata.get("of") or field.default_factory
        if dataclasses.is_dataclass(nested):
            yield from _keys(nested, f"{prefix}{field.name}.")


def _of_argument(argument: str) -> str:
    """Quote an argument that Hydra's grammar does not take as it is."""
    key, equals, value = argument.partition("=")
    if not argument.isprintable():
        return f"{argument!r} holds a character that cannot stand there"
    if not equals:
        return explain_word(argument)
    listed = value.startswith("[") and value.endswith("]")
    quoted = f"[{','.join(map(_quoted, value[1:-1].split(',')))}]" if listed else _quoted(value)
    try:
        OverridesParser.create().parse_override(f"{key}={quoted}")
    except HydraException:
        near = nearest(key, _all_keys(key))
        return f"{argument} is not key=value" + (f": did you mean {' or '.join(near)}?" if near else "")
    return f"{argument} has to be quoted: {shlex.quote(f'{key}={quoted}')}"


def _quoted(text: str) -> str:
    text = str(Path(text.strip()).expanduser()) if text.startswith("~/") else text.strip()
    return '"' + re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), text) + '"'


def _of_composition(error: CompactHydraException) -> str:
    if isinstance(error, MissingConfigException) and error.options:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        near = [option for option in error.options if name in option] or get_close_matches(name, error.options)
        hint = f"did you mean {' or '.join(near[:3])}?" if near else f"{group} has {', '.join(error.options)}"
        return f"unknown choice {group}={name}: {hint}"
    first, cause = str(error).strip().partition("\n")[0], error.__cause__ or error.__context__
    if found := re.fullmatch(r"Could not override '(.+?)'\.( No match in the defaults list\.)?", first):
        return _of_key(found[1], cause)
    if found := re.fullmatch(r"Ambiguous value for argument '(.+?)=(.*)'", first):
        key, value = found.groups()
        ways = f", {key}=[{value}] is a list, {shlex.quote(f'{key}={_quoted(value)}')} a text"
        return f"{key}={value} has several values: -m sweeps over them{'' if key in groups() else ways}"
    if isinstance(cause, OmegaConfBaseException):
        file = re.match(r"In '(.+?)'", first)
        where = f"{file[1]}.yaml" if file else first.removeprefix("Error merging override ")
        what = "it takes {name: file or pattern}" if where.startswith("data.join=") else None
        return ": ".join(filter(None, (where, what or _of_omegaconf(cause, named=not file))))
    return first


def _of_omegaconf(error: OmegaConfBaseException, named: bool = False) -> str:
    """Explain an error of OmegaConf's; its key goes first unless it is `named` already."""
    key, text = error.full_key, str(error).partition("\n")[0]
    if isinstance(error, ConfigKeyError | ConfigAttributeError) and not isinstance(error, InterpolationKeyError):
        return _of_key(key or "", error)
    if found := re.search(r"Environment variable '(.+?)' not found", text):
        text = f"the environment variable {found[1]} is not set"
    return text if named or not key else f"{key}: {text}"


def _of_key(key: str, error: BaseException | None) -> str:
    lacking = str(getattr(error, "full_key", None) or "")
    place = lacking[: lacking.rfind(".") + 1]
    return unknown_key(lacking if place else key, getattr(error, "object_type", None), place)
