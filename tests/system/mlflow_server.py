"""A real `mlflow server` on the loopback interface, for as long as a test needs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.ports import free_port

_UP_S = 120.0


class Server:
    """Answers at `uri` while it runs, always with the same store and artifacts."""

    def __init__(self, store: str, folder: Path) -> None:
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self.artifacts, self._log = folder / "artifacts", folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port),
            "--workers", "1", "--backend-store-uri", store, "--artifacts-destination", str(self.artifacts),
        ]  # fmt: skip

    def start(self) -> None:
        """Returns when it answers."""
        environment = os.environ | {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment,
                cwd=self._log.parent, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + _UP_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"mlflow server does not come up: {self._log.read_text()[-2000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """As kill -9 does, with all its processes."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=30)
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def mlflow_server(store: str, folder: Path) -> Iterator[Server]:
    """A running one, killed whatever happens."""
    server = Server(store, folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
