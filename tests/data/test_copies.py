"""The same recording twice is found by its signals and refused by name; what only looks alike is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forcepos.data.checks.check import check
from forcepos.data.loading import load_checked
from forcepos.data.recordings import Float32, Recordings
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config
from tests.data.tables import NAMED, write

LEAKS = "hold the same signals: a copy would leak between subsets and make scores too good; remove one of each"


def trial(seed: int, rows: int = 100) -> Float32:
    """(rows, 3) a force that rises, with noise."""
    rng = np.random.default_rng(seed)
    return (np.linspace(0, 10, rows)[:, None] + rng.normal(0, 0.05, (rows, 3))).astype(np.float32)


def recorded(*trials: Float32) -> Recordings:
    """Recordings a, b, c, … of these signals."""
    number = np.repeat(np.arange(len(trials), dtype=np.int32), [len(each) for each in trials])
    return Recordings(
        signals=np.concatenate(trials).astype(np.float32),
        positions=np.zeros((len(number), 3), np.float32),
        recording=number,
        point=number,
        channels=("Fx", "Fy", "Fz"),
        names=tuple("abcdefgh"[: len(trials)]),
        rate_hz=100.0,
        axes=(),
    )


def frame(seed: int) -> pd.DataFrame:
    rows = np.arange(100)
    table = pd.DataFrame(trial(seed).astype(float), columns=["Fx", "Fy", "Fz"])
    return table.assign(t=rows * 0.01, x=rows // 10 * 4.0, y=rows // 10 % 3 * 4.0)


def test_copies_under_other_names_in_other_formats_and_at_other_times_are_refused(tmp_path: Path) -> None:
    write(frame(1), tmp_path / "a.csv")
    write(frame(1), tmp_path / "a (1).csv")
    write(frame(2), tmp_path / "b.csv")
    write(frame(2).assign(t=lambda table: table["t"] + 1000).round(3), tmp_path / "b.parquet")
    (tmp_path / "c.csv").symlink_to(tmp_path / "a.csv")
    write(frame(3), tmp_path / "d.csv")
    config = checked_config("data=table", f"data.path={tmp_path}", *NAMED, "model.axes=[x,y]")
    with pytest.raises(InputError) as error:
        load_checked(config)
    assert str(error.value) == f"recordings a (1).csv and a.csv, a.csv and c.csv, b.csv and b.parquet {LEAKS}"


@pytest.mark.parametrize(
    ("copy", "where"),
    [
        (trial(1), ""),
        (trial(1)[10:90], " (80 rows, from row 0 of c on)"),
        (np.vstack([trial(3, 30), trial(1)]), " (100 rows, from row 30 of c on)"),
        (np.round(trial(1), 2), ""),
        (np.round(trial(1), 4), ""),
    ],
    ids=["whole", "cut short", "extended", "two digits", "four digits"],
)
def test_a_copy_is_refused_whole_in_part_and_rounded(copy: Float32, where: str) -> None:
    with pytest.raises(InputError) as error:
        check(recorded(trial(1), trial(2), copy), 10)
    assert str(error.value) == f"recordings a and c{where} {LEAKS}"


def test_rows_in_common_that_are_less_than_half_of_a_recording_are_warned_about() -> None:
    longer = np.vstack([trial(1, 200)[-50:], trial(2, 200)])
    assert check(recorded(trial(1, 200), longer), 10) == [
        "the same rows are in recordings a and b (50 rows, from row 0 of b on): they leak between subsets; remove "
        "them if they are copies"
    ]


def test_a_file_that_was_appended_to_itself_is_warned_about() -> None:
    assert check(recorded(np.vstack([trial(1), trial(1)])), 10) == [
        "the same rows are in recordings a and a (100 rows, from row 100 of a on): they leak between subsets; "
        "remove them if they are copies"
    ]


def test_repeated_programs_with_noise_of_their_own_rest_and_short_periods_are_not_refused() -> None:
    assert check(recorded(trial(1), trial(2), trial(3)), 10) == []
    rest = np.zeros((100, 3), np.float32)
    assert all("the same" not in line for line in check(recorded(rest, rest), 10))
    period = np.tile(np.array([[0, 1, 2], [1, 0, 3], [4, 1, 1]], np.float32), (40, 1))
    assert check(recorded(period, period), 10) == []
