"""The last line that `inspect` prints trains, in a shell, whatever the names are."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import run

import pytest

import forcepos
from tests.commands.inspect.made import TINY, inspected, recording

ODD = {"Fx": 'Fx, "left" [N]', "Fy": "F_y=$HOME (N)", "Fz": "Fz 'über' (N)", "time": "t [s]"}


def test_the_last_line_names_what_to_fill_in(tmp_path: Path) -> None:
    recording().drop(columns=["x", "y", "z"]).to_csv(tmp_path / "a.csv", index=False)
    last = inspected(tmp_path, "--no-figures", "a.csv").err.splitlines()[-1]
    assert last.startswith("python -m forcepos --config-dir outputs/inspect/")
    assert " data=inspected 'data.targets=[X,Y,Z]'  # fill in; no position columns were recognised" in last
    assert last.endswith("inspect takes --positions X Y Z")


def test_a_pattern_that_was_typed_is_the_path_and_other_files_are_linked(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for number in range(3):
        recording(100 + number).to_csv(tmp_path / "logs" / f"{number}.csv", index=False)
    config = inspected(tmp_path, "--no-figures", "logs/[0-1]*.csv").result["config"]
    assert 'path: "logs/[0-1]*.csv"' in (tmp_path / config).read_text()
    found = inspected(tmp_path, "--no-figures", "logs/0.csv", "logs/2.csv").result
    (path,) = (line for line in (tmp_path / found["config"]).read_text().splitlines() if line.startswith("path:"))
    assert "outputs/inspect/" in path
    assert found["recordings"] == 2


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
