"""`forcepos export`: what it writes, measures and refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from forcepos.experiment import export as exporting
from forcepos.runtime.errors import InputError
from tests.conftest import Smoke
from tests.live.models import save_model
from tests.warm import forcepos


def test_the_export_of_a_run_is_compared_timed_and_answers_without_forcepos(smoke: Smoke, tmp_path: Path) -> None:
    finished, folder = smoke("cnn_regression")
    run = Path(finished.result["outputs"]).relative_to(folder)
    done = forcepos(["export", str(run), "--output", str(tmp_path / "robot")], folder)
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "robot").iterdir()} == {
        "model.onnx", "facts.json", "estimator.py", "model_card.md"
    }  # fmt: skip
    difference, words = done.result["largest difference"].split(" ", 1)
    assert float(difference) < 0.01
    assert words == "mm on 1800 rows of 18 recordings of the test part"
    assert done.result["needs"] == "numpy, onnxruntime"
    card = (tmp_path / "robot" / "model_card.md").read_text()
    assert card.startswith("# cnn_regression\n")
    assert re.search(r"\| one sample, median \| \d+ us \|", card)
    program = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'hydra', 'mlflow', 'forcepos'): sys.modules[name] = None\n"
        "sys.path.insert(0, 'robot')\n"
        "import numpy as np; from estimator import Estimator\n"
        "live = Estimator('robot')\n"
        "print([live(np.zeros(20), step / 100).position.tolist() for step in range(10)][-1])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert np.isfinite(eval(answer.stdout)).all()  # noqa: S307  # of two numbers


def test_an_export_that_differs_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(tmp_path / "run")
    monkeypatch.setattr(exporting, "_MOST", 1e-12)
    with pytest.raises(
        InputError, match=r"the export differs by .* mm from the model on 1800 rows .*: at most 1e-12"
    ):
        exporting.export(str(tmp_path / "run"), None, [])
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["model.keras"]


def test_without_its_data_a_model_is_compared_on_signals_like_those_of_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise InputError("data.path=lab.csv is not a file")

    save_model(tmp_path / "run", model="ffnn_classification")
    monkeypatch.setattr(exporting, "load_recordings", gone)
    result = exporting.export(str(tmp_path / "run"), tmp_path / "robot", [])
    assert result["largest difference"].endswith("of a probability on 2000 random rows like those of training")
    assert "the data cannot be read (data.path=lab.csv is not a file)" in caplog.text


def test_a_folder_that_is_there_is_left_alone(smoke: Smoke, tmp_path: Path) -> None:
    run = smoke("cnn_regression")[0].result["outputs"]
    (tmp_path / "robot").mkdir()
    done = forcepos(["export", run, "--output", "robot"], tmp_path)
    assert done.code == 1
    assert done.err.splitlines()[-1] == "error: robot is there: choose another folder with --output, or remove it"


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"no zip"])
def test_a_file_that_is_no_model_of_ours_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.keras").write_bytes(content)
    done = forcepos(["export", "model.keras"], tmp_path)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1].startswith("error: model.keras ")
