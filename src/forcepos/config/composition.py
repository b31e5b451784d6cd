"""Compose a config as the command line does, in any process; Hydra's private names are used here."""

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from hydra.version import setbase
from omegaconf import DictConfig, open_dict

from forcepos.config.checks import register_schemas
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import conf_dir


def compose_unchecked(
    overrides: Sequence[str], config_dir: str | Path | None = None, name: str = "config"
) -> DictConfig:
    """Compose conf/`name`.yaml, without our checks and without Hydra's own node.

    Raises:
        InputError: there is no such `config_dir`. Other errors are Hydra's.
    """
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
