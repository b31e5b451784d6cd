"""Folders in depth, names of recordings, and what paths say: class, session, recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forcepos.data.readers.files import short_names
from forcepos.runtime.errors import InputError
from tests.data.tables import NAMED, numbers, read, write


def put(folder: Path, *names: str) -> Path:
    """The same table under each of these names below a folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(numbers(), folder / name)
    return folder


def error_of(path: Path, *overrides: str) -> str:
    with pytest.raises(InputError) as error:
        read(path, *NAMED, *overrides)
    return str(error.value).replace(str(path), "PATH")


def test_a_folder_is_searched_in_depth_and_recordings_carry_the_names_of_folders(tmp_path: Path) -> None:
    put(tmp_path, "day 10/a.csv", "day 2/a.csv", "day 2/[b]{1}*.csv", "day 2/.hidden/c.csv", "day 2/.d.csv")
    assert read(tmp_path, *NAMED).names == ("day 2/[b]{1}*", "day 2/a", "day 10/a")


def test_a_folder_without_folders_gives_the_names_that_it_always_gave(tmp_path: Path) -> None:
    assert read(put(tmp_path, "a.csv", "b.csv"), *NAMED).names == ("a", "b")
    assert read(put(tmp_path, "b.tsv"), *NAMED).names == ("a.csv", "b.csv", "b.tsv")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["r/x/1/w.csv", "r/x/2/w.csv"], ["1/w", "2/w"]),
        (["r/x/1/w.csv", "r/y/1/w.csv"], ["x/1/w", "y/1/w"]),
        (["r/w.csv", "r/1/w.csv"], ["w", "1/w"]),
        (["r/w.csv", "r/w.tsv"], ["w.csv", "w.tsv"]),
        (["r/1/w.csv"], ["w"]),
    ],
)
def test_names_are_as_short_as_they_can_be(paths: list[str], names: list[str]) -> None:
    assert short_names([Path(path) for path in paths]) == names


def test_links_are_followed_but_no_file_is_read_twice(tmp_path: Path) -> None:
    put(tmp_path / "data", "day/a.csv")
    put(tmp_path / "elsewhere", "b.csv")
    (tmp_path / "data/a link").symlink_to("day")
    (tmp_path / "data/day/round").symlink_to("..")
    (tmp_path / "data/more").symlink_to("../elsewhere")
    assert read(tmp_path / "data", *NAMED).names == ("a", "b")


def test_what_runs_leave_in_the_folder_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "outputs/b.csv", "outputs/runs/1/predictions.csv", "mlruns/1/b.csv")
    assert read(tmp_path / "outputs", *NAMED).names == ("b",)
    assert read(tmp_path, *NAMED).names == ("a", "b")
    assert read(tmp_path / "outputs/runs", *NAMED).names == ("predictions",)


def test_a_folder_without_tables_and_one_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty/deep").mkdir(parents=True)
    assert error_of(tmp_path).startswith("data.path=PATH is a folder without tables: none of its files ends with ")
    real = Path.iterdir

    def locked(path: Path) -> object:
        if path.name == "deep":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", locked)
    assert error_of(tmp_path) == "PATH/empty/deep cannot be read: Permission denied"


def kinds(folder: Path, *trials: str) -> Path:
    for trial in trials:
        (folder / f"{trial}x").parent.mkdir(parents=True, exist_ok=True)
        write(numbers()[["t", "Fx", "Fy"]], folder / f"{trial}wrench.csv")
        write(numbers()[["t", "x", "y"]], folder / f"{trial}pose.csv")
    return folder


@pytest.mark.parametrize(
    ("trials", "first", "pattern"),
    [
        (("1/", "2/"), "1/pose.csv", "*/pose.csv"),
        (("",), "pose.csv", "pose.csv"),
        (("a/b/",), "a/b/pose.csv", "*/*/pose.csv"),
    ],
)
def test_tables_of_different_kinds_give_an_error_that_names_the_keys(
    trials: tuple[str, ...], first: str, pattern: str, tmp_path: Path
) -> None:
    message = error_of(kinds(tmp_path, *trials))
    alike = " (and 1 more file alike)" if len(trials) > 1 else ""
    assert message == (
        f"the tables cannot be read:\n  PATH/{first} lacks Fx, Fy; it has x, y, t{alike}\n"
        f"  PATH/{first.replace('pose', 'wrench')} lacks x, y; it has Fx, Fy, t{alike}\n"
        "  data.path=PATH holds tables with different columns: data.join puts the files of one trial side by "
        f"side; a pattern takes those of one kind, such as data.path='PATH/{pattern}'"
    )


def test_files_of_another_kind_in_every_folder_are_told_once(tmp_path: Path) -> None:
    put(tmp_path, *(f"{trial}/all.csv" for trial in range(20)))
    for trial in range(20):
        (tmp_path / f"{trial}/phases.csv").write_text("t\n0\n1\n")
    assert error_of(tmp_path) == (
        "the tables cannot be read:\n  PATH/0/phases.csv lacks Fx, Fy, x, y; it has t (and 19 more files alike)\n"
        "  data.path=PATH holds tables with different columns: data.join puts the files of one trial side by "
        "side; a pattern takes those of one kind, such as data.path='PATH/*/all.csv'"
    )
    assert read(tmp_path / "*/all.csv", *NAMED).names[:2] == ("0/all", "1/all")


