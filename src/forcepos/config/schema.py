"""The schema of conf/: every key with its type, meaning and limits. The values themselves live in conf/.

A key's last word is its unit: `_mm`, `_s`, `_hz`, `_n` (newton), `_deg`, `_percent`.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from omegaconf import MISSING


def key(
    meaning: str, *, default: Any = MISSING, nested: type | None = None, of: type | None = None, **limits: Any
) -> Any:
    """Declare a key: its meaning, for docs/config.md and --help, and what its type cannot express.

    Args:
        meaning: a phrase without a full stop; what null stands for goes last.
        default: of a key that a YAML file need not have.
        nested: the dataclass of a key that holds further keys.
        of: a range's dataclass, or the type of a list's entries, where a plain value may stand for a range or list
            of one. Such a key is declared as Any, and `checks` makes the range or list.
        limits: `min` and `max` (inclusive), `above` and `below` (exclusive), `choices`, or the `length` of a list.
    """
    metadata = {"meaning": meaning, "limits": limits, "nested": nested, "of": of}
    factory = default.copy if isinstance(default, list | dict) else nested
    given: dict[str, Any] = {"default_factory": factory} if factory else {"default": default}
    return field(**given, metadata=metadata)


_MOST = 1_000_000  # more than a machine can hold or a training step can take, whatever is counted
_size = partial(key, above=0, max=_MOST)
_spread = partial(key, min=0, max=_MOST)
_share = partial(key, above=0, below=1)
_optional = partial(key, default=None)
_plugin = partial(key, "class behind this choice: module.Class, of a file in your --config-dir")
_FORMATS = ("auto", "feather", "parquet", "csv", "text", "numpy", "matlab", "ros")


@dataclass
class DataConfig:
    name: str = key("kind of data")
    features: list[str] = key("columns that the model sees")
    offset_mm: list[float] = key(
        "added to the targets: from their frame to the plate's", min=-1_000_000_000, max=1_000_000_000, length=3
    )


@dataclass
class TableConfig(DataConfig):
    """Any table. A column is given by name, or by number from 0 on where a file has no such name."""

    path: str = key("a file, a folder, searched in depth, one recording per file, or a pattern such as logs/*.csv")
    plugin: str | None = _optional("your own reader, module.Class of a file beside your config; null: by format")
    format: str = key(
        "auto: by the ending (numpy: .npy, .npz; matlab: .mat; ros: .bag, .db3, .mcap or a bag's folder; "
        "text: .txt, .log, .dat; csv: .csv, .tsv; .feather, .parquet)", default="auto", choices=_FORMATS,
    )  # fmt: skip
    header: bool | None = _optional("text: whether a line above the rows holds names; null: if it seems to")
    separator: str | None = _optional("text: between fields; null: the one that splits lines best")
    decimal: str = key("text files: decimal mark", default=".", choices=(".", ","))
    targets: list[str] | None = key("one to three columns with x, y, z, in this order; null: only a label")
    target_scale_mm: float = _size("mm per unit of the targets, applied before the offset: 1000 for m", default=1)
    recording: str | None = _optional("column with the recording's name; null: each file is one recording")
    visits: bool = key("each run of rows with the same point is a recording, a visit of that point", default=False)
    gap_s: float | None = _optional(
        "a longer pause, or time going back, starts a new recording; null: neither", above=0, max=1_000_000_000
    )
    point: str | None = key("column with the touched point's name; null: clusters of the recordings' positions")
    point_grid_mm: float | None = _size("cells of a grid of this width as points; null: clusters", default=None)
    time: str | None = _optional("column with a row's time; null: rate_hz gives it")
    time_unit: str = key("unit of that column, unless a time type", default="s", choices=("s", "ms", "us", "ns"))
    nanoseconds: str | None = _optional("column with nanoseconds to add to that time; null: there is none")
    rate_hz: float | None = _size("rows per second; null: from the time")
    missing: str = key(
        "rows with a missing value: refuse them, or drop them, and no window crosses them",
        default="refuse", choices=("refuse", "drop"),
    )  # fmt: skip
    session: str | None = _optional("column with the name of the sitting (day, user, mounting); null: none known")
    recording_from: str | None = _optional(
        "end of a path whose {} is the recording's name, such as {}/wrench.csv; null: the file's name"
    )
    label_from: str | None = _optional("end of a path whose {} is the class, such as {}/*.csv; null: no class")
    session_from: str | None = _optional("end of a path whose {} is the session, such as {}_*.csv; null: none")
    join: dict[str, str] | None = key(  # not null by default: Hydra merges keys into an empty one only
        "files of one trial, put side by side: a name and a file or pattern each, such as "
        "{wrench: R_Torques.dat, pose: R_CartPos.dat}; columns are then wrench.1, pose.2; {}: none",
        default={},
    )
    join_by: str = key(
        "how rows of joined files find one another: the newest before, by time, or the same number",
        default="time", choices=("time", "row"),
    )  # fmt: skip
    tare: str = key(
        "subtract from each recording's signals their mean over rows without contact, which are then dropped: "
        "those within tare_ms, or those with a force below tare_below_n",
        default="none", choices=("none", "time", "force"),
    )  # fmt: skip
    tare_ms: list[float] = key(
        "interval of a recording without contact, from its beginning", default=[0.0, 200.0], min=0, length=2
    )
    tare_features: list[str] | None = _optional("features from which it is subtracted; null: all")
    tare_below_n: float = _size("force below which a row counts as without contact", default=1)
    tare_force: list[str] | None = _optional("features with that force, x, y, z; null: named Fx, force.x or alike")
    label: str | None = _optional("column with the classes of a classification, any number; null: sectors")
    keep: list[str] | None = _optional("more columns that a split of your own can use; null: none")


@dataclass
class VersuchConfig(TableConfig):
    """The notebook's Feather files, a table with whole seconds and nanoseconds in two columns."""

    format: str = key("file format", default="feather", choices=_FORMATS)
    visits: bool = key("each run of rows with the same point is a recording, a visit of that point", default=True)
    seconds: str | None = key("column with the whole seconds of a row's time; null: there is none")
    time: str | None = key("column with a row's time", default="${.seconds}")


