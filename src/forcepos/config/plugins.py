"""Plug-ins: classes that a config names as module.Class, forcepos' own and users', imported and checked alike."""

import dataclasses
import hashlib
import importlib
import os
import re
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from difflib import get_close_matches
from modulefinder import ModuleFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from forcepos.config.schema import Config, VersuchConfig
from forcepos.runtime.errors import InputError
from forcepos.runtime.log_lines import quiet_import
from forcepos.runtime.paths import short_path
from forcepos.runtime.wording import visible

_LATER = re.compile(r"keep|nanoseconds|visits|missing|session|join.*|tare.*|.*_from")  # keys of later versions
_ADDED = (  # later as well, each with the value that means what versions before it did
    ("model", "statistics_s", [0.0]), ("model", "clip", False),
    ("evaluation", "calibration", "part"), ("training", "offset_noise", 0.0),
    ("training", "pretrain", None), ("split", "train_share", 1),
    ("tuner", "stop", "none"), ("tuner", "minutes", None),
)  # fmt: skip
_folders: list[str] = []  # of users, in this process, the latest first
_hashes: dict[object, str] = {}  # of the sources of users' modules, by name, and of their plug-ins, when imported


def use_plugin_folders(folders: Iterable[str | Path]) -> None:
    """Let plug-ins be imported from these folders too, after all that is installed: they hide no module."""
    wanted = [str(folder) for folder in folders]
    others = [place for place in sys.path if place not in {*_folders, *wanted}]
    _folders[:] = dict.fromkeys([*wanted, *_folders])
    sys.path[:] = [*others, *_folders]


def load_plugin(name: str, base: type, key: str) -> type:
    """Import the class that `key` names as module.Class; raise InputError if it is no dataclass under `base`."""
    module_name, _, class_name = name.rpartition(".")
    if not module_name or not all(part.isidentifier() for part in name.split(".")):
        raise InputError(f"{key}={name} must be module.Class, such as mine.{base.__name__}")
    try:
        with quiet_import():
            module = _import(module_name)
    except (Exception, SystemExit) as error:
        raise InputError(f"{key}={name}: {_import_failure(module_name, error)}") from error
    file = short_path(Path(str(getattr(module, "__file__", module))))
    plugin, where = getattr(module, class_name, None), f"{key}={name} ({file})"
    if plugin is None:
        near = get_close_matches(class_name, vars(module))
        hint = f", did you mean {near[0]}?" if near else _elsewhere(module_name)
        raise InputError(f"{where}: there is no such class{hint}")
    wanted = f"forcepos.{base.__name__}"
    if not (isinstance(plugin, type) and issubclass(plugin, base)):
        raise InputError(f"{where} is no subclass of {wanted}{_elsewhere(module_name)}")
    if lacking := sorted(getattr(plugin, "__abstractmethods__", ())):
        raise InputError(f"{where} lacks {', '.join(lacking)}(), which {wanted} asks for")
    if "__dataclass_fields__" not in vars(plugin):
        raise InputError(f"{where} is not a dataclass: put @dataclass above it")
    if module_name in _hashes:
        _hashes[plugin] = _hashes[module_name]
    return plugin


def _import(name: str) -> ModuleType:
    if name in _hashes and _hashes[name] != _source_hash(name):  # changed, or another folder's of the same name
        for other, known in list(sys.modules.items()):
            if str(getattr(known, "__file__", None)).startswith(tuple(f"{folder}{os.sep}" for folder in _folders)):
                del sys.modules[other]
    module = importlib.import_module(name)
    if not name.startswith("forcepos."):
        _hashes[name] = _source_hash(name)
    return module


def values_with_plugins(config: Config) -> dict[str, Any]:
    """Return the values of a config; a user's plug-in is its name and its source's hash, ours are left out."""
    values = dataclasses.asdict(config)
    parts = {"data": config.data, "split": config.split, "model": config.model.space, "tuner": config.tuner}
    for group, part in parts.items():
        name = values[group].pop("plugin", None)
        if type(part) in _hashes:
            values[group]["plugin"] = [name, _hashes[type(part)]]
    # Runs of earlier versions are to be found. They cut five time blocks unless told otherwise, knew no points but
    # cells of 10 mm (other points are other data), and lacked some keys of tables and most of data=versuch.
    if "blocks" in values["split"]:
        blocks = values["split"]["blocks"]
        values["split"]["blocks"] = {"auto": 5, 5: "5"}.get(blocks, blocks)
    for field in dataclasses.fields(config.data):
        default = field.default_factory() if callable(field.default_factory) else field.default
        lacked = isinstance(config.data, VersuchConfig) or _LATER.fullmatch(field.name)
        repeated = values["data"].get("seconds") if field.name == "time" else default
        if lacked and values["data"].get(field.name) in (default, repeated):
            values["data"].pop(field.name, None)
    for group, key, before in _ADDED:
        if values[group].get(key) == before:
            del values[group][key]
    if len(scaling := values["model"]["scaling"]) == 1:
        values["model"]["scaling"] = scaling[0]
    if "point_grid_mm" in values["data"]:
        values["data"]["point_grid_mm"] = values["data"]["point_grid_mm"] or 10.0
    return values


def _source_hash(module: str) -> str:
    """Return sixteen hexadecimal digits over a module and all that it imports from the user's folders."""
    finder = ModuleFinder(path=_folders)
    with suppress(ImportError):
        finder.import_hook(module)
    found = [getattr(each, "__file__", None) for each in finder.modules.values()]
    files = sorted(filter(None, found)) or [str(sys.modules[module].__file__)]  # of an installed package
    named = [file.name.encode() + b"\0" + file.read_bytes() for file in map(Path, files)]
    return hashlib.sha256(b"".join(named)).hexdigest()[:16]


def _import_failure(module: str, error: BaseException) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{module}.".startswith(f"{missing}."):
        files = [path.stem for folder in _folders for path in Path(folder).glob("*.py")]
        near = get_close_matches(module, files, 1) or files[:3]
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        where = " or ".join(map(str, map(short_path, map(Path, _folders)))) or "no --config-dir is given"
        return f"there is no {module.replace('.', '/')}.py in {where}{hint}"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if frame.filename.startswith(tuple(_folders))]
    place = error if isinstance(error, SyntaxError) else inside[-1] if inside else None
    where = f"{short_path(Path(str(place.filename)))}, line {place.lineno}: " if place else ""
    return visible(f"{where}{type(error).__name__}: {' '.join(str(error).split())}")


def _elsewhere(module: str) -> str:
    """Say which file of the user's an installed module of the same name hides."""
    hidden = [Path(folder) / f"{module}.py" for folder in _folders]
    mine = [path for path in hidden if path.is_file() and str(path) != str(sys.modules[module].__file__)]
    return f"; {short_path(mine[0])} has the name of an installed module: rename it" if mine else ""
