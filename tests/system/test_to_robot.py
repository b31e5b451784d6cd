"""From networks of all kinds to the robot: the export answers as Keras does, and goes on doing so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forcepos.experiment.export import export
from tests.live.models import save_model
from tests.warm import forcepos

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("model", "overrides", "chosen"),
    [
        ("ffnn_regression", [], {}),  # sees a row
        ("ffnn_regression", [], {"scaling": "encode", "statistics_s": 0.2}),
        ("ffnn_classification", [], {"scaling": "standardize"}),
        ("cnn_classification", ["training.ensemble=2"], {"statistics_s": 0.5}),
        ("cnn_regression", ["training.ensemble=3"], {"scaling": "encode"}),
        ("cnn_regression", ["evaluation.calibration=none", "model.clip=false"], {"scaling": "none"}),
    ],
)
def test_the_export_answers_as_the_model_does(
    tmp_path: Path, model: str, overrides: list[str], chosen: dict[str, Any]
) -> None:
    save_model(tmp_path, *overrides, model=model, **chosen)
    result = export(str(tmp_path), None, [])
    assert float(result["largest difference"].split()[0]) < 0.001  # mm, or of a probability


def test_memory_after_600_000_samples_is_that_after_a_thousand(tmp_path: Path) -> None:
    save_model(tmp_path, statistics_s=0.5)
    export(str(tmp_path), None, [])
    program = (
        "import sys; sys.path.insert(0, 'exported')\n"
        "import ctypes, numpy as np\n"
        "from estimator import Estimator\n"
        "live = Estimator('exported')\n"
        "rows = np.random.default_rng(1).normal(size=(1000, 20))\n"
        "fields = [(name, ctypes.c_size_t) for name in 'abcdefghij']\n"
        "Info = type('Info', (ctypes.Structure,), {'_fields_': fields})\n"
        "library = ctypes.CDLL(None); library.mallinfo2.restype = Info\n"
        "def in_use(): return library.mallinfo2().h + library.mallinfo2().e, sys.getallocatedblocks()\n"
        "for step in range(600_000):\n"
        "    live(rows[step % 1000], step / 100)\n"
        "    if step == 1000: before = in_use()\n"
        "print(*[now - then for now, then in zip(in_use(), before)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    heap, objects = map(int, done.stdout.split())  # in use: a process' pages come and go as the system likes
    assert heap <= 100_000  # bytes
    assert objects <= 100


def test_three_commands_lead_from_a_search_to_a_live_answer(tmp_path: Path) -> None:
    """Those of docs/robot.md, with a small search."""
    searched = forcepos(["debug=smoke", "tuner=random"], tmp_path)
    run = Path(searched.result["outputs"]).relative_to(tmp_path)
    assert forcepos(["export", str(run)], tmp_path).code == 0
    rows = np.random.default_rng(1).normal(size=(30, 20))
    names = ",".join(f"{kind}_A{joint}" for kind in ("exT", "msT") for joint in range(1, 8))
    np.savetxt(tmp_path / "visit.csv", rows, delimiter=",", header=f"{names},Fx,Fy,Fz,Tx,Ty,Tz", comments="")
    replay = Path(__file__).parents[2] / "examples" / "replay.py"
    without = "import sys; sys.modules |= dict.fromkeys(['tensorflow', 'keras', 'mlflow', 'hydra', 'forcepos'])\n"
    program = f"{without}import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", program, replay, run / "exported", "visit.csv", "--speed", "10"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 30
    assert lines[0].split()[2] == "filling"
    assert "mm  within" in lines[-1]
