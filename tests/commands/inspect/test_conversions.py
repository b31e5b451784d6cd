"""Files of other formats are named, with lines that convert them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from forcepos.commands.inspect.survey import foreign_format
from tests.commands.inspect.made import inspected, recording
from tests.warm import python


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.dat", b"\x89HDF\r\n\x1a\n", "an HDF5 file"), ("a.mat", b"MATLAB 7.3", "a MATLAB 7.3 file, HDF5"),
        ("a.xlsx", b"PK\x03\x04", "an Excel workbook"), ("a.xls", b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
        ("a", b"\x80\x04\x95", "a pickle, a program that only its author runs"),
        ("a.tdms", b"TDSm", "LabVIEW's TDMS"),
        ("a.jsonl", b'{"Fx": 1}\n', "JSON, an object a line"), ("a.json", b'[{"Fx": 1}]', "JSON"),
        ("a.yaml", b"Fx: 1\n", "YAML"), ("a.db", b"SQLite format 3\0", "an SQLite database, maybe a ROS 2 bag's"),
    ],
)  # fmt: skip
def test_a_file_is_named_by_what_it_begins_with_or_by_its_ending(
    name: str, content: bytes, what: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    first, *lines = (foreign_format(tmp_path / name) or "").split("\n  ")
    assert first == f"{tmp_path / name} is {what}; these lines convert it:"
    assert len(lines) == 3
    compile("\n".join(lines), name, "exec")


@pytest.mark.system
def test_the_lines_of_hdf5_convert_it(tmp_path: Path) -> None:
    frame = recording(50)
    with h5py.File(tmp_path / "log.h5", "w") as file:
        for name in ("Fx", "x"):
            file[name] = frame[name].to_numpy()
    finished = inspected(tmp_path, "--no-figures", "log.h5")
    assert (finished.code, finished.out) == (1, "")
    first, *lines = finished.err.strip().split("\n  ")
    assert first == "error: log.h5 is an HDF5 file; these lines convert it:"
    assert python("\n".join(lines), tmp_path).code == 0
    assert np.array_equal(pd.read_parquet(tmp_path / "table.parquet"), frame[["Fx", "x"]])


def test_lines_of_json_are_no_table_of_text(tmp_path: Path) -> None:
    recording(20).to_json(tmp_path / "log.jsonl", orient="records", lines=True)
    assert inspected(tmp_path, "log.jsonl").err.startswith("error: log.jsonl is JSON, an object a line;")
    (tmp_path / "log.jsonl").rename(tmp_path / "log.txt")
    assert inspected(tmp_path, "log.txt").err.startswith("error: log.txt is JSON, an object a line;")