# --- what a path says ---


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("{}/*.csv", ("mon", "tue")),
        ("{}/*/*.csv", ("lab_1", "lab_2")),
        ("grip{}_run_*.csv", ("A", "B")),
        ("*_{}.csv", ("x", "y")),
        ("{}_*.csv", ("gripA", "gripB")),
        ("{}", ("gripA_run_x.csv", "gripB_run_y.csv")),
    ],
)
def test_class_and_session_are_parts_of_the_path(pattern: str, parts: tuple[str, ...], tmp_path: Path) -> None:
    put(tmp_path, "lab_1/mon/gripA_run_x.csv", "lab_2/tue/gripB_run_y.csv")
    recordings = read(tmp_path, *NAMED, f'data.label_from="{pattern}"', f'data.session_from="{pattern}"')
    assert recordings.label_names == recordings.session_names == parts
    assert recordings.labels is not None
    assert recordings.session is not None
    assert recordings.labels[[0, 119, 120, 239]].tolist() == [0, 0, 1, 1]
    assert recordings.session[[0, 119, 120, 239]].tolist() == [0, 0, 1, 1]


def test_a_relative_path_has_folders_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "monday/a.csv")
    monkeypatch.chdir(tmp_path / "monday")
    assert read(Path("a.csv"), *NAMED, 'data.session_from="{}/*.csv"').session_names == ("monday",)


def test_brackets_and_the_like_in_a_pattern_stand_for_themselves(tmp_path: Path) -> None:
    put(tmp_path, "run[1](a).b+csv.csv", "run[1](c).b+csv.csv")
    names = read(tmp_path, *NAMED, 'data.recording_from="run[1]({}).b+csv.csv"').names
    assert names == ("a", "c")


def test_a_folder_named_na_is_a_session_as_any_other(tmp_path: Path) -> None:
    recordings = read(put(tmp_path, "na/a.csv", "nan/b.csv"), *NAMED, 'data.session_from="{}/*"')
    assert recordings.session_names == ("na", "nan")


def test_files_of_one_name_in_recording_from_are_one_recording_in_their_order(tmp_path: Path) -> None:
    put(tmp_path, "a_2.csv", "a_10.csv", "b_1.csv")
    table = numbers().assign(t=lambda rows: rows["t"] + 2)
    write(table, tmp_path / "a_10.csv")
    recordings = read(tmp_path, *NAMED, 'data.recording_from="{}_*.csv"')
    assert recordings.names == ("a", "b")
    assert recordings.bounds.tolist() == [[0, 240], [240, 360]]


@pytest.mark.parametrize("key", ["label", "session", "recording"])
def test_paths_that_do_not_match_are_named_with_key_and_pattern(key: str, tmp_path: Path) -> None:
    put(tmp_path, "a_1.csv", *(f"b{number}.csv" for number in range(5)))
    assert error_of(tmp_path, f'data.{key}_from="{{}}_*.csv"') == (
        f"data.{key}_from={{}}_*.csv does not match 5 of 6 paths: PATH/b0.csv, PATH/b1.csv, PATH/b2.csv and 2 more"
    )


@pytest.mark.parametrize("pattern", ["*.csv", "{}/{}.csv", "{name}.csv"])
def test_a_pattern_marks_one_part(pattern: str, tmp_path: Path) -> None:
    assert error_of(tmp_path, f'data.label_from="{pattern}"') == (
        f"data.label_from={pattern} must mark the label by {{}} once, as in {{}}/*.csv or run_{{}}.csv"
    )


@pytest.mark.parametrize("key", ["label", "session", "recording"])
def test_a_column_and_a_path_for_the_same_contradict_each_other(key: str, tmp_path: Path) -> None:
    assert error_of(tmp_path, f"data.{key}=a", f'data.{key}_from="{{}}.csv"') == (
        f"data.{key} and data.{key}_from are both set: a column or a part of the path gives the {key}"
    )


def test_one_class_only_is_refused_by_its_key(tmp_path: Path) -> None:
    message = error_of(put(tmp_path, "a/1.csv"), 'data.label_from="{}/*"')
    assert message == "data.label_from={}/* has only one class, a: nothing to classify"


def test_a_label_from_paths_needs_no_targets(tmp_path: Path) -> None:
    put(tmp_path, "a/1.csv", "b/1.csv")
    wanted = ["data.features=[Fx,Fy]", "data.time=t", "model=ffnn_classification", 'data.label_from="{}/*"']
    assert read(tmp_path, *wanted, targets=None).label_names == ("a", "b")


# --- sessions of a column ---


def test_a_session_is_a_column(tmp_path: Path) -> None:
    table = numbers().assign(day=np.repeat(["mon", "tue"], 60), visit=np.repeat([1, 2, 3, 4], 30))
    recordings = read(write(table, tmp_path / "a.csv"), *NAMED, "data.session=day", "data.recording=visit")
    assert recordings.session_names == ("mon", "tue")
    assert recordings.session is not None
    assert recordings.session[::30].tolist() == [0, 0, 1, 1]
    assert read(tmp_path / "a.csv", *NAMED).session is None


def test_a_session_that_changes_within_a_recording_is_refused(tmp_path: Path) -> None:
    path = write(numbers().assign(day=np.repeat(["mon", "tue"], 60)), tmp_path / "a.csv")
    assert error_of(path, "data.session=day") == (
        "the session changes within 1 recordings, a: name a column in data.recording, data.recording=day at least"
    )
    assert read(path, *NAMED, "data.session=day", "data.recording=day").names == ("mon", "tue")


def test_paths_and_a_folder_reach_the_command(tmp_path: Path) -> None:
    rows = pd.concat([numbers()] * 3, ignore_index=True).assign(t=lambda table: table.index * 0.01)
    for place in ("mon/1", "mon/2", "tue/1", "tue/2"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        write(rows, tmp_path / f"{place}.csv")
    names = read(tmp_path, *NAMED, 'data.session_from="{}/*.csv"').names
    assert names == ("mon/1", "mon/2", "tue/1", "tue/2")
