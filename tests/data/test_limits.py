"""Keys of the data without a value, and numbers that no data have: one line of error before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from forcepos.data.loading import load_recordings
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config
from tests.warm import forcepos

TABLE = [
    "data=table",
    "data.path=FILE",
    "data.features=[Fx]",
    "data.targets=[x]",
    "data.rate_hz=1",
    "model.axes=[x]",
]
VERSUCH = ["data=versuch", "data.path=FILE"]


def error_of(*overrides: str) -> str:
    with pytest.raises(InputError) as error:
        checked_config(*overrides)
    return str(error.value)


@pytest.mark.parametrize(
    ("data", "key", "column"),
    [
        *((TABLE, key, True) for key in ("recording", "point", "time", "label")),
        *((VERSUCH, key, True) for key in ("point", "seconds")),
        (TABLE, "separator", False),
    ],
)
def test_a_key_without_a_value_is_refused(data: list[str], key: str, column: bool) -> None:
    by_number = ", a column without a name by its number" if column else ""
    expected = f"data.{key} is empty: give it a value, or leave it out{by_number}"
    assert error_of(*data, f"data.{key}=") == expected


@pytest.mark.parametrize("data", [TABLE, VERSUCH])
def test_a_path_without_a_value_is_not_the_working_directory(data: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Fx,x\n1,2\n")
    done = forcepos([*data, "data.path="], tmp_path)
    assert done.code == 1
    assert done.err.splitlines()[-1] == "error: data.path is empty: name a file or a folder"


@pytest.mark.parametrize(
    ("data", "override", "wanted"),
    [
        (TABLE, "data.rate_hz=inf", "at most 1000000"),
        (TABLE, "data.rate_hz=nan", "above 0"),
        (VERSUCH, "data.rate_hz=1e+308", "at most 1000000"),
        ([], "data.rate_hz=inf", "at most 1000000"),
        (TABLE, "data.target_scale_mm=inf", "at most 1000000"),
        (TABLE, "data.point_grid_mm=inf", "at most 1000000"),
        ([], "data.spacing_mm=inf", "at most 1000000"),
        ([], "data.observer_time_s=inf", "at most 10"),
        ([], "split.gap_s=inf", "at most 1000000"),
    ],
)
def test_a_number_that_no_data_have_is_refused(data: list[str], override: str, wanted: str) -> None:
    assert error_of(*data, override) == f"{override} must be {wanted}"


def test_an_offset_that_is_no_number_is_refused() -> None:
    assert error_of("data.offset_mm=[0,nan,0]") == "data.offset_mm[1]=nan must be at least -1000000000"


def test_more_simulated_rows_than_memory_takes_are_refused_at_once() -> None:
    config = checked_config("data.grid=[10000,10000]", "data.visits=1000000").data
    with pytest.raises(InputError) as error:
        load_recordings(config)
    assert str(error.value) == (
        "10,000,000,000,000,000 simulated rows do not fit into memory: reduce data.grid, data.visits or data.rows"
    )
