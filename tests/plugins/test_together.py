"""Four plug-ins of a laboratory, none of them in the package, in one command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import children, runs
from tests.plugins.lab import ALL, with_plugins
from tests.running import forcepos, read_until, start

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("plugins")]


def trials(folder: Path) -> list[dict[str, Any]]:
    """What a search has found, without where, when and how long."""
    (search,) = (path for path in (folder / "outputs" / "search").iterdir() if path.is_dir())
    found = [json.loads(path.read_text()) for path in sorted(search.glob("trial_*.json"))]
    return [{key: value for key, value in trial.items() if key != "seconds"} for trial in found]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all four have been used once."""
    folder = with_plugins(tmp_path_factory.mktemp("lab"))
    done = forcepos(ALL, folder)
    assert done.code == 0, done.err
    (folder / "result.json").write_text(done.out)
    return folder


def test_they_search_train_and_are_logged(lab: Path) -> None:
    result = json.loads((lab / "result.json").read_text())
    run, *others = sorted(runs(lab), key=lambda run: "mlflow.parentRunId" in run.data.tags)
    assert run.info.run_id == result["run_id"]
    assert len(children(others, run.info.run_id)) == 4
    named = {key: json.loads(value) for key, value in run.data.params.items() if key.endswith(".plugin")}
    assert {key: name for key, (name, source_hash) in named.items() if len(source_hash) == 16} == {
        "model.plugin": "gru.Gru",
        "split.plugin": "by_surface.BySurface",
        "data.plugin": "json_lines.JsonLines",
        "tuner.plugin": "tpe.Tpe",
    }
    assert run.data.params["split.test"] == '["steel"]'
    repeat = "`python -m forcepos --config-dir mine model=gru split=by_surface 'split.test=[steel]' "
    assert repeat in run.data.tags["mlflow.note.content"]
    assert result["best_hyperparameters"].keys() == {
        "units", "dropout", "lr", "batch_size", "scaling", "statistics_s",
    }  # fmt: skip
    assert result["test"]["euclidean_mean_mm"] < result["baseline"]["euclidean_mean_mm"]


def test_the_logged_model_loads_without_forcepos_and_without_them(lab: Path) -> None:
    result = json.loads((lab / "result.json").read_text())
    code = (
        "import sys; sys.modules['forcepos'] = sys.modules['gru'] = None\n"
        "import mlflow, numpy as np, pandas as pd\n"
        f"mlflow.set_tracking_uri('sqlite:///{lab}/mlruns/mlflow.db')\n"
        f"model = mlflow.pyfunc.load_model('{result['model_uri']}')\n"
        f"rows = np.zeros(({result['input_rows']} + 1, 3))\n"
        "names = model.metadata.signature.inputs.input_names()\n"
        "print(model.predict(pd.DataFrame(rows, columns=names))[['x_mm', 'y_mm']].dropna().tail(2).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "(2, 2)", done.stderr


def test_a_killed_search_is_resumed_as_if_it_had_never_stopped(lab: Path, tmp_path: Path) -> None:
    with_plugins(tmp_path)
    with start(ALL, tmp_path) as process:
        read_until(process.stderr, "trial 3 of 4")
        os.kill(process.pid, signal.SIGKILL)
    assert len(trials(tmp_path)) == 2
    again = forcepos(ALL, tmp_path)
    assert again.code == 0, again.err
    assert "reused 2 of 4 trials" in again.err
    assert trials(tmp_path) == trials(lab)
    assert again.result["test"] == json.loads((lab / "result.json").read_text())["test"]


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])  # the latter as Slurm's does
def test_jobs_of_a_sweep_and_workers_of_a_search_find_them(launcher: str, tmp_path: Path) -> None:
    with_plugins(tmp_path)
    swept = forcepos([*ALL, "-m", f"hydra/launcher={launcher}", "tuner.workers=2", "seed=1,2"], tmp_path)
    assert swept.code == 0, swept.err
    assert len(swept.out.splitlines()) == 2


def test_a_change_of_their_source_begins_another_search(lab: Path, tmp_path: Path) -> None:
    with_plugins(tmp_path)
    for name in ("gru", "tpe"):
        path = tmp_path / "mine" / f"{name}.py"
        path.write_text(path.read_text() + "\n# changed\n")
        assert forcepos([*ALL, "tuner.max_trials=1"], tmp_path).code == 0
    searches = {path.name for folder in (lab, tmp_path) for path in (folder / "outputs" / "search").iterdir()}
    assert len([name for name in searches if not name.endswith(".lock")]) == 3
