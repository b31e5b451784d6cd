"""Logs that nobody thought of: what comes out is what was written, or a clear error, never anything else."""

from __future__ import annotations

import contextlib
import re
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forcepos.commands.prepare.logs import open_source, read_log
from forcepos.runtime.errors import InputError
from tests.commands.prepare.made import text

settings.register_profile("forcepos", deadline=None, derandomize=True)
settings.load_profile("forcepos")


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[str, ...], list[list[float]]]:
    """Names of columns, and rows."""
    width = draw(st.integers(1, 6))
    rows = draw(st.lists(st.lists(st.floats(), min_size=width, max_size=width), min_size=1, max_size=6))
    return tuple(f"c{place}" for place in range(width)), rows


@st.composite
def written(draw: st.DrawFn) -> tuple[tuple[str, ...], list[list[float]], bytes, int]:
    """Columns, rows, their log in some format, and the length of its header."""
    columns, rows = draw(tables())
    header = draw(st.sampled_from([[], list(columns), ["%", *columns], [f"x{name}" for name in columns]]))
    between = draw(st.sampled_from([" ", "  ", "\t", " \t", ";", ";  "]))
    form: dict[str, Any] = {
        "between": between,
        "mark": draw(st.sampled_from([".", ","])),
        "trailing": draw(st.sampled_from(["", " ", " \t "])),
        "end": draw(st.sampled_from(["\n", "\r\n", "\n\n"])),
    }
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    above = mark + text([], header, **form)
    return columns, rows, above + text(rows, **form), len(above)


def same(read: pa.Table, rows: list[list[float]]) -> bool:
    columns = np.array(rows).reshape(len(rows), read.num_columns).T
    pairs = zip(read.columns, columns, strict=True)
    return all(np.array_equal(ours.to_numpy(), theirs, equal_nan=True) for ours, theirs in pairs)


def outcome(content: bytes, columns: tuple[str, ...]) -> tuple[pa.Table, bool] | str:
    try:
        return read_log("f.txt", content, columns)
    except InputError as error:
        return str(error).removeprefix("f.txt").lstrip(": ")


@given(written())
def test_a_log_in_any_format_gives_its_table(log: tuple[tuple[str, ...], list[list[float]], bytes, int]) -> None:
    columns, rows, content, _ = log
    read = read_log("f.txt", content, columns)
    assert same(read[0], rows)
    assert not read[1]


@given(written(), st.data())
def test_a_log_cut_anywhere_gives_its_first_rows_and_no_wrong_number(
    log: tuple[tuple[str, ...], list[list[float]], bytes, int], data: st.DataObject
) -> None:
    columns, rows, content, above = log
    place = data.draw(st.integers(0, len(content)))
    read = outcome(content[:place], columns)
    if isinstance(read, tuple):
        assert place > above
        assert same(read[0], rows[: len(read[0])])
        assert len(rows[: len(read[0])]) == len(read[0])
    else:
        in_first_row = place - above <= len(text(rows[:1], between="    ")) + 8  # which cannot be told to be short
        assert read in ("has no rows", "has a header but no rows", "has no complete row") or (
            in_first_row and re.fullmatch(r"line \d+ has \d+ fields?, not \d+", read)
        )


@given(st.binary(max_size=200))
@example(b"%")
@example(b"\n%\n\n1")
@example(b";;;")
def test_any_bytes_give_a_table_or_an_error(content: bytes) -> None:
    assert outcome(content, ("a", "b"))


@given(written(), st.data())
def test_a_log_with_bytes_changed_gives_a_table_or_an_error(
    log: tuple[tuple[str, ...], list[list[float]], bytes, int], data: st.DataObject
) -> None:
    columns, _, content, _ = log
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed)))
        length = data.draw(st.integers(0, 3))
        changed[place : place + length] = data.draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b"\n", b" ", b","]))
        )
    assert outcome(bytes(changed), columns)


@given(st.text("0123456789+-.,eEnaifINF_x()\"'#%", min_size=1, max_size=8))
@example("1e999")
@example("-nan")
@example("+inf")
@example("nan(1)")
def test_a_field_is_read_as_python_reads_it_or_named(field: str) -> None:
    others = "1.5 2.5\n" * 5  # more decimal points than the field has commas
    read = outcome(f"{others}3.5 {field}\n{others}".encode(), ("a", "b"))
    if isinstance(read, tuple):
        value = float(field.partition("(")[0])  # nan(ind) is what some printed for nan
        assert np.array_equal(read[0]["b"].to_numpy()[5], value, equal_nan=True)
    else:
        assert read == f"line 6 has {field!r} for b, not a number"


def archived() -> bytes:
    """A zip file with an entry for each way of compression."""
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            archive.writestr(f"f_0_{kind}_demoRecord.txt", b"1.5 2.5\n" * 20, kind)
    return whole.getvalue()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zip") / "broken.zip"


@settings(max_examples=300)
@given(st.data())
def test_a_zip_file_with_bytes_changed_gives_its_entries_or_an_error(broken: Path, data: st.DataObject) -> None:
    content = bytearray(archived())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    broken.write_bytes(content[: data.draw(st.integers(len(content) // 2, 2 * len(content)))])
    try:
        with open_source(broken) as entries:
            for entry in entries:
                with contextlib.suppress(InputError):
                    entry.read()
    except InputError as error:
        message = str(error)
        assert message.startswith(f"data.source={broken} cannot be read as a zip file: ")
