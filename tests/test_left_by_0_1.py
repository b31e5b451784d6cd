"""What version 0.1 has left on disk is found and used: searches, runs in MLflow, a drafted config, models.

`data/left_by_0_1.zip` is a working directory, /home/lab: six recordings, mine/data/lab.yaml as `forcepos inspect`
drafted it, and what `COMMAND` left with seed=1, with seed=2 (killed in trial 3) and with `-m seed=3,4`.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conftest import DATA, children, runs
from tests.running import PLAIN, Finished
from tests.warm import forcepos

VERSIONS = {"keras": "3.15.1", "keras-tuner": "1.4.8"}  # other ones make another search of the same command
pytestmark = pytest.mark.skipif(
    any(version(name) != number for name, number in VERSIONS.items()),
    reason=f"the searches of version 0.1 were made with {VERSIONS}",
)

OLD_PLACE = "/home/lab"
COMMAND = [
    "--config-dir", "mine", "data=lab", "model=ffnn_regression", "split=held_out_recordings", "tuner=random",
    "tuner.max_trials=3", "model.axes=[x,y]", "model.space.num_layers.max=1", "training.epochs=1",
    "training.final_epochs=1", "split.calibration_ratio=0",
    "model.scaling=whiten", "model.statistics_s=0", "model.clip=false", *PLAIN,  # which were the only way then
]  # fmt: skip
KILLED_RUN = "724498972e0b404cb01ac8292fe504e2"  # of seed=2


def move(place: Path) -> None:
    """Write the new place wherever the old one is written, as who moves a working directory would."""
    for path in place.rglob("*"):
        if path.suffix in (".yaml", ".json", ".log"):
            path.write_text(path.read_text().replace(OLD_PLACE, str(place)))
    with closing(sqlite3.connect(place / "mlruns" / "mlflow.db")) as database, database:
        for table, column in database.execute(
            "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c"
            " WHERE t.type = 'table' AND (c.type LIKE 'VARCHAR%' OR c.type = 'TEXT')"
        ).fetchall():
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)",  # noqa: S608
                (OLD_PLACE, str(place), OLD_PLACE),
            )


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory in a new place; tests only add to it."""
    place = tmp_path_factory.mktemp("lab")
    with zipfile.ZipFile(DATA / "left_by_0_1.zip") as archive:
        archive.extractall(place)
    move(place)
    return place


def hyperparameters_of_0_1(left: Path, seed: int) -> object:
    """What the search with this seed found best."""
    (finished,) = (
        path.parent
        for path in left.glob("outputs/*/2026-11-27_13-40-*/**/result.json")
        if f"- seed={seed}\n" in (path.parent / ".hydra" / "overrides.yaml").read_text()
    )
    return json.loads((finished / "result.json").read_text())["best_hyperparameters"]


@pytest.fixture(scope="module")
def seed_1(left: Path) -> Finished:
    return forcepos([*COMMAND, "seed=1", "skip_finished=true"], left)


def test_a_finished_search_is_found_by_the_same_command(left: Path, seed_1: Finished) -> None:
    """The command composes the drafted config, reads the recordings, and trains the final model anew."""
    assert seed_1.code == 0, seed_1.err
    assert "reused 3 of 3 trials from an earlier run" in seed_1.err
    assert seed_1.result["best_hyperparameters"] == hyperparameters_of_0_1(left, 1)


def test_finished_runs_are_not_reused_and_one_line_says_so(left: Path, seed_1: Finished) -> None:
    (line,) = (line for line in seed_1.err.splitlines() if "another version" in line)
    assert line.partition(" warning: ")[2] == (
        f"files of another version of forcepos in {left}/outputs/finished (3): "
        "not reused, since this version's results may differ"
    )


def test_a_killed_search_is_resumed_in_the_same_run(left: Path) -> None:
    before = {run.info.run_id: run.info.status for run in runs(left)}
    assert before[KILLED_RUN] == "KILLED"
    finished = forcepos([*COMMAND, "seed=2"], left)
    assert finished.code == 0, finished.err
    assert "reused 2 of 3 trials from an earlier run" in finished.err
    assert finished.result["run_id"] == KILLED_RUN
    after = runs(left)
    assert {run.info.status for run in after} == {"FINISHED"}
    name = next(run.info.run_name for run in after if run.info.run_id == KILLED_RUN)
    trials = [run.info.run_name for run in children(after, KILLED_RUN)]
    assert sorted(map(str, trials)) == ["trial 1", "trial 2", f"trial 3 of {name}"[:250]]
    assert len(after) == len(before) + 1  # its third trial


@pytest.mark.system
def test_a_sweep_finds_the_search_of_each_job(left: Path) -> None:
    finished = forcepos(["-m", *COMMAND, "seed=3,4"], left)
    assert finished.code == 0, finished.err
    assert finished.err.count("reused 3 of 3 trials from an earlier run") == 2
    found = [json.loads(line)["best_hyperparameters"] for line in finished.out.splitlines()[:2]]
    assert found == [hyperparameters_of_0_1(left, 3), hyperparameters_of_0_1(left, 4)]


def test_a_model_loads_with_keras_alone(left: Path) -> None:
    (path,) = left.glob("outputs/runs/2026-11-27_13-40-*/model.keras")
    script = (
        "import sys; sys.modules['forcepos'] = None; import keras, numpy\n"
        "model = keras.models.load_model(sys.argv[1])\n"
        "print({name: values.shape for name, values in model.predict(numpy.ones((5, 3)), verbose=0).items()})"
    )
    loaded = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert loaded.stdout == "{'position': (5, 2)}\n", loaded.stderr
