"""Hyperparameters from files: ours, the notebook's, and broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forcepos.config.schema import ACTIVATIONS
from forcepos.experiment.inputs import check_hyperparameters, read_hyperparameters
from forcepos.runtime.errors import InputError
from tests.conftest import DATA, checked_config

FFNN = checked_config("model=ffnn_regression").model
CNN = checked_config("model=cnn_regression").model
GOOD: dict[str, Any] = {
    "num_layers": 2, "units_0": 64, "units_1": 32, "activation": "relu", "dropout": False, "lr": 1e-3,
    "batch_size": 16,
}  # fmt: skip
AS_BEFORE = {"scaling": "whiten", "statistics_s": 0.0}  # what files of earlier versions do not name


def test_surplus_keys_of_unused_layers_are_left_out() -> None:
    assert check_hyperparameters(GOOD | {"units_2": 96, "units_4": 32}, FFNN, "f") == GOOD | AS_BEFORE


def test_scaling_and_statistics_that_a_file_names_are_used() -> None:
    named = {"scaling": "encode", "statistics_s": 0.5}
    assert check_hyperparameters(GOOD | named, FFNN, "f") == GOOD | named


def test_a_scaling_that_the_config_excludes_is_refused() -> None:
    fixed = checked_config("model=ffnn_regression", "model.scaling=whiten", "model.statistics_s=0").model
    assert check_hyperparameters(GOOD, fixed, "f") == GOOD
    for name, value, usual in (("scaling", "encode", "whiten"), ("statistics_s", 0.5, "0.0")):
        with pytest.raises(InputError) as error:
            check_hyperparameters(GOOD | {name: value}, fixed, "f.json")
        assert str(error.value) == f"tuner.hyperparameters=f.json: {name}={value!r} is not model.{name}={usual}"


@pytest.mark.parametrize(
    ("key", "value", "limit"),
    [("scaling", "minmax", "one of none, standardize, whiten, encode"), ("statistics_s", -1.0, "at least 0")],
)
def test_a_scaling_that_does_not_exist_is_named(key: str, value: Any, limit: str) -> None:
    with pytest.raises(InputError) as error:
        check_hyperparameters(GOOD | {key: value}, FFNN, "f.json")
    assert str(error.value) == f"tuner.hyperparameters=f.json: {key}={value!r} must be {limit}"


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(InputError) as error:
        check_hyperparameters({name: value for name, value in GOOD.items() if name != key}, FFNN, "f.json")
    assert str(error.value) == f"tuner.hyperparameters=f.json lacks {key}"


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("num_layers", "2", "int"), ("units_0", 64.5, "int"), ("units_1", True, "int"), ("activation", 3, "str"),
        ("dropout", 0, "bool"), ("lr", "fast", "int or float"), ("batch_size", None, "int"),
        ("units_0", [64], "int"), ("units_0", {}, "int"), ("units_0", float("inf"), "int"),
        ("lr", True, "int or float"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_named(key: str, value: Any, kind: str) -> None:
    with pytest.raises(InputError) as error:
        check_hyperparameters(GOOD | {key: value}, FFNN, "f.json")
    assert str(error.value) == f"tuner.hyperparameters=f.json: {key}={value!r} must be {kind}"


@pytest.mark.parametrize(
    ("key", "value", "limit"),
    [
        ("num_layers", 0, "at least 1"), ("num_layers", 10**12, "at most 1000000"), ("units_0", 0, "at least 1"),
        ("units_1", -1, "at least 1"), ("units_1", 10**12, "at most 1000000"), ("lr", -1, "above 0"),
        ("lr", 0, "above 0"), ("lr", float("nan"), "above 0"), ("lr", float("inf"), "at most 1e+38"),
        ("lr", 1e308, "at most 1e+38"), ("batch_size", 0, "at least 1"), ("batch_size", 10**9, "at most 1000000"),
        ("activation", "rellu", f"one of {', '.join(ACTIVATIONS)}"),
    ],
)  # fmt: skip
def test_a_value_that_no_network_can_have_is_named_with_its_limit(key: str, value: Any, limit: str) -> None:
    with pytest.raises(InputError) as error:
        check_hyperparameters(GOOD | {key: value}, FFNN, "f.json")
    assert str(error.value) == f"tuner.hyperparameters=f.json: {key}={value!r} must be {limit}"


def test_a_convolutions_values_have_limits_too() -> None:
    convolution = {"filter": 16, "kernel": 3, "activation": "relu"}
    good = {f"conv_{place}_{name}": value for place in ("input", "0", "1") for name, value in convolution.items()}
    good |= {"num_layers": 2, "dropout": False, "lr": 1e-3, "batch_size": 16}
    assert check_hyperparameters(good, CNN, "f") == good | AS_BEFORE
    for name, value, limit in (("filter", 0, "at least 1"), ("kernel", 10**12, "at most 1000000")):
        with pytest.raises(InputError) as error:
            check_hyperparameters(good | {f"conv_1_{name}": value}, CNN, "f.json")
        assert str(error.value) == f"tuner.hyperparameters=f.json: conv_1_{name}={value} must be {limit}"


def test_a_very_long_value_is_shortened() -> None:
    with pytest.raises(InputError) as error:
        check_hyperparameters(GOOD | {"units_0": 10**400}, FFNN, "f.json")
    assert str(error.value) == (
        "tuner.hyperparameters=f.json: units_0=100000000000000000...0000000000000000000 must be at most 1000000"
    )


def test_more_layers_than_the_space_has_are_named() -> None:
    layers = {f"units_{number}": 32 for number in range(7)}
    with pytest.raises(InputError) as error:
        check_hyperparameters(GOOD | layers | {"num_layers": 7}, FFNN, "f.json")
    assert str(error.value) == (
        "tuner.hyperparameters=f.json: num_layers=7 is more than model.space.num_layers.max=5"
    )


def test_a_result_of_ours_is_read_like_a_file_of_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps({"run_id": "1", "best_hyperparameters": GOOD}))
    assert read_hyperparameters(tmp_path / "result.json") == read_hyperparameters(tmp_path) == GOOD
    notebooks = read_hyperparameters(DATA / "best_hyperparameters" / "versuch_own_ffnn_regression_1_1.obj")
    assert notebooks["units_0"] == 64


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("", "is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[1]", "holds a list, not an object"),
        ("null", "holds null, not an object"),
        ('{"best_hyperparameters": null}', ": best_hyperparameters holds null, not an object"),
        ('{"lr": 1, "lr": 2}', "is not JSON: it holds 'lr' twice"),
        ("[" * 100_000, "is not JSON: it is nested too deeply"),
        (
            f'{{"units_0": 1{"0" * 5000}}}',
            "is not JSON: Exceeds the limit (4300 digits) for integer string conversion: "
            "value has 5001 digits; use sys.set_int_max_str_digits() to increase the limit",
        ),
    ],
)
def test_a_file_that_holds_something_else_is_an_error(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text(content)
    with pytest.raises(InputError) as error:
        read_hyperparameters(path)
    assert str(error.value) == f"tuner.hyperparameters={path}{'' if message[0] == ':' else ' '}{message}"


def test_what_is_no_text_or_no_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_bytes(b'{"lr": "\xff"}')
    with pytest.raises(InputError, match="f.json is not JSON: 'utf-8' codec can't decode byte 0xff in position 8"):
        read_hyperparameters(tmp_path / "f.json")
    with pytest.raises(InputError, match="cannot be read: No such file or directory$"):  # in a folder without it
        read_hyperparameters(tmp_path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_hyperparameters(tmp_path / "no.json")
    assert (
        str(error.value)
        == f"tuner.hyperparameters={tmp_path / 'no.json'} cannot be read: No such file or directory"
    )
