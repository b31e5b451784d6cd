"""MLflow's user interface: where it shows a run or all of them, and how it is started."""

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from shlex import quote
from typing import NoReturn

from mlflow import MlflowClient

from forcepos.config.schema import TrackingConfig
from forcepos.tracking.outages import ERRORS
from forcepos.tracking.place import resolve
from forcepos.tracking.views import offer_views

_DEFAULT = "sqlite:///mlruns/mlflow.db"
_MODE = "workflowType=machine_learning"  # else MLflow shows what language models need


@dataclass(frozen=True)
class UiAddress:
    """A page of the user interface, and the command that starts it; None where a server is running."""

    command: str | None
    url: str


def ui_address(config: TrackingConfig, run_id: str | None, port: int = 5000) -> UiAddress | None:
    """Return where a run is shown, or without its id the list of all; None if untracked or at Databricks."""
    uri = resolve(config.uri)[0]
    if config.name == "none" or uri.startswith(("databricks", "uc")):
        return None
    page = _page(config, uri, run_id)
    if uri.startswith("http"):
        return UiAddress(None, f"{re.sub('//[^/]*@', '//', uri).rstrip('/')}/#/{page}")  # without a password
    taken = {resolve(_DEFAULT)[0], resolve(os.environ.get("MLFLOW_TRACKING_URI", _DEFAULT))[0]}
    command = "python -m forcepos ui" + ("" if taken == {uri} else f" {quote(uri)}")
    return UiAddress(command, f"http://127.0.0.1:{port}/#/{page}")


def _page(config: TrackingConfig, uri: str, run_id: str | None) -> str:
    """Return the page of the run or of the experiment, which the store knows; if it does not, that of all."""
    with suppress(*ERRORS):
        client = MlflowClient(uri)
        if run_id:
            return f"experiments/{client.get_run(run_id).info.experiment_id}/runs/{run_id}?{_MODE}"
        if experiment := client.get_experiment_by_name(config.experiment):
            view = offer_views(client, experiment)
            shared = f"&viewStateShareKey={view}" if view else ""  # one that is not there leads elsewhere
            return f"experiments/{experiment.experiment_id}/runs?{_MODE}{shared}"
    return f"experiments?{_MODE}"


def serve(uri: str, port: int) -> NoReturn:
    """Become the server of the user interface, on this machine only; Ctrl-C ends it."""
    os.environ |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
    command = ["-m", "mlflow", "ui", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    # Below this level, uvicorn shows a traceback for Ctrl-C.
    quiet = ["--uvicorn-opts", "--log-level critical"]
    stores = ["--backend-store-uri", resolve(uri)[0], "--registry-store-uri", resolve(uri)[0]]
    os.execv(sys.executable, [sys.executable, *command, *quiet, *stores])  # noqa: S606  # no shell
