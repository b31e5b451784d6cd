"""Where a store may lie, and what happens when it is moved."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, load_text

from forcepos.commands.ui import main
from forcepos.config.schema import TrackingConfig
from forcepos.runtime.errors import InputError
from forcepos.tracking import ui
from forcepos.tracking.place import check_uri, follow_move
from forcepos.tracking.store import open_store
from forcepos.tracking.track import check_server
from tests.conftest import checked_config
from tests.running import forcepos
from tests.system.ports import free_port
from tests.tracking.test_outages import smoke_with

# A blank, an umlaut, quotes, braces, and whatever else a shell, a URI or SQL could mistake.
ODD = 'my föl\'der "1" {a} [b] $H 100% %zz;&+,=@:~*日'


def tracking_in(folder: Path) -> TrackingConfig:
    return TrackingConfig("mlflow", f"sqlite:///{folder}/mlruns/mlflow.db", "forcepos", None)


def log_all(folder: Path) -> tuple[str, str]:
    """A run with a file and a registered model in the folder's store; the ids of both."""
    client, experiment = open_store(tracking_in(folder))
    run_id = client.create_run(experiment).info.run_id
    client.log_text(run_id, "figures", "figures/a.txt")
    model = client.create_logged_model(experiment, "model", run_id)
    (folder / "model").mkdir()
    (folder / "model" / "weights").write_text("weights")
    client.log_model_artifacts(model.model_id, str(folder / "model"))
    client.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model("plate")
    client.create_model_version("plate", model.artifact_location, run_id, model_id=model.model_id)
    return run_id, model.model_id


