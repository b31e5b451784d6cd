"""The checks of `python -m benchmarks gpu`: `python -m benchmarks.gpu_checks NAME gpu|cpu [quick]` does one."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import psutil

from benchmarks.commands import card_figure, timed
from benchmarks.turns import Job, Worker

_NOTEBOOK_MS = {"ffnn": 5.0, "cnn": 7.0}  # on the author's GeForce GTX 1660 Ti Max-Q
_WORTH_COMPILING = 3000  # steps, from which training.xla=auto compiles
_ALIKE = 0.05  # of two errors of trainings that differ in rounding only
_BLURRED = 0.01  # of whitened signals, of which each varies by one
_FOR_DATA = 0.9  # of the card's memory, which processes share
_ONLY_GPU = "nothing of a CPU's memory is grown or divided"
Told = Mapping[str, Any]


@dataclass(frozen=True)
class Where:
    """The device that is checked, and whether the check is only to be seen running."""

    device: str
    quick: bool

    def steps(self, count: int) -> int:
        """Return how many steps to measure."""
        return count // 50 if self.quick else count

    @property
    def cases(self) -> list[str]:
        """Return the networks to measure."""
        return [*_NOTEBOOK_MS][:1] if self.quick else [*_NOTEBOOK_MS]

    @property
    def rounds(self) -> int:
        """Return how often to measure what is measured in turn."""
        return 1 if self.quick else 5


@dataclass(frozen=True)
class Seen:
    """What a check saw, and whether it is what is claimed; None: it has no meaning here."""

    passed: bool | None
    text: str


def job(name: str, *arguments: object) -> Job:
    """Return a job of `benchmarks.gpu_jobs`."""
    return Job("benchmarks.gpu_jobs", name, arguments)


@contextmanager
def working(*jobs: Job) -> Iterator[list[Worker]]:
    """Start a process for each job, and end them all."""
    workers = [Worker(each) for each in jobs]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.stop()


def ask_all(workers: Sequence[Worker]) -> list[Told]:
    """Let all do their jobs at the same time."""
    with ThreadPoolExecutor(len(workers)) as pool:
        return list(pool.map(Worker.ask, workers))


def told_by(*jobs: Job) -> list[Told]:
    """Do each job once, all at the same time."""
    with working(*jobs) as workers:
        return ask_all(workers)


def device(where: Where) -> Seen:
    """Choose the device, alone and as one of two processes, and look where samples and weights lie."""
    on = where.device
    asked = [job("describe", "auto" if on == "gpu" else "cpu", 1, None), job("describe", "cpu", 1, None)]
    alone, spared, shared = told_by(*asked, job("describe", on, 2, 1))
    return judge_device(on, alone, spared, shared)


def judge_device(on: str, alone: Told, spared: Told, shared: Told) -> Seen:
    """Compare descriptions and places with the device that was asked for."""
    kind = on.upper()
    right = [told["described"].startswith(f"{kind}, ") and told["placed"] == [kind] for told in (alone, shared)]
    right.append(spared["described"].startswith("CPU, ") and spared["placed"] == ["CPU"])
    told = [f"{name}: {each['described']} (samples and weights: {', '.join(each['placed'])})"
            for name, each in (("alone", alone), ("one of two", shared), ("cpu", spared))]  # fmt: skip
    return Seen(all(right), "; ".join(told))


def growth(where: Where) -> Seen:
    """See what a process takes of the card that trains both networks."""
    if where.device == "cpu":
        return Seen(None, _ONLY_GPU)
    [told] = told_by(job("grow", where.steps(1000)))
    taken = told["after"] - told["before"]
    share = taken / told["total"]
    return Seen(
        share < 0.5, f"{taken} of {told['total']} MB, {100 * share:.0f} %, after both networks were trained"
    )


def shares(where: Where) -> Seen:
    """Let one of two processes take all that it gets, then the other, and train with what is left."""
    if where.device == "cpu":
        return Seen(None, _ONLY_GPU)
    with working(*[job("fill", 2)] * 2) as workers:
        told = [worker.ask() for worker in workers]
    return judge_shares(told)


def judge_shares(told: Sequence[Told]) -> Seen:
    """Expect of each process no more than its share, most of it, and a training that still works."""
    part = _FOR_DATA / len(told)
    got = [each["taken"] / each["total"] for each in told]
    right = all(0.8 * part <= share <= part for share in got) and all(np.isfinite(each["loss"]) for each in told)
    return Seen(
        right, f"the first took {100 * got[0]:.0f} % of the card, then the second {100 * got[1]:.0f} %; both train"
    )


def too_large(where: Where) -> Seen:
    """Train a network that needs four times the memory there is, and another one after it."""
    if where.device == "cpu":
        return Seen(None, "TensorFlow's own kernels for a CPU may crash where its memory ends")
    told = told_by(*(job("too_large", compiled) for compiled in (False, True)))
    return judge_too_large(dict(zip(("without XLA", "with XLA"), told, strict=True)))


def judge_too_large(told: Mapping[str, Told]) -> Seen:
    """Expect it to run out of memory, and the next one to learn."""
    right = all(each["ended"] == "out of memory" and np.isfinite(each["next"]) for each in told.values())
    seen = (f"{kind}: {each['ended']}, then the next with {each['next']:.2f} mm" for kind, each in told.items())
    return Seen(right, "; ".join(seen))


def not_finite(where: Where) -> Seen:
    """Ask models for samples with NaN, infinity and what overflows, beside whole ones, in every way."""
    [told] = told_by(job("break_samples", where.device))
    wrong = told["wrong"]
    said = f"wrong: {', '.join(wrong)}" if wrong else f"so in {told['asked']} of {told['asked']} ways to ask"
    return Seen(not wrong, said)


def whitening(where: Where) -> Seen:
    """Whiten signals that nearly cancel, and compare with float64."""
    [told] = told_by(job("whiten", where.device))
    return judge_whitening(told)


def judge_whitening(told: Told) -> Seen:
    """Expect whitened signals to be exact, where TF32 would not be."""
    each = ", ".join(f"{way} {error:.1g}" for way, error in told["errors"].items())
    right = max(told["errors"].values()) <= _BLURRED < told["tf32"]
    others = f"in float32 on this device {told['float32']:.1g}, with TF32's factors {told['tf32']:.1g}"
    return Seen(right, f"largest error where each varies by one: {each}; {others}")


def determinism(where: Where) -> Seen:
    """Train the same in two processes, with and without training.deterministic."""
    case, count = where.cases[-1], where.steps(500)
    jobs = [
        job("steps", where.device, 1, case, count, kind)
        for kind in ("deterministic", "deterministic", "full", "full")
    ]
    with working(*jobs) as workers:
        first = ask_all(workers)
        again = [workers[number].ask() for number in (0, 2)]
    return judge_determinism(where.device, first, again)


def judge_determinism(on: str, first: Sequence[Told], again: Sequence[Told]) -> Seen:
    """Expect the same weights of the first two, which are deterministic, and on a CPU of all."""
    digests = [told["digest"] for told in first]
    strict, loose = digests[0] == digests[1], digests[2] == digests[3]
    right = strict and (loose or on == "gpu")
    words = {True: "the same weights, bit by bit", False: "other weights"}
    xla = "compiled" if first[0]["compiled"] else "not compiled by XLA"
    with_it, without = (told["ms"] for told in again)
    return Seen(
        right,
        f"two processes with it: {words[strict]}; without it: {words[loose]}; "
        f"a step takes {with_it:.2f} ms with it, {xla}, and {without:.2f} ms without",
    )


def xla(where: Where) -> Seen:
    """Train with and without XLA: what is learned, what a step takes, and from when on compiling pays."""
    learned = told_by(*(job("learn", where.device, compiled) for compiled in (False, True)))
    plain, compiled = (told["val_mae"] for told in learned)
    right, text = alike(plain, compiled), [f"validation MAE without {plain:.3f} mm, with {compiled:.3f} mm"]
    for case, (without, with_it) in _step_times(where, {"plain": 500, "full": 2000}).items():
        pays_from = worth(without, with_it)
        right &= where.quick or pays_from <= _WORTH_COMPILING
        text.append(
            f"{case}: a step without {without[0]:.2f} ms, with {with_it[0]:.2f} ms; the first ones take "
            f"{without[1]:.1f} and {with_it[1]:.1f} s more; pays from {pays_from:.0f} steps"
        )
    return Seen(right, "; ".join(text))


def worth(without: tuple[float, float], with_it: tuple[float, float]) -> float:
    """Return from how many steps on XLA saves time, given ms a step and the seconds more of the first training."""
    gained_ms, lost_s = without[0] - with_it[0], with_it[1] - without[1]
    if gained_ms <= 0:
        return float("inf")
    return max(0.0, 1000 * lost_s / gained_ms)


def _step_times(where: Where, counts: Mapping[str, int]) -> dict[str, list[tuple[float, float]]]:
    """Measure kinds of training, in so many steps, in turn.

    Return for each network and each kind ms a step, and the seconds that the first training takes longer, which
    traces and compiles.
    """
    found = {}
    for case in where.cases:
        jobs = [job("steps", where.device, 1, case, where.steps(count), kind) for kind, count in counts.items()]
        with working(*jobs) as workers:
            first = [worker.ask()["ms"] for worker in workers]
            later = [[worker.ask()["ms"] for worker in workers] for _ in range(where.rounds)]
        each = [float(step_ms) for step_ms in np.median(later, axis=0)]
        found[case] = [
            (step_ms, (first_ms - step_ms) * where.steps(count) / 1000)
            for step_ms, first_ms, count in zip(each, first, counts.values(), strict=True)
        ]
    return found


def alike(one: float, other: float) -> bool:
    """Return whether two errors differ by no more than rounding makes of a training."""
    return bool(abs(one - other) <= _ALIKE * one)


def mixed(where: Where) -> Seen:
    """Train in full and in mixed precision: what is learned, and what a step takes."""
    learned = told_by(*(job("learn", where.device, True, kind) for kind in (False, True)))
    full, half = (told["val_mae"] for told in learned)
    right, text = alike(full, half), [f"validation MAE in full precision {full:.3f} mm, mixed {half:.3f} mm"]
    if where.device == "cpu":
        [told] = told_by(job("refuse", "cpu", "training.precision=mixed"))
        right &= told["refused"].startswith("training.precision=mixed needs a GPU")
        text.append(f"a CPU refuses it: {told['refused']}")
    for case, ((full_ms, _), (mixed_ms, _)) in _step_times(where, {"full": 2000, "mixed": 2000}).items():
        text.append(f"{case}: a step {full_ms:.2f} ms in full, {mixed_ms:.2f} ms mixed")
    return Seen(right, "; ".join(text))


def two_jobs(where: Where) -> Seen:
    """Train a network alone and in two processes at the same time, and see how busy the device is."""
    text, right = list[str](), True
    for case in where.cases:
        for count in (1, 2):
            with working(*[job("steps", where.device, count, case, where.steps(2000))] * count) as workers:
                ask_all(workers)  # compiles
                told, busy = _watched(where, workers)
            right &= all(np.isfinite(each["loss"]) for each in told)
            each_ms = float(np.median([each["ms"] for each in told]))
            text.append(
                f"{case}, {count} at once: {each_ms:.2f} ms a step of each "
                f"(notebook: {_NOTEBOOK_MS[case]:.0f} ms), {busy:.0f} % busy"
            )
    return Seen(right, "; ".join(text))


def _watched(where: Where, workers: Sequence[Worker]) -> tuple[list[Told], float]:
    """Return what all report in all rounds, and how busy the device is meanwhile, in %."""
    busy = list[float]()
    with ThreadPoolExecutor(1) as pool:
        rounds = pool.submit(lambda: [told for _ in range(where.rounds) for told in ask_all(workers)])
        while not rounds.done():
            busy.append(_busy_percent(where.device))
    return rounds.result(), float(np.mean(busy))


def _busy_percent(on: str) -> float:
    return float(card_figure("utilization.gpu")) if on == "gpu" else psutil.cpu_percent(0.1)


def search(where: Where) -> Seen:
    """Search with two workers on the device, and train, evaluate and save the final model: a whole run."""
    plain = ("evaluation.also=null", "evaluation.baselines=false", "evaluation.figures=false", "tracking=none")
    where_and_what = (f"training.device={where.device}", "debug=smoke", "tuner=random", "tuner.workers=2")
    seconds, done = timed([*where_and_what, *plain])
    return judge_search(where.device, seconds, done.stdout, done.stderr)


def judge_search(on: str, seconds: float, result: str, lines: str) -> Seen:
    """Expect two trials of two workers and a model, on the device."""
    device_line = re.search(rf"searching on ({on.upper()}, .*), trials in", lines)
    trials = len(re.findall(r"trial \d+: val_mae \d", lines))
    lost = re.findall(r"worker \d+ .*handed to the next one", lines)
    error_mm = json.loads(result.splitlines()[-1])["test"]["euclidean_mean_mm"]
    return Seen(
        device_line is not None and trials == 2 and not lost and bool(np.isfinite(error_mm)),
        f"{device_line[1] if device_line else 'another device'}: {trials} of 2 trials, {len(lost)} handed on; "
        f"mean error {error_mm:.1f} mm; {seconds:.0f} s, the start of three processes included",
    )


def ensemble(where: Where) -> Seen:
    """Train two members as forcepos does, one after another, and as two processes would, side by side."""
    with working(job("members", where.device, 1, where.quick, [1, 2])) as workers:
        in_turn = [ask_all(workers) for _ in range(2)]
    with working(*(job("members", where.device, 2, where.quick, [number]) for number in (1, 2))) as workers:
        beside = [ask_all(workers) for _ in range(2)]
    return judge_ensemble(in_turn, beside)


def judge_ensemble(in_turn: Sequence[Sequence[Told]], beside: Sequence[Sequence[Told]]) -> Seen:
    """Expect of each member the same error either way; what each reports is of a first and of a second time."""
    one = in_turn[0][0]
    pairs = [(one[number], told[number]) for told, number in zip(beside[0], "12", strict=True)]
    errors = ", ".join(f"member {number}: {a:.3f} and {b:.3f} mm" for number, (a, b) in enumerate(pairs, 1))
    return Seen(
        all(alike(*pair) for pair in pairs),
        f"one after another {_first_and_again(in_turn)}; side by side in two processes "
        f"{_first_and_again(beside)}; validation MAE either way: {errors}",
    )


def _first_and_again(rounds: Sequence[Sequence[Told]]) -> str:
    """Word the seconds until the last of those at once had ended, the first time, which compiles, and again."""
    first, again = (max(told["seconds"] for told in each) for each in rounds)
    return f"{first:.1f} s, then {again:.1f} s without compiling"


CHECKS: dict[str, Callable[[Where], Seen]] = {
    "device": device,
    "growth": growth,
    "shares": shares,
    "too large": too_large,
    "not finite": not_finite,
    "whitening": whitening,
    "determinism": determinism,
    "XLA": xla,
    "mixed": mixed,
    "two jobs": two_jobs,
    "search": search,
    "ensemble": ensemble,
}


def main() -> None:
    """Do one check and write what it saw as a line of JSON."""
    name, on, *quick = sys.argv[1:]
    print(json.dumps(asdict(CHECKS[name](Where(on, bool(quick))))))


if __name__ == "__main__":
    main()
