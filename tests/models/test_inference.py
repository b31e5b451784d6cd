"""The model that a run saves has named outputs and loads where forcepos is not installed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from forcepos.data.sectors import make_sectors
from forcepos.models.calibration import Calibration, spread_mm
from forcepos.models.final import inference_model
from forcepos.models.networks import build_network, load_networks
from forcepos.models.problem import Classification, Regression, Task, make_task
from forcepos.models.scaling import Scaling
from tests.conftest import MODELS, checked_config

REGRESSION: Task = Regression(("x", "y"))
CLASSIFICATION: Task = Classification(make_sectors(checked_config().sectors))
SIGNALS = np.random.default_rng(1).normal(size=(6, 10, 20)).astype(np.float32)


def calibration(bound: float, floor_mm: float) -> Calibration:
    return Calibration(0.9, bound, floor_mm, 9, "recordings")


def networks(task: Task, count: int) -> list[keras.Sequential]:
    keras.utils.set_random_seed(1)
    activation = None if isinstance(task, Regression) else "softmax"
    return [
        keras.Sequential(
            [keras.Input((10, 20)), keras.layers.Flatten(), keras.layers.Dense(len(task.outputs), activation)],
            name=f"network_{number}",
        )
        for number in range(1, count + 1)
    ]


def outputs_of(
    task: Task, members: list[keras.Sequential], calibrated: Calibration | None, folder: Path
) -> dict[str, np.ndarray]:
    """Return the model's outputs after saving and loading it."""
    inference_model(task, members, calibrated, "plate").save(folder / "model.keras")
    return dict(keras.models.load_model(folder / "model.keras").predict(SIGNALS, verbose=0))


@pytest.mark.parametrize(("task", "name"), [(REGRESSION, "position"), (CLASSIFICATION, "probabilities")])
@pytest.mark.parametrize("count", [1, 3])
def test_without_calibration_the_only_output_is_the_ensembles_mean(
    task: Task, name: str, count: int, tmp_path: Path
) -> None:
    members = networks(task, count)
    outputs = outputs_of(task, members, None, tmp_path)
    assert list(outputs) == [name]
    mean = np.mean([member.predict(SIGNALS, verbose=0) for member in members], axis=0)
    assert outputs[name] == pytest.approx(mean, abs=1e-6)


def test_a_single_network_has_one_radius(tmp_path: Path) -> None:
    outputs = outputs_of(REGRESSION, networks(REGRESSION, 1), calibration(2.5, 0.0), tmp_path)
    assert outputs["radius"].tolist() == [2.5] * 6


def test_an_ensembles_radius_grows_with_the_spread_of_its_members(tmp_path: Path) -> None:
    members = networks(REGRESSION, 3)
    outputs = outputs_of(REGRESSION, members, calibration(2.0, 0.3), tmp_path)
    each = np.array([member.predict(SIGNALS, verbose=0) for member in members])
    assert outputs["radius"] == pytest.approx(2.0 * spread_mm(each, 0.3), rel=1e-5)


def test_sectors_are_those_that_are_probable_enough_and_always_the_most_probable_one(tmp_path: Path) -> None:
    outputs = outputs_of(CLASSIFICATION, networks(CLASSIFICATION, 1), calibration(0.85, 0), tmp_path)
    probabilities, sectors = outputs["probabilities"], outputs["sectors"]
    assert sectors.dtype == bool
    assert np.array_equal(sectors, probabilities >= np.minimum(0.15, probabilities.max(axis=1, keepdims=True)))
    certain = outputs_of(CLASSIFICATION, networks(CLASSIFICATION, 1), calibration(0.0, 0), tmp_path)
    assert certain["sectors"].sum(axis=1).tolist() == [1] * 6


# --- samples that are not finite ---

CHOSEN = {"num_layers": 1, "units_0": 8, "activation": "relu", "dropout": False, "lr": 1e-3, "batch_size": 8}
CHOSEN |= {f"conv_{place}_{name}": value for place in ("input", "0")
           for name, value in (("filter", 8), ("kernel", 3), ("activation", "relu"))}  # fmt: skip
BROKEN = [np.nan, np.inf, -np.inf, 1e38, -1e38]  # the last two are infinite once they are standardised
Answers = Callable[[np.ndarray], dict[str, Any]]


def plate_model(name: str, count: int, calibrated: Calibration | None, scaling: str = "whiten") -> keras.Model:
    """Build an untrained model of our own networks for signals of six channels, about 0.001 large."""
    config = checked_config(f"model={name}").model
    task = make_task(config, make_sectors(checked_config().sectors))
    moments, rng = (np.zeros(6), np.full(6, 1e-3)), np.random.default_rng(1)
    scales = Scaling(moments, None, rng.normal(size=(6, 6))) if scaling == "whiten" else Scaling()
    keras.utils.set_random_seed(1)
    members = [build_network(config, CHOSEN, task, 6, scales) for _ in range(count)]
    for number, member in enumerate(members):
        member.name = f"network_{number}"
    return inference_model(task, members, calibrated, name)


