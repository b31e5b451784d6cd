"""Readers of users' own: what they read, and one line for each way to get one wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forcepos.config.schema import TableConfig, key
from forcepos.data.loading import load_recordings
from forcepos.data.readers.table import Reader
from forcepos.data.recordings import Recordings
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config
from tests.data.tables import NAMED, numbers, read, write

HERE = Path(__file__).name
Values = Mapping[str, Any]


@dataclass
class JsonLines(Reader):
    """A file of one JSON object a line, or a folder store.d of such files, each a recording."""

    comment: str = key("begins a line that is no row", default="#")

    def matches(self, path: Path, head: bytes) -> bool:
        return head.startswith((b"{", self.comment.encode())) or path.suffix == ".d"

    def names(self, path: Path) -> list[str]:
        return list(self._rows(path)[0])

    def pieces(self, path: Path, columns: Sequence[str]) -> Iterator[Values]:
        rows = self._rows(path)
        for first in range(0, len(rows), 50):
            yield {name: [row[name] for row in rows[first : first + 50]] for name in columns}

    def _rows(self, path: Path) -> list[dict[str, Any]]:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        lines = [(file, line) for file in files for line in file.read_text().splitlines()]
        return [
            {"file": file.stem} | json.loads(line) for file, line in lines if not line.startswith(self.comment)
        ]


def config(kind: type[Reader], path: Path, **keys: Any) -> Any:
    plain = checked_config("data=table", f"data.path='{path}'", *NAMED, "model.axes=[x,y]").data
    return kind(**vars(plain) | keys)


def loaded(path: Path, kind: type[Reader] = JsonLines, **keys: Any) -> Recordings:
    return load_recordings(config(kind, path, **keys)).recordings


def refusal(path: Path, kind: type[Reader] = JsonLines, **keys: Any) -> str:
    """The one line of error, without folders."""
    with pytest.raises(InputError) as error:
        loaded(path, kind, **keys)
    assert "\n" not in str(error.value)
    shown = str(error.value).replace(f"{path.parent}/", "").replace(f"{Path(__file__).parent}/", "")
    return shown.replace("tests/data/", "").replace(f"{__name__}.", "")


def json_lines(table: pd.DataFrame, path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("# a note\n" + table.to_json(orient="records", lines=True, double_precision=15))
    return path


def test_a_file_gives_the_same_recordings_as_a_csv(tmp_path: Path) -> None:
    table = numbers().assign(visit=["b", "a"] * 60)
    ours = loaded(json_lines(table, tmp_path / "a.jsonl"), recording="visit")
    assert ours.fingerprint == read(write(table, tmp_path / "a.csv"), *NAMED, "data.recording=visit").fingerprint


def test_a_key_of_its_own_is_a_field(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("% note\n" + numbers().to_json(orient="records", lines=True))
    assert len(loaded(path, comment="%").signals) == 120
    assert isinstance(config(JsonLines, path), TableConfig)


def test_a_folder_is_a_source_of_many_recordings_or_holds_sources(tmp_path: Path) -> None:
    for store, names in (("store_2.d", "pq"), ("store_10.d", "r")):
        for name in names:
            json_lines(numbers(), tmp_path / store / f"{name}.jsonl")
    (tmp_path / "notes.md").write_text("no source")
    assert loaded(tmp_path / "store_2.d", recording="file").names == ("p", "q")
    assert loaded(tmp_path, recording="file").names == ("store_2 p", "store_2 q", "store_10 r")
    assert loaded(tmp_path / "store_*").names == ("store_2", "store_10")


def test_a_source_that_it_does_not_match_is_named(tmp_path: Path) -> None:
    path = write(numbers(), tmp_path / "a.csv")
    assert refusal(path) == f"JsonLines ({HERE}) does not read a.csv: its `matches` says no"
    assert refusal(tmp_path / "*.csv") == f"JsonLines ({HERE}) does not read a.csv: its `matches` says no"
    assert refusal(tmp_path).endswith(f" is a folder without tables: JsonLines ({HERE}) reads none of its files")
    assert (
        refusal(tmp_path / "b.jsonl")
        == "data.path=b.jsonl is not a file, a folder or a pattern that matches a file"
    )


def test_a_column_that_is_not_there_is_named_beside_those_that_are(tmp_path: Path) -> None:
    path = json_lines(numbers(), tmp_path / "a.jsonl")
    assert refusal(path, features=["Fx", "Fz"]) == (
        f"JsonLines ({HERE}): a.jsonl lacks Fz; it has file, t, Fx, Fy, x, y"
    )


@dataclass
class Broken(JsonLines):
    """Reads Fx as something else."""

    fx: Any = None

    def pieces(self, path: Path, columns: Sequence[str]) -> Iterator[Values]:
        for piece in super().pieces(path, columns):
            yield {**piece, "Fx": self.fx(piece["Fx"])} if self.fx else {}


def raising(values: list[float]) -> list[float]:
    raise KeyError("wrench")


@pytest.mark.parametrize(
    ("fx", "message"),
    [
        (raising, "Broken (FILE) failed in pieces for a.jsonl: KeyError: 'wrench'"),
        (None, "Broken (FILE) failed in pieces for a.jsonl: KeyError: 'Fx'"),
        (lambda values: values[1:],
         "Broken (FILE) failed in pieces for a.jsonl: ArrowInvalid: Column 1 named Fy expected length 49 but got"),
        (lambda values: ["high"] * 50, "Broken (FILE): a.jsonl: Fx holds string, not numbers"),
        (lambda values: [1.0, "high", *values[2:]],
         "Broken (FILE) failed in pieces for a.jsonl: ArrowInvalid: Could not convert 'high' with type str: "),
        (lambda values: [[value] for value in values],
         "Broken (FILE): a.jsonl: Fx holds list<item: double>, not numbers"),
        (lambda values: 3, "Broken (FILE) failed in pieces for a.jsonl: TypeError: "),
    ],
)  # fmt: skip
def test_pieces_that_cannot_be_used_are_one_line(fx: Any, message: str, tmp_path: Path) -> None:
    path = json_lines(numbers(), tmp_path / "a.jsonl")
    assert refusal(path, Broken, fx=fx).startswith(message.replace("FILE", HERE))


@dataclass
class Unfinished(JsonLines):
    def names(self, path: Path) -> list[str]:
        raise NotImplementedError


@dataclass
class Growing(JsonLines):
    def pieces(self, path: Path, columns: Sequence[str]) -> Iterator[Values]:
        yield from super().pieces(path, columns)
        if len(columns) > 1:
            yield from super().pieces(path, columns)


def test_rows_that_were_not_counted_are_refused(tmp_path: Path) -> None:
    path = json_lines(numbers(), tmp_path / "a.jsonl")
    assert refusal(path, Growing) == f"Growing ({HERE}): a.jsonl: `pieces` yields more rows the second time"


def test_an_error_in_another_method_is_one_line_too(tmp_path: Path) -> None:
    path = json_lines(numbers(), tmp_path / "a.jsonl")
    assert refusal(path, Unfinished) == f"Unfinished ({HERE}) failed in names for a.jsonl: NotImplementedError"


@pytest.mark.parametrize(
    "made",
    [np.array, pd.Series, pa.array, lambda values: pa.chunked_array([values[:9], values[9:]]), tuple],
    ids=["numpy", "pandas", "arrow", "chunked", "tuple"],
)
def test_columns_may_be_arrays_of_any_library(made: Any, tmp_path: Path) -> None:
    path = json_lines(numbers(), tmp_path / "a.jsonl")
    assert np.array_equal(loaded(path, Broken, fx=made).signals, loaded(path).signals)


# --- columns that are kept ---


@pytest.mark.parametrize("ending", ["csv", "feather", "parquet"])
def test_kept_columns_travel_with_the_rows(ending: str, tmp_path: Path) -> None:
    table = numbers().assign(visit=["b", "a"] * 60, surface=["felt", "wood"] * 60, day=np.arange(120) // 40 + 0.5)
    path = write(table, tmp_path / f"a.{ending}")
    recordings = read(path, *NAMED, "data.recording=visit", "data.keep=[surface,day]")
    assert recordings.kept["surface"].tolist() == ["felt"] * 60 + ["wood"] * 60
    assert recordings.kept["day"].dtype == np.float64
    assert recordings.kept["day"].tolist() == [*table["day"][::2], *table["day"][1::2]]
    plain = read(path, *NAMED, "data.recording=visit")
    assert plain.kept == {}
    assert recordings.fingerprint != plain.fingerprint
    assert recordings.select(["Fy"]).kept is recordings.kept


def test_kept_numbers_that_would_be_one_number_stay_words(tmp_path: Path) -> None:
    table = numbers().assign(run=["007", "7"] * 60, tag=["1_1", "11"] * 60)
    kept = read(write(table, tmp_path / "a.csv"), *NAMED, "data.keep=[run,tag]").kept
    assert kept["run"][:2].tolist() == ["007", "7"]
    assert kept["tag"][:2].tolist() == ["1_1", "11"]


def test_kept_columns_of_short_recordings_go_with_them(tmp_path: Path) -> None:
    table = numbers().assign(visit=["a"] * 5 + ["b"] * 115, surface=["felt"] * 5 + ["wood"] * 115)
    path = write(table, tmp_path / "a.csv")
    keys = [*NAMED, "data.recording=visit", "data.keep=[surface]", "model.axes=[x,y]"]
    kept = load_recordings(checked_config("data=table", f"data.path={path}", *keys).data, 10).recordings.kept
    assert kept["surface"].tolist() == ["wood"] * 115


def test_a_row_without_a_kept_value_is_reported(tmp_path: Path) -> None:
    table: Any = numbers().assign(surface="felt", day=1.5)
    table.loc[[3, 9], "surface"], table.loc[4, "day"] = None, np.nan
    for ending in ("csv", "feather"):
        path = write(table, tmp_path / f"a.{ending}")
        with pytest.raises(InputError) as error:
            read(path, *NAMED, "data.keep=[surface,day]")
        assert str(error.value) == (
            "the tables cannot be read:\n"
            f"  {path}: 2 rows have no value in surface, the first in row 3; data.missing=drop drops such rows\n"
            f"  {path}: 1 rows have no value in day, the first in row 4; data.missing=drop drops such rows"
        )
