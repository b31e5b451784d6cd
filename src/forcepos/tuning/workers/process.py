"""The process of a worker: trains a search's trials, logs into a file of its own, ends with its chief."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from forcepos.models.problem import Problem
from forcepos.models.training.device import use_device
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.runtime.errors import InputError
from forcepos.runtime.process_end import end_promptly, end_with_parent
from forcepos.runtime.resources import jobs_at_once
from forcepos.tuning.spec import SearchSpec
from forcepos.tuning.workers.worker import work


@dataclass(frozen=True)
class SharedSearch:
    """What all workers of a search need.

    Attributes:
        folder: the run's, for the workers' logs.
    """

    spec: SearchSpec
    problem: Problem
    folder: Path


@dataclass(frozen=True)
class Worker:
    """One of `count` workers that train on this machine at the same time, numbered 1, 2, 3."""

    search: SharedSearch
    number: int
    count: int
    port: int  # of the chief

    @property
    def name(self) -> str:
        return f"worker_{self.number}"

    def start(self) -> BaseProcess:
        """Start the worker's process on this machine."""
        # Not forked: TensorFlow's threads do not survive that.
        process = multiprocessing.get_context("spawn").Process(
            target=self._run, args=(jobs_at_once(),), name=self.name
        )
        process.start()
        return process

    def _run(self, jobs: int) -> None:
        end_promptly(partial(self._work, jobs))  # the chief waits for it

    def _work(self, jobs: int) -> None:
        end_with_parent()  # a chief that was killed could not end it
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the chief ends us when it has to
        _log_into(self.search.folder / f"{self.name}.log")
        use_device(self.search.problem.config.training, self.count * jobs, self.number - 1)
        trainer = NetworkTrainer(self.search.problem, self.search.folder)
        try:
            work(self.search.spec, trainer.trial, self.name, self.port)
        except InputError as error:
            sys.exit(f"error: {error}")


def _log_into(path: Path) -> None:
    """Redirect standard output and standard error to a file."""
    file = path.open("a")
    for stream in (1, 2):
        os.dup2(file.fileno(), stream)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
