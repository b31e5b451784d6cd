"""The live estimator: what it answers, what it flags, and what it needs."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest

from forcepos import compose, load_recordings
from forcepos.experiment.export import export
from forcepos.live import Estimate, Estimator
from forcepos.live import estimator as source
from forcepos.models.facts import read_facts
from forcepos.tracking.served import RowsModel
from tests.live.models import save_model

STEP = 0.01  # s, of the simulated arm


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an exported network that looks back for half a second, with its model one folder above."""
    folder = tmp_path_factory.mktemp("run")
    save_model(folder, scaling="encode", statistics_s=0.5)
    export(str(folder), None, [])
    return folder / "exported"


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """The first recording, (100, 20)."""
    recordings = load_recordings(compose("debug=smoke"))
    first, end = recordings.bounds[0]
    return recordings.signals[first:end].astype(np.float64)


def answers(live: Estimator, rows: np.ndarray, step: float = STEP) -> list[Estimate]:
    return [live(row, number * step) for number, row in enumerate(rows)]


def test_it_answers_each_row_as_the_model_in_keras_does(exported: Path, rows: np.ndarray) -> None:
    live, model = Estimator(exported), RowsModel(exported.parent / "model.keras")
    found = answers(live, rows)
    expected = model.predict(pd.DataFrame(rows, columns=live.channels))
    assert len(expected) == len(rows) == 100
    assert live.facts["rows"] == 50
    assert np.array([one.position for one in found]) == pytest.approx(
        expected[["x_mm", "y_mm"]].to_numpy(), abs=1e-3, nan_ok=True
    )
    assert np.array([one.radius for one in found]) == pytest.approx(expected["radius_mm"].to_numpy(), nan_ok=True)
    assert [one.flag for one in found[:9]] == ["filling"] * 9  # the window has ten rows
    assert np.isfinite(found[9].position).all()


def test_a_sample_by_name_may_have_any_order(exported: Path, rows: np.ndarray) -> None:
    live = Estimator(exported)
    whole = answers(live, rows[:20])[-1]
    live.reset()
    for number, row in enumerate(rows[:20]):
        by_name = live(dict(zip(live.channels[::-1], row[::-1], strict=True)), number * STEP)
    assert by_name.position.tolist() == whole.position.tolist()


@pytest.mark.parametrize("kind", [list, tuple, np.float32, pd.Series])
def test_a_sample_may_be_any_sequence_of_numbers(
    exported: Path, rows: np.ndarray, kind: Callable[[np.ndarray], Any]
) -> None:
    live = Estimator(exported)
    expected = answers(live, rows[:20])[-1].position.tolist()
    live.reset()
    assert [live(kind(row), number * STEP) for number, row in enumerate(rows[:20])][
        -1
    ].position.tolist() == expected


def test_an_estimate_stays_as_it_was_after_the_next_one(exported: Path, rows: np.ndarray) -> None:
    live = Estimator(exported)
    first = answers(live, rows[:20])[-1]
    position = first.position.tolist()
    assert live(rows[50], 20 * STEP).position.tolist() != position
    assert first.position.tolist() == position


def test_a_folder_whose_network_takes_any_number_of_samples_is_understood(
    exported: Path, rows: np.ndarray
) -> None:
    """As export wrote it until it wrote networks for one sample."""
    folder = exported.parent / "any_batch"
    folder.mkdir()
    live = Estimator(tared(folder, lambda _: None))
    expected = [one.position.tolist() for one in answers(live, rows)[9:]]
    model = onnx.load(folder / "model.onnx")
    for each in (*model.graph.input, *model.graph.output):
        each.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, folder / "model.onnx")
    assert [one.position.tolist() for one in answers(Estimator(folder), rows)[9:]] == expected


