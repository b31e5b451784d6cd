"""The schema of conf/: every key with its type, unit and limits. The values themselves live in conf/.

A field's metadata holds what a type cannot say: `min` and `max` (inclusive), `above` and `below`
(exclusive), `choices`, or the `length` of a list. `forcepos.config.checks` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


def _limited(**limits: Any) -> Any:
    return field(default=MISSING, metadata=limits)


# --- data -------------------------------------------------------------------------------------------


@dataclass
class DataConfig:
    name: str = MISSING
    features: list[str] = MISSING  # columns that the model sees
    offset_mm: list[float] = _limited(length=3)  # added to the targets: from the base frame to the plate's


@dataclass
class VersuchConfig(DataConfig):
    """The notebook's Feather files."""

    path: str = MISSING
    targets: list[str] = _limited(length=3)  # columns with x, y, z of the tool's tip in mm, base frame
    point: str = MISSING  # column with the touched point's name
    seconds: str | None = MISSING  # column with the whole seconds of a row's time, null if there is none
    nanoseconds: str | None = MISSING  # column with the rest of it
    rate_hz: float | None = _limited(above=0)  # rows per second, null to take it from the two columns


@dataclass
class TableConfig(DataConfig):
    """Any table. A column is named, or numbered from 0 on where a file has no such name."""

    path: str = MISSING  # a file, a folder with a recording in each file, or a pattern such as logs/*.csv
    format: str = _limited(choices=("auto", "feather", "parquet", "csv", "text"))  # auto: by the file's ending
    header: bool | None = MISSING  # whether a text begins with names, null to find out
    separator: str | None = MISSING  # between a text's fields, null: by format
    decimal: str = _limited(choices=(".", ","))  # a text's decimal mark
    targets: list[str] | None = MISSING  # one to three columns: x, y, z in this order; null: only a label
    target_scale_mm: float = _limited(above=0)  # mm per unit of the targets, before the offset
    recording: str | None = MISSING  # column with the recording's name, null: each file is one
    gap_s: float | None = _limited(above=0)  # more time between two rows begins a new recording, null: none does
    point: str | None = MISSING  # column with the touched point's name, null: positions in a grid
    point_grid_mm: float = _limited(above=0)  # of that grid
    time: str | None = MISSING  # column with a row's time
    time_unit: str = _limited(choices=("s", "ms", "us", "ns"))
    rate_hz: float | None = _limited(above=0)  # rows per second, null to take it from the time
    label: str | None = MISSING  # column with a row's class, null: sectors


@dataclass
class SimulatedConfig(DataConfig):
    """An iiwa 14 that presses on a plate; what the figures mean is told in forcepos.data.simulation.simulation."""

    seed: int = _limited(min=1)
    grid: list[int] = _limited(min=1, length=2)  # points along x and y
    spacing_mm: float = _limited(above=0)
    visits: int = _limited(min=1)  # recordings of each point
    rows: int = _limited(min=1)  # of each recording
    rate_hz: float = _limited(above=0)
    force_n: float = _limited(above=0)  # that the plate exerts on the tool, upwards
    force_spread_n: float = _limited(min=0)  # standard deviation from visit to visit, each axis
    repeatability_mm: float = _limited(min=0)  # standard deviation from visit to visit, each axis
    noise_percent: float = _limited(above=0)  # standard deviation of a row, % of the axis' largest torque
    visit_offset_percent: float = _limited(min=0)  # standard deviation from visit to visit, likewise
    drift_percent: float = _limited(min=0)  # standard deviation of slow wander, likewise
    drift_time_s: float = _limited(above=0)  # correlation time of that wander
    observer_time_s: float = _limited(above=0)  # time constant of the controller's external torques


# --- split ------------------------------------------------------------------------------------------


@dataclass
class SplitConfig:
    name: str = MISSING
    validation_ratio: float = _limited(above=0, below=1)  # of all but the test part
    # Likewise; taken from the validation part, and used for nothing but the model's radius or set of sectors.
    calibration_ratio: float = _limited(min=0, below=1)


@dataclass
class DrawnSplitConfig(SplitConfig):
    test_ratio: float = _limited(above=0, below=1)  # of all


