"""Runs that start from the weights of a finished one: what must be the same, and that they do."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forcepos.config.schema import Config
from forcepos.data.loading import load_recordings
from forcepos.experiment.inputs import check_pretraining
from forcepos.experiment.run import search_fingerprint
from forcepos.models.final import inference_model
from forcepos.models.networks import build_network, load_networks
from forcepos.models.problem import Problem
from forcepos.models.scaling import Scaling
from forcepos.models.training.trainer import NetworkTrainer
from forcepos.results.finished_runs import run_fingerprint
from forcepos.runtime.errors import InputError
from tests.conftest import checked_config
from tests.data.test_splits import plate
from tests.running import QUICK
from tests.warm import forcepos

CHOSEN: dict[str, Any] = {
    "num_layers": 1, "units_0": 32, "activation": "relu", "dropout": False, "lr": 1e-2, "batch_size": 16,
}  # fmt: skip
TABLE = ("data=table", "data.path=x", "data.targets=[x,y,z]", "data.rate_hz=100")
CHANNELS = "data.features=[Fx,Fy,Fz]"
DATA = {"fingerprint": "there", "rate_hz": 100.0, "classes": []}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def finished(*overrides: str, **data: Any) -> None:
    """Make the folder `source` of a finished run with this config, as far as others start from it."""
    config = checked_config("model=ffnn_regression", *TABLE, CHANNELS, *overrides)
    result = {"best_hyperparameters": CHOSEN, "data": DATA | data}
    Path("source").mkdir()
    Path("source", "config.json").write_text(json.dumps(dataclasses.asdict(config)))
    Path("source", "result.json").write_text(json.dumps(result))
    Path("source", "model.keras").touch()


def starting(*overrides: str) -> Config:
    return checked_config("model=ffnn_regression", *TABLE, CHANNELS, "training.pretrain=source", *overrides)


def refusal(*overrides: str, **recordings: Any) -> str:
    """What keeps a run with these overrides, or recordings, from starting with the weights of `source`."""
    with pytest.raises(InputError) as error:
        check_pretraining(starting(*overrides), plate([20], **recordings) if recordings else None)
    start = "training.pretrain=source "
    assert str(error.value).startswith(start)
    return str(error.value).removeprefix(start)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("Fx,Fy", "has data.features=['Fz'] where this run has []"),
        ("Fx,Fy,Fz,Tx,Ty", "has data.features=[] where this run has ['Tx', 'Ty']"),
        ("Fx,Fy,Tz", "has data.features=['Fz'] where this run has ['Tz']"),
        ("Fx,Fz,Fy", "has data.features=['Fx', 'Fy', 'Fz'] where this run has ['Fx', 'Fz', 'Fy']"),
    ],
)
def test_channels_that_differ_are_named(features: str, message: str) -> None:
    finished()
    assert refusal(f"data.features=[{features}]") == message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.axes=[x,y]", "has model.axes=['x', 'y', 'z'] where this run has ['x', 'y']"),
        ("model=ffnn_classification", "has model.task=regression where this run has classification"),
        (
            "model=cnn_regression",
            "has model.plugin=forcepos.models.architectures.notebook.Ffnn "
            "where this run has forcepos.models.architectures.notebook.Cnn",
        ),
    ],
)
def test_other_targets_and_layers_are_named(override: str, message: str) -> None:
    finished("model.axes=[x,y,z]")
    assert refusal("model.axes=[x,y,z]", override) == message


def test_another_window_is_named() -> None:
    finished("model=cnn_regression", "model.window=10")
    assert refusal("model=cnn_regression", "model.window=20") == "has model.window=10 where this run has 20"


def test_other_sectors_and_classes_are_named() -> None:
    finished("model=ffnn_classification", classes=["hard", "soft"])
    sectors = "sectors.starts_deg=[-120,0,120]"
    known = ", ".join(map(str, checked_config().sectors.starts_deg))
    assert refusal("model=ffnn_classification", sectors) == (
        f"has sectors.starts_deg=[{known}] where this run has [-120.0, 0.0, 120.0]"
    )
    labels = {"labels": np.arange(20, dtype=np.int32) % 2, "label_names": ("soft", "wet")}
    assert refusal("model=ffnn_classification", **labels) == (
        "has classes=['hard', 'soft'] where this run has ['soft', 'wet']"
    )


def test_rows_may_come_a_tenth_faster_or_slower_and_no_more() -> None:
    finished(rate_hz=112.0)
    assert refusal(label_names=("a",)) == "has rows per second=112.0 where this run has 100.0"
    for rate in (109.0, 91.0, None):
        Path("source", "result.json").write_text(
            json.dumps({"best_hyperparameters": CHOSEN, "data": DATA | {"rate_hz": rate}})
        )
        check_pretraining(starting(), plate([20]))


def test_hyperparameters_of_other_layers_are_named_those_of_training_may_differ() -> None:
    finished()
    fixed = ("tuner=fixed", "tuner.hyperparameters=f.json")
    Path("f.json").write_text(json.dumps(CHOSEN | {"units_0": 64}))
    assert refusal(*fixed) == "has units_0=32 where this run has 64"
    Path("f.json").write_text(json.dumps(CHOSEN | {"lr": 1e-5, "batch_size": 8}))
    check_pretraining(starting(*fixed), plate([20]))


def test_what_is_no_finished_run_is_refused() -> None:
    assert refusal() == "is not the folder of a finished run with a model"
    finished()
    Path("source", ".unfinished").touch()
    assert refusal() == "is not the folder of a finished run with a model"
    Path("source", ".unfinished").unlink()
    Path("source", "model.keras").rename("elsewhere")  # as in the folder of a cross-validation
    assert refusal() == "is not the folder of a finished run with a model"
    Path("elsewhere").rename("source/model.keras")
    Path("source", "result.json").write_text("{}")
    Path("source", "config.json").write_text("{}")
    assert refusal() == "cannot be used: KeyError: 'data'"
    Path("source", "config.json").unlink()
    assert refusal() == (
        "cannot be used: FileNotFoundError: [Errno 2] No such file or directory: 'source/config.json'"
    )


def test_the_same_recordings_are_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    recordings = plate([20])
    finished(fingerprint=recordings.fingerprint)
    check_pretraining(starting(), recordings)
    assert caplog.messages == [
        "training.pretrain=source learned from these recordings: split as there, or it knows what is tested here"
    ]


def test_without_given_hyperparameters_those_of_the_source_are_taken_and_nothing_is_searched() -> None:
    tuner = vars(starting("tuner=bayesian", "tuner.max_trials=7", "tuner.objective=val_loss").tuner)
    assert {key: tuner[key] for key in ("name", "max_trials", "hyperparameters", "objective")} == {
        "name": "fixed", "max_trials": None, "hyperparameters": "source", "objective": "val_loss",
    }  # fmt: skip
    given = starting("tuner=fixed", "tuner.hyperparameters=f.json").tuner
    assert vars(given)["hyperparameters"] == "f.json"


@pytest.mark.parametrize("fingerprint", [run_fingerprint, search_fingerprint])
def test_a_run_from_a_source_or_from_fewer_recordings_is_another_one(fingerprint: Any) -> None:
    fixed = ("tuner=fixed", "tuner.hyperparameters=f.json")
    same = fingerprint(checked_config(*fixed), "d")
    assert fingerprint(checked_config(*fixed, "split.train_share=1", "training.pretrain=null"), "d") == same
    for override in ("split.train_share=0.5", "training.pretrain=a", "training.pretrain=b"):
        assert fingerprint(checked_config(*fixed, override), "d") != same


def test_each_network_of_an_ensemble_starts_with_weights_and_scaling_of_its_own_source(tmp_path: Path) -> None:
    config = checked_config("debug=smoke", "model=ffnn_regression", "training.final_epochs=1", "data.seed=2")
    problem, sources = Problem.of(config, load_recordings(config.data).recordings), []
    for member in (1, 2):
        scaling = Scaling((np.full(20, 5.0 * member), np.full(20, 3.0)), (np.zeros(3), np.ones(3)))
        sources.append(build_network(config.model, CHOSEN, problem.task, 20, scaling))
        sources[-1].name = f"network_{member}"
    inference_model(problem.task, sources, None, "m").save(tmp_path / "model.keras")
    trainer = NetworkTrainer(problem, tmp_path, load_networks(tmp_path / "model.keras"))
    frozen = CHOSEN | {"lr": 1e-30}  # less than the least change of a weight
    for member, source in ((2, sources[1]), (3, sources[0])):
        network, _ = trainer.final(frozen, member, lambda *_: None)
        assert network.name == f"network_{member}"
        assert network.layers[0].get_config() == source.layers[0].get_config()
        for copied, value in zip(network.get_weights(), source.get_weights(), strict=True):
            assert np.allclose(copied, value, rtol=0, atol=1e-20)


def test_each_network_of_an_ensemble_is_trained_with_the_layers_of_its_own_source(tmp_path: Path) -> None:
    """As in an ensemble of trials, whose networks may differ in what no weight shows."""
    config = checked_config("debug=smoke", "model=ffnn_regression", "training.final_epochs=2", "data.seed=2")
    problem, sources = Problem.of(config, load_recordings(config.data).recordings), []
    for activation in ("relu", "tanh"):
        chosen = CHOSEN | {"activation": activation}
        sources.append(build_network(config.model, chosen, problem.task, 20, Scaling()))
    together = NetworkTrainer(problem, tmp_path, sources)
    alone = NetworkTrainer(problem, tmp_path, [sources[0], sources[1]])
    _, first = together.final(CHOSEN, 1, lambda *_: None)
    _, second = together.final(CHOSEN, 2, lambda *_: None)
    _, expected = alone.final(CHOSEN, 2, lambda *_: None)
    assert second == expected != first


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_a_model_that_is_missing_or_damaged_is_told_in_one_line(content: bytes | None) -> None:
    Path("source").mkdir()
    if content:
        Path("source", "model.keras").write_bytes(content)
    with pytest.raises(InputError, match=r"^source/model.keras holds no network to start from: [^\n]*$"):
        load_networks(Path("source", "model.keras"))


@pytest.mark.system
def test_a_run_that_hardly_trains_scores_as_its_source_from_a_folder_and_from_mlflow(tmp_path: Path) -> None:
    model = [*QUICK, "model=ffnn_regression"]
    source = forcepos([*model, "hydra.run.dir=source"], tmp_path)
    assert source.code == 0, source.err
    (tmp_path / "f.json").write_text(json.dumps(source.result["best_hyperparameters"] | {"lr": 1e-30}))
    fixed = ["tuner=fixed", "tuner.hyperparameters=f.json"]
    for place in ("source", f"runs:/{source.result['run_id']}"):
        again = forcepos([*QUICK, "model=ffnn_regression", *fixed, f"training.pretrain={place}"], tmp_path)
        assert again.code == 0, again.err
        assert again.result["test"] == source.result["test"]
    trained = forcepos([*model, f"training.pretrain=runs:/{source.result['run_id']}"], tmp_path)
    assert trained.result["best_hyperparameters"] == source.result["best_hyperparameters"]
    assert trained.result["test"] != source.result["test"]
    unknown = forcepos([*model, "training.pretrain=runs:/0123"], tmp_path)
    assert "error: training.pretrain=runs:/0123 names no model in tracking.uri=sqlite:///" in unknown.err