def broken_and_whole(model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Return eight samples, the first five with one broken value each, the sixth with no other; and whole ones."""
    whole = np.random.default_rng(2).normal(size=(8, *model.input_shape[1:])).astype(np.float32) * 1e-3
    broken = whole.copy()
    for sample, value in enumerate(BROKEN):
        broken[sample].flat[sample + 1] = value
    broken[5] = np.nan
    return broken, whole


def check_answers(answer: Answers, model: keras.Model) -> None:
    broken, whole = broken_and_whole(model)
    told, expected = answer(broken), answer(whole)
    assert set(told) == set(model.output)
    for name, values in ((name, np.asarray(each)) for name, each in told.items()):
        assert (values[:6] if values.dtype == bool else np.isnan(values[:6])).all(), name
        assert np.array_equal(values[6:], np.asarray(expected[name])[6:]), name
        assert np.isfinite(np.asarray(expected[name])).all(), name


@pytest.mark.parametrize("name", MODELS)
def test_a_sample_that_is_not_finite_has_no_answer_and_leaves_the_others_alone(name: str, tmp_path: Path) -> None:
    model = plate_model(name, 1, calibration(0.7, 0.1))
    check_answers(model, model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    check_answers(lambda signals: dict(loaded.predict(signals, verbose=0)), model)
    loaded.export(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(tmp_path / "exported")
    check_answers(served.serve, model)


@pytest.mark.parametrize(
    ("name", "count", "calibrated", "scaling"),
    [
        ("ffnn_regression", 3, calibration(0.7, 0.1), "whiten"),
        ("ffnn_classification", 2, None, "whiten"),
        ("ffnn_classification", 1, calibration(0.7, 0.1), "none"),
    ],
)
def test_ensembles_and_models_without_radius_or_scaling_have_no_answer_either(
    name: str, count: int, calibrated: Calibration | None, scaling: str
) -> None:
    model = plate_model(name, count, calibrated, scaling)
    check_answers(tf.function(model), model)


def test_a_prediction_that_overflows_is_no_answer() -> None:
    for task, name in ((REGRESSION, "position"), (CLASSIFICATION, "probabilities")):
        members = networks(task, 1)
        members[0].set_weights([np.full_like(weights, 1e38) for weights in members[0].get_weights()])
        outputs = inference_model(task, members, calibration(0.7, 0.1), "plate").predict(SIGNALS, verbose=0)
        assert np.isnan(outputs[name]).all()
        assert np.all(outputs["sectors"] if name == "probabilities" else np.isnan(outputs["radius"]))


def test_positions_stay_in_the_widened_box_of_the_training_targets() -> None:
    box = np.array([-1.0, -2.0]), np.array([1.0, 2.0])
    members = networks(REGRESSION, 2)
    for member in members:
        member.set_weights([np.full_like(weights, 100) for weights in member.get_weights()])
    model = inference_model(REGRESSION, members, None, "plate", box)
    far = model.predict(np.stack([SIGNALS[0] * 0 + 1e6, SIGNALS[0] * 0 - 1e6]), verbose=0)["position"]
    assert far.tolist() == [[1, 2], [-1, -2]]
    broken = model.predict(np.full_like(SIGNALS[:1], np.nan), verbose=0)["position"]
    assert np.isnan(broken).all()


def test_the_file_of_a_model_holds_strict_json(tmp_path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    model = inference_model(REGRESSION, networks(REGRESSION, 1), calibration(0.7, 0.1), "plate")
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        for part in ("config.json", "metadata.json"):
            json.loads(archive.read(part), parse_constant=refuse)


# --- networks that count more than once, and that see other rows ---


def test_a_network_that_is_there_twice_has_twice_the_weight_in_mean_and_radius(tmp_path: Path) -> None:
    first, second = networks(REGRESSION, 2)
    members = [first, first, second]
    outputs = outputs_of(REGRESSION, members, calibration(2.0, 0.3), tmp_path)
    each = np.array([member.predict(SIGNALS, verbose=0) for member in members])
    assert outputs["position"] == pytest.approx(each.mean(axis=0), abs=1e-6)
    assert outputs["radius"] == pytest.approx(2.0 * spread_mm(each, 0.3), rel=1e-5)
    model = keras.models.load_model(tmp_path / "model.keras")
    assert model.count_params() == 2 * first.count_params()


def seeing(shape: tuple[int, ...], number: int) -> keras.Sequential:
    stack = [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(2)]
    return keras.Sequential(stack, name=f"network_{number}")


def test_an_ensembles_networks_see_the_last_rows_of_a_sample_as_many_as_each_needs(tmp_path: Path) -> None:
    members = [seeing((20,), 1), seeing((10, 20), 2), seeing((3, 20), 3)]
    outputs = outputs_of(REGRESSION, members, None, tmp_path)
    seen = [SIGNALS[:, -1], SIGNALS, SIGNALS[:, -3:]]
    each = [member.predict(rows, verbose=0) for member, rows in zip(members, seen, strict=True)]
    assert outputs["position"] == pytest.approx(np.mean(each, axis=0), abs=1e-6)
    assert [network.input_shape for network in load_networks(tmp_path / "model.keras")] == [
        (None, 20), (None, 10, 20), (None, 3, 20)
    ]  # fmt: skip


def test_a_value_that_overflows_once_it_is_scaled_is_noticed_whichever_network_scales_it() -> None:
    keras.utils.set_random_seed(1)
    plain = keras.Sequential(
        [keras.Input((10, 20)), keras.layers.Flatten(), keras.layers.ReLU(), keras.layers.Dense(2)],
        name="network_1",
    )
    scaled = keras.Sequential(
        [keras.Input((10, 20)), keras.layers.Rescaling(1e6), keras.layers.Flatten(), keras.layers.ReLU(),
         keras.layers.Dense(2)], name="network_2",
    )  # fmt: skip
    signals = SIGNALS.copy()
    signals[2, 4, 7] = -1e36
    for members in ([plain, scaled], [scaled, plain]):
        position = inference_model(REGRESSION, members, None, "plate").predict(signals, verbose=0)["position"]
        assert np.isnan(position).all(axis=1).tolist() == [False, False, True, False, False, False]


def test_networks_of_a_saved_model_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    inference_model(REGRESSION, networks(REGRESSION, 11), None, "plate").save(tmp_path / "model.keras")
    names = [network.name for network in load_networks(tmp_path / "model.keras")]
    assert names == [f"network_{number}" for number in range(1, 12)]