@dataclass
class SimulatedConfig(DataConfig):
    """An iiwa 14 that presses on a plate; docs/simulation.md explains the physics and the sizes of the errors."""

    seed: int = key("random seed of the simulation; splits and training have their own, `seed`", min=1)
    grid: list[int] = key("points along x and along y", min=1, max=10_000, length=2)
    spacing_mm: float = _size("distance between neighbouring points")
    visits: int = key("recordings of each point", min=1, max=_MOST)
    rows: int = key("rows of each visit of each point", min=1, max=1_000_000_000)
    rate_hz: float = _size("rows per second")
    force_n: float = _size("force that the plate exerts on the tool, upwards")
    force_spread_n: float = _spread("standard deviation of the force from visit to visit, per axis")
    repeatability_mm: float = _spread("standard deviation of the position from visit to visit, per axis")
    noise_percent: float = _size("standard deviation of a row's noise, % of the axis' largest torque")
    visit_offset_percent: float = _spread("standard deviation of a visit's offset, % of the axis' largest torque")
    drift_percent: float = _spread("standard deviation of slow drift, % of the axis' largest torque")
    drift_time_s: float = _size("correlation time of that drift")
    observer_time_s: float = key("time constant of the controller's external torque estimate", above=0, max=10)
    wrench: str = key("source of F and T, at the flange: controller or sensor", choices=("controller", "sensor"))
    wrench_filter_s: float = key("controller: time constant of a filter after the observer", min=0, max=10)
    wrench_bias_n: float = _spread("controller: mean size of the force's bias, which depends on the posture")
    wrench_step_n: float = _size("smallest step of forces; of torques a twentieth, in Nm")
    sensor_noise_n: float = _spread("sensor: standard deviation of a row's noise; of torques a twentieth, in Nm")
    sensor_drift_n: float = _spread("sensor: standard deviation of a visit's drift; of torques a twentieth, in Nm")


@dataclass(kw_only=True)
class SplitConfig:
    leaks: ClassVar[bool] = False  # neighbours in time may be in different subsets
    name: str = key("kind of split, as shown in results")
    plugin: str = _plugin()
    validation_ratio: float = _share("share of the rest for the validation subset")
    calibration_ratio: float = key("share of the rest, from validation, that calibrates; 0: none", min=0, below=1)
    train_share: float = key("share of the training units, at least one, that train", default=1.0, above=0, max=1)


