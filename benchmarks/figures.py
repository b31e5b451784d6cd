"""`make figures [FIGURES="NAME …"] [DATA=folder]`: measures README's and docs' tables again.

A figure goes between two marks of its pages, with its command, the day and the machine. What is measured is kept
in outputs/figures until all of them are: it may be stopped and resumed. An idle machine takes three hours.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import psutil

from forcepos.runtime.files import write_json

ROOT = Path(__file__).parents[1]
KEPT = Path("outputs/figures")
_CPU = Path("/proc/cpuinfo")
_QUIET = 0.3  # cores that others keep busy; a machine where they are fewer is idle


@dataclass(frozen=True)
class Figure:
    """A module with its arguments that prints tables, and the pages on which they stand.

    Attributes:
        pages: one takes all tables; of several, each takes its own.
        minutes: it took about as long on two idle cores.
        pictures: where it draws, below its working folder; they go into docs/pictures.
        takes_data: recordings of real arms take part where a folder is given.
    """

    command: str
    pages: tuple[str, ...]
    minutes: int
    pictures: str = ""
    takes_data: bool = False


FIGURES = {
    "splits": Figure("benchmarks splits", ("README.md", "docs/simulation.md", "docs/evidence.md"), 40),
    "notebook": Figure(
        "benchmarks.compare_notebook --seeds 1 2 3 4 5 --visits 2 --rows 100 --trials 2 --epochs 3 "
        "--final-epochs 5",
        ("docs/against-the-notebook.md",), 30,
    ),
    "quality": Figure(
        "benchmarks quality", ("docs/against-the-notebook.md",), 35, "outputs/bench-quality/*.png", takes_data=True
    ),
    "ensembles": Figure("benchmarks ensembles", ("docs/running.md",), 11, takes_data=True),
    "pretrain": Figure("benchmarks pretrain", ("docs/own-data.md",), 5),
    "steps": Figure("benchmarks loops where accuracy --rounds 5", ("docs/speed.md",), 4),
    "epochs": Figure("benchmarks epochs --rounds 3", ("docs/speed.md",), 7),
    "search": Figure("benchmarks search --rounds 3", ("docs/speed.md",), 5),
    "reading": Figure("benchmarks preparation tables --rounds 3", ("docs/speed.md",), 2),
    "growth": Figure("benchmarks growth --rounds 3", ("docs/speed.md",), 2),
    "workers": Figure("benchmarks workers sweep --rounds 6", ("docs/speed.md",), 20),
    "live": Figure("benchmarks live --minutes 10", ("docs/robot.md",), 11),
}  # fmt: skip


def main() -> None:
    """Measure what is missing and write it into its pages; with all figures there, forget what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description=__doc__)
    about = ", ".join(f"{name} ({figure.minutes} min)" for name, figure in FIGURES.items())
    parser.add_argument(
        "names", nargs="*", choices=[*FIGURES, []], metavar="NAME", help=f"all by default: {about}"
    )
    data = "a folder with sets of recordings as for make bench-real, which take much longer; by default $DATA"
    parser.add_argument("--data", type=Path, default=os.environ.get("DATA") or None, help=data)
    asked = parser.parse_args()
    measure(asked.names or list(FIGURES), asked.data)


def measure(names: Sequence[str], data: Path | None = None, kept: Path = KEPT, root: Path = ROOT) -> None:
    """Measure the named figures that are not kept yet, and write all that are named into pages below `root`."""
    for number, name in enumerate(names, 1):
        figure, place = FIGURES[name], (kept / name).absolute()
        if not (place / "measured.json").exists():
            print(
                f"{number} of {len(names)}: {name}, about {figure.minutes} minutes …", file=sys.stderr, flush=True
            )
            _run(name, figure, place, data)
        _write(name, figure, place, root)
    if all((kept / name / "measured.json").exists() for name in FIGURES):
        shutil.rmtree(kept)


def _run(name: str, figure: Figure, place: Path, data: Path | None) -> None:
    """Run a figure in a folder of its own, where it finds what it had measured before it was stopped."""
    place.mkdir(parents=True, exist_ok=True)
    given = ["--data", str(data.absolute())] if data and figure.takes_data else []
    origin, began = _origin(f"{figure.command}{' --data DATA' if given else ''}"), time.monotonic()
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {name: value for name, value in os.environ.items() if name != "DATA"} | {"PYTHONPATH": path}
    done = subprocess.run(  # noqa: S603  # this interpreter, our own modules
        [sys.executable, "-m", *figure.command.split(), *given],
        cwd=place,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode:
        sys.exit(f"{name} ended with exit code {done.returncode}; the same command goes on from there")
    print(f"{name}: {(time.monotonic() - began) / 60:.0f} minutes", file=sys.stderr, flush=True)
    write_json(place / "measured.json", {"origin": origin, "tables": _tables(done.stdout)})


def _origin(command: str) -> str:
    """Return a line with the command, the day and the machine, and how busy others keep it."""
    cores = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores"
    wide = ", AVX-512" if _CPU.exists() and "avx512f" in _CPU.read_text() else ""
    busy = psutil.cpu_percent(interval=2) / 100 * (os.cpu_count() or 1)
    others = f"; others kept {busy:.1f} cores busy when it began" if busy > _QUIET else ""
    return (
        f"`python -m {command}`, {date.today():%Y-%m-%d}; {cores} "  # noqa: DTZ011  # here
        f"({platform.machine()}{wide}){others}; Python {platform.python_version()}, "
        f"TensorFlow {version('tensorflow')}"
    )


def _tables(printed: str) -> list[str]:
    """Return the tables of an output, each with its title before it."""
    blocks = [block.strip() for block in printed.split("\n\n")]
    return [f"{title}:\n\n{table}" for title, table in pairwise(blocks) if table[:1] == "|"]


def _write(name: str, figure: Figure, place: Path, root: Path) -> None:
    measured = json.loads((place / "measured.json").read_text())
    tables = measured["tables"]
    for number, page in enumerate(figure.pages):
        parts = tables if len(figure.pages) == 1 else [tables[number]]
        for picture in sorted(place.glob(figure.pictures)) if figure.pictures else ():
            shutil.copy(picture, (root / page).parent / "pictures")
            parts = [*parts, f"![Curves of the tables above, {picture.stem}](pictures/{picture.name})"]
        put_between(root / page, "\n\n".join([*parts, measured["origin"]]), name)


def put_between(page: Path, text: str, name: str) -> None:
    """Replace what stands between the two marks of a page, <!-- name: begin --> and <!-- name: end -->.

    Raises:
        ValueError: the page lacks the marks.
    """
    content, begin, end = page.read_text(encoding="utf-8"), f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if begin not in content or end not in content:
        raise ValueError(f"{page} lacks {begin} and {end}")
    before, rest = content.split(begin, 1)
    after = rest.split(end, 1)[1]
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
