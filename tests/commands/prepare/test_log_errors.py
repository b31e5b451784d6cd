"""One log: each error."""

from __future__ import annotations

import pytest

from forcepos.commands.prepare.logs import read_log
from forcepos.runtime.errors import InputError
from tests.commands.prepare.made import COLUMNS, controller, numbers, text

ROWS = numbers()


def row_error(content: bytes, columns: tuple[str, ...] = COLUMNS) -> str:
    with pytest.raises(InputError) as error:
        read_log("f.txt", content, columns)
    return str(error.value).removeprefix("f.txt").lstrip(": ")


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\t\n", b"\xef\xbb\xbf"])
def test_an_empty_log(content: bytes) -> None:
    assert row_error(content) == "has no rows"


@pytest.mark.parametrize("header", [COLUMNS, ["%", *COLUMNS], controller(), ["words"]])
def test_a_header_only(header: list[str]) -> None:
    assert row_error(text([], header)) == "has a header but no rows"


def test_no_complete_row() -> None:
    assert row_error(text(ROWS[:1])[:100]) == "has no complete row"
    assert row_error(text(ROWS[:1], COLUMNS).rstrip()) == "has no complete row"


@pytest.mark.parametrize("content", [b"\x00\x01\x02", bytes(range(256)) * 10])
def test_binary_junk(content: bytes) -> None:
    assert row_error(content) == "is not text"


def test_junk_that_is_no_number() -> None:
    assert row_error(b"some words\nand more of them\n") == "line 2 has 4 fields, not 48"


@pytest.mark.parametrize("columns", [1, 17, 47, 49])
def test_another_number_of_columns(columns: int) -> None:
    content = text(numbers(columns=columns), [f"column{place}" for place in range(48)])
    fields = "1 field" if columns == 1 else f"{columns} fields"
    assert row_error(content) == f"line 2 has {fields}, not 48; 5 lines are broken"


def test_a_broken_line_in_the_middle() -> None:
    lines = text(ROWS, COLUMNS).splitlines(keepends=True)
    short, wrong = lines.copy(), lines.copy()
    short[3] = b" ".join(lines[3].split()[:-1]) + b"\n"
    wrong[3] = b" ".join([*lines[3].split()[:4], b"1.2.3", *lines[3].split()[5:]]) + b"\n"
    assert row_error(b"".join(short)) == "line 4 has 47 fields, not 48"
    assert row_error(b"".join(wrong)) == "line 4 has '1.2.3' for exT_A3, not a number"


def test_all_broken_lines_are_counted() -> None:
    lines = text(ROWS, COLUMNS).splitlines(keepends=True)
    lines[2] = lines[4] = b"\n\nbroken\n"
    assert row_error(b"".join(lines)) == "line 5 has 1 field, not 48; 2 lines are broken"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("abc", "'abc'"), ("1,5", "'1,5'"), ("0x10", "'0x10'"), ("1_000", "'1_000'"), ("--1", "'--1'"),
        ("+-1", "'+-1'"), ("1e", "'1e'"), (".", "'.'"), ("-", "'-'"), ("null", "'null'"), ('"1"', "'\"1\"'"),
        ("5\u00b0", "'5\u00b0'"), ("a" * 100, f"'{'a' * 30}'"),
    ],
)  # fmt: skip
def test_what_is_no_number(value: str, shown: str) -> None:
    content = f"1.5 2.5\n3.5 {value}\n4.5 5.5\n".encode()
    assert row_error(content, ("a", "b")) == f"line 2 has {shown} for b, not a number"


def test_a_decimal_point_among_decimal_commas() -> None:
    assert row_error(b"1,5 2,5\n3,5 4.5\n5,5 6,5\n", ("a", "b")) == "line 2 has '4.5' for b, not a number"


def test_fields_between_commas_are_not_guessed_at() -> None:
    assert row_error(b"1.5,2.5\n3.5,4.5\n5.5,6.5\n", ("a", "b")) == "line 2 has 1 field, not 2; 2 lines are broken"


def test_a_second_header_in_the_middle() -> None:
    assert row_error(text(ROWS, COLUMNS) * 2) == "line 7 has 't_Sec' for t_Sec, not a number"


def test_a_header_that_lacks_columns() -> None:
    names = [name for name in COLUMNS if name not in ("Fx", "Tz")]
    message = "the header lacks or repeats Fx, Tz; it has t_Sec, t_nSec, exT_A1, exT_A2, exT_A3 and 41 more"
    assert row_error(text(numbers(columns=46), names)) == message


def test_a_header_that_names_a_column_twice_at_another_place() -> None:
    names = [*COLUMNS[:4], "other", COLUMNS[4], COLUMNS[4], *COLUMNS[7:]]
    lacking = "the header lacks or repeats exT_A3, exT_A4, exT_A5; it has "
    assert row_error(text(ROWS, names)).startswith(lacking)


def test_a_header_with_our_names_in_another_order_and_unknown_ones_among_them() -> None:
    names = controller()
    names[2], names[3] = names[3], names[2]
    lacking = "the header lacks or repeats Fx1, Fy1, Fz1, Tx1, Ty1 and 7 more; it has "
    assert row_error(text(ROWS, names)).startswith(lacking)


def test_a_line_without_end() -> None:
    assert row_error(b"1 " * 10**6) == "has more than 1,048,576 characters in line 1, too many for a row"
