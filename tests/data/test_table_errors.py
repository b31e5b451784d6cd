"""Broken tables: each gives a clear error, whatever is wrong with it."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forcepos.config.schema import TableConfig
from forcepos.data.loading import read_table
from forcepos.data.readers.text import TextTable
from forcepos.data.recordings import Recordings
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config
from tests.data.tables import NAMED, numbers, read, write


def error_of(path: Path, *overrides: str) -> str:
    """The error that a table gives, with PATH in place of its path."""
    with pytest.raises(InputError) as error:
        read(path, *NAMED, *overrides)
    return str(error.value).replace(f"{path}", "PATH")


@pytest.mark.parametrize("ending", ["csv", "feather", "parquet"])
def test_columns_that_are_missing_are_named_beside_those_that_are_there(ending: str, tmp_path: Path) -> None:
    path = write(numbers().rename(columns={"Fy": "FY", "y": "Y"}), tmp_path / f"a.{ending}")
    assert error_of(path) == "PATH lacks Fy, y; it has FY, Y, t, Fx, x"


def test_of_many_columns_the_nearest_are_shown(tmp_path: Path) -> None:
    columns = {f"c{number}": [0.0] for number in range(50)} | {"force_x": [0.0]}
    path = write(pd.DataFrame(columns), tmp_path / "a.csv")
    message = error_of(path, "data.features=[force_X]", "data.targets=[c1,c2]", "data.time=c3")
    assert message.startswith("PATH lacks force_X; it has force_x, c0, c1, ")
    assert message.endswith(", c18 and 31 more")


def test_numbers_of_columns_that_are_not_there_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1 2 3\n4 5 6\n")
    message = error_of(path, "data.features=[0]", "data.targets=[1,7]", "data.time=Zeit")
    assert message == "PATH lacks 7, Zeit; it has 3 columns without names, 0 to 2"


def test_a_column_that_is_there_twice_is_reported(tmp_path: Path) -> None:
    table = pa.Table.from_pandas(numbers())
    feather = tmp_path / "a.feather"
    pyarrow.feather.write_feather(table.append_column("Fx", table.column("Fy")), feather)
    text = tmp_path / "a.csv"
    text.write_text("t,Fx,Fx,Fy,x,y\n0,1,2,3,4,5\n")
    for path in (feather, text):
        assert error_of(path) == "PATH has more than one column named Fx"


@pytest.mark.parametrize("ending", ["feather", "parquet"])
def test_columns_without_numbers_are_reported_all_at_once(ending: str, tmp_path: Path) -> None:
    table = numbers().assign(
        Fx=pd.Series(["high"] * 120, dtype=object), x=pd.Series([[1.0], [], [2.0]] * 40, dtype=object)
    )
    message = error_of(write(table, tmp_path / f"a.{ending}"))
    assert message.startswith("PATH: Fx holds ")
    assert ", x holds list<" in message
    assert message.endswith(", not numbers")


def test_a_last_line_that_is_cut_short_is_dropped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.csv"
    for end, shown in (("3,4,5", "3 of 5 fields"), ("3,4,5,6,7.5e-", "'7.5e-' at its end")):
        caplog.clear()
        path.write_text(f"t,Fx,Fy,x,y\n0,2,3,4,5\n1,2,3,4,5\n{end}")
        assert len(read(path, *NAMED).signals) == 2
        assert caplog.messages == [f"{path}: the last line is cut short ({shown}) and was dropped"]
    caplog.clear()
    path.write_text("t,Fx,Fy,x,y\n0,2,3,4,5\n1,2,3,4,5")
    assert len(read(path, *NAMED).signals) == 2
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("3,4\n", "PATH: line 4 has 2 fields, not 5"),
        ("1,2,3,4,5,6\n", "PATH: line 4 has 6 fields, not 5"),
        ("1,2,high,4,5\n", "PATH: line 4 has 'high' for Fy, not a number"),
        ("\n\n1,1.2.3,3,4,5\n9\n",
         "PATH cannot be read:\n  line 6 has '1.2.3' for Fx, not a number\n"
         "  line 7 has 1 field, not 5"),
    ],
)  # fmt: skip
def test_a_broken_line_is_reported_by_file_and_line(broken: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"t,Fx,Fy,x,y\n0,2,3,4,5\n1,2,3,4,5\n{broken}2,2,3,4,5\n")
    assert error_of(path) == message
    text = tmp_path / "b.txt"
    text.write_text(path.read_text().replace(",", "   "))
    assert error_of(text) == message


@pytest.mark.parametrize("separator", [b" ", b","])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_inspect_drops_a_broken_line_and_notes_its_number(separator: bytes, end: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    lines = [*[b"1 2 3"] * 9, b"1 2", *[b"4 5 6"] * 9]
    path.write_bytes(b"".join(line.replace(b" ", separator) + end for line in lines))
    table = TextTable(path, None)
    assert sum(len(chunk[0]) for chunk in table.chunks(strict=False)) == 18
    assert table.row_errors == [f"{path}, line 10 has 2 fields, not 3, and is dropped here"]


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"t,Fx,Fy,x,y\n" + b"1,2,3,4,5\n" * 400_000 + b"1," * 2_000_000 + b"\n1,2,3,4,5\n")
    assert error_of(path) == "PATH has more than 1,048,576 characters in line 400002, too many for a row"


def test_the_problems_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    write(numbers(), tmp_path / "a.csv")
    write(numbers().drop(columns="Fx"), tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text("")
    (tmp_path / "d.csv").write_text("t,force\n0,1\n")
    assert error_of(tmp_path).replace("PATH/", "") == (
        "the tables cannot be read:\n  b.csv lacks Fx; it has x, t, Fy, y\n  c.csv has no rows\n"
        "  d.csv lacks Fx, Fy, x, y; it has t, force"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "PATH has no rows"),
        ("t,Fx,Fy,x,y\n", "PATH has a header but no rows"),
        ("% a note\n", "PATH has a header but no rows"),
        ("t,Fx,Fy,x,y\n\0\0\n", "PATH has NUL bytes in line 2, as where a logger lost power: delete that line"),
        ("t,Fx,Fy,x,y\n\1\2\n", "PATH is not text"),
    ],
)
def test_a_text_without_rows_is_reported(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    assert error_of(path) == message


def test_rows_that_belong_to_nothing_are_reported(tmp_path: Path) -> None:
    table: Any = numbers().assign(c=["a", "b"] * 60, t=numbers()["t"].where(numbers().index > 1))
    table.loc[[5, 9], "c"] = None
    for ending in ("csv", "feather", "parquet"):
        message = error_of(write(table, tmp_path / f"a.{ending}"), "data.label=c")
        assert message == (
            "the tables cannot be read:\n"
            "  PATH: 2 rows have no time in t, the first in row 0; data.missing=drop drops such rows\n"
            "  PATH: 2 rows have no label in c, the first in row 5; data.missing=drop drops such rows"
        )


def test_what_is_no_table_is_reported(tmp_path: Path) -> None:
    assert error_of(tmp_path / "none.csv") == (
        "data.path=PATH is not a file, a folder or a pattern that matches a file"
    )
    assert error_of(tmp_path) == (
        "data.path=PATH is a folder without tables: "
        "none of its files ends with .feather, .parquet, .csv, .tsv, .txt, .log, .dat, "
        ".npy, .npz, .mat, .bag, .db3, .mcap"
    )
    path = write(numbers(), tmp_path / "a.csv").rename(tmp_path / "a.xyz")
    assert error_of(path) == (
        "PATH ends with none of .feather, .parquet, .csv, .tsv, .txt, .log, .dat, "
        ".npy, .npz, .mat, .bag, .db3, .mcap: set data.format"
    )
    assert len(read(path, *NAMED, "data.format=csv").signals) == 120


def test_one_class_and_time_that_stands_still_are_reported(tmp_path: Path) -> None:
    path = write(numbers().assign(c="a", t=1.0), tmp_path / "a.csv")
    assert error_of(path) == "time in t does not advance: set data.rate_hz, or name another column"
    assert error_of(path, "data.label=c", "data.rate_hz=10") == (
        "data.label=c has only one class, a: nothing to classify"
    )


@cache
def _config() -> TableConfig:
    config = checked_config("data=table", "data.path=a.csv", *NAMED, "model.axes=[x,y]").data
    assert isinstance(config, TableConfig)
    return config


_COLUMNS = st.sampled_from(["t", "Fx", "Fy", "x", "y", "c", "d"])
_CELLS = st.one_of(
    st.floats(width=32), st.integers(-(10**12), 10**12), st.text(max_size=4), st.none(), st.booleans(),
    st.sampled_from(["1", "1.5", "nan", "inf", '"', ",", "a\nb", "1e999", "0x1"]),
)  # fmt: skip
_KEYS = st.fixed_dictionaries(
    {},
    optional={
        "features": st.lists(st.sampled_from(["Fx", "Fy", "0", "3", "d"]), min_size=1, max_size=3, unique=True),
        "recording": st.sampled_from(["c", "Fx", None]),
        "point": st.sampled_from(["c", "d", None]),
        "label": st.sampled_from(["c", "x", None]),
        "gap_s": st.sampled_from([0.01, 1e9]),
        "time": st.sampled_from(["t", "c"]),
        "header": st.booleans(),
        "decimal": st.sampled_from([".", ","]),
        "separator": st.sampled_from([",", ";", " ", "x", None]),
        "rate_hz": st.sampled_from([10.0, None]),
    },
)


def _readable(path: Path, keys: dict[str, Any]) -> None:
    """The outcome is recordings whose arrays belong together, or an InputError."""
    try:
        recordings = read_table(dataclasses.replace(_config(), path=str(path), **keys))
    except InputError:
        return
    assert isinstance(recordings, Recordings)
    rows = len(recordings.signals)
    assert rows == len(recordings.positions) == len(recordings.recording) == len(recordings.point) > 0
    assert len(recordings.bounds) == len(recordings.names) == recordings.recording.max() + 1
    assert recordings.point.min() >= 0
    assert recordings.rate_hz is None or recordings.rate_hz > 0


_HARD = settings(
    max_examples=150, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@_HARD
@given(
    names=st.lists(_COLUMNS, min_size=1, max_size=8), rows=st.integers(0, 6), data=st.data(), keys=_KEYS,
    ending=st.sampled_from(["csv", "txt", "feather", "parquet"]),
)  # fmt: skip
def test_every_table_is_recordings_or_a_clear_error(
    names: list[str], rows: int, data: st.DataObject, keys: dict[str, Any], ending: str, tmp_path: Path
) -> None:
    columns = []
    for name in names:
        number = st.floats(-1e3, 1e3, width=32) if name != "c" else st.sampled_from(["a", "b"])
        cells = data.draw(
            st.lists(data.draw(st.sampled_from([number, number, _CELLS])), min_size=rows, max_size=rows)
        )
        columns.append(pd.Series(cells, dtype=object if name == "c" else None))
    path = tmp_path / f"a.{ending}"
    path.unlink(missing_ok=True)
    if ending in ("csv", "txt"):
        table = pd.concat(columns, axis=1, keys=names) if rows else pd.DataFrame(columns=names)
        table.to_csv(path, index=False, sep="," if ending == "csv" else " ", escapechar="\\")
    else:
        try:
            arrow = pa.Table.from_arrays([pa.array(column) for column in columns], names=names)
        except (pa.ArrowException, OverflowError):  # cells of several types in one column
            arrow = pa.Table.from_arrays(
                [pa.array([str(cell) for cell in column]) for column in columns], names=names
            )
        pyarrow.feather.write_feather(arrow, path) if ending == "feather" else pa.parquet.write_table(arrow, path)
    _readable(path, keys)


@_HARD
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.text('0123456789.,;- \t\r\n"#%eEnaif\ufeff\u00e4', max_size=200).map(str.encode),
    ),
    keys=_KEYS,
    ending=st.sampled_from(["csv", "tsv", "txt", "feather", "parquet"]),
)
def test_any_bytes_are_recordings_or_a_clear_error(
    content: bytes, keys: dict[str, Any], ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    _readable(path, {"features": ["0"], "targets": ["1"], "time": None, "rate_hz": 1.0} | keys)


@_HARD
@given(
    place=st.floats(0, 1), junk=st.binary(min_size=1, max_size=30), ending=st.sampled_from(["feather", "parquet"])
)
def test_damaged_files_are_recordings_or_a_clear_error(
    place: float, junk: bytes, ending: str, tmp_path: Path
) -> None:
    whole = tmp_path / f"whole.{ending}"
    if not whole.exists():
        write(numbers().assign(c=np.repeat(["a", "b"], 60)), whole)
    content = bytearray(whole.read_bytes())
    first = int(place * (len(content) - 1))
    content[first : first + len(junk)] = junk
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    _readable(path, {"recording": "c"})


def test_more_rows_than_memory_takes_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(numbers(), tmp_path / "a.parquet")
    monkeypatch.setattr("forcepos.data.readers.binary.ParquetTable.rows", lambda table, columns: 10**17)
    assert error_of(path) == "data.path=PATH: 100,000,000,000,000,000 rows do not fit into memory"


def test_all_broken_lines_are_reported_and_missing_values_only_once_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,Fx,Fy,x,y\n0,1,nan,3,4\n1,1,2,3\n2,1,high,3,4\n3,1,,inf,4\n4,1,2,3,4\n")
    assert error_of(path) == (
        "PATH cannot be read:\n  line 3 has 4 fields, not 5\n  line 4 has 'high' for Fy, not a number"
    )


def test_missing_and_doubled_columns_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,Fx,Fx,x,x\n0,1,2,3,4\n")
    assert error_of(path) == ("PATH lacks Fy, y; it has t, Fx, x\n  PATH has more than one column named Fx, x")


def test_errors_of_every_kind_in_many_files_are_reported_at_once(tmp_path: Path) -> None:
    table: Any = numbers().assign(c="p")
    write(table.drop(columns="y"), tmp_path / "a.feather")
    table.loc[4, "c"] = None
    table.loc[[5, 6], "Fx"] = [np.nan, np.inf]
    write(table, tmp_path / "b.parquet")
    write(table.assign(Fy="high"), tmp_path / "c.feather")
    write(numbers().assign(c="p"), tmp_path / "d.csv")
    (tmp_path / "e.csv").write_text("t,Fx,Fy,x,y,c\n0,1,2,3,4,p\n1,2\n2,1,2,3,4,p\n")
    message = error_of(tmp_path, "data.point=c").replace("PATH/", "").splitlines()
    assert [line.replace("large_string", "string") for line in message] == [
        "the tables cannot be read:",
        "  a.feather lacks y; it has Fy, t, Fx, x, c",
        "  b.parquet: 1 rows have no point in c, the first in row 4; data.missing=drop drops such rows",
        "  c.feather: Fy holds string, not numbers",
        "  e.csv: line 3 has 2 fields, not 6",
    ]
