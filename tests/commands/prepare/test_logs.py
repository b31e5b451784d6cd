"""One log: each format."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from forcepos.commands.prepare.logs import column_of, read_log
from tests.commands.prepare.made import COLUMNS, Rows, controller, numbers, text

ROWS = numbers()


def values(table: pa.Table) -> Any:
    """(rows, columns)"""
    return np.array([column.to_numpy() for column in table.columns]).T


def equal(table: pa.Table, rows: Rows, columns: tuple[str, ...] = COLUMNS) -> bool:
    named = tuple(table.column_names) == columns and {str(kind) for kind in table.schema.types} == {"double"}
    return named and np.array_equal(values(table), np.array(rows), equal_nan=True)


@pytest.mark.parametrize("between", [" ", "   ", "\t", " \t ", ";", "; "])
@pytest.mark.parametrize("trailing", ["", "  ", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [".", ","])
def test_fields_are_separated_by_spaces_tabs_or_semicolons(
    between: str, trailing: str, end: str, mark: str
) -> None:
    read = read_log("f.txt", text(ROWS, (), between, mark, trailing, end), COLUMNS)
    assert equal(read[0], ROWS)
    assert not read[1]


@pytest.mark.parametrize(
    "header",
    [
        [f"column{place}" for place in range(48)],
        ["Any", "words"],
        ["%", *COLUMNS],
        ["%t_Sec", *COLUMNS[1:]],
        controller(),
        controller("LBR_iiwa_7_R800_1"),
        ["%", *controller()],
    ],
)
def test_a_header_in_the_notebooks_order_may_have_any_names_and_a_percent_sign(header: list[str]) -> None:
    assert equal(read_log("f.txt", text(ROWS, header), COLUMNS)[0], ROWS)


def test_remarks_may_stand_above_the_header() -> None:
    content = b"% LBR iiwa 14\n%\n\n" + text(ROWS, ["% ", *COLUMNS])
    assert equal(read_log("f.txt", content, COLUMNS)[0], ROWS)
    assert equal(read_log("f.txt", b"% LBR iiwa 14\n" + text(ROWS, COLUMNS), COLUMNS)[0], ROWS)


def test_a_header_that_names_all_columns_may_have_them_in_any_order_and_others_among_them() -> None:
    order = random.Random(1).sample([*range(48), -1], 49)  # noqa: S311  # no secret
    header = [COLUMNS[place] if place >= 0 else "remark" for place in order]
    lines = [" ".join(header)]
    lines += [" ".join(repr(row[place]) if place >= 0 else "fine" for place in order) for row in ROWS]
    assert equal(read_log("f.txt", "\n".join([*lines, ""]).encode(), COLUMNS)[0], ROWS)


@pytest.mark.parametrize("arm", ["LBR_iiwa_14_R820_1", "LBR_Med_7_R800_2", "x"])
def test_a_controllers_names_are_known_whatever_the_arm(arm: str) -> None:
    header = controller(arm)
    named = {column_of(name): name for name in header if not name.startswith("other")}
    assert len(named) == 2 + 4 * 7 + 6
    assert set(named) < set(COLUMNS)
    columns = tuple(named)
    order = random.Random(2).sample(range(len(columns)), len(columns))  # noqa: S311  # no secret
    rows = numbers(columns=len(columns))
    shuffled = text([[row[place] for place in order] for row in rows], [named[columns[place]] for place in order])
    assert equal(read_log("f.txt", shuffled, columns)[0], rows, columns)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("axisTauExtMsr_LBR_iiwa_14_R820_1[0]", "exT_A1"),
        ("axisTauExtMsr[6]", "exT_A7"),
        ("axisTauMsr_LBR_iiwa_14_R820_1[3]", "msT_A4"),
        ("axisQMsr_LBR_iiwa_7_R800_1[1]", "cur_A2"),
        ("axisQCmdT1m_LBR_iiwa_7_R800_1[1]", "comd_A2"),
        ("cartForce1_X", "Fx"),
        ("cartTorque1_TauZ", "Tz"),
        ("ZeitInSec", "t_Sec"),
        ("ZeitInNanoSec", "t_nSec"),
        ("curCart_x", "curCart_x"),
        ("axisTauExtMsr_LBR", "axisTauExtMsr_LBR"),
    ],
)
def test_names_of_a_controller(name: str, column: str) -> None:
    assert column_of(name) == column


def test_a_byte_order_mark_and_blank_lines_do_not_matter() -> None:
    lines = text(ROWS, trailing=" ").splitlines()
    content = b"\xef\xbb\xbf\n" + b"\n \n".join(lines) + b"\n\n\t\n"
    assert equal(read_log("f.txt", content, COLUMNS)[0], ROWS)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1.0), ("-1", -1.0), ("+1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("-.5", -0.5), ("1.5E-5", 1.5e-5),
        ("1e+05", 1e5), ("0.1", 0.1), ("2.2250738585072014e-308", 2.2250738585072014e-308),
        ("179769313486231570000000000000000000000", 1.7976931348623157e38), ("NaN", np.nan), ("nan", np.nan),
        ("Infinity", np.inf), ("-Infinity", -np.inf), ("inf", np.inf), ("-nan(ind)", np.nan), ("+nan", np.nan),
    ],
)  # fmt: skip
def test_a_number_is_read_as_it_is_written(written: str, value: float) -> None:
    for content in (f"0 {written}\n1 2\n", f"{written} 0\n1 2\n", f"1 2\n{written} 3\n"):
        assert value in values(read_log("f.txt", content.encode(), ("a", "b"))[0]) or np.isnan(value)
    comma = f"0,5 {written.replace('.', ',')}\n1,5 2,5\n0,5 0,5\n".encode()
    assert np.array_equal(values(read_log("f.txt", comma, ("a", "b"))[0])[0], [0.5, value], equal_nan=True)


# --- the last line ---


@pytest.mark.parametrize("keep", [1, 30, 200, 400, -1])
def test_a_last_line_without_its_end_is_dropped(keep: int) -> None:
    begin = len(text(ROWS[:-1], COLUMNS))
    content = text(ROWS, COLUMNS)[:-1]
    read = read_log("f.txt", content[: begin + keep] if keep > 0 else content, COLUMNS)
    assert equal(read[0], ROWS[:-1])
    assert read[1]


def test_a_space_after_the_last_number_is_an_end() -> None:
    read = read_log("f.txt", text(ROWS, trailing=" ").rstrip(b"\n"), COLUMNS)
    assert equal(read[0], ROWS)
    assert not read[1]
