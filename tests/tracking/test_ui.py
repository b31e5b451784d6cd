"""`python -m forcepos ui`: the link that it prints, the server that it becomes, and what keeps it from that."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from forcepos.commands.ui import main
from forcepos.config.schema import TrackingConfig
from forcepos.runtime.errors import InputError
from forcepos.tracking import ui
from forcepos.tracking.store import open_store
from forcepos.tracking.ui import UiAddress, ui_address
from tests.running import WITHOUT_LIBRARIES, forcepos
from tests.system.ports import free_port

LIST = "/#/experiments/1/runs?workflowType=machine_learning"


class Served(Exception):  # noqa: N818  # no error
    """Stands for becoming the server."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrackingConfig:
    """The store of a folder that is the working directory, and no server that could be started."""

    def serve(uri: str, port: int) -> NoReturn:
        raise Served(uri, port)

    monkeypatch.setattr(ui, "serve", serve)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return TrackingConfig("mlflow", "sqlite:///mlruns/mlflow.db", "forcepos", None, "runs")


@pytest.fixture
def filled(empty_store: Path, here: TrackingConfig) -> TrackingConfig:
    shutil.copytree(empty_store, Path.cwd(), dirs_exist_ok=True)
    return here


def test_the_link_opens_the_list_of_the_experiment_with_our_view(
    filled: TrackingConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    with pytest.raises(Served) as served:
        main(["--port", str(port)])
    assert served.value.args == (filled.uri, port)
    assert capsys.readouterr().out == f"http://127.0.0.1:{port}{LIST}&viewStateShareKey=forcepos-jobs\n"


def test_without_our_view_the_link_names_none(filled: TrackingConfig) -> None:
    client, experiment = open_store(filled)
    client.delete_experiment_tag(experiment, "mlflow.sharedViewState.forcepos-jobs")
    assert ui_address(filled, None) == UiAddress("python -m forcepos ui", f"http://127.0.0.1:5000{LIST}")


def test_without_the_experiment_the_link_opens_all(filled: TrackingConfig) -> None:
    filled.experiment = "another"
    address = ui_address(filled, None)
    assert address is not None
    assert address.url == "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"


def test_a_run_has_a_page_of_its_own(filled: TrackingConfig) -> None:
    client, experiment = open_store(filled)
    run_id = client.create_run(experiment).info.run_id
    address = ui_address(filled, run_id)
    assert address is not None
    assert address.url == f"http://127.0.0.1:5000/#/experiments/1/runs/{run_id}?workflowType=machine_learning"
    assert ui_address(TrackingConfig("none", filled.uri, "forcepos", None, "runs"), None) is None


def test_the_command_names_a_store_elsewhere_as_a_shell_takes_it(filled: TrackingConfig) -> None:
    folder = Path.cwd() / "my föl'der"
    shutil.copytree("mlruns", folder)
    filled.uri = f"sqlite:///{folder}/mlflow.db"
    address = ui_address(filled, None)
    assert address is not None
    command = str(address.command).replace("python -m forcepos ui", "printf '%s\\n'")
    shown = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert shown.stdout == f"{filled.uri}\n"


def test_where_no_run_has_been_one_line_says_what_makes_one(tmp_path: Path) -> None:
    finished = forcepos(["ui"], tmp_path)
    assert (finished.code, finished.out) == (1, "")
    assert finished.err == "error: sqlite:///mlruns/mlflow.db has no runs yet: python -m forcepos makes one\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("port", ["taken", "70000"])
def test_a_port_that_cannot_be_used_is_reported_before_the_link(
    port: str, filled: TrackingConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1] if port == "taken" else int(port)
        with pytest.raises(InputError, match=f"^--port {number} cannot be used, choose another: "):
            main(["--port", str(number)])
    assert capsys.readouterr().out == ""


def test_of_a_server_the_link_alone_is_printed_without_its_password(
    here: TrackingConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()  # nobody answers there
    main([f"http://me:secret@127.0.0.1:{port}/"])
    assert capsys.readouterr().out == f"http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning\n"


def test_the_command_loads_mlflow_only_to_show_something() -> None:
    subprocess.run([sys.executable, "-c", f"import forcepos.commands.ui; {WITHOUT_LIBRARIES}"], check=True)
