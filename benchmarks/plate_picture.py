"""`python -m benchmarks.plate_picture`: draw the README's picture from one network's runs on three splits.

Finished runs are found again in the folder, so that drawing anew takes seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from forcepos.results.figures import style

SPLITS = {
    "blocked": "Later in a known visit",
    "held_out_recordings": "New visit, known point",
    "held_out_points": "Point never touched",
}
_ONLY_TABLES = ("evaluation.also=null", "evaluation.baselines=false", "evaluation.figures=false", "tracking=none")
_HALF_WIDTH_MM = 27.0  # of a panel: the default plate's is 20

Result = dict[str, Any]


def main() -> None:
    """Search on the first split, train the best hyperparameters on each of them, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plate_picture", description=__doc__)
    parser.add_argument("--folder", default="outputs/plate-picture", help="where the runs are kept")
    parser.add_argument("--picture", default="docs/pictures/plate.png")
    asked = parser.parse_args()
    folder = Path(asked.folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    first, *others = SPLITS
    results = {first: run(folder, f"split={first}")}
    fixed = ("tuner=fixed", f"tuner.hyperparameters={results[first]['outputs']}/result.json")
    results |= {split: run(folder, f"split={split}", *fixed) for split in others}
    draw(results).savefig(asked.picture, dpi=110, pil_kwargs={"optimize": True})


def run(folder: Path, *overrides: str) -> Result:
    """Return the result of one run of the command line, or of the same one before."""
    command = [sys.executable, "-m", "forcepos", *overrides, *_ONLY_TABLES, "skip_finished=true"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603  # this interpreter, our own module
    return dict(json.loads(done.stdout.splitlines()[-1]))


def draw(results: dict[str, Result]) -> Figure:
    """Return a panel for each split: an arrow for each test recording, and one radius."""
    figure = Figure(figsize=(10, 4.35), layout="constrained")
    panels = figure.subplots(1, len(results), sharex=True, sharey=True)
    touched = _recordings(results["blocked"])
    for axes, (split, result) in zip(panels, results.items(), strict=True):
        radius_mm = result["coverage"]["radius_mean_mm"]
        _draw_plate(axes, touched, _recordings(result), radius_mm)
        error_mm = result["test"]["euclidean_mean_mm"]
        axes.set_title(f"{SPLITS[split]}: {error_mm:.1f} mm", weight="bold", fontsize=11)
        axes.text(0, _HALF_WIDTH_MM - 1, f"split={split}", ha="center", va="top", color="dimgrey", fontsize=9)
        axes.text(0, 1 - _HALF_WIDTH_MM, f"90 % radius: {radius_mm:.1f} mm", ha="center", color=style.BLUE)
    panels[0].set_ylabel("y on the plate (mm)")
    figure.legend(handles=_legend(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _draw_plate(axes: Axes, touched: pd.DataFrame, tested: pd.DataFrame, radius_mm: float) -> None:
    axes.scatter(touched.x_mm, touched.y_mm, s=5, color=style.GREY, linewidths=0)
    axes.scatter(tested.x_mm, tested.y_mm, s=14, color=style.BLACK, linewidths=0, zorder=4)
    axes.quiver(
        tested.x_mm, tested.y_mm, tested.bias_x_mm, tested.bias_y_mm, angles="xy", scale_units="xy", scale=1,
        width=0.008, color=style.VERMILLION, zorder=3,
    )  # fmt: skip
    places = tested[["x_mm", "y_mm"]].to_numpy()
    x, y = places[np.hypot(*places.T).argmin()]
    axes.add_patch(Circle((x, y), radius_mm, fill=False, edgecolor=style.BLUE, linewidth=2, zorder=5))
    limits = (-_HALF_WIDTH_MM, _HALF_WIDTH_MM)
    axes.set(xlabel="x on the plate (mm)", aspect="equal", xlim=limits, ylim=limits)


def _legend() -> list[Line2D]:
    return [
        _dot("touched point", 3, style.GREY),
        _dot("tested point", 5, style.BLACK),
        Line2D([], [], color=style.VERMILLION, linewidth=2, label="to the mean prediction of a visit"),
        _dot("radius for 90 % of samples", 13, style.BLUE, "none"),
    ]


def _dot(label: str, size: float, edge: str, face: str | None = None) -> Line2D:
    return Line2D(
        [], [], marker="o", linestyle="none", label=label, markersize=size,
        markerfacecolor=face or edge, markeredgecolor=edge, markeredgewidth=2 if face else 0,
    )  # fmt: skip


def _recordings(result: Result) -> pd.DataFrame:
    return pd.read_csv(Path(result["outputs"]) / "tables" / "errors_by_recording.csv")


if __name__ == "__main__":
    main()