def places_found(folder: Path, run_id: str, model_id: str) -> list[str]:
    """Where a client finds the run's file, the model and its registered version."""
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    uri = client.get_run(run_id).info.artifact_uri
    assert load_text(f"{uri}/figures/a.txt") == "figures"
    model = client.get_logged_model(model_id).artifact_location
    assert Path(download_artifacts(model), "weights").read_text() == "weights"
    return [uri, model, client.get_model_version_download_uri("plate", "1")]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A store in a folder with an odd name, with a run and a model."""
    folder = tmp_path_factory.mktemp("logged") / ODD
    folder.mkdir()
    run_id, model_id = log_all(folder)
    return folder, run_id, model_id


@pytest.fixture
def copied(logged: tuple[Path, str, str], tmp_path: Path) -> tuple[Path, str, str]:
    """The same in another folder, as by cp -r."""
    shutil.copytree(logged[0], tmp_path / "copy")
    return tmp_path / "copy", logged[1], logged[2]


def test_a_store_in_a_folder_with_an_odd_name_is_found_again_and_nothing_lies_beside_it(
    logged: tuple[Path, str, str],
) -> None:
    folder, *ids = logged
    assert [path.name for path in folder.parent.iterdir()] == [ODD]
    root = (folder / "mlruns" / "artifacts").as_uri()
    assert all(found.startswith(f"{root}/") for found in places_found(folder, *ids))


def test_a_copied_store_has_its_files_in_the_new_place_and_the_original_is_untouched(
    logged: tuple[Path, str, str], copied: tuple[Path, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    original, (folder, *ids) = logged[0], copied
    before = (original / "mlruns" / "mlflow.db").read_bytes()
    caplog.set_level("INFO")
    client, experiment = open_store(tracking_in(folder))
    (line,) = (line for line in caplog.messages if "moved or copied" in line)
    old, new = ((path / "mlruns" / "artifacts").as_uri() for path in (original, folder))
    assert line == f"{folder}/mlruns/mlflow.db was moved or copied from {old}: its runs point to this place now"
    assert all(found.startswith(f"{new}/") for found in places_found(folder, *ids))
    assert client.create_run(experiment).info.artifact_uri.startswith(f"{new}/")
    assert client.get_experiment("0").artifact_location == f"{new}/0"
    assert (original / "mlruns" / "mlflow.db").read_bytes() == before


def test_the_user_interface_follows_a_move_without_a_run(
    copied: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, *ids = copied
    moved = folder.rename(folder.with_name("moved"))
    monkeypatch.setattr(ui, "serve", lambda *_: None)
    main([f"sqlite:///{moved}/mlruns/mlflow.db", "--port", str(free_port())])
    assert all("/moved/" in found for found in places_found(moved, *ids))


@pytest.mark.parametrize("kind", ["2", "custom_model_development"])
def test_places_that_a_user_chose_stay(
    kind: str, copied: tuple[Path, str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, *_ = copied
    chosen = tmp_path / "disk" / "artifacts"
    chosen.mkdir(parents=True)
    client, _ = open_store(tracking_in(folder))
    experiment = client.create_experiment("chosen", chosen.as_uri(), {"mlflow.experimentKind": kind})
    elsewhere = client.create_experiment("elsewhere", "s3://bucket/artifacts", {"mlflow.experimentKind": kind})
    client.log_text(client.create_run(experiment).info.run_id, "x", "x.txt")
    follow_move(folder / "mlruns" / "mlflow.db")
    assert client.get_experiment(experiment).artifact_location == chosen.as_uri()
    assert client.get_experiment(elsewhere).artifact_location == "s3://bucket/artifacts"


def test_an_old_place_that_is_the_same_folder_by_another_name_is_no_move(
    copied: tuple[Path, str, str], tmp_path: Path
) -> None:
    folder, *_ = copied
    follow_move(folder / "mlruns" / "mlflow.db")
    (tmp_path / "link").symlink_to(folder)
    before = (folder / "mlruns" / "mlflow.db").read_bytes()
    follow_move(tmp_path / "link" / "mlruns" / "mlflow.db")
    assert (folder / "mlruns" / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize(
    "uri",
    ["mlruns", "here.db", "/data/mlruns", "file:///data/x", "", "sqlite://", "sqlite:mlruns.db", "sqlite:///",
     "sqlite:///:memory:", "sqlite:///."],
)  # fmt: skip
def test_a_uri_that_names_no_database_is_refused(uri: str) -> None:
    problem = "MLflow needs a database, as in tracking.uri=sqlite:///mlruns/mlflow.db"
    with pytest.raises(InputError, match=f"^{re.escape(f'tracking.uri={uri} cannot be used: {problem}')}$"):
        check_uri(uri)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("http://lab:port", "Port could not be cast to integer value as 'port'"),
        ("http://lab:70000", "Port out of range 0-65535"),
        ("postgresql+psycopg2://me@lab:x/mlflow", "Port could not be cast to integer value as 'x'"),
    ],
)
def test_a_port_that_is_none_is_refused(uri: str, problem: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'tracking.uri={uri} cannot be used: {problem}')}$"):
        check_uri(uri)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("htp://lab:5000", "Model registry functionality is unavailable; got unsupported URI 'htp://lab:5000'"),
        ("http:lab", "Invalid url: http:lab/"),
        ("sqlite:///table.db", "file is not a database"),
        (
            "sqlite:///table.db/mlflow.db",
            "{here}/table.db: File exists; it is in the place of a folder: move it away",
        ),
    ],
)
def test_whatever_else_mlflow_cannot_open_is_reported_in_its_words(
    uri: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.db").write_text("x,y\n")
    expected = f"tracking.uri={uri} cannot be used: {problem.format(here=tmp_path)}"
    with pytest.raises(InputError, match=f"^{re.escape(expected)}.*$"):
        open_store(smoke_with(uri).tracking)


@pytest.mark.parametrize(
    "uri",
    ["sqlite:///mlruns/mlflow.db", "sqlite:///mlflow.db?timeout=30", "sqlite+pysqlite:///mlflow.db",
     "http://lab:5000", "https://lab/mlflow/", "postgresql+psycopg2://me@127.0.0.1:5432/mlflow", "databricks", "databricks://profile"],
)  # fmt: skip
def test_other_uris_are_left_to_mlflow(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_uri(uri)


@pytest.mark.parametrize(("name", "what"), [("a?b", "?"), ("a%41b", "%41"), ("a#b", "#")])
def test_a_path_that_mlflow_cannot_take_is_refused(
    name: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    place = f"{tmp_path}/{name}/mlruns/mlflow.db"
    problem = f"MLflow cannot work with {what} in a path: rename the folder or choose another ({place})"
    with pytest.raises(InputError, match=re.escape(problem)):
        open_store(smoke_with("sqlite:///mlruns/mlflow.db").tracking)
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("job", [[], ["-m", "seed=1,2"]])
def test_the_command_refuses_such_a_place_before_it_writes_or_loads_anything(
    job: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "a?b"
    folder.mkdir()
    finished = forcepos([*job, "debug=smoke"], folder)
    assert (finished.code, finished.out) == (1, "")
    assert finished.err.splitlines()[-1] == (
        "error: tracking.uri=sqlite:///mlruns/mlflow.db cannot be used: MLflow cannot work with ? in a path: "
        f"rename the folder or choose another ({folder}/mlruns/mlflow.db)"
    )
    assert list(folder.iterdir()) == []


def test_mlflows_variables_choose_the_experiment_unless_the_config_does(
    copied: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied[0])
    assert checked_config().tracking.experiment == "forcepos"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
    client, experiment = open_store(checked_config().tracking)
    assert client.get_experiment(experiment).name == "Default"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "77")
    with pytest.raises(InputError, match="No Experiment with id=77 exists$"):
        check_server(checked_config().tracking)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "plates")
    assert checked_config().tracking.experiment == "plates"
    assert checked_config("tracking.experiment=mine").tracking.experiment == "mine"


def lock_is_a_folder(mlruns: Path) -> None:
    (mlruns / "mlflow.lock").unlink(missing_ok=True)
    (mlruns / "mlflow.lock").mkdir()


def database_is_cut_off(mlruns: Path) -> None:
    os.truncate(mlruns / "mlflow.db", 100_000)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            lock_is_a_folder,
            "/mlruns/mlflow.lock: Is a directory; a folder is in the place of a file: move it away",
        ),
        (database_is_cut_off, ": database disk image is malformed; move the database away, and a new one begins"),
    ],
)
def test_a_damaged_store_is_reported_with_the_way_out(
    damage: Callable[[Path], None], told: str, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(empty_store, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    damage(tmp_path / "mlruns")
    with pytest.raises(InputError) as raised:
        open_store(smoke_with("sqlite:///mlruns/mlflow.db").tracking)
    before = f"tracking.uri=sqlite:///mlruns/mlflow.db cannot be used: {tmp_path}"
    assert str(raised.value) == f"{before}{told}; then the same command continues"
