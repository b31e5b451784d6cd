"""Names of points, classes, recordings and sessions, whatever type each file gives them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from forcepos.runtime.errors import InputError
from tests.data.tables import numbers, read_with, write


def two_files(folder: Path, first: Any, second: Any, ending: str = "parquet") -> Path:
    """Write the first half of the rows with one column `c` to a, the second half with another to b."""
    for name, rows, values in (("a", slice(0, 60), first), ("b", slice(60, 120), second)):
        column = values if isinstance(values, pa.Array) else pa.array(values)
        half = numbers()[rows].reset_index(drop=True)
        arrow = pa.Table.from_pandas(half).append_column("c", column.take(pa.array(np.arange(60) % len(column))))
        if ending == "parquet":
            pyarrow.parquet.write_table(arrow, folder / f"{name}.parquet")
        else:
            write(arrow.to_pandas(), folder / f"{name}.{ending}")
    return folder


@pytest.mark.parametrize(
    "second",
    [
        pa.array([1.0, 2.0]), pa.array([1, 2], pa.int8()), pa.array(["1", "2"]), pa.array(["1.0", "2.00"]),
        pa.array([" 1", "2e+0"]), pa.array([b"1", b"2."]), pa.array([Decimal("1.0"), Decimal("2.0")]),
        pa.array([1.0, 2.0]).dictionary_encode(), pa.array(["+1", "2"]).dictionary_encode(),
        pa.array(np.array([1, 2], np.float16)),
        pa.Array.from_pandas(pd.Series([1.0, 2.0], dtype="category")),
    ],
    ids=lambda column: str(column.type),
)  # fmt: skip
def test_a_number_is_one_class_point_and_session_whatever_its_type_in_each_file(
    second: pa.Array, tmp_path: Path
) -> None:
    path = two_files(tmp_path, [1, 2], second)
    recordings = read_with(path, label="c", point="c", keep=["c"])
    assert recordings.label_names == read_with(path, session="c", recording="c").session_names == ("1", "2")
    assert recordings.labels is not None
    for numbered in (recordings.labels, recordings.point, recordings.kept["c"] - 1):
        assert numbered.tolist() == [0, 1] * 60


def test_a_number_is_one_class_in_a_csv_beside_a_parquet_file(tmp_path: Path) -> None:
    two_files(tmp_path, [1, 2], [1.0, 2.0], "csv")
    (tmp_path / "a.csv").rename(tmp_path / "c.csv")
    two_files(tmp_path, [1, 2], [1, 2])
    (tmp_path / "b.parquet").unlink()
    recordings = read_with(tmp_path, label="c")
    assert recordings.names == ("a", "b", "c")
    assert recordings.label_names == ("1", "2")


def test_numbers_that_are_not_whole_are_one_name_in_single_and_double_precision(tmp_path: Path) -> None:
    path = two_files(tmp_path, pa.array([0.1, 2.5], pa.float32()), ["0.10", "2.5"])
    assert read_with(path, label="c").label_names == ("0.1", "2.5")


def test_large_whole_numbers_keep_all_their_digits(tmp_path: Path) -> None:
    large = 2**60 + 1
    path = two_files(tmp_path, [large, large + 1], [str(large), f"{large + 1}.0"])
    assert read_with(path, label="c").label_names == (str(large), str(large + 1))
    assert read_with(two_files(tmp_path, [2**60, 1], [2.0**60, 1.0]), label="c").label_names == ("1", str(2**60))


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ([True, False], [1, 0], ("False", "True")), ([True, False], ["TRUE", "false"], ("False", "True")),
        ([1.0, 0.0], ["true", "false"], ("0", "1")), (["true", "false"], ["True", "False"], ("false", "true")),
    ],
)  # fmt: skip
def test_true_is_one_and_false_is_zero(first: Any, second: Any, names: tuple[str, ...], tmp_path: Path) -> None:
    recordings = read_with(two_files(tmp_path, first, second), label="c")
    assert recordings.label_names == names
    assert recordings.labels is not None
    assert recordings.labels.tolist() == [1, 0] * 60


@pytest.mark.parametrize("word", ["007", "1_1", "0x1", "1,0", "1e", "e1", ".", "-", "1 2", "1e02"])
def test_what_is_no_plain_number_stays_the_word_it_is(word: str, tmp_path: Path) -> None:
    path = two_files(tmp_path, ["a", word], [word, "a"])
    assert set(read_with(path, label="c").label_names) == {"a", word}


@pytest.mark.parametrize("missing", ["nan", "NaN", "NA", "", " ", "null"])
def test_a_word_for_a_missing_value_is_no_class(missing: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_with(two_files(tmp_path, ["x", "y"], ["x", missing]), label="c")
    assert str(error.value) == (
        f"{tmp_path}/b.parquet: 30 rows have no label in c, the first in row 1; data.missing=drop drops such rows"
    )


def test_nan_that_is_not_null_is_no_point_even_where_words_are_exact(tmp_path: Path) -> None:
    for nan in (pa.array([1.0, np.nan]), pa.array(["1", "nan"])):
        with pytest.raises(InputError, match=r"b\.parquet: 30 rows have no point in c, the first in row 1"):
            read_with(two_files(tmp_path, [1, 2], nan), point="c", visits=True)


def test_visits_of_a_point_are_counted_over_files_of_different_types(tmp_path: Path) -> None:
    recordings = read_with(two_files(tmp_path, [3], [3.0]), point="c", visits=True)
    assert recordings.names == ("3", "3 visit 2")
    recordings = read_with(two_files(tmp_path, ["1,2"], [" 1,2"]), point="c", visits=True)
    assert recordings.names == ("1,2", " 1,2")
