"""Unforeseen files: `inspect` shows what is there or gives one clear error, never anything else."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from forcepos.commands.inspect.report import inspect
from forcepos.runtime.errors import InputError
from tests.commands.inspect.made import recording
from tests.data.tables import write

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")  # users see it, too

_HARD = settings(
    max_examples=40, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
_NAMES = st.sampled_from(
    ["time", "t_ms", "t_Sec", "t_nSec", "stamp", "x", "y", "z", "Fx", "Fy", "exT_A1", "label", "key", "visit", ""]
)
_HINTS = st.fixed_dictionaries(
    {},
    optional={
        "time": st.sampled_from(["time", "x", "label", "0"]),
        "positions": st.sampled_from([("x",), ("x", "y"), ("x", "y", "z"), ("label",), ("0", "0")]),
        "point": st.sampled_from(["key", "x", "1"]),
        "label": st.sampled_from(["label", "x", "time", "2"]),
    },
)
_COLUMNS = st.one_of(
    st.just(st.floats(width=32)),
    st.just(st.floats(-1e3, 1e3)),
    st.just(st.integers(-(2**63), 2**63 - 1)),
    st.just(st.integers(0, 2)),
    st.just(st.text(max_size=3)),
    st.just(st.sampled_from(["a", "b", "1", "1.5", "", "nan", "1e999", "_1_"])),
    st.just(st.booleans()),
    st.just(st.none()),
    st.just(st.binary(max_size=3)),
    st.just(st.lists(st.floats(), max_size=2)),
    st.just(st.datetimes()),
    st.just(st.timedeltas(timedelta(-(10**8)), timedelta(10**8))),  # Arrow overflows beyond 10**8 days
    st.just(st.dates()),
    st.just(st.times()),
    st.just(st.decimals(-1000, 1000, places=2)),
)


def outcome(path: Path, hints: dict[str, Any] | None = None) -> dict[str, Any] | str:
    """Return what is printed as JSON, or the error."""
    hints = hints or {}
    asked = {"files": [str(path)], "write": None, "no_figures": True, "time": None, "positions": (), "point": None}
    try:
        result = inspect(argparse.Namespace(**asked | {"label": None} | hints), path.parent / "figures")
    except InputError as error:
        return str(error)
    return dict(json.loads(json.dumps(result, ensure_ascii=False, allow_nan=False)))


@st.composite
def _tables(draw: st.DrawFn) -> pa.Table:
    """Columns of any types, with values missing, in one batch or several."""
    rows = draw(st.integers(0, 8))
    names = draw(st.lists(_NAMES, min_size=1, max_size=6))
    columns = []
    for _ in names:
        cells = st.one_of(st.none(), draw(_COLUMNS)) if draw(st.booleans()) else draw(_COLUMNS)
        columns.append(pa.array(draw(st.lists(cells, min_size=rows, max_size=rows))))
    if draw(st.booleans()):
        columns = [column.dictionary_encode() if pa.types.is_string(column.type) else column for column in columns]
    table = pa.Table.from_arrays(columns, names=names)
    return table if draw(st.booleans()) else pa.concat_tables([table, table.slice(rows // 2)])


@_HARD
@given(table=_tables(), hints=_HINTS, ending=st.sampled_from(["feather", "parquet", "csv", "txt"]))
def test_a_table_of_any_types_is_surveyed_or_refused(
    table: pa.Table, hints: dict[str, Any], ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{ending}"
    match ending:
        case "feather":
            pyarrow.feather.write_feather(table, path)
        case "parquet":
            pa.parquet.write_table(table, path)
        case _:
            between = "," if ending == "csv" else " "
            rows = [*zip(*(column.to_pylist() for column in table.columns), strict=True)]
            frame = pd.DataFrame(rows, columns=table.column_names)
            frame.to_csv(path, index=False, sep=between, escapechar="\\")
    outcome(path, hints)


@_HARD
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.text('0123456789.,;- \t\r\n"#%eEnaif_\ufeff\u00e4', max_size=200).map(str.encode),
        st.lists(st.lists(st.sampled_from(["1", "2.5", "-3e2", "a", "", "nan"]), max_size=4), max_size=8).map(
            lambda lines: "\n".join(map(",".join, lines)).encode()
        ),
    ),
    hints=_HINTS,
)
@example(content=b"time,x\n1,2\n2", hints={})
@example(content=b"a,b\r1,2\r3,4\r", hints={})
def test_any_bytes_are_surveyed_or_refused(content: bytes, hints: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    outcome(path, hints)


@_HARD
@given(st.data())
def test_damaged_files_are_surveyed_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    ending = data.draw(st.sampled_from(["feather", "parquet", "csv"]))
    whole = tmp_path / f"whole.{ending}"
    if not whole.exists():
        frame = recording(60).assign(key=np.repeat(["a", "b"], 30))
        write(frame, whole)
    content = bytearray(whole.read_bytes())
    first = data.draw(st.integers(0, len(content) - 1))
    content[first : first + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    outcome(path)


@pytest.mark.parametrize("ended", [True, False])
def test_a_text_cut_anywhere_is_surveyed_and_its_last_line_reported_once(ended: bool, tmp_path: Path) -> None:
    whole = pd.DataFrame({"time": np.arange(40) / 100, "x": 1.5, "Fx": np.arange(40) % 7}).to_csv(index=False)
    path = tmp_path / "a.csv"
    path.write_text(whole if ended else whole.rpartition(",")[0])
    seen = outcome(path)
    assert isinstance(seen, dict)
    assert seen["rows"] == (40 if ended else 39)
    cut = [line for line in [*seen["remarks"], *seen["training"]] if "cut short" in line]
    assert cut == ([] if ended else [f"{path}: the last line is cut short (2 of 3 fields) and was dropped"])
