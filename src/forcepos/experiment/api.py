"""The story from Python, and what the command line shares of it: from a config to a result in a folder."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from forcepos.config.checks import check_config, compose_unchecked, register_resolvers
from forcepos.config.mistakes import UNREADABLE, explain
from forcepos.config.plugins import use_plugin_folders
from forcepos.config.schema import Config, TunerConfig
from forcepos.data.readers.table import Reader
from forcepos.data.splits.split import Split
from forcepos.models.architectures.architecture import Architecture
from forcepos.results.finished_runs import CONFIG, MARK, meaning, read_config, refuse_used, unfinished
from forcepos.runtime.errors import InputError, storage_fault
from forcepos.runtime.files import to_json, write_json
from forcepos.runtime.interruption import listening, stop_if_asked
from forcepos.runtime.log_lines import lines_on_standard_error, quiet_import
from forcepos.runtime.paths import short_path
from forcepos.runtime.wording import name_some, visible
from forcepos.tracking.description import run_name
from forcepos.tuning.tuner import Fixed, Tuner

if TYPE_CHECKING:  # the command line's first log line should not wait for them
    import pandas as pd

    from forcepos.data.recordings import Recordings

log = logging.getLogger(__name__)
_HYDRAS_CONFIG = Path(".hydra", "config.yaml")  # unresolved; runs of earlier versions have no other
_overrides: dict[str, tuple[str, ...]] = {}  # of `compose`, by the values that they composed
_one_at_a_time = Lock()  # seeds, threads and MLflow's store belong to the whole process


def compose(*overrides: str, config_dir: str | Path | None = None) -> Config:
    """Compose the config of a run and check it, as the command line does with the same overrides.

    Overrides are such as "model=ffnn_regression", "debug=smoke" or "tuner.max_trials=20"; `config_dir` is a folder
    with choices and plug-ins of your own, as --config-dir, which is trusted like code. Raises InputError where a
    key, choice or value is wrong, with the line that the command line would show.
    """
    use_plugin_folders([] if config_dir is None else [Path(config_dir).absolute()])
    with explained():
        config = to_config(compose_unchecked(overrides, config_dir))
    _overrides[to_json(asdict(config))] = overrides
    return config


@contextmanager
def explained() -> Iterator[None]:
    """Turn what is wrong with overrides into an InputError."""
    try:
        yield
    except Exception as error:
        if line := explain(error):
            raise InputError(line) from error
        raise


def run(config: Config, folder: str | Path | None = None) -> dict[str, Any]:
    """Search, train and measure as the command line does, and return what is in result.json.

    `config` is made by `compose`; `folder`, by default a new one in outputs/runs, receives result, model, figures.
    Progress goes to standard error, unless the program has configured logging. Threads take turns. Raises
    InputError where config, data, device, tracking store or folder cannot be used as they are, and
    KeyboardInterrupt after Ctrl-C: the run is KILLED in MLflow, and the same config resumes its search.
    """
    with quiet_import():
        from forcepos.tracking.store import tracking_uri_kept  # noqa: PLC0415  # MLflow takes a second
    place = Path(folder or datetime.now().astimezone().strftime("outputs/runs/%Y-%m-%d_%H-%M-%S-%f")).absolute()
    overrides = [visible(override) for override in _overrides.get(to_json(asdict(config)), ())]
    with _one_at_a_time, lines_on_standard_error(), listening(), tracking_uri_kept():
        same = meaning(read_config(place / CONFIG)) == meaning(asdict(config))
        refuse_used([place], same, config.skip_finished)
        return dict(json.loads(to_json(start_run(config, place, overrides))))


def start_run(config: Config, folder: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """Read the recordings, run, and return the result; `folder` receives config, result, model and figures."""
    log.info("%s; outputs: %s", run_name(config, overrides), short_path(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / CONFIG, asdict(config))
    except OSError as error:
        raise InputError(storage_fault(error) or str(error)) from error
    with quiet_import():
        from forcepos.experiment.inputs import read_inputs  # noqa: PLC0415  # MLflow takes a second
    inputs = read_inputs(config)
    with quiet_import():
        from forcepos.experiment.run import run_experiment  # noqa: PLC0415  # TensorFlow takes seconds
    stop_if_asked()
    with unfinished(folder):
        return run_experiment(config, inputs, folder, overrides)


def load_recordings(config: Config) -> "Recordings":
    """Read or simulate a config's recordings as a run does; InputError says where and why they cannot be used."""
    from forcepos.data.loading import load_checked  # noqa: PLC0415  # NumPy

    with lines_on_standard_error():
        return load_checked(config).recordings