def test_missing_and_surplus_channels_are_named(exported: Path) -> None:
    live = Estimator(exported)
    sample = dict.fromkeys(live.channels, 0.0)
    del sample["Fx"]
    with pytest.raises(ValueError, match=r"channels missing: \['Fx'\]; not known: \['fx'\]; needed: .*'exT_A1'"):
        live(sample | {"fx": 0.0}, 0.0)
    for wrong in (np.zeros(19), [0.0] * 19):
        with pytest.raises(ValueError, match=r"a sample has shape \(19,\), not \(20,\): exT_A1, exT_A2"):
            live(wrong, 0.0)
    with pytest.raises(ValueError, match=r"a sample has shape \(1, 20\), not \(20,\)"):
        live(np.zeros((1, 20)), 0.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_while_a_bad_sample_is_in_the_window_there_is_no_answer(
    exported: Path, rows: np.ndarray, bad: float
) -> None:
    live = Estimator(exported)
    for number, row in enumerate(rows):
        broken = row.copy()
        broken[3] = bad if number == 40 else row[3]
        estimate = live(broken, number * STEP)
        if 40 <= number < 90:  # as long as the look back
            assert estimate.flag == "not finite"
            assert np.isnan([*estimate.position, estimate.radius]).all()
    assert estimate.flag != "not finite"
    assert np.isfinite(estimate.position).all()


@pytest.mark.parametrize("jump", [0.5, -0.5, 0.0])
def test_a_jump_of_time_begins_a_new_window(exported: Path, rows: np.ndarray, jump: float) -> None:
    live = Estimator(exported)
    answers(live, rows[:30])
    begin = 29 * STEP + jump
    found = [live(row, begin + number * STEP) for number, row in enumerate(rows[30:45])]
    assert [one.flag for one in found[:10]] == ["stale", *["filling"] * 8, found[9].flag]
    assert np.isfinite(found[9].position).all()


def test_rows_at_another_rate_than_in_training_are_stale(exported: Path, rows: np.ndarray) -> None:
    assert {one.flag for one in answers(Estimator(exported), rows, STEP / 10)[20:]} == {"stale"}
    jitter = np.random.default_rng(1).uniform(-0.4, 0.4, len(rows)) * STEP
    live = Estimator(exported)
    flags = {live(row, number * STEP + jitter[number]).flag for number, row in enumerate(rows)}
    assert "stale" not in flags


def test_signals_far_from_training_are_flagged_and_still_answered(exported: Path, rows: np.ndarray) -> None:
    live = Estimator(exported)
    usual = answers(live, rows)[-1]
    live.reset()
    far = answers(live, rows + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0])[
        -1
    ]  # 30 N more along x
    assert far.flag == "far"
    assert far.distance > 10 > usual.distance
    assert np.isfinite(far.position).all()


def test_an_answer_to_rows_takes_no_more_memory_later(exported: Path, rows: np.ndarray) -> None:
    live = Estimator(exported)
    answers(live, np.tile(rows, (5, 1)))
    tracemalloc.start()
    answers_before = tracemalloc.get_traced_memory()[0]
    for number in range(3000):
        live(rows[number % 100], 1000 + number * STEP)
    grown = tracemalloc.get_traced_memory()[0] - answers_before
    tracemalloc.stop()
    assert grown < 20_000


def tared(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of an exported folder whose facts are changed."""
    for name in ("model.onnx", "facts.json"):
        (folder / name).write_bytes((folder.parent / "exported" / name).read_bytes())
    facts = json.loads((folder / "facts.json").read_text())
    change(facts)
    (folder / "facts.json").write_text(json.dumps(facts))
    return folder


def test_a_model_of_tared_signals_asks_for_the_tare_and_subtracts_it(exported: Path, rows: np.ndarray) -> None:
    folder = exported.parent / "tared"
    folder.mkdir()
    live = Estimator(tared(folder, lambda facts: facts.update(tared=["Fx"])))
    whole, offset = answers(Estimator(exported), rows)[-1], 7.0 * (np.array(live.channels) == "Fx")
    assert {one.flag for one in answers(live, rows)} == {"tare"}
    live.tare(0.1)
    free = np.zeros(20) + offset
    assert [live(free, 5 + number * STEP).flag for number in range(11)] == ["tare"] * 11
    found = [live(row + offset, 9 + number * STEP) for number, row in enumerate(rows)]
    assert found[0].flag == "filling"
    assert found[-1].position == pytest.approx(whole.position, abs=1e-3)
    assert answers(Estimator(folder, tared=True), rows)[-1].position == pytest.approx(whole.position)


def test_a_model_of_signals_as_they_are_takes_no_tare(exported: Path) -> None:
    with pytest.raises(ValueError, match="learned from signals as they are"):
        Estimator(exported).tare()


def test_a_folder_of_another_format_is_refused(exported: Path) -> None:
    folder = exported.parent / "newer"
    folder.mkdir()
    with pytest.raises(ValueError, match="its format is 2, not 1: export the model anew"):
        Estimator(tared(folder, lambda facts: facts.update(format=2)))


def test_it_is_one_short_file_that_needs_numpy_and_onnxruntime_only() -> None:
    assert len(Path(source.__file__).read_text().splitlines()) <= 250
    program = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'hydra', 'mlflow', 'pandas', 'pyarrow', 'sklearn'):\n"
        "    sys.modules[name] = None\n"  # importing it raises ImportError
        "from forcepos.live import Estimator\n"
        "print(sorted(name for name in sys.modules if name.startswith('forcepos')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['forcepos', 'forcepos.live', 'forcepos.live.estimator']\n"


def test_the_facts_beside_the_export_are_those_inside_of_the_model(exported: Path) -> None:
    facts = json.loads((exported / "facts.json").read_text())
    assert facts == read_facts(exported.parent / "model.keras")
    assert facts["channels"][14]["name"] == "Fx"
    assert facts["channels"][14]["unit"] == "N"
    assert (facts["rate_hz"], facts["window"], facts["rows"], facts["axes"]) == (100.0, 10, 50, ["x", "y"])
    assert "tracking" not in facts["config"]  # which may hold a password
