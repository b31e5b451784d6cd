"""The last line that `inspect` prints trains, in a shell, whatever the names are."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import run

import pytest
from omegaconf import OmegaConf

import forcepos
from tests.commands.inspect.made import TINY, inspected, recording, refused

ODD = {"Fx": 'Fx, "left" [N]', "Fy": "F_y=$HOME (N)", "Fz": "Fz 'über' (N)", "time": "t [s]"}


def test_the_last_line_names_what_to_fill_in(tmp_path: Path) -> None:
    recording().drop(columns=["x", "y", "z"]).to_csv(tmp_path / "a.csv", index=False)
    last = inspected(tmp_path, "--no-figures", "a.csv").err.splitlines()[-1]
    assert last.startswith("python -m forcepos --config-dir outputs/inspect/")
    assert " data=inspected 'data.targets=[X,Y,Z]'  # fill in; no position columns were recognised" in last
    assert last.endswith("inspect takes --positions X Y Z")


def test_the_path_finds_exactly_the_files_that_were_named(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("a_0", "a_1", "b_0", "b_1"):
        recording(100).to_csv(tmp_path / "logs" / f"{name}.csv", index=False)

    def path(*files: str) -> str:
        config = inspected(tmp_path, "--no-figures", *files).result["config"]
        return str(OmegaConf.load(tmp_path / config).path)

    assert path("logs/[a]*.csv") == "logs/[a]*.csv"
    assert path("logs/b_0.csv", "logs/b_1.csv") == "logs/b_*.csv"  # as a shell passes a pattern
    assert refused(tmp_path, "logs/a_0.csv", "logs/b_1.csv") == (
        "error: no one pattern finds these 2 tables without other files: if several are parts of one trial, "
        "--join a_0=a_0.csv b_1=b_1.csv puts them side by side; else give them a folder of their own"
    )


def test_files_of_one_trial_are_inspected_side_by_side_and_drafted_so(tmp_path: Path) -> None:
    for trial, rows in (("1", recording(100)), ("2", recording(110))):
        (tmp_path / "trials" / trial).mkdir(parents=True)
        rows[["time", "Fx", "Fy", "Fz"]].to_csv(tmp_path / "trials" / trial / "ft.csv", index=False)
        rows[["time", "x", "y"]].to_csv(tmp_path / "trials" / trial / "pose.csv", index=False)
    join = "--join", "ft=ft.csv", "pose=pose.csv"
    seen = inspected(
        tmp_path, "--no-figures", "trials", *join, "--time", "ft.time", "--positions", "pose.x", "pose.y"
    )
    assert (seen.result["recordings"], seen.result["rows"]) == (2, 210)
    draft = OmegaConf.load(tmp_path / seen.result["config"])
    assert draft.join == {"ft": "ft.csv", "pose": "pose.csv"}
    assert (draft.path, draft.time, draft.targets) == ("trials", "ft.time", ["pose.x", "pose.y"])
    by_row = inspected(tmp_path, "--no-figures", "trials", *join, "--positions", "pose.x", "pose.y").result[
        "config"
    ]
    assert OmegaConf.load(tmp_path / by_row).join_by == "row"


@pytest.mark.parametrize("join", [["ft"], ["ft="], ["a=ft.csv", "a=pose.csv"]])
def test_files_to_join_have_different_names(join: list[str], tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    assert refused(tmp_path, "trials", "--join", *join).startswith(
        "error: --join takes NAME=FILE for each file of "
    )


@pytest.mark.system
def test_the_last_line_trains_in_a_shell(tmp_path: Path) -> None:
    (tmp_path / "my logs, 'a'").mkdir()
    recording(400).rename(columns=ODD).to_csv(tmp_path / "my logs, 'a'" / "nr=1 $x.csv", index=False)
    last = inspected(tmp_path, "--no-figures", "my logs, 'a'").err.splitlines()[-1]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    overrides = " ".join(f"'{one}'" for one in ["debug=smoke", *TINY])
    done = run(f"{last} {overrides}", shell=True, cwd=tmp_path, env=os.environ | {"PATH": path}, check=False)  # noqa: S602  # as a user does
    assert done.returncode == 0
    assert len(forcepos.runs(tmp_path)) == 1
