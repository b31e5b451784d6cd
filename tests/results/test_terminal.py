"""What a run shows on a terminal, and what into a pipe: in a pseudo-terminal, and line by line."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from forcepos.commands.train import _options_first
from forcepos.results import terminal
from forcepos.results.terminal import _short, show_table
from forcepos.runtime.log_lines import JSON_VARIABLE, LINK, StandardErrorHandler, VisibleFormatter, print_result
from tests.running import QUICK, environment_with

CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\]8;[^\x1b]*\x1b\\")
TWO_TRIALS = [*QUICK, "tuner.max_trials=2", "training.final_epochs=2"]


def shown(arguments: list[str], folder: Path, columns: int, **environment: str) -> str:
    """Everything that the command writes to a terminal of this width, control sequences included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    settings = environment_with(TERM="xterm-256color", **environment)
    settings.pop("COLUMNS", None)
    command = [sys.executable, "-m", "forcepos", *arguments]
    process = subprocess.Popen(command, cwd=folder, env=settings, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:  # Linux' way to say that the other side was closed
        pass
    os.close(ours)
    assert process.wait() == 0, written.decode()
    return written.decode().replace("\r\n", "\n")


def lasting(written: str) -> list[str]:
    """The lines that stay when the display has gone."""
    return CONTROL.sub("", written.rpartition("\x1b[?25h")[2]).strip("\n").splitlines()


@pytest.mark.system
@pytest.mark.parametrize(("columns", "options"), [(80, []), (120, ["--json"])])
def test_a_terminal_shows_a_live_table_and_at_last_the_scores(
    columns: int, options: list[str], tmp_path: Path
) -> None:
    written = shown([*options, *TWO_TRIALS], tmp_path, columns)
    live, ended = CONTROL.sub("", written), lasting(written)
    (path,) = tmp_path.glob("outputs/runs/*/result.json")
    outputs = path.parent
    # While it runs: stages of the run, the time left, the trials as a table.
    assert "search > final training > baselines > figures" in live
    assert re.search(r"\d+ s, about \d+ s left", live)
    assert re.search(r"best [12]  \S+=", live)
    assert "trial 1 of 2: " not in live
    # In the end: links, nothing wider than the terminal but what holds a path, the scores, and JSON if asked for.
    assert f"\x1b]8;;{outputs.as_uri()}\x1b\\" in written
    assert any(line.endswith(f" outputs: {outputs.relative_to(tmp_path)}") for line in ended)
    *ended, last = ended if options else [*ended, ""]
    assert json.loads(last or "null") == (json.loads(path.read_text()) if options else None)
    assert [line for line in ended if len(line) > columns and "http://" not in line] == []
    table = [line for line in ended[ended.index("On the test subset") :] if not line.startswith("─")]
    assert any(line.startswith("model ") for line in table)
    assert not any(re.match(r"\d\d:\d\d:", line) for line in table)  # it is the last thing seen
    # The log file has lines instead, and nothing for a terminal.
    logged = (outputs / "forcepos.log").read_text()
    assert "trial 1 of 2: " in logged
    assert not CONTROL.search(logged)


class _Stream(io.StringIO):
    """Standard error, or output, as a terminal or as a pipe."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def line_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a record becomes on standard error, 40 columns wide."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def written(level: int, text: str, *, terminal: bool, **more: str) -> str:
        monkeypatch.setattr(sys, "stderr", stream := _Stream(terminal))
        handler = StandardErrorHandler()
        handler.setFormatter(VisibleFormatter("12:00:00 %(message)s"))
        handler.handle(logging.makeLogRecord({"levelno": level, "msg": text, **more}))
        return stream.getvalue()

    return written


def test_a_warning_says_that_it_is_one_and_has_colour_on_a_terminal_alone(
    line_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert line_of(logging.WARNING, "few rows", terminal=False) == "12:00:00 warning: few rows\n"
    assert line_of(logging.WARNING, "few rows", terminal=True) == "12:00:00 \x1b[33mwarning: \x1b[0mfew rows\n"
    assert line_of(logging.INFO, "some rows", terminal=True) == "12:00:00 some rows\n"
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            assert line_of(logging.WARNING, "few rows", terminal=True) == "12:00:00 warning: few rows\n"


def test_a_long_line_wraps_between_words_on_a_terminal_alone(line_of: Callable[..., str]) -> None:
    text = "one two three four five six seven eight nine ten"
    assert line_of(logging.INFO, text, terminal=False) == f"12:00:00 {text}\n"
    assert line_of(logging.INFO, text, terminal=True).splitlines() == [
        "12:00:00 one two three four five six", "         seven eight nine ten",
    ]  # fmt: skip


def test_a_path_is_a_link_and_never_cut(line_of: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/a folder with spaces and a long name/report.html"
    record = {"terminal": True, LINK: "file:///a%20folder"}
    assert line_of(logging.INFO, path, **record) == (
        f"\x1b]8;;file:///a%20folder\x1b\\12:00:00 {path}\x1b]8;;\x1b\\\n"
    )
    evil = line_of(logging.INFO, path, terminal=True, **{LINK: "http://a\x1b\\\x1b[31m"})
    assert evil.startswith("\x1b]8;;http://a\\x1b\\\\x1b[31m\x1b\\")
    monkeypatch.setenv("TERM", "dumb")
    assert line_of(logging.INFO, path, **record) == f"12:00:00 {path}\n"


@pytest.mark.parametrize(
    ("terminal", "asked", "printed"), [(True, "", ""), (True, "1", "{}\n"), (False, "", "{}\n")]
)
def test_json_goes_into_a_pipe_and_onto_a_terminal_only_if_asked_for(
    terminal: bool, asked: str, printed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(JSON_VARIABLE, asked)
    monkeypatch.setattr(sys, "stdout", stream := _Stream(terminal))
    print_result("{}")
    assert stream.getvalue() == printed


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_json_is_asked_for_before_between_or_behind_overrides(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(JSON_VARIABLE, "")
    words = ["debug=smoke", "-m", "seed=1,2"]
    assert _options_first([*words[:place], "--json", *words[place:]]) == ["-m", "debug=smoke", "seed=1,2"]
    assert os.environ[JSON_VARIABLE] == "1"


def test_layers_share_the_short_name_of_a_hyperparameter() -> None:
    values = {"conv_input_filter": 32, "conv_0_filter": 80, "conv_input_kernel": 5, "conv_0_kernel": 5}
    assert _short(values | {"lr": 0.0029821, "num_layers": 1}) == {
        "filter": "32/80", "kernel": "5", "lr": "0.00298", "num_layers": "1",
    }  # fmt: skip
    assert _short({"units_0": 32, "units_1": 64, "batch_size": 16}) == {"units": "32/64", "batch_size": "16"}


def test_a_table_wraps_between_words_only(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    scores = {"on the test subset": "model on held_out_points", "mean": "5.962 [4.932, 6.97]", "r2": "0.847"}

    def lines(width: int) -> list[str]:
        monkeypatch.setattr(terminal, "_LOG_WIDTH", width)
        show_table("Scores", [scores], justify="right")
        return [line.rstrip() for line in capfd.readouterr().err.splitlines()]

    assert lines(60)[-1] == "model on held_out_points  5.962 [4.932, 6.97]  0.847"
    assert lines(46)[-2:] == [
        "model on            5.962 [4.932, 6.97]  0.847",
        "held_out_points",
    ]
    assert lines(40)[-2:] == [
        "model on            5.962 [4.932,  0.847",
        "held_out_points             6.97]",
    ]
