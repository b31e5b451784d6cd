"""Hyperparameters from files: ours, the notebook's, and broken ones."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from forcepos.models.networks import declare_space
from forcepos.runtime.errors import InputError
from forcepos.tuning.given import check_hyperparameters, read_hyperparameters
from tests.conftest import DATA, checked_config

DECLARE = partial(declare_space, config=checked_config("model=ffnn_regression").model)
GOOD: dict[str, Any] = {
    "num_layers": 2, "units_0": 64, "units_1": 32, "activation": "relu", "dropout": False, "lr": 1e-3,
    "batch_size": 16,
}  # fmt: skip


def test_surplus_keys_of_unused_layers_are_left_out() -> None:
    assert check_hyperparameters(GOOD | {"units_2": 96, "units_4": 32}, DECLARE, "f") == GOOD


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(InputError) as error:
        check_hyperparameters({name: value for name, value in GOOD.items() if name != key}, DECLARE, "f.json")
    assert str(error.value) == f"tuner.hyperparameters=f.json lacks {key}"


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("num_layers", "2", "int"), ("units_0", 64.5, "int"), ("units_1", True, "int"), ("activation", 3, "str"),
        ("dropout", 0, "bool"), ("lr", "fast", "int or float"), ("batch_size", None, "int"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_named(key: str, value: Any, kind: str) -> None:
    with pytest.raises(InputError) as error:
        check_hyperparameters(GOOD | {key: value}, DECLARE, "f.json")
    assert str(error.value) == f"tuner.hyperparameters=f.json: {key}={value!r} must be {kind}"


def test_more_layers_than_the_space_has_are_named() -> None:
    layers = {f"units_{number}": 32 for number in range(7)}
    with pytest.raises(InputError) as error:
        check_hyperparameters(GOOD | layers | {"num_layers": 7}, DECLARE, "f.json")
    assert str(error.value) == (
        "tuner.hyperparameters=f.json: num_layers=7 is more than model.space.num_layers.max=5"
    )


def test_a_result_of_ours_is_read_like_a_file_of_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps({"run_id": "1", "best_hyperparameters": GOOD}))
    assert read_hyperparameters(tmp_path / "result.json") == GOOD
    notebooks = read_hyperparameters(DATA / "best_hyperparameters" / "versuch_own_ffnn_regression_1_1.obj")
    assert notebooks["units_0"] == 64


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[1]", "holds a list, not an object"),
    ],
)
def test_a_file_that_holds_something_else_is_an_error(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text(content)
    with pytest.raises(InputError) as error:
        read_hyperparameters(path)
    assert str(error.value) == f"tuner.hyperparameters={path} {message}"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_hyperparameters(tmp_path / "no.json")
    assert (
        str(error.value)
        == f"tuner.hyperparameters={tmp_path / 'no.json'} cannot be read: No such file or directory"
    )
