"""The process of a worker: trains a search's trials, writes into a log of its own, ends with its chief."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from forcepos.config.schema import Config
from forcepos.models.tasks import Task
from forcepos.models.training.device import use_device
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.models.training_data import TrainingData
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import search_dir
from forcepos.tuning.workers.worker import work


@dataclass(frozen=True)
class Job:
    """What all workers of a search need.

    Attributes:
        folder: the run's, for the workers' words.
        fingerprint: the search's.
    """

    config: Config
    task: Task
    data: TrainingData
    folder: Path
    fingerprint: str

    @property
    def directory(self) -> Path:
        """Where the search keeps its trials."""
        return search_dir(self.fingerprint)

    def work(self, name: str, port: int) -> None:
        """Do trials until there are none."""
        trainer = NetworkTrainer(self.config, self.task, self.data, self.folder)
        tuner, epochs = self.config.tuner, self.config.training.epochs
        work(tuner, trainer.trial, self.directory, self.config.seed, epochs, name, port)


def start_worker(job: Job, n_processes: int, name: str, port: int) -> BaseProcess:
    """Start a worker on this machine, one of `n_processes` that train on it at the same time."""
    # Not forked: TensorFlow's threads do not survive that.
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(job, n_processes, name, port), name=name
    )
    process.start()
    return process


def _run(job: Job, n_processes: int, name: str, port: int) -> None:
    _end_with_chief()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the chief ends us when it has to
    _speak_into(job.folder / f"{name}.log")
    use_device(job.config.training, n_processes)
    try:
        job.work(name, port)
    except InputError as error:
        sys.exit(f"error: {error}")


def _end_with_chief() -> None:
    """A chief that was killed cannot end us."""
    chief = multiprocessing.parent_process()
    if chief is None:
        raise RuntimeError("a worker's process must be started by its chief")

    def watch() -> None:
        chief.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _speak_into(path: Path) -> None:
    """Standard output and standard error go to a file."""
    file = path.open("a")
    for stream in (1, 2):
        os.dup2(file.fileno(), stream)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
