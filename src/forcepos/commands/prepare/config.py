"""The config of `prepare`: conf/prepare.yaml and its schema."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig

from forcepos.config.checks import checked
from forcepos.config.composition import compose_unchecked
from forcepos.config.mistakes import explain
from forcepos.config.schema import key
from forcepos.runtime.errors import InputError

POINT = "key"  # the column with the touched point's name


@dataclass
class LogsConfig:
    """Text logs and how they are converted."""

    source: str = MISSING  # a zip file or a folder
    target: str | None = MISSING  # the Feather file, null to derive its name from the source
    overwrite: bool = MISSING
    pattern: str = MISSING  # a log's name, with {i} and {j}
    keep_rows: int | None = key("last rows of each recording; null: all", min=1)
    columns: list[str] = MISSING  # by position


@dataclass
class PrepareConfig:
    data: LogsConfig = field(default_factory=LogsConfig)


def logs_config(overrides: Sequence[str]) -> LogsConfig:
    """Compose the config from these overrides and check it.

    Raises:
        InputError: an override cannot be parsed, a key is unknown or missing, or a value is wrong.
    """
    for override in overrides:
        if override.startswith("-") or "=" not in override:
            raise InputError(
                f"{override} is not key=value, such as data.source=versuch_f1.zip; see prepare --help"
            )
    try:
        config = checked(_composed(overrides), PrepareConfig).data
    except HydraException as error:
        raise InputError((explain(error) or str(error)).replace("++", "")) from error
    if not config.source:
        raise InputError("data.source is empty: give a zip file or a folder")
    twice = sorted({name for name in config.columns if config.columns.count(name) > 1})
    if twice:
        raise InputError(f"data.columns names {', '.join(twice)} twice")
    if POINT in config.columns:
        raise InputError(f"data.columns names {POINT}, which is reserved for the touched point")
    return config


def _composed(overrides: Sequence[str]) -> DictConfig:
    ConfigStore.instance().store(name="prepare", group="schema", package="_global_", node=PrepareConfig)
    # Forced keys reach our own check, whose message is one line.
    forced = [override if override.startswith("+") else f"++{override}" for override in overrides]
    return compose_unchecked(forced, name="prepare")
