"""`python -m benchmarks [PART …]`: measures side by side and prints tables. `make bench` runs all short parts."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from benchmarks.accuracy import accuracy
from benchmarks.epochs import epochs
from benchmarks.gpu import FOLDER, gpu
from benchmarks.growth import growth
from benchmarks.live import live
from benchmarks.logs import logs
from benchmarks.preparation import preparation
from benchmarks.pretrain import pretrain
from benchmarks.quality.part import quality
from benchmarks.readers import readers
from benchmarks.splits import splits
from benchmarks.sweep import sweep
from benchmarks.table import Table
from benchmarks.tables import tables
from benchmarks.training_loops import training_loops
from benchmarks.trial_cost import trial_cost
from benchmarks.trial_ensembles import ensembles
from benchmarks.where_time_goes import where_time_goes
from benchmarks.whole_search import whole_search
from benchmarks.workers import workers

PARTS: dict[str, Callable[[int], Iterable[Table]]] = {
    "loops": training_loops,
    "epochs": epochs,
    "where": where_time_goes,
    "trial": trial_cost,
    "accuracy": accuracy,
    "logs": logs,
    "preparation": preparation,
    "tables": tables,
    "readers": readers,
    "search": partial(whole_search, epochs=15),
    "growth": growth,
    "sweep": sweep,
    "workers": workers,
    "pretrain": pretrain,
    "splits": splits,
    "live": live,
    "quality": quality,
    "ensembles": ensembles,
    "gpu": gpu,
}
_NAMED = {
    "pretrain",
    "splits",
    "quality",
    "ensembles",
    "gpu",
}  # only where they are named: long, or not for every machine


def main() -> None:
    """Measure the parts that are named, all short ones by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=7, help="counted rounds of what is measured in turn")
    parser.add_argument("--epochs", type=int, default=15, help="of a trial of the whole search")
    parser.add_argument("--minutes", type=float, default=1, help="of the live loop")
    parser.add_argument("--quick", action="store_true", help="of quality and gpu: does it run? Measures no speed")
    parser.add_argument("--seeds", type=int, help="of quality and ensembles; 10 by default")
    real = "quality, ensembles: a folder with sets of recordings as for make bench-real, too; by default $DATA"
    parser.add_argument("--data", type=Path, default=os.environ.get("DATA") or None, help=real)
    parser.add_argument("--device", choices=["gpu", "cpu"], default="gpu", help="of the part gpu")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the part gpu keeps what it saw")
    chosen = parser.parse_args()
    parts = PARTS | {
        "search": partial(whole_search, epochs=chosen.epochs), "live": partial(live, minutes=chosen.minutes),
        "quality": partial(quality, quick=chosen.quick, data=chosen.data, seeds=chosen.seeds),
        "ensembles": partial(ensembles, data=chosen.data, seeds=chosen.seeds),
        "gpu": partial(gpu, device=chosen.device, quick=chosen.quick, folder=chosen.folder),
    }  # fmt: skip
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    for name in chosen.parts or [name for name in parts if name not in _NAMED]:
        print(f"measuring {name} …", file=sys.stderr)
        for table in parts[name](chosen.rounds):
            print(f"{table}\n", flush=True)


if __name__ == "__main__":
    main()
