"""Write recordings like a lab's, to try forcepos on files: `python examples/make_recordings.py recordings`.

A simulated arm presses on 49 points of a plate, twice each. A CSV file for each press holds the time in ms, the
torques of seven joints in Nm, the wrench in N and Nm, and the tool's tip in m. --logs adds a zip of text logs.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

import forcepos

PAUSE_MS = 60_000  # from one recording to the next
OURS = {f"exT_A{joint}": f"tau_{joint}" for joint in range(1, 8)} | {
    name: name for name in ["Fx", "Fy", "Fz", "Tx", "Ty", "Tz"]
}


def main() -> None:
    """Write the files that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for the CSV files; new or empty")
    parser.add_argument("--logs", type=Path, metavar="FILE.zip", help="write raw text logs too; a new file")
    asked = parser.parse_args()
    if asked.folder.exists() and any(asked.folder.iterdir()):
        sys.exit(f"error: {asked.folder} is not empty: choose a new folder")
    if asked.logs and asked.logs.exists():
        sys.exit(f"error: {asked.logs} exists: choose another name")
    frames = simulate()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for (point, visit), frame in frames.items():
        write_csv(frame, asked.folder / f"point_{point:02}_visit_{visit}.csv")
    if asked.logs:
        write_logs(frames, asked.logs)


def simulate() -> dict[tuple[int, int], pd.DataFrame]:
    """Return the rows of each recording, by point and visit: signals in Nm and N, time in ms, position in mm."""
    config = forcepos.compose("data.grid=[7,7]", "data.spacing_mm=20", "data.visits=2", "data.rows=90")
    recordings = forcepos.load_recordings(config)
    columns = dict(zip(recordings.channels, recordings.signals.T, strict=True))
    in_base = recordings.positions - np.array(config.data.offset_mm)
    columns |= {f"curCart_{axis}": in_base[:, place] for place, axis in enumerate("xyz")}
    frame = pd.DataFrame(columns).assign(number=recordings.recording)
    frame["ms"] = frame["number"] * PAUSE_MS + frame.groupby("number").cumcount() * round(
        1000 / (recordings.rate_hz or 1)
    )
    parts = [part.drop(columns="number") for _, part in frame.groupby("number")]
    return {divmod(number, 2): part for number, part in enumerate(parts)}


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a recording under the names and in the units of a lab."""
    position = {f"pos_{axis}": (frame[f"curCart_{axis}"] / 1000).round(6) for axis in "xyz"}
    signals = frame[list(OURS)].rename(columns=OURS).astype(float).round(4)
    signals.assign(**position, stamp=frame["ms"]).to_csv(path, index=False)


def write_logs(frames: dict[tuple[int, int], pd.DataFrame], path: Path) -> None:
    """Write the recordings as logs of the KUKA controller: a header of 48 names, then 48 numbers a line."""
    doubled = [name for axis in ["Fx", "Fy", "Fz", "Tx", "Ty", "Tz"] for name in (axis, f"{axis}1")]
    torques, angles = (
        [f"{kind}_A{joint}" for kind in kinds for joint in range(1, 8)]
        for kinds in (("exT", "msT"), ("cur", "comd"))
    )
    places = [f"{kind}Cart_{axis}" for kind in ("cur", "comd") for axis in "xyz"]
    names = ["t_Sec", "t_nSec", *torques, *doubled, *angles, *places]
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for (point, visit), frame in frames.items():
            log = frame.assign(t_Sec=frame["ms"] // 1000, t_nSec=frame["ms"] % 1000 * 1_000_000)
            text = log.reindex(columns=names, fill_value=0).to_csv(sep=" ", index=False, float_format="%.6f")
            entry = zipfile.ZipInfo(
                f"f{visit}_{point // 7}_{point % 7}_demoRecord.txt"
            )  # of no date: always the same
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