@dataclass
class DrawnSplitConfig(SplitConfig):
    test_ratio: float = _share("share of all for the test subset")


@dataclass
class RandomSplitConfig(DrawnSplitConfig):
    """Draw samples, as the notebook does: neighbours in time land in different subsets."""

    plugin: str = _plugin(default="forcepos.data.splits.random.Random")
    leaks: ClassVar[bool] = True
    test_seed: int | None = key("random_state of scikit-learn's first split; null: drawn from `seed`", min=0)
    validation_seed: int | None = key("random_state of the second split; null: drawn from `seed`", min=0)
    shuffle_rows: bool = key("shuffle rows within a point before windows are cut, a slip of the notebook's")
    shuffle_seed: int = key("random_state of that shuffle", min=0)


@dataclass
class BlockedSplitConfig(DrawnSplitConfig):
    """Draw time blocks of each recording."""

    plugin: str = _plugin(default="forcepos.data.splits.held_out.Blocked")
    blocks: Any = key("time blocks per recording, 3 or more; auto: as many as fit, 5 at most")
    gap_s: float = _spread("time dropped on either side of a border between two subsets")


@dataclass
class CrossValidationConfig(SplitConfig):
    """Test every unit once, in as many runs as there are folds."""

    plugin: str = _plugin(default="forcepos.data.splits.held_out.CrossValidation")
    unit: str = key("what is dealt into folds as a whole", choices=("point", "recording", "session"))
    folds: int = key("number of folds; each is tested once, by a model of its own", min=2, max=100_000)
    fold: int | None = key("the only fold to run, 1, 2, …, such as one per job of a cluster; null: all", min=1)


@dataclass
class SectorsConfig:
    starts_deg: list[float] = key("first angle of each sector, counterclockwise to the next", above=-180, max=180)
    border_mm: float = key("accuracy is also reported without the samples nearer to a border than this", min=0)


ACTIVATIONS = ("elu", "gelu", "leaky_relu", "relu", "selu", "sigmoid", "silu", "softplus", "tanh")
_LARGEST = 1e38  # a single-precision number


@dataclass
class IntRange:
    min: int = key("smallest value", min=1, max=_MOST)
    max: int = key("largest value", min=1, max=_MOST)
    step: int = key("distance between values", min=1)


@dataclass
class FloatRange:
    min: float = key("smallest value", above=0, max=_LARGEST)
    max: float = key("largest value", above=0, max=_LARGEST)
    sampling: str = key("linear or log: scale on which values are drawn", choices=("linear", "log"))


@dataclass(kw_only=True)
class SpaceConfig:
    sees: ClassVar[str] = "window"  # what a network takes: a window of rows, or a single row
    dropout: Any = key("whether a dropout layer follows the hidden layers", of=bool)
    lr: Any = key("learning rate", of=FloatRange)
    batch_size: Any = key("samples per training step", of=int, min=1, max=_MOST)


@dataclass
class FfnnSpace(SpaceConfig):
    sees: ClassVar[str] = "row"
    num_layers: Any = key("hidden layers", of=IntRange)
    units: Any = key("units of each hidden layer", of=IntRange)
    activation: Any = key("activation functions of the hidden layers", of=str, choices=ACTIVATIONS)


@dataclass
class CnnSpace(SpaceConfig):
    num_layers: Any = key("hidden convolutions, after the input convolution", of=IntRange)
    filters: Any = key("filters of each convolution", of=IntRange)
    kernel: Any = key("kernel sizes, in rows", of=int, min=1, max=_MOST)
    activation: Any = key("activation functions of the hidden layers", of=str, choices=ACTIVATIONS)


