"""A real PostgreSQL on the loopback interface, for as long as a test needs it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.ports import free_port


def programs() -> Path | None:
    """The folder of initdb, pg_ctl and createdb, None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "pg_ctl").is_file()), None)


class Postgres:
    """A cluster in a folder of its own. It does not run as root: there, another user runs it."""

    def __init__(self, folder: Path) -> None:
        found = programs()
        if found is None:
            raise FileNotFoundError("PostgreSQL: no initdb")
        self._programs, self._folder, self.port = found, folder, free_port()
        self._user = _other_user() if os.geteuid() == 0 else None
        if self._user:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._do("initdb", "-U", "mlflow", "-A", "trust", "--no-sync", "-E", "UTF8")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._do("pg_ctl", "-w", "-t", "60", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """At once, as when the machine goes down."""
        self._do("pg_ctl", "-w", "-t", "60", "-m", "immediate", "stop")

    def create(self, name: str) -> str:
        """A new database; its URI."""
        self._do("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "mlflow", name)
        return f"postgresql+psycopg2://mlflow@127.0.0.1:{self.port}/{name}"

    @property
    def runs(self) -> bool:
        return (self._folder / "data" / "postmaster.pid").exists()

    def _do(self, program: str, *arguments: str) -> None:
        user = self._user
        subprocess.run(
            [self._programs / program, *arguments],
            cwd=self._folder, check=True, timeout=120, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env=os.environ | {"PGDATA": str(self._folder / "data"), "LC_ALL": "C"},
            user=user.pw_uid if user else None, group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )  # fmt: skip


def _other_user() -> pwd.struct_passwd:
    known = {user.pw_name: user for user in pwd.getpwall()}
    return next(known[name] for name in ("postgres", "nobody") if name in known)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running one, stopped and removed whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="forcepos-postgres-"))  # where another user may go, unlike tmp_path
    try:
        server = Postgres(folder)
        try:
            server.start()
            yield server
        finally:
            if server.runs:
                server.stop()
    finally:
        shutil.rmtree(folder)
