"""Texts as loggers, spreadsheets and R leave them: read alike by training and inspect, or refused by the cause."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from forcepos.data.readers.opening import open_any
from forcepos.data.recordings import Recordings
from forcepos.runtime.errors import InputError
from tests.data.tables import NAMED, numbers, read, write

HEADER, *ROWS = numbers().head(30).round(4).to_csv(index=False).splitlines()
NUMBERED = ["data.features=[1,2]", "data.targets=[3,4]", "data.time=0"]
SIGNALS = numbers().head(30).round(4)[["Fx", "Fy"]].to_numpy(np.float32)


def text(*lines: str) -> str:
    return "\n".join([*lines, ""])


def joined(separator: str, lines: list[str]) -> list[str]:
    return [line.replace(",", separator) for line in lines]


def german(lines: list[str]) -> list[str]:
    return [line.replace(",", ";").replace(".", ",") for line in lines]


def both(path: Path, content: str | bytes, *overrides: str) -> Recordings:
    """The recordings of training; inspect sees as many rows and all columns that training was asked for."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    recordings = read(path, *(overrides or NAMED))
    table = open_any(path)
    assert sum(len(chunk[0]) for chunk in table.chunks(strict=False)) == len(recordings.signals)
    named = [name.removeprefix("column ") for name in recordings.channels]
    assert set(named) <= set(table.columns)
    return recordings


