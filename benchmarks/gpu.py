"""On a GPU: everything that forcepos claims of one, in at most eight minutes, as one table.

Each check is a process of its own, so that one that fails or hangs loses no other. What they saw is kept: the same
command resumes where time was over, and does again what failed.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.table import Table
from benchmarks.turns import Job, Worker

BUDGET_S = 460.0  # of eight minutes: the imports before it take the others
FOLDER = Path("outputs/bench-gpu")
_LEAST_S = 15.0  # less is not worth beginning a check
_NOT_DONE = "not done"
_NO_TIME = f"{_NOT_DONE}: no time left of eight minutes"
_TOP = Path(__file__).parents[1]


@dataclass(frozen=True)
class Check:
    """What is claimed, and how long it may take to see it."""

    name: str
    claim: str
    limit_s: float = 90.0


CHECKS = (
    Check("device", "training.device=auto takes the GPU, samples and weights lie on it; cpu leaves it alone"),
    Check("growth", "a process alone takes the card's memory as it needs it"),
    Check("shares", "two processes get 45 % of the card's memory each at most, and none takes the other's"),
    Check("too large", "a network that does not fit into memory is a failed trial, and the next one trains"),
    Check(
        "not finite", "a sample with NaN, infinity or what overflows has no answer; others beside it keep theirs"
    ),
    Check("whitening", "signals that nearly cancel are whitened in float64: TF32 does not blur them"),
    Check("determinism", "training.deterministic: the same seed gives the same weights"),
    Check("XLA", "compiled, it learns the same, and compiling pays from 3000 steps (training.xla=auto)", 120),
    Check("mixed", "training.precision=mixed learns as full precision does", 120),
    Check("two jobs", "two trainings share the device, and both train", 120),
    Check("search", "a whole run, whose search has two workers on the one device", 120),
    Check(
        "ensemble", "members are trained one after another (side by side, in two processes, is no feature)", 120
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What became of a check: pass, fail or skipped; why, where nothing was seen; and seconds."""

    verdict: str
    seen: str
    reason: str
    seconds: float

    @property
    def cell(self) -> str:
        """The verdict, and why."""
        return f"{self.verdict}: {self.reason}" if self.reason else self.verdict


def gpu(_: int, device: str = "gpu", quick: bool = False, folder: Path = FOLDER) -> Iterator[Table]:
    """Yield one table; a SystemExit: TensorFlow sees no GPU, or a check failed or is not done.

    With device=cpu what has a meaning on a CPU is checked there; `quick` shows that the checks run, and no speed.
    """
    began = time.monotonic()
    facts = _facts()
    if device == "gpu" and not facts["gpus"]:
        sys.exit(
            "error: TensorFlow sees no GPU: install an NVIDIA driver and '.[gpu]', or check a CPU by --device cpu"
        )
    about = [", ".join(facts["gpus"]) if device == "gpu" else "CPU", f"TensorFlow {facts['tensorflow']}"]
    about += ["quick: no speed"] if quick else []
    command = [sys.executable, "-m", "benchmarks.gpu_checks"]
    commands = {check.name: [*command, check.name, device, *(["quick"] if quick else [])] for check in CHECKS}
    outcomes = check_all(commands, {"about": about, "sources": _digest()}, folder, began + BUDGET_S)
    table = table_of(", ".join(about), outcomes)
    (folder / "table.md").write_text(f"{table}\n")
    yield table
    failed = [name for name, outcome in outcomes.items() if outcome.verdict == "fail"]
    missing = [name for name, outcome in outcomes.items() if outcome.reason.startswith(_NOT_DONE)]
    words = [f"not as claimed: {', '.join(failed)}"] if failed else []
    words += [f"not done, which the same command does: {', '.join(missing)}"] if missing else []
    if words:
        sys.exit(f"error: {'; '.join(words)}")


def _facts() -> dict[str, Any]:
    """Ask TensorFlow in a process of its own: here it would keep the card's memory."""
    worker = Worker(Job("benchmarks.gpu_jobs", "facts", []))
    try:
        return worker.ask()
    finally:
        worker.stop()


def _digest() -> str:
    """Return a digest of all that is checked and that checks: what other sources showed is not kept."""
    paths = [*(_TOP / "src").rglob("*.py"), *(_TOP / "conf").rglob("*.yaml"), *(_TOP / "benchmarks").rglob("*.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(paths))).hexdigest()[:12]


def check_all(
    commands: Mapping[str, Sequence[str]], of: Mapping[str, object], folder: Path, deadline: float
) -> dict[str, Outcome]:
    """Do the checks that have not passed yet and keep what they saw, until the deadline of time.monotonic()."""
    folder.mkdir(parents=True, exist_ok=True)
    file, limits = folder / "checks.json", {check.name: check.limit_s for check in CHECKS}
    kept = json.loads(file.read_text()) if file.exists() else {}
    known = kept["checks"] if kept.get("of") == of else {}
    outcomes = {name: Outcome(**known[name]) for name in commands if name in known}
    waiting = [name for name in commands if name not in outcomes or outcomes[name].verdict != "pass"]
    for name in sorted(waiting, key=lambda name: name in outcomes):  # what was never done comes first
        outcome = run_check(commands[name], limits[name], deadline - time.monotonic())
        words = f"{outcome.cell}; {outcome.seen}" if outcome.seen else outcome.cell
        print(f"{name}: {words} ({outcome.seconds:.0f} s)", file=sys.stderr)
        if outcome.reason == _NO_TIME:
            outcomes.setdefault(name, outcome)
            continue
        outcomes[name] = outcome
        done = {key: asdict(each) for key, each in outcomes.items() if each.reason != _NO_TIME}
        file.write_text(json.dumps({"of": of, "checks": done}, indent=1))
    return outcomes


def run_check(command: Sequence[str], limit_s: float, left_s: float) -> Outcome:
    """Run a check, end it and all its processes after `limit_s`, or when no time is left."""
    if left_s < _LEAST_S:
        return Outcome("skipped", "", _NO_TIME, 0.0)
    began, allowed_s = time.monotonic(), min(limit_s, left_s)
    process = subprocess.Popen(  # noqa: S603  # this interpreter, a module of ours
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=_TOP, start_new_session=True
    )
    try:
        told, errors = process.communicate(timeout=allowed_s)
    except subprocess.TimeoutExpired:
        late = _NO_TIME if allowed_s < limit_s else f"{_NOT_DONE} after {limit_s:.0f} s"
        return Outcome("skipped", "", late, allowed_s)  # that it is slow refutes no claim
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its own processes, too
            process.wait()
    seconds = time.monotonic() - began
    if process.returncode:
        last = (errors.strip().splitlines() or ["it wrote nothing"])[-1]
        return Outcome("fail", "", f"ended with {process.returncode}: {last[:300]}", seconds)
    seen = json.loads(told.splitlines()[-1])
    if seen["passed"] is None:
        return Outcome("skipped", "", seen["text"], seconds)
    return Outcome("pass" if seen["passed"] else "fail", seen["text"], "", seconds)


def table_of(about: str, outcomes: Mapping[str, Outcome]) -> Table:
    """Return what is claimed beside what was seen."""
    table = Table(f"`python -m benchmarks gpu`: {about}", ("check", "what is claimed", "seen", "verdict", "s"))
    for check in CHECKS:
        outcome = outcomes[check.name]
        cells = (check.name, check.claim, outcome.seen, outcome.cell, f"{outcome.seconds:.0f}")
        table.add(*(cell.replace("|", "\\|").replace("\n", " ") for cell in cells))
    return table
