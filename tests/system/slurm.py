"""A Slurm cluster of one node on this machine: started in a scratch folder, stopped whatever happens.

`python -m tests.system.slurm COMMAND …` runs a command in one. Root is not needed.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "sinfo")
_READY_S = 60.0
_PATIENCE_S = 15.0  # for jobs that are cancelled

_CONF = """
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# cred_expire: a job that is queued again starts after seconds, not two minutes
AuthInfo=socket={base}/munge/sock,cred_expire=5
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
ReturnToService=2
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool
SlurmctldPidFile={base}/run/slurmctld.pid
SlurmdPidFile={base}/run/slurmd.pid
SlurmctldLogFile={base}/log/slurmctld.log
SlurmdLogFile={base}/log/slurmd.log
KillWait=5
MailProg=/bin/true
SlurmdTimeout=30
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory_mb} State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""

# submitit asks sacct how jobs are, and sacct needs a database: the queue knows as much for a while.
_SACCT = """#!/bin/sh
echo 'JobID|State|NodeList'
exec squeue --noheader --array --states=all --format='%i|%T|%N'
"""


def missing() -> list[str]:
    """Programs that a cluster needs and this machine lacks."""
    return [name for name in NEEDED if _find(name) is None]


def _find(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


@dataclass
class Cluster:
    """A running cluster.

    Attributes:
        environment: what a process needs to find it, sacct included.
    """

    base: Path
    environment: dict[str, str]
    _daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *command: str, timeout_s: float = 20) -> str:
        """Standard output of one of Slurm's commands."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=timeout_s
        ).stdout

    def start(self, name: str, *arguments: str) -> None:
        """Start a daemon that stays in the foreground, so that it is our child and none is lost."""
        program = _find(name)
        assert program is not None
        with (self.base / "log" / f"{name}.out").open("wb") as log:
            daemon = subprocess.Popen(
                [program, *arguments], cwd=self.base, env=self.environment, stdout=log, stderr=log
            )
        self._daemons.append(daemon)

    def wait_for(self, what: str, ready: Callable[[], bool]) -> None:
        """Return when it is ready.

        Raises:
            TimeoutError: it is not within a minute, or a daemon has ended; with what the daemons logged.
        """
        end = time.monotonic() + _READY_S
        while not ready():
            ended = [daemon.args for daemon in self._daemons if daemon.poll() is not None]
            if ended or time.monotonic() > end:
                logs = [path.read_text(errors="replace")[-2000:] for path in (self.base / "log").iterdir()]
                raise TimeoutError("\n".join([f"no {what}, ended: {ended}", *logs]))
            time.sleep(0.1)

    def stop(self) -> None:
        """Cancel all jobs, end all daemons and whatever else belongs to this cluster."""
        with suppress(subprocess.SubprocessError):
            self.run("scancel", "--user", getpass.getuser())
            end = time.monotonic() + _PATIENCE_S
            while self.run("squeue", "--noheader") and time.monotonic() < end:
                time.sleep(0.2)
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in reversed(self._daemons):
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout=5)
            daemon.kill()
            daemon.wait()
        for process in psutil.process_iter():  # steps of jobs are nobody's children
            with suppress(psutil.Error):
                if process.cwd() == str(self.base) or self._is_told_of(process):
                    process.kill()

    def _is_told_of(self, process: psutil.Process) -> bool:
        return process.environ().get("SLURM_CONF") == self.environment["SLURM_CONF"]


@contextmanager
def cluster(cores: int = 2) -> Iterator[Cluster]:
    """A cluster of one node with `cores` cores, for as long as the context is open."""
    base = Path(tempfile.mkdtemp(prefix="slurm-"))
    for name in ("munge", "state", "spool", "run", "log", "bin"):
        (base / name).mkdir(mode=0o755)
    made = Cluster(base, _environment(base))
    try:
        _write_files(base, cores)
        _start(made)
        yield made
    finally:
        made.stop()
        shutil.rmtree(base, ignore_errors=True)


def _environment(base: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
    path = f"{base}/bin:{kept.get('PATH', '')}:/usr/sbin"
    return kept | {"SLURM_CONF": str(base / "slurm.conf"), "PATH": path}


def _write_files(base: Path, cores: int) -> None:
    controller, daemon = _free_ports(2)
    memory_mb = psutil.virtual_memory().total // 2**20 - 1024
    conf = _CONF.format(
        host=socket.gethostname().partition(".")[0], user=getpass.getuser(), base=base, cores=cores,
        controller=controller, daemon=daemon, memory_mb=memory_mb,
    )  # fmt: skip
    (base / "slurm.conf").write_text(conf)
    key = base / "munge" / "key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o600)
    sacct = base / "bin" / "sacct"
    sacct.write_text(_SACCT)
    sacct.chmod(0o755)


def _start(made: Cluster) -> None:
    munge = made.base / "munge"
    options = {"key-file": "key", "socket": "sock", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    made.start(
        "munged", "--foreground", "--force", *(f"--{name}={munge / file}" for name, file in options.items())
    )
    made.wait_for("munged", (munge / "sock").exists)
    made.start("slurmctld", "-D")
    made.start("slurmd", "-D")
    made.wait_for("idle node", lambda: _nodes(made) == "idle")


def _nodes(made: Cluster) -> str:
    try:
        return made.run("sinfo", "--noheader", "--format=%T", timeout_s=5).strip()
    except subprocess.SubprocessError:  # the controller does not answer yet
        return ""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


if __name__ == "__main__":
    with cluster() as running:
        sys.exit(subprocess.run(sys.argv[1:], env=running.environment, check=False).returncode)