@dataclass(kw_only=True)
class ModelConfig:
    name: str = key("name of the model, as shown in results")
    plugin: str = _plugin()
    task: str = key("whether a position or a class is predicted", choices=("regression", "classification"))
    axes: Any = key("axes that a regression predicts", of=str, choices=("x", "y", "z"))
    window: int = key("rows of a sample", min=1)
    scaling: Any = key(
        "scaling of the signals, inside the model, several to search among; whiten: standardized, decorrelated; "
        "encode: standardized, then cut at the quantiles of each into pieces that grow from 0 to 1",
        of=str, choices=("none", "standardize", "whiten", "encode"),
    )  # fmt: skip
    statistics_s: Any = key(
        "seconds over which mean, spread and slope of the signals are seen beside the rows; several to search "
        "among; 0: none", of=float, min=0, max=3600,
    )  # fmt: skip
    clip: bool = key("positions stay in the box of the training targets, widened by half its width on each side")
    dropout_rate: float = key("dropout rate of trials that use dropout", min=0, below=1)
    objective: str = key("default of tuner.objective")
    direction: str = key("default of tuner.direction", choices=("min", "max"))
    space: SpaceConfig = key("search space of the hyperparameters", nested=SpaceConfig)


@dataclass
class FfnnConfig(ModelConfig):
    plugin: str = _plugin(default="forcepos.models.architectures.notebook.Ffnn")
    space: FfnnSpace = key("search space of the hyperparameters", nested=FfnnSpace)


@dataclass
class CnnConfig(ModelConfig):
    plugin: str = _plugin(default="forcepos.models.architectures.notebook.Cnn")
    space: CnnSpace = key("search space of the hyperparameters", nested=CnnSpace)


@dataclass(kw_only=True)
class TunerConfig:
    ends: ClassVar[bool] = False  # by itself, so that max_trials may be null
    name: str = key("name of the tuner, as shown in results")
    plugin: str = _plugin()
    objective: str = key("metric that the search optimizes, such as mae; val_mae: on the validation subset")
    direction: str = key("whether a smaller or a larger objective is better", choices=("min", "max"))
    max_trials: int | None = key("trials of a search; null: as many as the tuner itself decides", min=1)
    minutes: float | None = _optional(
        "no trial begins once the search, its earlier runs included, has taken so long; null: no limit",
        above=0, max=_MOST,
    )  # fmt: skip
    executions_per_trial: int = key("trainings per trial, from different weights; their mean counts", min=1)
    stop: str = key(
        "median: a trial ends at an epoch at which it is worse than the median of at least three earlier trials",
        default="none", choices=("none", "median"),
    )  # fmt: skip
    max_failures: int = key("failed trials that end the search", min=1)
    workers: int = key("processes of this machine that run trials at the same time", min=1)
    fresh: bool = key("start the search over; earlier trials are kept aside")


@dataclass
class BayesianTunerConfig(TunerConfig):
    """Propose hyperparameters with a Gaussian process after the first, random trials."""

    plugin: str = _plugin(default="forcepos.tuning.tuner.Bayesian")
    num_initial_points: int = key("random trials before the first proposal", min=1)
    alpha: float = key("noise variance added to the diagonal of the Gaussian process", above=0)
    beta: float = key("weight of the uncertainty in the confidence bound", min=0)


@dataclass
class HyperbandTunerConfig(TunerConfig):
    """Run many short trainings; the best go on for longer."""

    plugin: str = _plugin(default="forcepos.tuning.tuner.Hyperband")
    factor: int = key("one in `factor` trials advances, to `factor` times as many epochs", min=2)
    iterations: int = key("how often the whole algorithm is repeated", min=1)


@dataclass
class FixedTunerConfig(TunerConfig):
    """Train known hyperparameters, without a search."""

    plugin: str = _plugin(default="forcepos.tuning.tuner.Fixed")
    hyperparameters: str = key("a result.json, an .obj file of the notebook's, or an MLflow run: runs:/ID")


@dataclass
class TrainingConfig:
    epochs: int = key("epochs of a trial", min=1)
    final_epochs: int = key("epochs of the final model, at most", min=1)
    patience: int | None = key("epochs without improvement that end the final training; null: no limit", min=1)
    final_batch_size: int | None = key("batch size of the final model; null: that of the best trial", min=1)
    ensemble: Any = key(
        "final trainings, from different weights; the model is their mean; trials: none, but networks of the "
        "search that together do best on the validation subset"
    )
    offset_noise: float = key(
        "offsets added to the signals in training, one of each channel a sample: their standard deviation, "
        "relative to that of the means of the training recordings; 0: none",
        default=0.0, min=0, max=1000,
    )  # fmt: skip
    device: str = key("processor that trains; auto: the GPU if there is one", choices=("auto", "cpu", "gpu"))
    xla: str = key("compile steps with XLA; auto: if that saves time", choices=("auto", "always", "never"))
    precision: str = key("mixed: float16 where it is safe; only on a GPU", choices=("full", "mixed"))
    deterministic: bool = key(
        "use TensorFlow's deterministic kernels on a GPU, without XLA; a CPU always repeats itself"
    )
    tensorboard: bool = key("write TensorBoard logs into the run's folder")
    pretrain: str | None = _optional("finished run, folder or runs:/ID, whose networks are trained on; null: none")