def runs(folder: str | Path = ".") -> "pd.DataFrame":
    """Return the finished runs in `folder` and below it, a row each, the earliest first.

    Columns are `path` of the run's folder, `time` (UTC) of its result, `model_path` (None without a model, as of a
    cross-validation), each key of its config, such as `model.name`, and each other value of result.json,
    such as `test.euclidean_mean_mm`. Unfinished and damaged runs are left out with a warning. Raises InputError
    where there is no such folder.
    """
    import pandas as pd  # noqa: PLC0415

    found, left_out = [], []
    if not Path(folder).is_dir():
        raise InputError(f"{folder} is not a folder")
    register_resolvers()
    for place in sorted({path.parent for name in ("result.json", MARK) for path in Path(folder).rglob(name)}):
        # Without a config it is a fold's folder, or MLflow's copy of a result.
        if (place / CONFIG).exists() or (place / _HYDRAS_CONFIG).exists():
            try:
                found.append(_read(place))
            except (*UNREADABLE, LookupError, TypeError) as error:
                left_out.append(f"{place} ({' '.join(str(error).split())})")
    if left_out:
        log.warning("left out, unfinished or damaged: %s", name_some(left_out, 5))
    parts = [pd.json_normalize(list(part)) for part in zip(*found, strict=True)]  # both have a key `tracking`
    table = pd.concat(parts or [pd.DataFrame(columns=["path", "time", "model_path"])], axis=1)
    return table.loc[:, ~table.columns.duplicated()].sort_values("time", ignore_index=True)


def _read(folder: Path) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """Return place and time, config, and result of a run."""
    if (folder / MARK).exists():
        raise ValueError("unfinished")
    path, model = folder / "result.json", folder / "model.keras"
    if not isinstance(result := json.loads(path.read_text()), dict):
        raise TypeError("no result")
    result.pop("folds", None)
    time = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    facts = {"path": str(folder), "time": time, "model_path": str(model) if model.exists() else None}
    if (folder / CONFIG).exists():
        return facts, dict(json.loads((folder / CONFIG).read_text())), result
    return facts, OmegaConf.to_container(OmegaConf.load(folder / _HYDRAS_CONFIG), resolve=True), result


# Where the keys of a plug-in are, and what it is. Config knows no room above it, and is told here.
PLUGINS: dict[str, type] = {"data": Reader, "split": Split, "model.space": Architecture, "tuner": Tuner}


def to_config(composed: DictConfig) -> Config:
    """Check a composed config of a run, its plug-ins included."""
    if HydraConfig.initialized():  # in whatever process of a sweep
        sources = HydraConfig.get().runtime.config_sources
        users = [one for one in sources if one.schema == "file" and one.provider not in {"main", "hydra"}]
        use_plugin_folders(one.path for one in users)
    config = check_config(composed, PLUGINS)
    if config.training.pretrain and not isinstance(config.tuner, Fixed):  # its layers are known: nothing to search
        kept = {field.name: getattr(config.tuner, field.name) for field in fields(TunerConfig)}
        kept |= {"name": "fixed", "plugin": Fixed.plugin, "max_trials": None}
        config.tuner = Fixed(**kept, hyperparameters=config.training.pretrain)
    return config
