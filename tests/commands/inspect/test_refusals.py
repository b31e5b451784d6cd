"""Files and options that `inspect` refuses, each with one clear line."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import run

import pytest

from tests.commands.inspect.made import inspected, recording, refused
from tests.conftest import PLATE
from tests.running import WITHOUT_LIBRARIES, processor_time_s

JUNK = bytes(range(256)) * 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n", "has a header but no rows"),
        (b"what was done\non that day in the lab\n", "is not a table"),
        (JUNK, "is not a Feather, Parquet or text file"),
        (b"ARROW1\0\0" + JUNK, "cannot be read: Not an Arrow file"),
        (b"PAR1" + JUNK, "cannot be read: Parquet magic bytes not found in footer"),
        (b"a,a\n1,2\n3,4\n", "has more than one column named a"),
    ],
)
def test_a_file_that_is_no_table(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_bytes(content)
    assert refused(tmp_path, "file.csv").startswith(f"error: file.csv {message}")


def test_a_file_or_column_that_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path, "nowhere.csv") == "error: nowhere.csv is neither a file nor a folder"
    assert refused(tmp_path, "*.csv") == "error: no file matches *.csv"
    message = refused(tmp_path, str(PLATE), "--label", "grip")
    assert message.startswith("error: no column named grip; the columns are t_Sec, t_nSec, ")


def test_a_time_column_of_text(tmp_path: Path) -> None:
    recording().assign(grip="open").to_csv(tmp_path / "a.csv", index=False)
    message = refused(tmp_path, "a.csv", "--time", "grip")
    assert message == "error: --time grip: the column holds text, not times"


def test_files_with_other_columns(tmp_path: Path) -> None:
    recording().to_csv(tmp_path / "a.csv", index=False)
    recording().drop(columns="Tz").to_csv(tmp_path / "b.csv", index=False)
    assert refused(tmp_path, "a.csv", "b.csv") == "error: b.csv has different columns from a.csv: it lacks Tz"


def test_a_broken_line_is_reported_as_by_training(tmp_path: Path) -> None:
    lines = recording().to_csv(index=False).splitlines()
    lines[100] = "1,2,3"
    (tmp_path / "a.csv").write_text("\n".join([*lines, ""]))
    seen = inspected(tmp_path, "--no-figures", "a.csv").result
    assert seen["remarks"] == ["a.csv, line 101 has 3 fields, not 10, and is dropped here"]
    assert seen["training"] == ["training would fail: a.csv: line 101 has 3 fields, not 10"]


def test_a_broken_line_that_is_not_utf_8_is_dropped_as_any_other(tmp_path: Path) -> None:
    lines = recording().to_csv(index=False).encode().split(b"\n")
    lines[100] = b"1,2\x8a\xff,3"
    (tmp_path / "a.csv").write_bytes(b"\n".join(lines))
    finished = inspected(tmp_path, "--no-figures", "a.csv")
    assert finished.code == 0, finished.err
    assert "Exception" not in finished.err
    assert finished.result["remarks"] == ["a.csv, line 101 has 3 fields, not 10, and is dropped here"]
    assert finished.result["training"] == ["training would fail: a.csv: line 101 has 3 fields, not 10"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("mine.yaml", "must be a .yaml file in a folder data, such as conf/data/mine.yaml"),
        ("conf/data/table.yaml", "data=table is built in; choose another name"),
        ("conf/data/a b.yaml", "a b cannot be selected as data=…; use letters, digits and _"),
    ],
)
def test_a_draft_that_could_not_be_selected(place: str, message: str, tmp_path: Path) -> None:
    assert refused(tmp_path, str(PLATE), "--write", place) == f"error: --write {place}: {message}"


def test_help_is_answered_at_once_and_without_tensorflow_or_mlflow(tmp_path: Path) -> None:
    importing = processor_time_s("-c", f"import forcepos.commands.train; {WITHOUT_LIBRARIES}")
    assert processor_time_s("-m", "forcepos", "inspect", "--help") < 1.5 * importing
    finished = inspected(tmp_path, "--help")
    assert finished.code == 0
    assert "python -m forcepos inspect FILE --write conf/data/mine.yaml" in finished.out
    program = (
        f"import sys; from forcepos.commands.inspect.command import main; main(sys.argv[1:]); {WITHOUT_LIBRARIES}"
    )
    run([sys.executable, "-c", program, str(PLATE)], cwd=tmp_path, check=True, capture_output=True)
