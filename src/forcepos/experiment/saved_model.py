"""A model that a run has left: where it is, what it knows of itself, and how it reads recordings."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from forcepos.config.checks import compose_unchecked
from forcepos.config.schema import Config, DataConfig, SectorsConfig, SimulatedConfig, TableConfig, VersuchConfig
from forcepos.data.readers.files import find_columns
from forcepos.data.readers.opening import find_sources
from forcepos.experiment.api import explained, to_config
from forcepos.results.finished_runs import MODEL, find_by_id
from forcepos.runtime.errors import InputError

log = logging.getLogger(__name__)
_TRUTH = ("targets", "label", "point", "session", "keep")  # keys of columns that recordings need not have


def find_model(name: str, config: Config) -> Path:
    """Return the .keras file that a user names; an InputError: there is none.

    By a run's folder or id, the file itself, or runs:/ID, models:/NAME/VERSION or models:/NAME@ALIAS of the
    config's tracking store.
    """
    for path in (Path(name), Path(name, MODEL), Path(name, "data", MODEL)):  # the last one is MLflow's
        if path.is_file():
            return path
    if ":/" not in name:
        if (folder := find_by_id(name)) and (folder / MODEL).exists():
            return folder / MODEL
        if Path(name).exists() or len(name) != 32:
            raise InputError(f"{name} is neither a folder with a {MODEL}, nor the id of a run, nor models:/…")
        name = f"runs:/{name}"
    from forcepos.tracking.store import fetch  # noqa: PLC0415  # MLflow takes a second

    return fetch(config.tracking, name) / MODEL


def default_config(overrides: Sequence[str]) -> Config:
    """Compose the default config with overrides, but those of `data.…`: of it, the tracking store matters."""
    with explained():
        return to_config(compose_unchecked([one for one in overrides if not one.startswith("data.")]))


def config_for(facts: dict[str, Any], files: str, overrides: Sequence[str]) -> tuple[Config, TableConfig]:
    """Return the configs by which other files are read as those that a model was trained on, and scored.

    Columns of the truth that the files lack are left out, with a log line. Raises InputError for wrong overrides.
    """
    trained, names = facts["config"], [channel["name"] for channel in facts["channels"]]
    of_data = [one.removeprefix("data.") for one in overrides if one.startswith("data.")]
    with explained():
        composed = compose_unchecked(["data=table", f"data.features={names}", "data.path=."])
        if "path" in trained["data"]:  # else it was a simulation, and whatever these files are, they are tables
            given = {key: value for key, value in trained["data"].items() if key not in {"seconds", "plugin"}}
            composed.data = OmegaConf.merge(OmegaConf.structured(TableConfig, flags={"struct": False}), given)
        else:
            composed.data.targets = ["x", "y", "z"]
        composed.data = OmegaConf.merge(composed.data, OmegaConf.from_dotlist(of_data), {"path": files})
        config = to_config(composed)
    if not isinstance(data := config.data, TableConfig):
        raise TypeError(f"not a table: {type(data)}")
    model = replace(config.model, task=trained["model"]["task"], axes=trained["model"]["axes"])
    return replace(config, model=model, sectors=SectorsConfig(**trained["sectors"])), _without_truth(data)


def _without_truth(data: TableConfig) -> TableConfig:
    table = find_sources(data)[0].open(data)
    for key in _TRUTH:
        names = getattr(data, key)
        names = [names] if isinstance(names, str) else names or []
        try:
            find_columns(table, [("target", name) for name in names])
        except InputError:
            log.info("%s lacks %s (data.%s): predictions without it", table.title, ", ".join(names), key)
            setattr(data, key, None)
    return data


def data_of(facts: dict[str, Any], overrides: Sequence[str]) -> DataConfig:
    """Return the config of the data that a model was trained on, with overrides such as data.path=…."""
    values = {key: value for key, value in facts["config"]["data"].items() if key != "plugin"}
    kind: Any = SimulatedConfig if "grid" in values else VersuchConfig if "seconds" in values else TableConfig
    given = OmegaConf.from_dotlist([one.removeprefix("data.") for one in overrides if one.startswith("data.")])
    if facts["config"]["data"].get("plugin"):
        raise InputError("its reader is a plug-in, which a model does not name to be run")
    with explained():
        return cast("DataConfig", OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), values, given)))
