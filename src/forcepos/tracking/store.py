"""The tracking store: a database under the working directory, or any MLflow store."""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from filelock import FileLock
from mlflow import MlflowClient, set_tracking_uri
from mlflow.artifacts import download_artifacts, load_text
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking._tracking_service import utils
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from sqlalchemy import create_engine, text

from forcepos.config.schema import TrackingConfig
from forcepos.runtime.errors import InputError
from forcepos.runtime.interruption import defer_signals
from forcepos.tracking.outages import usable
from forcepos.tracking.place import check_uri, follow_move, resolve
from forcepos.tracking.ui import OUR_KIND, offer_views

_PROCESS_TAG = "forcepos.process"
Tags = Mapping[str, str | None]
_fetched: dict[tuple[str, ...], TemporaryDirectory[str]] = {}


@defer_signals()
def open_store(config: TrackingConfig) -> tuple[MlflowClient, str]:
    """Open the store; return a client and the id of the experiment, created if it does not exist.

    A signal waits for the end of this, as of all that uses a store: an exception in the middle of a transaction
    may leave a database locked as long as there is a traceback. Raises InputError where the store cannot be used.
    """
    check_uri(config.uri)
    uri, database = resolve(config.uri)
    artifacts = (database.parent / "artifacts").as_uri() if database else None
    set_tracking_uri(uri)
    with usable(config.uri), _alone(uri, database):
        if database and artifacts and not database.exists():
            _create(database, artifacts)
        client = MlflowClient(uri)
        experiment_id = _experiment(client, config.experiment, artifacts)
        if database:
            follow_move(database)
        mark_dead_runs(client, experiment_id)
    return client, experiment_id


@contextmanager
def tracking_uri_kept() -> Iterator[None]:
    """Leave MLflow's tracking URI, which `open_store` sets for the whole process, as it was before the block."""
    before, variable = utils._tracking_uri, os.environ.get("MLFLOW_TRACKING_URI")  # noqa: SLF001  # maybe None
    try:
        yield
    finally:
        set_tracking_uri(before)  # type: ignore[arg-type]
        os.environ |= {"MLFLOW_TRACKING_URI": variable} if variable else {}  # MLflow writes it, too


@contextmanager
def _alone(uri: str, database: Path | None) -> Iterator[None]:
    """Let one process in at a time, which may create tables, unless the store has a server that sees to it."""
    with ExitStack() as stack:
        if database:
            stack.enter_context(FileLock(database.parent / "mlflow.lock"))
        elif uri.startswith("postgresql"):
            connection = stack.enter_context(create_engine(uri).begin())
            connection.execute(text("select pg_advisory_xact_lock(hashtext('mlflow'))"))
        yield


