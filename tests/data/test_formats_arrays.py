"""`.npy`, `.npz` and MATLAB files: arrays side by side are columns, structures in arrays are recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from forcepos.data.readers.opening import open_any
from forcepos.runtime.errors import InputError
from tests.data.tables import read

ROWS = 120
WRENCH = np.random.default_rng(3).normal(size=(ROWS, 6))
PLACES = np.column_stack([np.arange(ROWS) // 10 * 4.0, np.arange(ROWS) // 10 % 3 * 4.0])
TIMES = np.arange(ROWS) * 0.01
KEYS = ("data.features=['F[0]','F[5]']", "data.targets=['p[0]','p[1]']", "data.time=t")


@pytest.mark.parametrize("turned", [False, True])
def test_arrays_of_one_length_are_columns_whichever_axis_is_time(turned: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, F=WRENCH.T if turned else WRENCH, p=PLACES, t=TIMES, rate=100, label="wipe", calib=np.zeros(17))
    recordings = read(path, *KEYS)
    np.testing.assert_array_equal(recordings.signals, WRENCH[:, [0, 5]].astype(np.float32))
    np.testing.assert_array_equal(recordings.positions[:, :2], PLACES.astype(np.float32))
    assert recordings.rate_hz == 100
    table = open_any(path)
    assert table.columns[6:] == ("p[0]", "p[1]", "t", "rate", "label")
    assert [column.to_pylist()[-1] for column in next(iter(table.chunks())).values()][-2:] == [100, "wipe"]


def test_what_is_left_out_is_named_where_a_column_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(
        path, F=WRENCH, p=PLACES, other=np.zeros(17), picture=np.zeros((ROWS, 40, 40)), c=np.zeros(ROWS, complex)
    )
    with pytest.raises(InputError) as error:
        read(path, *KEYS)
    assert str(error.value) == (
        f"{path} lacks t; it has F[0], F[1], F[2], F[3], F[4], F[5], p[0], p[1]; no columns are other (shape "
        "(17,), not 120 rows), picture (1600 of float64 in each row), c (1 of complex128 in each row)"
    )


@pytest.mark.parametrize("kind", ["<f8", ">f4", "f2", "i8"])
def test_the_columns_of_one_array_have_numbers(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    numbers = np.column_stack([np.round(WRENCH * 8), PLACES]).astype(kind)
    np.save(path, numbers)
    recordings = read(path, "data.features=[0,5]", "data.targets=['array[6]',7]", "data.rate_hz=100")
    np.testing.assert_array_equal(recordings.signals, numbers[:, [0, 5]].astype(np.float32))


def test_fields_of_a_structured_array_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    rows = np.zeros(ROWS, [("t", "f8"), ("F", "f4", 6), ("p", "f8", 2), ("visit", "U4")])
    rows["t"], rows["F"], rows["p"] = TIMES, WRENCH, PLACES
    rows["visit"] = ["one"] * 60 + ["two"] * 60
    np.save(path, rows)
    recordings = read(path, *KEYS, "data.recording=visit")
    assert recordings.names == ("one", "two")
    np.testing.assert_array_equal(recordings.signals, WRENCH[:, [0, 5]].astype(np.float32))


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    whole, part = tmp_path / "a.npy", tmp_path / "a.npz"
    np.save(whole, np.array([{}, 1], object), allow_pickle=True)
    np.savez(part, F=WRENCH, notes=np.array([{}, 1], object))
    with pytest.raises(InputError, match="a.npy cannot be read as a NumPy file: .*Python objects"):
        open_any(whole)
    assert open_any(part).left_out == ["notes (Object arrays cannot be loaded when allow_pickle=False)"]


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.mat"])
@pytest.mark.parametrize("kept", [0, 20, 700])
def test_a_file_that_is_cut_short_is_refused_in_one_line(name: str, kept: int, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "a.mat":
        savemat(path, {"F": WRENCH})
    else:
        (np.save if name == "a.npy" else np.savez)(path, WRENCH)
    path.write_bytes(path.read_bytes()[:kept])
    for data_format in ("auto", "matlab" if name == "a.mat" else "numpy"):
        with pytest.raises(InputError) as error:
            read(path, *KEYS, f"data.format={data_format}")
        assert str(error.value).startswith(f"{path} ")
        assert "\n" not in str(error.value)


def trials() -> list[dict[str, Any]]:
    """Two demonstrations, time along the second axis, as structures of an array."""
    first, second = slice(0, 50), slice(50, ROWS)
    return [
        {
            "name": f"demo_{number}",
            "F": WRENCH[rows].T,
            "p": PLACES[rows].T,
            "place": [number, 1.0],
            "label": "rim",
        }
        for number, rows in enumerate((first, second))
    ]


@pytest.mark.parametrize("cells", [False, True])
def test_each_structure_of_an_array_is_a_recording(cells: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    kinds = [("name", object), ("F", object), ("p", object), ("place", object), ("label", object)]
    structures = np.array([tuple(trial.values()) for trial in trials()], kinds)
    savemat(path, {"dt": 0.01, "demos": np.array([*trials(), None], object)[:2] if cells else structures})
    keys = [key.replace("'F", "'demos.F").replace("'p", "'demos.p") for key in KEYS[:2]]
    recordings = read(path, *keys, "data.recording=recording", "data.rate_hz=100", "data.keep=['demos.place[0]']")
    np.testing.assert_array_equal(recordings.signals, WRENCH[:, [0, 5]].astype(np.float32))
    assert recordings.names == ("demo_0", "demo_1")
    assert recordings.recording.tolist() == [0] * 50 + [1] * 70
    assert recordings.kept["demos.place[0]"].tolist() == [0.0] * 50 + [1.0] * 70
    assert {"dt", "demos.label"} < {*open_any(path).columns}


def test_elements_of_parallel_cells_are_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    cut = [np.array([values[:50], values[50:]], object) for values in (WRENCH, PLACES)]
    savemat(path, {"F": cut[0], "p": cut[1], "class": np.array(["rim", "pad"], object)})
    more = ("data.recording=recording", "data.rate_hz=100", "data.label=class")
    recordings = read(path, *KEYS[:2], *more)
    assert recordings.names == ("0", "1")
    assert recordings.label_names == ("pad", "rim")
    assert np.bincount(recordings.recording).tolist() == [50, 70]


def test_variables_and_fields_of_a_structure_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"log": {"ft": {"F": WRENCH}, "t": TIMES}, "p": PLACES.T, "H": np.zeros((4, 4, ROWS))})
    table = open_any(path)
    assert table.columns[:8] == (*(f"log.ft.F[{number}]" for number in range(6)), "log.t", "p[0]")
    assert "H[3][2]" in table.columns
    assert "recording" not in table.columns


def test_fields_that_some_recordings_lack_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    demos = [trial | ({"extra": np.zeros(50)} if number == 0 else {}) for number, trial in enumerate(trials())]
    savemat(path, {"demos": np.array([*demos, None], object)[:2]})
    assert open_any(path).left_out == ["demos.extra (missing or of another shape in some recordings)"]


def test_a_matlab_file_of_version_7_3_is_refused_with_what_helps(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    path.write_bytes(header.ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(InputError) as error:
        read(path, *KEYS)
    assert str(error.value) == (
        f"{path} is a MATLAB file of version 7.3: save it in MATLAB with save(…, '-v7'), or convert it with h5py "
        "as docs/own-data.md shows"
    )
