"""`python -m benchmarks gpu`: no check loses another, time is bounded, and what was seen is judged and kept."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tensorflow as tf
from benchmarks import commands, gpu, gpu_checks, gpu_jobs
from benchmarks.gpu import Outcome, check_all, run_check
from benchmarks.gpu_checks import Where

from forcepos.runtime.errors import ImpossibleNetwork

NO_TIME = "not done: no time left of eight minutes"
PASSED = {"passed": True, "text": "as claimed"}
NAMES = [check.name for check in gpu.CHECKS]


def saying(seen: dict[str, Any]) -> list[str]:
    return [sys.executable, "-c", f"print({json.dumps(json.dumps(seen))})"]


def soon(seconds: float = 100) -> float:
    return time.monotonic() + seconds


# --- processes, time, and what is kept ---


def test_every_claim_has_a_check() -> None:
    assert list(gpu_checks.CHECKS) == NAMES


def test_what_a_check_says_becomes_its_verdict() -> None:
    seen = [run_check(saying({"passed": passed, "text": "so"}), 60, 60) for passed in (True, False, None)]
    assert [(each.cell, each.seen) for each in seen] == [("pass", "so"), ("fail", "so"), ("skipped: so", "")]


def test_a_check_that_breaks_has_failed_with_its_last_line() -> None:
    assert run_check([sys.executable, "-c", "raise ValueError('no card')"], 60, 60).cell == (
        "fail: ended with 1: ValueError: no card"
    )
    assert run_check([sys.executable, "-c", "import os; os.abort()"], 60, 60).cell == (
        "fail: ended with -6: it wrote nothing"
    )


def hanging(file: Path) -> list[str]:
    """A check that hangs, as does a process of its own, whose number it leaves in a file."""
    program = (
        "import subprocess, sys, time; from pathlib import Path\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])\n"
        f"Path({str(file)!r}).write_text(str(child.pid)); time.sleep(100)"
    )
    return [sys.executable, "-c", program]


def test_a_check_that_hangs_has_no_verdict_and_leaves_no_process(tmp_path: Path) -> None:
    outcome = run_check(hanging(tmp_path / "pid"), 3, 60)
    assert (outcome.cell, outcome.seconds) == ("skipped: not done after 3 s", 3)
    child = int((tmp_path / "pid").read_text())
    deadline = soon(10)
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_where_time_is_over_a_check_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_check(saying(PASSED), 60, 14.9).cell == f"skipped: {NO_TIME}"
    monkeypatch.setattr(gpu, "_LEAST_S", 0)
    assert run_check(hanging(tmp_path / "pid"), 60, 2).cell == f"skipped: {NO_TIME}"


def test_a_check_that_fails_loses_no_other_and_passed_ones_are_kept(tmp_path: Path) -> None:
    count = tmp_path / "count"
    counted = f"open({str(count)!r}, 'a').write('x'); print({json.dumps(json.dumps(PASSED))})"
    commands: dict[str, Sequence[str]] = {
        "device": [sys.executable, "-c", counted],
        "growth": [sys.executable, "-c", "raise SystemExit(3)"],
        "shares": saying(PASSED),
    }
    outcomes = check_all(commands, {"about": "a card"}, tmp_path, soon())
    verdicts = {name: outcome.verdict for name, outcome in outcomes.items()}
    assert verdicts == {"device": "pass", "growth": "fail", "shares": "pass"}
    outcomes = check_all(commands | {"growth": saying(PASSED)}, {"about": "a card"}, tmp_path, soon())
    assert {outcome.verdict for outcome in outcomes.values()} == {"pass"}
    assert count.read_text() == "x", "what passed is not done again"
    check_all(commands, {"about": "another card"}, tmp_path, soon())
    assert count.read_text() == "xx", "what another card showed is not kept"


def test_a_failure_stays_where_there_is_no_time_to_try_again(tmp_path: Path) -> None:
    failing: dict[str, Sequence[str]] = {"device": saying({"passed": False, "text": "elsewhere"})}
    check_all(failing, {}, tmp_path, soon())
    both = failing | {"growth": saying(PASSED)}
    outcomes = check_all(both, {}, tmp_path, soon(0))
    assert {name: outcome.cell for name, outcome in outcomes.items()} == {
        "device": "fail", "growth": f"skipped: {NO_TIME}"
    }  # fmt: skip
    assert check_all(both, {}, tmp_path, soon())["growth"].cell == "pass"


def test_the_table_says_what_is_claimed_what_was_seen_and_the_verdict() -> None:
    outcomes = {name: Outcome("pass", "a|b\nc", "", 1.4) for name in NAMES}
    outcomes["growth"] = Outcome("skipped", "", "no card", 0)
    lines = str(gpu.table_of("A100", outcomes)).splitlines()
    assert lines[:3] == [
        "`python -m benchmarks gpu`: A100", "", "| check | what is claimed | seen | verdict | s |"
    ]  # fmt: skip
    assert lines[4].endswith("| a\\|b c | pass | 1 |")
    assert lines[5] == (
        "| growth | a process alone takes the card's memory as it needs it |  | skipped: no card | 0 |"
    )
    assert len(lines) == 4 + len(NAMES)


def test_without_a_gpu_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_facts", lambda: {"gpus": [], "tensorflow": "2.21"})
    with pytest.raises(SystemExit) as error:
        next(gpu.gpu(1, folder=tmp_path))
    assert str(error.value) == (
        "error: TensorFlow sees no GPU: install an NVIDIA driver and '.[gpu]', or check a CPU by --device cpu"
    )


def test_a_claim_that_does_not_hold_ends_the_command_after_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = {name: Outcome("pass", "", "", 0) for name in NAMES} | {
        "XLA": Outcome("fail", "slower", "", 0), "mixed": Outcome("skipped", "", NO_TIME, 0),
        "growth": Outcome("skipped", "", "no card", 0),
    }  # fmt: skip
    monkeypatch.setattr(gpu, "_facts", lambda: {"gpus": ["A100"], "tensorflow": "2.21"})
    monkeypatch.setattr(gpu, "check_all", lambda *_: outcomes)
    tables = gpu.gpu(1, folder=tmp_path)
    assert f"{next(tables)}\n" == (tmp_path / "table.md").read_text()
    with pytest.raises(SystemExit) as error:
        next(tables)
    assert str(error.value) == "error: not as claimed: XLA; not done, which the same command does: mixed"


# --- what is judged ---


def placed(described: str, *where: str) -> dict[str, Any]:
    return {"described": described, "placed": list(where)}


def test_samples_or_weights_on_another_processor_fail() -> None:
    alone, shared, cpu = (
        placed("GPU, A100", "GPU"),
        placed("GPU, A100, shared by 2", "GPU"),
        placed("CPU, 2", "CPU"),
    )
    assert gpu_checks.judge_device("gpu", alone, cpu, shared).passed
    for wrong in (placed("GPU, A100", "CPU", "GPU"), placed("CPU, 2 of 2 cores", "CPU")):
        assert not gpu_checks.judge_device("gpu", wrong, cpu, shared).passed
    assert not gpu_checks.judge_device("gpu", alone, alone, shared).passed, "cpu must leave the GPU alone"


@pytest.mark.parametrize(
    ("percent", "loss", "passed"),
    [((44, 43), 1.0, True), ((46, 40), 1.0, False), ((44, 20), 1.0, False), ((44, 43), math.nan, False)],
)
def test_each_of_two_processes_gets_most_of_its_share_and_no_more(
    percent: tuple[int, int], loss: float, passed: bool
) -> None:
    told = [{"taken": 800 * each, "total": 80_000, "loss": loss} for each in percent]
    assert gpu_checks.judge_shares(told).passed is passed


def test_a_network_too_large_must_run_out_of_memory_and_harm_no_other() -> None:
    def judged(ended: str, following: float) -> bool | None:
        return gpu_checks.judge_too_large({"with XLA": {"ended": ended, "next": following}}).passed

    assert judged("out of memory", 5.0)
    assert not judged("it was trained", 5.0)
    assert not judged("out of memory", math.nan)


def test_whitening_with_tf32_would_fail() -> None:
    """The factors are shortened by hand: a CPU has no TF32."""
    told = gpu_jobs.whiten("cpu")()
    assert gpu_checks.judge_whitening(told).passed
    assert told["tf32"] > 0.1
    assert not gpu_checks.judge_whitening(told | {"errors": {"eager": told["tf32"]}}).passed


def test_tf32_has_ten_bits_after_the_first() -> None:
    values = np.array([1 + 2**-10, 1 + 2**-11, 1 + 2**-12, -3.0], np.float32)
    assert gpu_jobs.shortened(values).tolist() == [1 + 2**-10, 1 + 2**-10, 1, -3]


@pytest.mark.parametrize(
    ("device", "digests", "passed"),
    [("gpu", "aabc", True), ("gpu", "abcc", False), ("cpu", "aabc", False), ("cpu", "aaaa", True)],
)
def test_the_same_weights_are_expected_of_a_gpu_where_it_is_deterministic_and_always_of_a_cpu(
    device: str, digests: str, passed: bool
) -> None:
    told = [{"digest": digest, "compiled": False, "ms": 1.0} for digest in digests]
    assert gpu_checks.judge_determinism(device, told, told[:2]).passed is passed


def test_compiling_pays_once_the_steps_have_saved_what_it_took() -> None:
    assert gpu_checks.worth((2.0, 1.0), (1.0, 4.0)) == 3000
    assert gpu_checks.worth((2.0, 4.0), (1.0, 1.0)) == 0
    assert gpu_checks.worth((1.0, 0.0), (1.0, 4.0)) == math.inf


def test_errors_are_alike_within_a_twentieth() -> None:
    assert gpu_checks.alike(4.0, 4.19)
    assert not gpu_checks.alike(4.0, 4.21)
    assert not gpu_checks.alike(4.0, math.nan)


LINES = (
    "12:00:00 searching on GPU, A100, trials in x\n"
    "12:00:01 trial 2: val_mae 8.8, best so far 8.8\n"
    "12:00:02 trial 1: val_mae 4.7, best so far 4.7"
)


@pytest.mark.parametrize(
    ("lines", "passed"),
    [
        (LINES, True),
        (LINES.replace("GPU, A100", "CPU, 2 of 2 cores"), False),
        (LINES.partition("\n12:00:02")[0], False),
        (f"{LINES}\nworker 1 was killed; trial 2 is handed to the next one", False),
    ],
)
def test_a_search_must_be_on_the_device_do_its_trials_and_lose_no_worker(lines: str, passed: bool) -> None:
    result = json.dumps({"test": {"euclidean_mean_mm": 7.3}})
    assert gpu_checks.judge_search("gpu", 30.0, result, lines).passed is passed


def test_members_side_by_side_must_be_those_that_come_one_after_another() -> None:
    in_turn = [[{"1": 4.0, "2": 5.0, "seconds": seconds}] for seconds in (9.0, 6.0)]
    beside = [[{"1": 4.1, "seconds": 7.0}, {"2": 5.1, "seconds": seconds}] for seconds in (8.0, 4.0)]
    seen = gpu_checks.judge_ensemble(in_turn, beside)
    assert seen.passed
    assert seen.text == (
        "one after another 9.0 s, then 6.0 s without compiling; side by side in two processes 8.0 s, then 7.0 s "
        "without compiling; validation MAE either way: member 1: 4.000 and 4.100 mm, member 2: 5.000 and 5.100 mm"
    )
    beside[0][1]["2"] = 6.0
    assert not gpu_checks.judge_ensemble(in_turn, beside).passed


# --- jobs that only a GPU has a use for, with another memory ---


def test_memory_is_taken_until_there_is_no_more_and_half_of_it_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [7]

    def zeros(shape: tuple[int, ...]) -> str:
        left[0] -= 1
        if left[0] < 0:
            raise tf.errors.ResourceExhaustedError(None, None, "no more")
        return "a piece"

    monkeypatch.setattr(gpu_jobs, "use", lambda *_: "GPU, A100")
    monkeypatch.setattr(gpu_jobs, "card_figure", lambda what: {"memory.total": 2000}[what])
    monkeypatch.setattr(gpu_jobs, "steps", lambda *_: lambda: {"loss": 1.0})
    monkeypatch.setattr(tf, "zeros", zeros)
    assert gpu_jobs.fill(2)() == {"taken": 140, "total": 2000, "loss": 1.0}


def test_the_memory_that_a_training_took_is_told_beside_the_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([300, 900])
    monkeypatch.setattr(gpu_jobs, "card_figure", lambda what: 8000 if what == "memory.total" else next(used))
    monkeypatch.setattr(gpu_jobs, "steps", lambda *_: lambda: {"loss": 1.0})
    assert gpu_jobs.grow(20)() == {"before": 300, "after": 900, "total": 8000}


def test_a_network_that_does_not_fit_is_told_by_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    class Trainer:
        def trial(self, chosen: dict[str, Any], *_: object) -> list[dict[str, float]]:
            if chosen["batch_size"] > 16:
                raise ImpossibleNetwork("out of memory: OOM when allocating")
            return [{"val_mae": 5.0}]

    trainer: Any = Trainer()
    assert gpu_jobs.end_of(trainer, 1000) == {"ended": "out of memory", "next": 5.0}
    assert gpu_jobs.end_of(trainer, 16) == {"ended": "it was trained", "next": 5.0}


def test_figures_of_the_card_are_nvidia_smis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\n[ "$1" = --query-gpu=memory.used ] && printf "123\\n456\\n"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert commands.card_figure("memory.used") == 123
    with pytest.raises(subprocess.CalledProcessError):
        commands.card_figure("memory.free")


# --- on this machine's CPU ---


def test_growth_shares_and_networks_too_large_have_no_meaning_on_a_cpu() -> None:
    where = Where("cpu", quick=True)
    assert [gpu_checks.CHECKS[name](where).passed for name in ("growth", "shares", "too large")] == [None] * 3


def test_an_answer_to_a_broken_sample_or_a_change_of_a_whole_one_is_wrong() -> None:
    whole = {"position": np.ones((8, 3), np.float32), "sectors": np.zeros((8, 2), bool)}
    broken = {name: values.copy() for name, values in whole.items()}
    broken["position"][:6], broken["sectors"][:6] = np.nan, True
    assert gpu_jobs.answered_rightly(broken, whole)
    for name, sample, value in (("position", 0, 0.0), ("sectors", 5, False), ("position", 7, 1.1)):
        wrong = {key: values.copy() for key, values in broken.items()}
        wrong[name][sample] = value
        assert not gpu_jobs.answered_rightly(wrong, whole)
