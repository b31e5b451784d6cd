"""Replay a recording at its own rate through an exported model, and draw the estimate in the terminal.

    python examples/replay.py exported recordings/visit_3.csv --time stamp

Needs numpy and onnxruntime only. The file is CSV with a header that names the model's channels.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

_WIDTH, _HEIGHT = 48, 16  # characters


def main() -> None:
    """Answer the rows of a recording one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="what `forcepos export` wrote")
    parser.add_argument("recording", help="a CSV file with a header")
    parser.add_argument("--time", help="column with the time in s; without it rows come at the rate of training")
    parser.add_argument("--tare", type=float, default=0, help="seconds at the beginning without contact")
    parser.add_argument("--speed", type=float, default=1, help="10 replays ten times as fast")
    parser.add_argument("--edge", type=float, default=100, help="mm from the middle of the picture to its edges")
    options = parser.parse_args()
    sys.path.insert(0, options.folder)
    from estimator import Estimator  # type: ignore[import-not-found]  # noqa: PLC0415  # lies beside the model

    live = Estimator(options.folder)
    table = np.genfromtxt(options.recording, delimiter=",", names=True, deletechars="")
    signals = np.column_stack([table[name] for name in live.channels])
    times = table[options.time] if options.time else np.arange(len(signals)) / (live.facts["rate_hz"] or 100)
    if options.tare:
        live.tare(options.tare)
    begin = time.perf_counter() - times[0] / options.speed
    for row, at in zip(signals, times, strict=True):
        time.sleep(max(0.0, begin + at / options.speed - time.perf_counter()))
        estimate = live(row, at)
        line = f"{at:8.2f} s  {estimate.flag or 'ok':10}"
        if len(estimate.position) > 1 and np.isfinite(estimate.position).all():
            x, y = estimate.position[:2]
            line += f" x {x:6.1f} mm  y {y:6.1f} mm  within {estimate.radius:.1f} mm"
            if sys.stdout.isatty():
                line = _plate(x / options.edge, y / options.edge) + line
        print(line, estimate.label, flush=True)


def _plate(x: float, y: float) -> str:
    """Draw a plate, seen from above, with a point on it; both from -1 to 1."""
    column = int(np.clip((1 + x) / 2 * _WIDTH, 0, _WIDTH - 1))
    row = int(np.clip((1 - y) / 2 * _HEIGHT, 0, _HEIGHT - 1))
    lines = [["·"] * _WIDTH for _ in range(_HEIGHT)]
    lines[row][column] = "O"
    return "\x1b[H\x1b[2J" + "".join(f"{''.join(line)}\n" for line in lines)


if __name__ == "__main__":
    main()