@dataclass
class EvaluationConfig:
    also: str | None = key(
        "train the best hyperparameters on this split too and report its scores; null: no second split",
        choices=("held_out_points", "held_out_recordings", "held_out_sessions"),
    )
    coverage: float = _share("target coverage of the radius, or of the sets of sectors")
    calibration: str = key(
        "what sets the radius or the sets: part: samples set aside (split.calibration_ratio); folds: errors of "
        "five networks, each trained without a fifth of the training subset; none: there is none",
        default="part", choices=("part", "folds", "none"),
    )  # fmt: skip
    confidence: float = _share("confidence level of the intervals of scores")
    resamples: int = key("bootstrap resamples behind those intervals", min=100)
    baselines: bool = key("train a linear model and boosted trees on the same split and features")
    baseline_samples: int = key("training samples of the baselines, at most", min=1)
    oracle: bool = key("simulated data: score ideal observers")
    figures: bool = key("draw the figures and write report.html")


@dataclass
class TrackingConfig:
    name: str = key("where runs are tracked", choices=("mlflow", "none"))
    uri: str = key("MLflow's store; a relative path is under the working directory")
    experiment: str = key("MLflow experiment")
    register_as: str | None = key("name in MLflow's model registry; null: the model is not registered")
    trials: str = key("whether the trials of a search are runs of their own", choices=("runs", "none"))


@dataclass
class Config:
    seed: int = key("random seed of splits, hyperparameters and weights", min=1, max=4_294_967_295)
    skip_finished: bool = key("skip a run that has finished with the same config and data")
    fail_fast: bool = key("end a sweep at the first job that fails")
    data: DataConfig = key("recordings: read from files or simulated")
    split: SplitConfig = key("how samples are divided into training, validation, calibration and test subsets")
    sectors: SectorsConfig = key("classes of a classification, as angles on the plate")
    model: ModelConfig = key("network, and the search space of its hyperparameters")
    tuner: TunerConfig = key("how hyperparameters are searched")
    training: TrainingConfig = key("training of trials and of the final model")
    evaluation: EvaluationConfig = key("what is reported beside the scores on the test subset")
    tracking: TrackingConfig = key("where runs are logged")


# The schema that each file in conf/ names in its defaults list.
SCHEMAS: dict[str, type] = {
    "data/versuch": VersuchConfig, "data/simulated": SimulatedConfig, "data/table": TableConfig,
    "split/any": SplitConfig, "split/random": RandomSplitConfig, "split/blocked": BlockedSplitConfig,
    "split/held_out_recordings": DrawnSplitConfig, "split/held_out_sessions": DrawnSplitConfig,
    "split/held_out_points": DrawnSplitConfig, "split/cross_validation": CrossValidationConfig,
    "sectors": SectorsConfig, "model/any": ModelConfig, "model/ffnn": FfnnConfig, "model/cnn": CnnConfig,
    "tuner/any": TunerConfig, "tuner/random": TunerConfig, "tuner/bayesian": BayesianTunerConfig,
    "tuner/grid": TunerConfig, "tuner/hyperband": HyperbandTunerConfig, "tuner/fixed": FixedTunerConfig,
    "training": TrainingConfig, "evaluation": EvaluationConfig, "tracking": TrackingConfig,
}  # fmt: skip
# The plug-ins of forcepos' own whose schema has no keys of their own.
OWN_PLUGINS = {
    "split/held_out_recordings": "forcepos.data.splits.held_out.HeldOutRecordings",
    "split/held_out_sessions": "forcepos.data.splits.held_out.HeldOutSessions",
    "split/held_out_points": "forcepos.data.splits.held_out.HeldOutPoints",
    "tuner/random": "forcepos.tuning.tuner.Random",
    "tuner/grid": "forcepos.tuning.tuner.Grid",
}
