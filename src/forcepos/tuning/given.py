"""Given hyperparameters: read from a file, checked against the model's space."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner as kt

from forcepos.runtime.errors import InputError
from forcepos.tuning.trials import Values

_KINDS: dict[str, tuple[type, ...]] = {"Int": (int,), "Float": (int, float), "Boolean": (bool,)}


def read_hyperparameters(path: Path) -> Values:
    """Read hyperparameters from a JSON file: an object of them, or a result.json that holds them.

    Raises:
        InputError: the file is missing or not a JSON object.
    """
    try:
        values = json.loads(path.read_text())
    except OSError as error:
        raise InputError(f"tuner.hyperparameters={path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"tuner.hyperparameters={path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"tuner.hyperparameters={path} holds a {type(values).__name__}, not an object")
    return dict(values.get("best_hyperparameters", values))


def check_hyperparameters(
    values: Mapping[str, Any], declare: Callable[[kt.HyperParameters], None], source: str
) -> Values:
    """Return the values that the network they describe needs, without those of unused layers.

    Raises:
        InputError: a key is missing or its value of the wrong kind.
    """
    hp = kt.HyperParameters()
    declare(hp)
    needed: Values = {}
    for entry in hp.space:
        if not all(needed.get(condition.name) in condition.values for condition in entry.conditions):
            continue
        if entry.name not in values:
            raise InputError(f"tuner.hyperparameters={source} lacks {entry.name}")
        _check_kind(entry, values[entry.name], source)
        needed[entry.name] = values[entry.name]
    layers = [entry for entry in hp.space if entry.name == "num_layers"]
    if layers and needed["num_layers"] > layers[0].max_value:
        raise InputError(
            f"tuner.hyperparameters={source}: num_layers={needed['num_layers']} is more than "
            f"model.space.num_layers.max={layers[0].max_value}"
        )
    return needed


def _check_kind(entry: Any, value: Any, source: str) -> None:
    kinds = _KINDS.get(type(entry).__name__) or tuple({type(option) for option in entry.values})
    right = isinstance(value, kinds) and (isinstance(value, bool) == (bool in kinds))
    if not right:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise InputError(f"tuner.hyperparameters={source}: {entry.name}={value!r} must be {names}")
