"""Results in words on standard error: a live display while a run goes, tables, and what not to overlook."""

import logging
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, JustifyMethod
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from forcepos.config.schema import Config
from forcepos.results.progress import Progress
from forcepos.results.scores import score_table
from forcepos.runtime.log_lines import ELSEWHERE, LINK
from forcepos.runtime.paths import short_path
from forcepos.runtime.resources import in_sweep, jobs_at_once
from forcepos.runtime.wording import duration, visible
from forcepos.tuning.trials import Listener, TrialResult

if TYPE_CHECKING:  # a table takes no MLflow
    from forcepos.tracking.ui import UiAddress

log = logging.getLogger(__name__)
_LOG_WIDTH = 120
_LONG_WORD = 24  # characters; a table breaks longer ones where it must


class Terminal(Listener):
    """Shows how a run goes: trials, stages, epochs, time left. On a terminal it does so live."""

    def __init__(self, config: Config, samples: int) -> None:
        self._tuner, self._progress = config.tuner, Progress(config, samples)
        self._trials: dict[int, tuple[Mapping[str, Any], TrialResult | None]] = {}
        self._best: float | None = None  # objective in this stage
        self._best_trial, self._best_epoch, self._now = 0, 1, ""  # now: what is under way
        self._of = f" of {config.tuner.max_trials}" if config.tuner.max_trials else ""
        self._reported = self._began = time.monotonic()
        console = _console()
        self._is_live = console.is_terminal and not console.is_dumb_terminal and jobs_at_once() == 1
        self._live = Live(console=console, get_renderable=self._display, transient=True, redirect_stdout=False)
        self._in_file = {ELSEWHERE: self._is_live}

    def __enter__(self) -> Self:
        log.info("training %s", self._progress.plan())
        if self._is_live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @contextmanager
    def phase(self, name: str, epochs: int) -> Iterator[None]:  # noqa: ARG002  # training may end earlier
        """Show that this stage is under way. The table of trials stays when the search ends, however it does."""
        self._progress.enter(name)
        self._now, self._best = name, None
        try:
            yield
        finally:
            self._progress.leave()
            if self._trials and self._live.is_started:
                self._live.console.print(self._trial_table())
            self._trials = {}

    def trial_known(self, result: TrialResult) -> None:
        self._progress.to_come = self._progress.to_come and self._progress.to_come - 1
        self._add(result)

    def trial_started(self, number: int, hyperparameters: Mapping[str, Any]) -> None:
        brief, known = (hyperparameters.get(f"tuner/{name}", 0) for name in ("epochs", "initial_epoch"))
        self._progress.begin_trial(number, brief - known)
        self._trials[number] = hyperparameters, None
        log.info("trial %d%s: %s", number, self._of, _named(hyperparameters), extra=self._in_file)

    def epoch_ended(self, number: int, execution: int, epoch: int, logs: Mapping[str, float]) -> None:
        self._progress.tick(number)
        place = f", execution {execution}" if self._tuner.executions_per_trial > 1 else ""
        self._epoch(f"trial {number}{self._of}{place}, epoch {epoch}", logs)

    def trial_ended(self, result: TrialResult) -> None:
        self._progress.networks[result.number].epochs = 0
        self._add(result)
        if result.score is None:
            log.warning("trial %d failed: %s", result.number, result.failure)
        else:
            reached = f"{self._tuner.objective} {result.score:.4g}, best so far {self._best:.4g}"
            stopped = f"{result.reason}, " if result.stopped else ""
            log.info("trial %d: %s%s", result.number, stopped, reached, extra=self._in_file)

    def _add(self, result: TrialResult) -> None:
        self._trials[result.number] = result.hyperparameters, result
        if result.score is not None and not result.stopped and self._improves(result.score):
            self._best_trial = result.number

    def _improves(self, score: float) -> bool:
        """Note a score; return whether it is the best of its stage."""
        choose = min if self._tuner.direction == "min" else max
        before, self._best = self._best, score if self._best is None else choose(self._best, score)
        return before != self._best

    def final_epoch_ended(self, member: int, epoch: int, logs: Mapping[str, float]) -> None:
        self._best = None if epoch == 1 else self._best
        if self._improves(logs[self._tuner.objective]):
            self._best_epoch = epoch
        self._progress.final_epoch(member, epoch, self._best_epoch)
        network = f", network {member}" if self._progress.finals > 1 else ""
        stage = self._progress.stages[self._progress.at]
        self._epoch(f"{stage}{network}, epoch {epoch} of at most {self._progress.training.final_epochs}", logs)

    fold_epoch_ended = final_epoch_ended

    def _epoch(self, where: str, logs: Mapping[str, float]) -> None:
        best = "" if self._best is None else f", best so far {self._best:.4g}"
        self._now = f"{where}: {self._tuner.objective} {logs[self._tuner.objective]:.4g}{best}"
        if time.monotonic() - self._reported >= 5.0:
            self._reported = time.monotonic()
            log.info("%s%s", self._now, _duration(self._progress.seconds_left()), extra=self._in_file)

    def _display(self) -> Group:
        elapsed, left = time.monotonic() - self._began, self._progress.seconds_left()
        total, bar = None if left is None else elapsed + left, Table.grid(padding=(0, 1))
        bar.add_row(ProgressBar(total, elapsed, 30, pulse=left is None), duration(elapsed) + _duration(left))
        named = enumerate(name.removeprefix("training for ") for name in self._progress.stages)
        stages = Text(" > ").join(Text(name, "bold" if at == self._progress.at else "dim") for at, name in named)
        trials = [self._trial_table()] if self._trials else []
        return Group(*trials, Text(visible(self._now.removeprefix("training for "))), bar, stages)

    def _trial_table(self) -> Table:
        """Return the best trial and the latest, as many as there is room for, with what differs between them."""
        trials, best = dict(self._trials), self._best_trial
        latest = [*trials][-max(2, (self._live.console.height - 8) // 2) :]
        shown = {number: _short(trials[number][0]) for number in sorted({*latest, *({best} & {*trials})})}
        same = set.intersection(*({*values.items()} for values in shown.values())) if len(shown) > 1 else set()
        table = Table("trial", "what differs", self._tuner.objective, "seconds", box=None, pad_edge=False)
        for column in (table.columns[0], *table.columns[2:]):
            column.justify, column.no_wrap = "right", True
        for number, values in shown.items():
            result, trial = trials[number][1], self._progress.networks.get(number)
            differs = _named(dict(pair for pair in values.items() if pair not in same))
            score = "" if result is None else "failed" if result.score is None else f"{result.score:.4g}"
            score += " stopped" if result and result.stopped else ""
            style = "bold green" if number == best else "yellow" if result and result.reason else ""
            cells = (f"best {number}" if number == best else f"{number}", visible(differs), score)
            table.add_row(*map(Text, cells), f"{sum(trial.seconds):.0f}" if trial else "", style=style)
        return table

    def summary(self, result: Mapping[str, Any], ui: "UiAddress | None") -> None:
        """Show findings, where everything lies, MLflow's page of the run outside of sweeps, at last the scores."""
        for number, check in enumerate(result["checks"], 1):
            log.info("%d. %s; %s", number, check["found"], check["advice"])
        if result["best_hyperparameters"]:
            log.info("best hyperparameters: %s", _named(_short(result["best_hyperparameters"])))
        outputs = Path(result["outputs"])
        for name, path in (("outputs", outputs), ("report", outputs / "report.html")):
            if path.exists():
                log.info("%s: %s", name, short_path(path), extra={LINK: path.as_uri()})
        log.info("model: %s", result["model_uri"])
        if ui and not in_sweep():
            if ui.command:
                log.info("MLflow's pages are started with: %s", ui.command)
            log.info("this run: %s", ui.url, extra={LINK: ui.url})
        log.info("%s", result["verdict"])
        show_table("On the test subset", score_table(result), justify="right")


def show_table(title: str, rows: Sequence[Mapping[str, Any]], justify: JustifyMethod = "left") -> None:
    """Print the first row's keys and all rows; the longest column or else all of them wrap between words."""
    columns = list(rows[0])
    cells = {name: [visible(str(row[name])) for row in rows] for name in columns}
    whole = {name: max(map(len, [name, *cells[name]])) for name in columns}
    words = {name: max(map(len, " ".join([name, *cells[name]]).split())) for name in columns}
    longest, console = max(columns, key=whole.__getitem__), _console()
    least = whole | {longest: min(_LONG_WORD, words[longest])}
    fits = sum(least.values()) + 2 * len(columns) <= console.width
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        look: Any = {"min_width": min(_LONG_WORD, words[name]), "no_wrap": fits and name != longest}
        table.add_column(name, overflow="fold", justify=justify if table.columns else "left", **look)
    for row in zip(*cells.values(), strict=True):
        table.add_row(*map(Text, row))
    console.print(Text(visible(title), "italic"), table, sep="\n")  # a title may hold a path, which nothing cuts


def _console() -> Console:
    """Return standard error; wide enough for a table if there is no terminal to ask."""
    return Console(stderr=True, soft_wrap=True, width=None if sys.stderr.isatty() else _LOG_WIDTH)


def _named(values: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value:{'.4g' if isinstance(value, float) else ''}}" for key, value in values.items())


def _duration(left: float | None) -> str:
    return "" if left is None else f", about {duration(left)} left"


def _short(values: Mapping[str, Any]) -> dict[str, str]:
    """Join what layers have in common: conv_0_filter=32 and conv_1_filter=80 become filter=32/80."""
    joined: dict[str, list[str]] = {}
    for name, value in values.items():
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        joined.setdefault(re.sub(r"^(conv_)?(input|\d+)_|_\d+$", "", name), []).append(text)
    return {name: "/".join(each if len({*each}) > 1 else each[:1]) for name, each in joined.items()}