def refused(path: Path, content: str | bytes, *overrides: str) -> str:
    """The one line of error that training gives, without the path."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as error:
        read(path, *NAMED, *overrides)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value).removeprefix(str(path)).lstrip(": ")


SOUND = text(HEADER, *ROWS)
AS_THEY_ARE = {
    "gzip": gzip.compress(SOUND.encode()),
    "gzip in two parts": gzip.compress(SOUND[:300].encode()) + gzip.compress(SOUND[300:].encode()),
    "zstd": pa.compress(SOUND.encode(), codec="zstd", asbytes=True),
    "bzip2": bz2.compress(SOUND.encode()),
    "UTF-16": SOUND.encode("utf-16"),
    "UTF-16, big endian": b"\xfe\xff" + SOUND.encode("utf-16-be"),
    "UTF-16 without a mark": SOUND.encode("utf-16-le"),
    "gzip of UTF-16": gzip.compress(SOUND.encode("utf-16")),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + SOUND.encode(),
    "names in Latin-1": text(HEADER + ",Kraft_\u00fc", *(f"{row},1" for row in ROWS)).encode("latin-1"),
    "units": text(HEADER, "s,N,N,mm,mm", *ROWS),
    "units in brackets": text(HEADER, "[s],[N],[N],[mm],[mm]", *ROWS),
    "units, one without": text(HEADER, "s,N,N,,1", *ROWS),
    "types and units": text(HEADER, "float,float,float,int,int", "s,N,N,mm,mm", *ROWS),
    "titles": text("Recorded by Anna on Monday, 3 May", "rate,100", "Name: hand", "", HEADER, *ROWS),
    "titles filled up": text("Recorded by Anna,,,,", "Date,2024-05-01,,,", ",,,,", HEADER, *ROWS),
    "two hundred titles": text(*(f"key {number}: value {number}" for number in range(200)), HEADER, *ROWS),
    "Excel's separator": text("sep=;", *joined(";", [HEADER, *ROWS])),
    "notes": text("// one", "% two words", "; three, or more", "# four", HEADER, *ROWS),
    "names and units in notes": text(f"# {HEADER}", "# s,N,N,mm,mm", *ROWS),
    "blank lines": text("", "  ", HEADER, "", *ROWS),
    "separators at all ends": text(*(f"{line}," for line in [HEADER, *ROWS])),
    "separators at the rows' ends": text(HEADER, *(f"{row}, " for row in ROWS)),
    "several at the rows' ends": text(HEADER, *(f"{row},,," for row in ROWS)),
    "a separator at the header's end": text(f"{HEADER},", *ROWS),
    "a first column without a name": text(f",{HEADER}", *(f"{n},{row}" for n, row in enumerate(ROWS))),
    "whitespace": text(*joined("  ", [HEADER, *ROWS])),
}  # fmt: skip


@pytest.mark.parametrize("kind", AS_THEY_ARE)
def test_a_text_is_read_as_it_is(kind: str, tmp_path: Path) -> None:
    recordings = both(tmp_path / "a.csv", AS_THEY_ARE[kind])
    assert np.array_equal(recordings.signals, SIGNALS)
    assert recordings.rate_hz == 100


def test_tabs_beside_blanks_are_whitespace_and_a_last_line_may_have_more(tmp_path: Path) -> None:
    """As a robot writes them that ends each value with a blank and a tab, and is switched off after one more."""
    lines = [" \t".join(line.split(",")) + " \t" for line in ROWS]
    recordings = both(
        tmp_path / "a.dat", "\n".join(lines) + "\t",
        "data.features=['1','2']", "data.targets=['3','4']", "data.time='0'", "model.axes=[x,y]",
    )  # fmt: skip
    assert np.array_equal(recordings.signals, SIGNALS)


def test_the_ending_of_a_compressed_text_is_known_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "visit_1.csv.gz").write_bytes(AS_THEY_ARE["gzip"])
    (tmp_path / "visit_2.csv.zst").write_bytes(AS_THEY_ARE["zstd"])
    (tmp_path / "visit_3.TXT.GZ").write_bytes(gzip.compress(SOUND.replace(",", " ").encode()))
    assert read(tmp_path, *NAMED).names == ("visit_1", "visit_2", "visit_3")


def test_what_is_compressed_and_cannot_be_read_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(SOUND.encode())
    assert (
        refused(tmp_path / "a.csv.gz", whole[:-40]) == "cannot be read as a text file: Truncated compressed stream"
    )
    parquet = write(numbers(), tmp_path / "b.parquet").read_bytes()
    for name in ("a.csv", "b.parquet.gz"):
        assert refused(tmp_path / name, gzip.compress(parquet)) == (
            "is a Feather or Parquet file inside a gzip one: decompress it first"
        )


@pytest.mark.parametrize("quoted", [False, True])
def test_decimal_commas_are_read_if_they_are_set_and_refused_once_if_not(quoted: bool, tmp_path: Path) -> None:
    rows = [";".join(f'"{field}"' for field in row.split(";")) if quoted else row for row in german(ROWS)]
    content = text(HEADER.replace(",", ";"), *rows)
    assert np.array_equal(both(tmp_path / "a.csv", content, *NAMED, "data.decimal=','").signals, SIGNALS)
    assert refused(tmp_path / "a.csv", content).startswith("line 2 has '")
    assert refused(tmp_path / "a.csv", content).endswith(
        "' for Fx, not a number: a decimal comma: set data.decimal=',' (and 29 more lines alike)"
    )


def test_quoted_decimal_commas_between_commas_are_read(tmp_path: Path) -> None:
    rows = [",".join(f'"{field.replace(".", ",")}"' for field in row.split(",")) for row in ROWS]
    recordings = both(tmp_path / "a.csv", text(HEADER, *rows), *NAMED, "data.decimal=','")
    assert np.array_equal(recordings.signals, SIGNALS)


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ('0,"1,234.5",2,3,4', "'1,234.5' for Fx, not a number: separators of thousands: "
         "export the table without them"),
        ("0,1.5 N,2,3,4", "'1.5 N' for Fx, not a number: a unit: export the table without it"),
        ("01.05.2024 12:00,1,2,3,4", "'01.05.2024 12:00' for t, not a number: a time: "
         "data.time reads 2024-05-31T12:00:00.010 and 12:00:00.010"),
        ("1,2,3,4", "4 fields, not 5"),
    ],
)  # fmt: skip
def test_a_fault_of_many_rows_is_told_once_with_its_cause(row: str, cause: str, tmp_path: Path) -> None:
    content = text(HEADER, *ROWS, *[row] * 20)
    assert refused(tmp_path / "a.csv", content) == f"line 32 has {cause} (and 19 more lines alike)"


def test_a_fault_of_many_files_is_told_once(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.csv").write_text(text(HEADER.replace(",", ";"), *german(ROWS)))
    with pytest.raises(InputError) as error:
        read(tmp_path, *NAMED)
    assert str(error.value).startswith(f"{tmp_path / '0.csv'}: line 2 has '")
    assert str(error.value).endswith("set data.decimal=',' (and 29 more lines alike) (and 4 more files alike)")


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (f"{HEADER},more", ROWS),
        (HEADER.rpartition(",")[0], [f"{row}" for row in ROWS]),
        (HEADER, [f"{r},5" for r in ROWS]),
    ],
)
def test_more_or_fewer_names_than_fields_are_refused(header: str, rows: list[str], tmp_path: Path) -> None:
    names, fields = header.count(",") + 1, rows[0].count(",") + 1
    assert refused(tmp_path / "a.csv", text(header, *rows)) == (
        f"has {names} names in line 1, but {fields} fields in most lines: "
        "data.separator and data.header say how to read it"
    )


def test_names_with_blanks_between_tabs_are_names(tmp_path: Path) -> None:
    content = text(*joined("\t", [HEADER.replace("F", "Force "), *ROWS]))
    recordings = both(
        tmp_path / "a.txt", content, "data.features=['Force x','Force y']", "data.targets=[x,y]", "data.time=t"
    )
    assert recordings.channels == ("Force x", "Force y")
    assert np.array_equal(recordings.signals, SIGNALS)


def test_nul_bytes_at_the_end_are_dropped_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(SOUND.encode() + b"\0" * 3_000_000)
    dropped = f"{path}: 3000000 NUL bytes at its end, as where a logger lost power, were dropped"
    assert len(read(path, *NAMED).signals) == 30
    assert caplog.messages == [dropped]
    caplog.clear()
    path.write_bytes(SOUND.encode()[:-1] + b"\0" * 9)  # its last number may lack digits
    assert len(read(path, *NAMED).signals) == 29
    assert caplog.messages[1] == f"{path}: the last line is cut short (it has no end) and was dropped"


def test_nul_bytes_between_rows_are_named(tmp_path: Path) -> None:
    content = text(HEADER, *ROWS[:9]).encode() + b"\0" * 99 + text(*ROWS[9:]).encode()
    message = "has NUL bytes in line 11, as where a logger lost power: delete that line"
    assert refused(tmp_path / "a.csv", content) == message
    with pytest.raises(InputError, match=message):
        open_any(tmp_path / "a.csv")


@pytest.mark.parametrize("words", [("True", "False"), ("TRUE", "FALSE"), ("true", "false")])
def test_truth_values_are_features_and_labels(words: tuple[str, str], tmp_path: Path) -> None:
    content = text(f"{HEADER},touch", *(f"{row},{words[n % 3 > 0]}" for n, row in enumerate(ROWS)))
    recordings = both(tmp_path / "a.csv", content, "data.features=[touch]", "data.targets=[x,y]", "data.time=t")
    assert recordings.signals[:4, 0].tolist() == [1, 0, 0, 1]
    labels = both(tmp_path / "a.csv", content, *NAMED, "data.label=touch")
    assert labels.label_names == tuple(sorted(words))


@pytest.mark.parametrize(
    "time",
    ["2024-05-01T{}", "2024-05-01 {}", "2024-05-01T{}Z", "2024-05-01 {}+02:00", "2024-05-01 {} +0200", "{}"],
)
def test_times_as_text_are_times(time: str, tmp_path: Path) -> None:
    rows = [f"{time.format(f'09:59:59.{n:02}0')}{row[row.index(',') :]}" for n, row in enumerate(ROWS)]
    recordings = both(tmp_path / "a.csv", text(HEADER, *rows))
    assert recordings.rate_hz == pytest.approx(100, rel=1e-4)
    assert np.array_equal(recordings.signals, SIGNALS)


def test_a_time_of_day_goes_on_over_midnight(tmp_path: Path) -> None:
    times = [f"23:59:59,{n}" for n in range(5, 10)] + [f"0:00:00,{n}" for n in range(10)] * 1
    rows = [f'"{time}"{row[row.index(",") :]}' for time, row in zip(times, ROWS, strict=False)]
    recordings = both(tmp_path / "a.csv", text(HEADER, *rows), *NAMED, "data.gap_s=0.15")
    assert recordings.rate_hz == pytest.approx(10, rel=1e-4)
    assert recordings.names == ("a",)


def test_a_time_that_is_none_is_named(tmp_path: Path) -> None:
    rows = [f"2024-05-01T10:00:{n:02}{row[row.index(',') :]}" for n, row in enumerate(ROWS)]
    rows[7] = f"soon{ROWS[7][ROWS[7].index(',') :]}"
    assert refused(tmp_path / "a.csv", text(HEADER, *rows)) == "line 9 has 'soon' for t, not a number"


def test_a_column_without_a_name_is_given_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    both(path, text(HEADER.removeprefix("t"), *ROWS), *NAMED[:2], "data.time=0")
    assert open_any(path).columns == ("0", "Fx", "Fy", "x", "y")
    path.write_text(text(",0,1", "5,1.5,2.5"))
    assert open_any(path).columns == ("", "0", "1")


@pytest.mark.parametrize("separator", [",", " "])
@pytest.mark.parametrize("first", [0, 1])
def test_a_header_of_numbers_names_the_columns(first: int, separator: str, tmp_path: Path) -> None:
    content = text(*joined(separator, [",".join(str(first + n) for n in range(5)), *ROWS]))
    wanted = [f"data.features=[{first + 1},{first + 2}]", f"data.targets=[{first + 3},{first + 4}]"]
    path = tmp_path / ("a.csv" if separator == "," else "a.txt")
    recordings = both(path, content, *wanted, f"data.time={first}")
    assert recordings.channels == (f"{first + 1}", f"{first + 2}")
    assert np.array_equal(recordings.signals, SIGNALS)
    assert str(open_any(path).layout).startswith("header of numbers, ")
    assert len(read(path, *NUMBERED, "data.header=false").signals) == 31


@pytest.mark.parametrize("header", ["1,2,3,7,9", "t,1,2,3,4"])
def test_numbers_of_joints_name_columns_alone_and_among_words(header: str, tmp_path: Path) -> None:
    time, *others = header.split(",")
    wanted = [f"data.features=[{','.join(others[:2])}]", f"data.targets=[{','.join(others[2:])}]"]
    recordings = both(tmp_path / "a.csv", text(header, *ROWS), *wanted, f"data.time={time}")
    assert np.array_equal(recordings.signals, SIGNALS)


def test_whole_numbers_above_whole_numbers_are_a_row_with_a_warning_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = text("0,1,2,3,4", *(f"{n},{n % 7},{n % 3},5,6" for n in range(1, 20)))
    for number in range(5):
        (tmp_path / f"{number}.csv").write_text(content)
    assert len(read(tmp_path, *NUMBERED).signals) == 100
    line = "its first line, 0, 1, 2 and 2 more, is read as a row: data.header=true reads it as names"
    assert caplog.messages[0] == f"{tmp_path / '0.csv'}: {line} (and 4 more files alike)"
    assert len(read(tmp_path / "0.csv", *NUMBERED, "data.header=true").signals) == 19


def test_a_first_row_of_numbers_without_a_header_stays_a_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(both(tmp_path / "a.csv", text("0,5,3,2,9", *ROWS[1:]), *NUMBERED).signals) == 30
    assert caplog.messages == []