def _create(database: Path, artifacts: str) -> None:
    """Create an SQLite database whole or not at all: each of MLflow's dozens of migrations is committed."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415  # a second; others need none

    unfinished = database.with_name(f"{database.name}.unfinished")
    for suffix in ("", "-journal"):
        unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)
    SqlAlchemyStore(f"sqlite:///{unfinished}", artifacts).engine.dispose()  # type: ignore[no-untyped-call]
    unfinished.replace(database)


def _experiment(client: MlflowClient, name: str, artifacts: str | None) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None and name == os.environ.get("MLFLOW_EXPERIMENT_ID"):
        experiment = client.get_experiment(name)
    try:
        experiment = experiment or client.get_experiment(client.create_experiment(name, artifacts, OUR_KIND))
    except MlflowException:
        experiment = client.get_experiment_by_name(name)  # another process was faster
        if experiment is None:
            raise
    if experiment.lifecycle_stage == "deleted":
        raise InputError(f"tracking.experiment={name} was deleted: restore it or choose another name")
    offer_views(client, experiment)
    return str(experiment.experiment_id)


def create_run(client: MlflowClient, experiment_id: str, name: str, tags: Tags, when: int | None = None) -> str:
    """Start a run of this process with the tags that have a value, at `when` in ms or now; return its id."""
    given = {key: value for key, value in tags.items() if value}
    run = client.create_run(experiment_id, when, {_PROCESS_TAG: _process(), **given}, name[:250])
    return str(run.info.run_id)


def resume_run(client: MlflowClient, run_id: str, parent: str | None = None) -> None:
    """Resume a run that another process started and did not finish."""
    client.update_run(run_id, status="RUNNING")
    client.set_tag(run_id, _PROCESS_TAG, _process())
    if parent:
        client.set_tag(run_id, MLFLOW_PARENT_RUN_ID, parent)
    if "reason" in client.get_run(run_id).data.tags:
        client.delete_tag(run_id, "reason")


def find_run(client: MlflowClient, experiment_id: str, run_id: str) -> Run | None:
    """Return a run, None if there is none or it was deleted."""
    return next(iter(search_all(client, experiment_id, f"attributes.run_id = '{run_id}'")), None)


def mark_dead_runs(client: MlflowClient, experiment_id: str) -> None:
    """Mark as KILLED the runs of processes on this machine that no longer exist, as after kill -9."""
    ours = f"attributes.status = 'RUNNING' and tags.`{_PROCESS_TAG}` like '{socket.gethostname()} %'"
    for run in search_all(client, experiment_id, ours):
        run_id = run.info.run_id
        # Asked again, since it may have ended well before its process did, and after it was found.
        if not _alive(run.data.tags[_PROCESS_TAG]) and client.get_run(run_id).info.status == "RUNNING":
            client.set_tag(run_id, "reason", "the process ended unexpectedly")
            client.set_terminated(run_id, "KILLED")


def search_all(client: MlflowClient, experiment_id: str, query: str) -> list[Run]:
    """Return all matching runs, first started first, as many as every server finds at once."""
    return list(client.search_runs([experiment_id], query, max_results=50_000, order_by=["start_time ASC"]))


def _process(number: int | None = None) -> str:
    process = psutil.Process(number)
    return f"{socket.gethostname()} {process.pid} {process.create_time():.2f}"


def process_start(run: Run) -> float:
    """Return when the process started that last started or resumed the run, in ms; 0 if unknown."""
    return float(run.data.tags.get(_PROCESS_TAG, "0").rpartition(" ")[2]) * 1000


def _alive(process: str) -> bool:
    with suppress(psutil.NoSuchProcess, ValueError, IndexError):
        return _process(int(process.split()[-2])) == process
    return False


@defer_signals()
def read_hyperparameters(config: TrackingConfig, source: str) -> bytes:
    """Read the best hyperparameters of a run, as JSON, `source` being runs:/ID; raise InputError without any."""
    open_store(config)
    try:
        return load_text(f"{source}/best_hyperparameters.json").encode()
    except (MlflowException, OSError) as error:
        raise InputError(f"tuner.hyperparameters={source} names no run with best hyperparameters") from error


@defer_signals()
def fetch(config: TrackingConfig, source: str, key: str = "", files: Sequence[str] = ()) -> Path:
    """Fetch the model of a run, runs:/ID, or one at models:/…, and files of the run; return their folder.

    It lasts as long as this process. Raises InputError, which begins with the `key` that names the source.
    """
    if (source, *files) not in _fetched:
        client, folder, models = open_store(config)[0], TemporaryDirectory(), [source]
        try:
            if source.startswith("runs:/"):
                outputs = client.get_run(source.removeprefix("runs:/")).outputs
                models = [f"models:/{model.model_id}" for model in (outputs.model_outputs if outputs else ())]
            for place in (models[0], *(f"{source}/{file}" for file in files)):
                download_artifacts(place, dst_path=folder.name)
            Path(folder.name, "data", "model.keras").rename(Path(folder.name, "model.keras"))
        except (MlflowException, OSError, IndexError) as error:
            raise InputError(f"{key}{source} names no model in tracking.uri={config.uri}") from error
        _fetched[source, *files] = folder
    return Path(_fetched[source, *files].name)