@dataclass
class RandomSplitConfig(DrawnSplitConfig):
    """Draws samples, the notebook's way: neighbours in time land on both sides."""

    test_seed: int | None = _limited(min=0)  # random_state of scikit-learn's split, null to take `seed`
    validation_seed: int | None = _limited(min=0)  # likewise, of the second split
    shuffle_rows: bool = MISSING  # the notebook's slip: rows are mixed within a point before windows are cut
    shuffle_seed: int = _limited(min=0)  # random_state of that shuffle


@dataclass
class BlockedSplitConfig(DrawnSplitConfig):
    """Draws stretches of each recording's time."""

    blocks: int = _limited(min=3)  # stretches per recording
    gap_s: float = _limited(min=0)  # time left out on either side of a border between two parts


@dataclass
class HeldOutRecordingsConfig(DrawnSplitConfig):
    """Draws whole recordings."""


@dataclass
class HeldOutPointsConfig(DrawnSplitConfig):
    """Draws whole points."""


@dataclass
class CrossValidationConfig(SplitConfig):
    """Every unit is tested once: as many runs as folds."""

    unit: str = _limited(choices=("point", "recording"))
    folds: int = _limited(min=2)
    fold: int | None = _limited(min=1)  # of these, the one to do; null: all, one after the other


# --- sectors ----------------------------------------------------------------------------------------


@dataclass
class SectorsConfig:
    # Class k reaches counterclockwise from the k-th angle (included) to the next one (excluded).
    starts_deg: list[float] = _limited(above=-180, max=180)
    border_mm: float = _limited(min=0)  # samples nearer to a border than this count as border samples


# --- model ------------------------------------------------------------------------------------------


ACTIVATIONS = ("elu", "gelu", "leaky_relu", "relu", "selu", "sigmoid", "silu", "softplus", "tanh")


@dataclass
class IntRange:
    min: int = _limited(min=1)
    max: int = _limited(min=1)
    step: int = _limited(min=1)


@dataclass
class FloatRange:
    min: float = _limited(above=0)
    max: float = _limited(above=0)
    sampling: str = _limited(choices=("linear", "log"))


@dataclass
class FfnnSpace:
    num_layers: IntRange = field(default_factory=IntRange)
    units: IntRange = field(default_factory=IntRange)
    activation: list[str] = _limited(choices=ACTIVATIONS)
    dropout: list[bool] = MISSING
    lr: FloatRange = field(default_factory=FloatRange)
    batch_size: list[int] = _limited(min=1)


@dataclass
class CnnSpace:
    num_layers: IntRange = field(default_factory=IntRange)
    filters: IntRange = field(default_factory=IntRange)
    kernel: list[int] = _limited(min=1)
    activation: list[str] = _limited(choices=ACTIVATIONS)
    dropout: list[bool] = MISSING
    lr: FloatRange = field(default_factory=FloatRange)
    batch_size: list[int] = _limited(min=1)


@dataclass
class ModelConfig:
    name: str = MISSING
    task: str = _limited(choices=("regression", "classification"))
    axes: list[str] = _limited(choices=("x", "y", "z"))  # what a regression gives
    window: int = _limited(min=1)  # rows of a sample
    scaling: str = _limited(choices=("none", "standardize", "whiten"))  # of the signals, inside the model
    dropout_rate: float = _limited(min=0, below=1)  # where a trial uses dropout
    objective: str = MISSING  # default of tuner.objective
    direction: str = _limited(choices=("min", "max"))  # default of tuner.direction


@dataclass
class FfnnConfig(ModelConfig):
    space: FfnnSpace = field(default_factory=FfnnSpace)


@dataclass
class CnnConfig(ModelConfig):
    space: CnnSpace = field(default_factory=CnnSpace)


# --- tuner ------------------------------------------------------------------------------------------


@dataclass
class TunerConfig:
    name: str = MISSING
    objective: str = MISSING  # a metric of Keras' logs, val_ for the validation part
    direction: str = _limited(choices=("min", "max"))
    max_trials: int | None = _limited(min=1)  # null: as many as the tuner itself wants
    executions_per_trial: int = _limited(min=1)
    max_failures: int = _limited(min=1)  # failed trials that end the search
    workers: int = _limited(min=1)  # processes of this machine that do trials at the same time
    fresh: bool = MISSING  # begin again; what was found before is kept aside


@dataclass
class RandomTunerConfig(TunerConfig):
    """Draws hyperparameters evenly."""


