"""What a laboratory may have: recordings in JSON lines, and the plug-ins beside this file in a folder of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

MINE = Path(__file__).parent / "mine"
SURFACES = ("foam", "wood", "steel")


def recordings(path: Path, visits: int = 12, rows: int = 40) -> Path:
    """Write visits of four points, each on one of three surfaces, one after the other into one file."""
    rng = np.random.default_rng(1)
    with path.open("w") as file:
        file.write("# visit, time in s, position in mm, force in N\n")
        for visit in range(visits):
            x, y = 20 * (visit % 2), 20 * (visit // 2 % 2)
            for row in range(rows):
                noise = rng.normal(0, 0.05, 3)
                force = [x / 20 + noise[0], y / 20 + noise[1], 5 + noise[2]]
                line = {"visit": f"v{visit}", "t": row / 100, "x": x, "y": y, "surface": SURFACES[visit // 4]}
                file.write(json.dumps(line | dict(zip(("fx", "fy", "fz"), force, strict=True))) + "\n")
    return path


def with_plugins(folder: Path) -> Path:
    """Put a copy of the plug-ins and the recordings into a folder that a command runs in."""
    shutil.copytree(MINE, folder / "mine")
    recordings(folder / "lab.jsonl")
    return folder


ALL = [
    "--config-dir", "mine", "model=gru", "split=by_surface", "split.test=[steel]", "data=json_lines",
    "data.path=lab.jsonl", "tuner=tpe", "debug=smoke", "tuner.max_trials=4", "evaluation.baselines=false",
    "evaluation.figures=false",
]  # fmt: skip
