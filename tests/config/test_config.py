"""Every choice composes, and every wrong value is refused in one line that names the key."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException, MissingConfigException
from omegaconf import OmegaConf

from forcepos.config.schema import (
    BayesianTunerConfig,
    CnnConfig,
    CnnSpace,
    Config,
    FfnnConfig,
    FfnnSpace,
    FloatRange,
    IntRange,
    SimulatedConfig,
)
from forcepos.data.splits.random import Random
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import conf_dir
from tests.conftest import checked_config, compose_config

SHARED = {"base", "columns"}  # named in the defaults lists of other files, not chosen by users
CHOICES = sorted(
    f"{path.parent.name}={path.stem}" for path in conf_dir().glob("*/*.yaml") if path.parent.name not in SHARED
)


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_composes(choice: str) -> None:
    needed = {
        "data=versuch": ["data.path=some.feather"],
        "data=table": ["data.path=some.csv", "data.features=[Fx]", "data.targets=[x,y]", "data.rate_hz=100"],
        "tuner=fixed": ["tuner.hyperparameters=some.json"],
        "experiment=ladder": ["tuner.hyperparameters=some.json"],
    }.get(choice, [])
    assert isinstance(checked_config(choice, *needed), Config)


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if choice.startswith(("experiment=", "debug="))])
def test_every_preset_begins_with_the_command_that_runs_it(choice: str) -> None:
    group, name = choice.split("=")
    first, second, *_ = (conf_dir() / group / f"{name}.yaml").read_text().splitlines()
    more = " tuner.hyperparameters=outputs/runs/…/result.json" * (name == "ladder")
    assert (first, second) == ("# @package _global_", f"# python -m forcepos {choice}{more}")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["+tuner.max_trails=3"],
            "unknown key tuner.max_trails: did you mean tuner.max_trials?",
        ),
        (
            ["+sede=1"],
            "unknown key sede: did you mean seed?",
        ),
        (["data=versuch"], "data.path is required: set it on the command line, data.path=…"),
        (["~seed"], "seed is required: do not remove it"),
        (["seed=${nope}"], "seed: Interpolation key 'nope' not found"),
        (["data=versuch", "data.path=${oc.env:NOPE}"], "data.path: the environment variable NOPE is not set"),
        (["model.window=${model.window}"], "model.window: Recursive interpolation detected"),
        (["tuner.name=${nonsense:1}"], "tuner.name: Unsupported interpolation type nonsense"),
        (["data.force_n=inf"], "data.force_n=inf must be at most 1000000"),
        (["tuner.max_trials=null"], "tuner.max_trials=null needs tuner.minutes, or a tuner that ends by itself, "
         "grid or hyperband: bayesian never does"),
        (["tuner=random", "tuner.max_trials=null"], "tuner.max_trials=null needs tuner.minutes, or a tuner that "
         "ends by itself, grid or hyperband: random never does"),
        (["model.space.num_layers=0"], "model.space.num_layers.min=0 must be at least 1"),
        (["model.space.num_layers=2.5"], "model.space.num_layers.min: Value '2.5' of type 'float' could not "
         "be converted to Integer"),
        (["model.space.lr=null"], "model.space.lr.min: Incompatible value 'None' for field of type 'float'"),
        (["model.space.kernel=big"],
         "model.space.kernel[0]: Value 'big' of type 'str' could not be converted to Integer"),
        (["model.space.activation=sinus"], "model.space.activation[0]=sinus must be one of elu, gelu, leaky_relu, "
         "relu, selu, sigmoid, silu, softplus, tanh"),
        (["+model.space.num_layers.many=3"],
         "unknown key model.space.num_layers.many: model.space.num_layers has min, max, step"),
        (["tuner.max_trials=0"], "tuner.max_trials=0 must be at least 1"),
        (["tuner.executions_per_trial=0"], "tuner.executions_per_trial=0 must be at least 1"),
        (["split.test_ratio=1.2"], "split.test_ratio=1.2 must be below 1"),
        (["split.validation_ratio=0"], "split.validation_ratio=0.0 must be above 0"),
        (["split.calibration_ratio=0.2"],
         "split.calibration_ratio=0.2 must be below split.validation_ratio=0.2, from which it is taken"),
        (["split=cross_validation", "split.fold=6"], "split.fold=6 must be at most split.folds=5"),
        (["split=cross_validation", "split.unit=row"], "split.unit=row must be one of point, recording, session"),
        (["evaluation.also=random"],
         "evaluation.also=random must be one of held_out_points, held_out_recordings, held_out_sessions"),
        (["evaluation.coverage=1"], "evaluation.coverage=1.0 must be below 1"),
        (["training.ensemble=0"], "training.ensemble=0 must be at least 1, or trials"),
        (["split.test_ratio=nan"], "split.test_ratio=nan must be above 0"),
        (["training.epochs=-1"], "training.epochs=-1 must be at least 1"),
        (["training.final_epochs=0"], "training.final_epochs=0 must be at least 1"),
        (["seed=0"], "seed=0 must be at least 1"),
        (["data.rows=0"], "data.rows=0 must be at least 1"),
        (["data.grid=[11]"], "data.grid=[11] must have 2 entries"),
        (["data.grid=[11,0]"], "data.grid[1]=0 must be at least 1"),
        (["data.grid=[11,{a: 2}]"], "data.grid=[11, {'a': 2}] must be a list of plain values"),
        (["model.space.dropout=[[true]]"], "model.space.dropout=[[True]] must be a list of plain values"),
        (["model.space.batch_size=[]"], "model.space.batch_size=[] must not be empty"),
        (["model.space.activation=[relu,sinus]"],
         "model.space.activation[1]=sinus must be one of elu, gelu, leaky_relu, relu, selu, sigmoid, silu, "
         "softplus, tanh"),
        (["model.space.filters.min=200"],
         "model.space.filters.min=200 is greater than model.space.filters.max=128"),
        (["model.space.lr.min=0.1"], "model.space.lr.min=0.1 is greater than model.space.lr.max=0.01"),
        (["model.scaling=minmax"], "model.scaling[0]=minmax must be one of none, standardize, whiten, encode"),
        (["training.device=tpu"], "training.device=tpu must be one of auto, cpu, gpu"),
        (["model.window=1"], "model.window=1 must be at least 2: cnn_regression sees rows in sequence"),
        (["model=ffnn_regression", "model.window=2"],
         "model.window=2 must be 1: ffnn_regression sees one row at a time"),
        (["model.axes=[x,x]"], "model.axes=['x', 'x'] contains an axis twice"),
        (["tuner.objective=val_accuracy"],
         "tuner.objective=val_accuracy is not a metric of a regression: choose val_loss, val_mae, val_rmse, "
         "val_r2, or one of them without val_"),
        (["tuner.objective=val_r2"],
         "tuner.direction=min would search for the worst val_r2: set tuner.direction=max"),
        (["sectors.starts_deg=[0,90]"],
         "sectors.starts_deg must be different angles less than 180 degrees apart"),
        (["sectors.starts_deg=[0,120,120,240]"], "sectors.starts_deg[3]=240.0 must be at most 180"),
    ],
)  # fmt: skip
def test_our_own_message_names_the_key(overrides: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        checked_config(*overrides)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tuner.max_trials=abc", "Value 'abc' of type 'str' could not be converted to Integer"),
        ("tuner.max_trials=3.5", "Value '3.5' of type 'float' could not be converted to Integer"),
        ("tuner.fresh=perhaps", "Value 'perhaps' is not a valid bool"),
    ],
)
def test_hydras_own_message_names_the_key(override: str, message: str) -> None:
    with pytest.raises(ConfigCompositionException) as error:
        compose_config(override)
    assert message in f"{error.value} {error.value.__cause__}"


@pytest.mark.parametrize(
    ("group", "choices"),
    [
        ("model", ["cnn_classification", "cnn_regression", "ffnn_classification", "ffnn_regression"]),
        ("tuner", ["bayesian", "fixed", "grid", "hyperband", "random"]),
        (
            "split",
            [
                "blocked",
                "cross_validation",
                "held_out_points",
                "held_out_recordings",
                "held_out_sessions",
                "notebook",
                "random",
            ],
        ),
    ],
)
@pytest.mark.parametrize("unknown", ["nonsense", "base"])
def test_an_unknown_choice_is_refused_with_the_list_of_choices(
    group: str, choices: list[str], unknown: str
) -> None:
    with pytest.raises(MissingConfigException) as error:
        compose_config(f"{group}={unknown}")
    available = "".join(f"\t{choice}\n" for choice in choices)
    assert str(error.value).startswith(
        f"In 'config': Could not find '{group}/{unknown}'\n\n"
        f"Available options in '{group}':\n{available}Config search path:"
    )


@pytest.mark.parametrize(
    ("group", "choice", "text"),
    [
        (
            "data",
            "lab",
            "defaults: [table, _self_]\npath: some.csv\nfeatures: [Fx]\ntargets: [x, y]\nrate_hz: 9\n",
        ),
        ("data", "raw", "defaults: ['/schema/data/table@_here_', _self_]\nname: raw\n"),
        ("tuner", "patient", "defaults: [bayesian, _self_]\nmax_trials: 50\n"),
        ("split", "late", "defaults: ['/schema/split/blocked@_here_', _self_]\nname: late\nblocks: 3\n"),
    ],
)
def test_a_users_own_choice_builds_on_ours(group: str, choice: str, text: str, tmp_path: Path) -> None:
    (tmp_path / group).mkdir()
    (tmp_path / group / f"{choice}.yaml").write_text(text)
    composed = compose_config(f"hydra.searchpath=[file://{tmp_path}]", f"{group}={choice}")
    own = {key: value for key, value in OmegaConf.create(text).items() if key != "defaults"}
    assert {key: composed[group][key] for key in own} == own


PLAIN = {
    "num_layers": ("3", IntRange(3, 3, 1)), "units": ("20", IntRange(20, 20, 1)),
    "filters": ("1", IntRange(1, 1, 1)), "kernel": ("4", [4]), "activation": ("elu", ["elu"]),
    "dropout": ("true", [True]), "batch_size": ("8", [8]),
    "lr": ("1e-3", FloatRange(1e-3, 1e-3, "linear")),
}  # fmt: skip
SPACES = {"cnn": CnnSpace, "ffnn": FfnnSpace}


@pytest.mark.parametrize(
    ("kind", "key"), [(kind, field.name) for kind in SPACES for field in dataclasses.fields(SPACES[kind])]
)
def test_a_plain_value_is_a_range_or_a_list_of_one(kind: str, key: str) -> None:
    given, meant = PLAIN[key]
    model = checked_config(f"model={kind}_classification", f"model.space.{key}={given}").model
    assert isinstance(model, CnnConfig | FfnnConfig)
    assert getattr(model.space, key) == meant


def test_a_plain_value_in_a_file_of_ones_own_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "own.yaml").write_text(
        "defaults: [cnn_regression, _self_]\naxes: x\nspace: {num_layers: 3, kernel: 5}\n"
    )
    own = [f"hydra.searchpath=[file://{tmp_path}]", "model=own"]
    for preset, layers in (([], 3), (["model.space.num_layers={min:2,max:2,step:1}"], 2)):
        model = checked_config(*own, *preset).model
        assert isinstance(model, CnnConfig)
        assert (model.axes, model.space.kernel) == (["x"], [5])
        assert model.space.num_layers == IntRange(layers, layers, 1)


@pytest.mark.parametrize("preset", [[], ["debug=smoke"]])
def test_one_end_of_a_range_may_still_be_moved(preset: list[str]) -> None:
    model = checked_config(*preset, "model.space.num_layers.max=4").model
    assert isinstance(model, CnnConfig)
    assert model.space.num_layers == IntRange(1, 4, 1)


@pytest.mark.parametrize("tuner", ["grid", "hyperband"])
def test_a_tuner_that_ends_by_itself_needs_no_number_of_trials(tuner: str) -> None:
    assert checked_config(f"tuner={tuner}", "tuner.max_trials=null").tuner.max_trials is None


def test_the_command_line_wins_over_a_preset() -> None:
    assert checked_config("debug=smoke").tuner.max_trials == 2
    assert checked_config("debug=smoke", "tuner.max_trials=7").tuner.max_trials == 7


def test_a_smoke_run_simulates_a_tiny_plate_and_takes_any_other_data_as_they_are() -> None:
    simulated = checked_config("debug=smoke").data
    assert isinstance(simulated, SimulatedConfig)
    assert (simulated.grid, simulated.spacing_mm) == ([3, 3], 15)
    table = ["data=table", "data.path=some.csv", "data.features=[Fx]", "data.targets=[x,y]", "data.rate_hz=100"]
    for data in (["data=versuch", "data.path=some.feather"], [*table, "model.axes=[x,y]"]):
        smoke = checked_config(*data, "debug=smoke")
        assert smoke.data == checked_config(*data).data
        assert (smoke.tuner.max_trials, smoke.training.epochs) == (2, 1)


def test_the_objective_comes_with_its_direction_from_the_model() -> None:
    regression = checked_config("model=ffnn_regression").tuner
    classification = checked_config("model=ffnn_classification").tuner
    assert (regression.objective, regression.direction) == ("val_mae", "min")
    assert (classification.objective, classification.direction) == ("val_accuracy", "max")


def test_the_tracking_uri_comes_from_the_environment_unless_the_command_line_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert checked_config().tracking.uri == "http://127.0.0.1:5000"
    assert checked_config("tracking.uri=sqlite:///here.db").tracking.uri == "sqlite:///here.db"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert checked_config().tracking.uri == "sqlite:///mlruns/mlflow.db"


NOTEBOOK = ["ffnn_regression", "ffnn_classification", "cnn_regression", "cnn_classification"]


@pytest.mark.parametrize("model", NOTEBOOK)
def test_the_notebooks_presets_have_its_values(model: str) -> None:
    config = checked_config(f"experiment=notebook_{model}")
    objective = "accuracy" if "classification" in model else "mae"
    assert config.model.name == model
    assert (config.model.scaling, config.model.statistics_s, config.model.clip) == (["none"], [0.0], False)
    assert (config.tuner.objective, config.tuner.max_trials) == (objective, 5)
    assert config.split == Random(
        name="notebook", test_ratio=0.1, validation_ratio=0.2, calibration_ratio=0, test_seed=2, validation_seed=3,
        shuffle_rows=True, shuffle_seed=1,
    )  # fmt: skip
    training = config.training
    assert (training.epochs, training.final_epochs, training.final_batch_size, training.patience) == (
        15,
        40,
        32,
        None,
    )


@pytest.mark.parametrize("model", NOTEBOOK)
@pytest.mark.parametrize(("tuner", "executions"), [("random", 3), ("grid", 1), ("bayesian", 1)])
def test_the_notebooks_presets_train_a_trial_of_random_search_three_times(
    model: str, tuner: str, executions: int
) -> None:
    config = checked_config(f"experiment=notebook_{model}", f"tuner={tuner}")
    assert config.tuner.executions_per_trial == executions
    if isinstance(config.tuner, BayesianTunerConfig):
        assert (config.tuner.alpha, config.tuner.beta) == (1e-4, 2.6)
