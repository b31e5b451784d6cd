"""Logs made by tests."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from forcepos.commands.prepare.command import logs_config

COLUMNS = tuple(logs_config(["data.source=logs"]).columns)
Rows = Sequence[Sequence[float]]


def numbers(rows: int = 5, columns: int = len(COLUMNS), seed: int = 1) -> list[list[float]]:
    rng = random.Random(seed)  # noqa: S311  # no secret
    return [[round(rng.gauss(0, 10), 9) for _ in range(columns)] for _ in range(rows)]


def text(
    rows: Rows,
    header: Sequence[str] = (),
    between: str = " ",
    mark: str = ".",
    trailing: str = "",
    end: str = "\n",
) -> bytes:
    """A log; `trailing` follows the last field of a line, `end` each line."""
    fields = [list(header)] if header else []
    fields += [[repr(value).replace(".", mark) for value in row] for row in rows]
    return "".join(between.join(line) + trailing + end for line in fields).encode()


def controller(arm: str = "LBR_iiwa_14_R820_1") -> list[str]:
    """A controller's header in the notebook's order; it has no name that we know for some columns."""
    known = {"t_Sec": "ZeitInSec", "t_nSec": "ZeitInNanoSec"}
    known |= {f"F{axis.lower()}": f"cartForce1_{axis}" for axis in "XYZ"}
    known |= {f"T{axis.lower()}": f"cartTorque1_Tau{axis}" for axis in "XYZ"}
    joints = {"exT": "axisTauExtMsr", "msT": "axisTauMsr", "cur": "axisQMsr", "comd": "axisQCmdT1m"}
    known |= {
        f"{kind}_A{joint + 1}": f"{name}_{arm}[{joint}]" for kind, name in joints.items() for joint in range(7)
    }
    return [known.get(column, f"other{place}") for place, column in enumerate(COLUMNS)]


def zipped(path: Path, logs: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in logs.items():
            archive.writestr(name, content)
    return path


def folder(path: Path, logs: Mapping[str, bytes]) -> Path:
    for name, content in logs.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path
