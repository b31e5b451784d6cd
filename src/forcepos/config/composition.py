"""Compose the config of a run in any process, as the command line does; Hydra's private names are used here."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from hydra.version import setbase
from omegaconf import DictConfig, open_dict

from forcepos.config.checks import register_schemas, to_config
from forcepos.config.mistakes import explain
from forcepos.config.schema import Config
from forcepos.runtime.errors import InputError
from forcepos.runtime.files import to_json
from forcepos.runtime.paths import conf_dir

_overrides: dict[str, tuple[str, ...]] = {}  # by the values that they composed


def compose(*overrides: str, config_dir: str | Path | None = None) -> Config:
    """Compose the config of a run and check it, as the command line does with the same overrides.

    Args:
        overrides: such as "model=ffnn_regression", "debug=smoke" or "tuner.max_trials=20".
        config_dir: a folder with choices of your own, as --config-dir; it is trusted like code.

    Raises:
        InputError: a key or choice is unknown, or a value is wrong; the line that the command line would show.
    """
    try:
        config = to_config(compose_unchecked(overrides, config_dir))
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        raise InputError(line) from error
    _overrides[to_json(dataclasses.asdict(config))] = overrides
    return config


def composing_overrides(config: Config) -> tuple[str, ...]:
    """Return the overrides from which `compose` made a config with these values; empty if it made none."""
    return _overrides.get(to_json(dataclasses.asdict(config)), ())


def compose_unchecked(overrides: Sequence[str], config_dir: str | Path | None = None) -> DictConfig:
    """Compose without our checks and without Hydra's own node; errors are Hydra's."""
    register_schemas()
    setup_globals()  # resolvers such as `now`
    setbase("1.3")
    path = create_config_search_path(str(conf_dir()))
    if config_dir is not None:
        folder = Path(config_dir).absolute()
        if not folder.is_dir():
            raise InputError(f"Additional config directory '{folder}' not found")
        path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
    config = ConfigLoaderImpl(path).load_configuration("config", list(overrides), RunMode.RUN)
    with open_dict(config):
        del config["hydra"]
    return config
