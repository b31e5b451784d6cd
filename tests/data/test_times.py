"""The time of rows: rates, pauses, time that goes back or stands still; and tables without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from forcepos.runtime.errors import InputError
from tests.data.tables import NAMED, numbers, read, read_with, write


def warned(path: Path, caplog: pytest.LogCaptureFixture, **keys: Any) -> list[str]:
    """Return the warnings of reading these files."""
    caplog.clear()
    read_with(path, **keys)
    return list(caplog.messages)


def at(times: Any, path: Path) -> Path:
    """Write 120 rows at these times."""
    return write(numbers().assign(t=times), path)


EVEN = np.arange(120) * 0.01


def test_even_time_is_warned_of_by_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert warned(at(np.round(np.arange(120) / 600, 3), tmp_path / "a.csv"), caplog) == []  # 1 or 2 ms
    rng = np.random.default_rng(1)
    assert warned(at(EVEN + rng.uniform(0, 0.005, 120), tmp_path / "a.csv"), caplog) == []
    assert warned(at(EVEN + 0.03 * (EVEN > 0.5), tmp_path / "a.csv"), caplog) == []  # a step of four


def test_pauses_within_recordings_are_counted_and_the_longest_is_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    at(EVEN + 2 * (np.arange(120) >= 40) + 3 * (np.arange(120) >= 90), tmp_path / "a.csv")
    at(EVEN + 1 * (np.arange(120) >= 7), tmp_path / "b.csv")
    assert warned(tmp_path, caplog) == [
        "time in t has 3 pauses of more than 5 steps, 2 in a, 1 in b; the longest, 3.01 s, is before row 90 of a: "
        "windows cross them; set data.gap_s=0.1 to begin a new recording there"
    ]
    assert warned(tmp_path, caplog, gap_s=0.1) == []
    assert warned(tmp_path, caplog, gap_s=1.5)[0].startswith("time in t has 1 pause of more than 5 steps, 1 in b")
    times = read_with(tmp_path, strict=False).times
    assert times is not None
    assert (times.names, times.pauses.tolist(), times.row.tolist()) == (("a", "b"), [2, 1], [90, 7])


def test_pauses_between_visits_are_none_within_a_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = numbers().assign(c=np.repeat(["p", "q"], 60), t=EVEN + 2 * (np.arange(120) >= 60))
    path = write(table, tmp_path / "a.csv")
    assert warned(path, caplog, point="c", visits=True) == []
    assert len(warned(path, caplog, point="c")) == 1


@pytest.mark.parametrize(
    ("unit", "step", "rate", "advice"),
    [
        ("s", 10.0, "0.1", "with data.time_unit=ms instead of s it would be 100"),
        ("s", 10_000.0, "0.0001", "with data.time_unit=us instead of s it would be 100"),
        ("ms", 0.01, "1e+05", "with data.time_unit=s instead of ms it would be 100"),
        ("s", 1e15, "1e-15", "name another column in data.time, or set data.rate_hz"),
    ],
)
def test_a_rate_that_no_sensor_has_names_the_likely_unit(
    unit: str, step: float, rate: str, advice: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = at(np.arange(120) * step, tmp_path / "a.csv")
    assert warned(path, caplog, time_unit=unit) == [f"time in t has {rate} rows per second: {advice}"]


def test_rates_that_differ_between_recordings_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, rate in (("a", 100), ("b", 1000), ("c", 1002)):
        at(np.arange(120) / rate, tmp_path / f"{name}.csv")
    different = (
        "recordings have different rates, 100 Hz in a to 1002 Hz in c: a window takes another time in each; "
        "give data.path those of one rate, or see whether data.time_unit holds for all"
    )
    assert warned(tmp_path, caplog) == [different]
    assert warned(tmp_path, caplog, rate_hz=1000.0) == [different]
    assert warned(tmp_path / "a.csv", caplog, rate_hz=250.0) == [
        "time in t has 100 rows per second, but data.rate_hz=250"
    ]


def test_time_that_stands_still_or_goes_back_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    at(np.where(np.arange(120) % 10 == 5, np.roll(EVEN, 1), EVEN), tmp_path / "a.csv")
    assert warned(tmp_path, caplog) == [
        "time in t stands still from row to row, 12 in a: "
        "set data.rate_hz if rows are evenly spaced, or name another column"
    ]
    with pytest.raises(InputError) as error:
        read_with(at(EVEN // 0.05, tmp_path / "a.csv"))
    assert str(error.value) == (
        "time in t does not advance from most rows to the next: set data.rate_hz, or name another column"
    )
    assert read_with(tmp_path / "a.csv", strict=False).rate_hz is None


def test_time_that_advances_unevenly_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    at(np.cumsum(np.tile([0.001, 0.01, 0.03], 40)), tmp_path / "a.csv")
    at(EVEN, tmp_path / "b.csv")
    assert "time in t advances unevenly: the middle 90 % of steps differ by 2.9 median steps " in (
        "".join(warned(tmp_path, caplog))
    )


def test_two_columns_of_time_are_checked_as_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    nanoseconds = np.arange(120) * 10**7
    table = numbers().assign(t=nanoseconds // 10**9 + 7 * (np.arange(120) > 99), ns=nanoseconds % 10**9)
    assert warned(write(table, tmp_path / "a.csv"), caplog, nanoseconds="ns") == [
        "time in t and ns has 1 pause of more than 5 steps, 1 in a; the longest, 7.01 s, is before row 100 of a: "
        "windows cross them; set data.gap_s=0.1 to begin a new recording there"
    ]


@pytest.mark.parametrize(
    "times",
    [
        pa.array(np.arange(120, dtype=np.int32) * 10, pa.time32("ms")),
        pa.array(np.arange(120) * 10_000, pa.time64("us")),
        pa.array(np.arange(120) * 10_000 + 1_700_000_000_123_456, pa.timestamp("us", "UTC")),
        pa.array(np.arange(120) * 10_000_000 + 1_700_000_000_123_456_789, pa.timestamp("ns")),
        pa.array(np.arange(120) * 10_000_000, pa.duration("ns")),
    ],
    ids=lambda column: str(column.type),
)
def test_times_of_every_type_are_seconds(times: pa.Array, tmp_path: Path) -> None:
    table = pa.Table.from_pandas(numbers().drop(columns="t")).append_column("t", times)
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert read_with(tmp_path / "a.parquet").rate_hz == 100


def test_a_date_is_a_time_of_one_row_a_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    days = pa.array(np.arange(120, dtype=np.int32), pa.date32())
    table = pa.Table.from_pandas(numbers().drop(columns="t")).append_column("t", days)
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (message,) = warned(tmp_path, caplog)
    assert message == (
        "time in t has 1.157e-05 rows per second: name another column in data.time, or set data.rate_hz"
    )


def test_a_clock_goes_on_at_midnight(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = (86_399.5 + EVEN) % 86_400
    path = at(clock, tmp_path / "a.csv")
    assert warned(path, caplog) == []
    assert read_with(path, gap_s=0.5).names == ("a",)
    later = np.where(EVEN > 0.5, clock + 600, clock)
    assert read_with(at(later, tmp_path / "a.csv"), gap_s=0.5).bounds.tolist() == [[0, 51], [51, 120]]


def test_a_table_needs_no_rate_until_something_asks_for_it(tmp_path: Path) -> None:
    path = write(numbers().drop(columns="t"), tmp_path / "a.csv")
    recordings = read(path, *NAMED[:2], "data.time=null", "data.rate_hz=null")
    assert recordings.rate_hz is None
    assert recordings.times is None
    assert recordings.rows_in(0, "split.gap_s") == 0
    with pytest.raises(InputError) as error:
        recordings.rows_in(0.5, "split.gap_s")
    assert str(error.value) == (
        "split.gap_s=0.5 needs the rate of the rows: set data.time or data.rate_hz, or split.gap_s=0"
    )


def test_the_same_fault_of_many_files_is_told_once(tmp_path: Path) -> None:
    for number in range(30):
        table: Any = numbers().head(20 + number).assign(c=pd.Series(["p", None]))
        write(table.drop(columns="Fx") if number % 3 == 0 else table, tmp_path / f"{number}.csv")
    with pytest.raises(InputError) as error:
        read_with(tmp_path, point="c")
    assert str(error.value).replace(f"{tmp_path}/", "").splitlines() == [
        "the tables cannot be read:",
        "  0.csv lacks Fx; it has x, t, Fy, y, c (and 9 more files alike)",
        "  1.csv: 20 rows have no point in c, the first in row 1; data.missing=drop drops such rows "
        "(and 19 more files alike)",
    ]
