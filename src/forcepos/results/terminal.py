"""Progress on the terminal, and results in words: one table and remarks, for report and sweeps as well."""

import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.console import Console, JustifyMethod
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from forcepos.config.schema import Config
from forcepos.results.scores import remarks, score_table
from forcepos.runtime.resources import jobs_at_once
from forcepos.runtime.wording import visible
from forcepos.tuning.trials import Listener, TrialResult

log = logging.getLogger(__name__)
_LOG_WIDTH = 120
_QUIET_S = 5.0  # without a live display, an epoch is reported at most this often


class Terminal(Listener):
    """Shows how a run goes: trials, epochs, best so far, time left."""

    def __init__(self, config: Config) -> None:
        self._tuner, self._training = config.tuner, config.training
        self._best: float | None = None
        self._reported = time.monotonic()

    @contextmanager
    def phase(self, name: str, epochs: int) -> Iterator[None]:
        """Show a live bar over `epochs` epochs; without a terminal, lines in the log."""
        self._phase, self._done, self._total, self._started = name, 0, epochs, time.monotonic()
        console = _console()
        live = console.is_terminal and jobs_at_once() == 1  # bars of several processes overwrite one another
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("epochs"))
        with Progress(*columns, console=console, transient=True, disable=not live) as self._progress:
            self._progress.add_task(name, total=epochs)
            yield

    def _trial(self, number: int) -> str:
        return f"trial {number}" + (f" of {self._tuner.max_trials}" if self._tuner.max_trials else "")

    def trial_known(self, result: TrialResult) -> None:
        self._total = max(0, self._total - self._tuner.executions_per_trial * self._training.epochs)
        self._compare(result)

    def trial_started(self, number: int, hyperparameters: Mapping[str, Any]) -> None:
        log.info("%s: %s", self._trial(number), _named(hyperparameters))

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Mapping[str, float]) -> None:
        place = f", execution {execution}" if self._tuner.executions_per_trial > 1 else ""
        self._epoch(f"{self._trial(number)}{place}, epoch {epoch}", logs)

    def _compare(self, result: TrialResult) -> None:
        pick = min if self._tuner.direction == "min" else max
        scores = [score for score in (self._best, result.score) if score is not None]
        self._best = pick(scores, default=None)

    def trial_ended(self, result: TrialResult) -> None:
        self._compare(result)
        if result.score is None:
            log.warning("trial %d failed: %s", result.number, result.failure)
            return
        reached = f"{self._tuner.objective} {result.score:.4g}, best so far {self._best:.4g}"
        log.info("trial %d: %s", result.number, reached)

    def final_epoch_ended(self, member: int, epoch: int, logs: Mapping[str, float]) -> None:
        network = f", network {member}" if self._training.ensemble > 1 else ""
        self._epoch(f"{self._phase}{network}, epoch {epoch} of at most {self._training.final_epochs}", logs)

    def _epoch(self, where: str, logs: Mapping[str, float]) -> None:
        self._done += 1
        now = time.monotonic()
        left = (now - self._started) / self._done * (self._total - self._done)
        best = f", best so far {self._best:.4g}" if self._best is not None else ""
        rest = f", {timedelta(seconds=round(left))} left" if left > 0 else ""
        line = f"{where}: {self._tuner.objective} {logs[self._tuner.objective]:.4g}{best}{rest}"
        if not self._progress.disable:
            total = self._total or None
            self._progress.update(self._progress.task_ids[0], completed=self._done, total=total, description=line)
        elif now - self._reported >= _QUIET_S:
            self._reported = now
            log.info("%s", line)

    def summary(self, result: Mapping[str, Any], ui_command: str | None) -> None:
        """Print scores side by side, best hyperparameters, where everything lies, and what not to overlook."""
        rows = score_table(result)
        show_table("On the test subset", tuple(rows[0]), rows, justify="right")
        if result["best_hyperparameters"]:
            log.info("best hyperparameters: %s", _named(result["best_hyperparameters"]))
        log.info("outputs: %s", result["outputs"])
        log.info("model: %s", result["model_uri"])
        if ui_command:
            log.info("look at it with: %s", ui_command)
        for remark in remarks(result):
            log.info("%s", remark)


def show_table(
    title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], justify: JustifyMethod = "left"
) -> None:
    """Print these columns of the rows, a None as an empty cell; all but the first are justified as asked."""
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold", justify=justify if table.columns else "left")
    for row in rows:
        table.add_row(*(Text("" if row[name] is None else visible(str(row[name]))) for name in columns))
    _console().print(table)


def _console() -> Console:
    """Return standard error; wide enough for a table if there is no terminal to ask."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else _LOG_WIDTH)


def _named(values: Mapping[str, Any]) -> str:
    return " ".join(
        f"{name}={value:{'.4g' if isinstance(value, float) else ''}}" for name, value in values.items()
    )