@dataclass
class BayesianTunerConfig(TunerConfig):
    """A Gaussian process proposes hyperparameters after the first, random trials."""

    num_initial_points: int = _limited(min=1)
    alpha: float = _limited(above=0)  # noise variance added to the process' diagonal
    beta: float = _limited(min=0)  # weight of the uncertainty in the confidence bound


@dataclass
class GridTunerConfig(TunerConfig):
    """Every combination in order, the model's defaults first."""


@dataclass
class HyperbandTunerConfig(TunerConfig):
    """Many short trainings; the best go on to longer ones, each from scratch."""

    factor: int = _limited(min=2)  # of how many the best goes on, and how much longer it trains
    iterations: int = _limited(min=1)  # how often the whole is done


@dataclass
class FixedTunerConfig(TunerConfig):
    """No search: hyperparameters that are known already."""

    hyperparameters: str = MISSING  # a JSON file of ours or the notebook's, or an MLflow run: runs:/ID


# --- training, evaluation, tracking -----------------------------------------------------------------


@dataclass
class TrainingConfig:
    epochs: int = _limited(min=1)  # of a trial
    final_epochs: int = _limited(min=1)  # of the final model, at most
    patience: int | None = _limited(min=1)  # epochs without a better objective before it stops, null: never
    final_batch_size: int | None = _limited(min=1)  # null: the one among the best hyperparameters
    ensemble: int = _limited(min=1)  # final trainings, whose mean is the model
    device: str = _limited(choices=("auto", "cpu", "gpu"))
    xla: str = _limited(choices=("auto", "always", "never"))  # compile a training's steps as one program
    precision: str = _limited(choices=("full", "mixed"))  # mixed: on a GPU, in float16 where that is safe
    deterministic: bool = MISSING  # on a GPU: same seed, same result, at some cost of speed
    tensorboard: bool = MISSING  # write TensorBoard logs into the run's folder


@dataclass
class EvaluationConfig:
    also: str | None = _limited(choices=("held_out_points", "held_out_recordings"))  # a second, harder split
    coverage: float = _limited(above=0, below=1)  # how often the radius or the set of sectors should hold
    confidence: float = _limited(above=0, below=1)  # of the scores' intervals
    resamples: int = _limited(min=100)  # of the bootstrap
    baselines: bool = MISSING  # a linear model and boosted trees beside the network
    baseline_samples: int = _limited(min=1)  # training samples that those learn from, at most
    oracle: bool = MISSING  # simulated data: what a lookup in noise-free torques and the physics allow
    figures: bool = MISSING  # pictures and report.html


@dataclass
class TrackingConfig:
    name: str = _limited(choices=("mlflow", "none"))
    uri: str = MISSING  # where MLflow keeps runs
    experiment: str = MISSING
    register_as: str | None = MISSING  # name in MLflow's model registry, null for none


# --- the whole --------------------------------------------------------------------------------------


@dataclass
class Config:
    seed: int = _limited(min=1)
    skip_finished: bool = MISSING
    data: DataConfig = MISSING
    split: SplitConfig = MISSING
    sectors: SectorsConfig = MISSING
    model: ModelConfig = MISSING
    tuner: TunerConfig = MISSING
    training: TrainingConfig = MISSING
    evaluation: EvaluationConfig = MISSING
    tracking: TrackingConfig = MISSING


# The schema that each file in conf/ names in its defaults list.
SCHEMAS: dict[str, type] = {
    "data/versuch": VersuchConfig,
    "data/simulated": SimulatedConfig,
    "data/table": TableConfig,
    "split/random": RandomSplitConfig,
    "split/blocked": BlockedSplitConfig,
    "split/held_out_recordings": HeldOutRecordingsConfig,
    "split/held_out_points": HeldOutPointsConfig,
    "split/cross_validation": CrossValidationConfig,
    "sectors": SectorsConfig,
    "model/ffnn": FfnnConfig,
    "model/cnn": CnnConfig,
    "tuner/random": RandomTunerConfig,
    "tuner/bayesian": BayesianTunerConfig,
    "tuner/grid": GridTunerConfig,
    "tuner/hyperband": HyperbandTunerConfig,
    "tuner/fixed": FixedTunerConfig,
    "training": TrainingConfig,
    "evaluation": EvaluationConfig,
    "tracking": TrackingConfig,
}
