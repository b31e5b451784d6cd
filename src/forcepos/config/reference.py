"""The text of --help, from the schema and conf/; docs/scripts/config_page.py makes docs/config.md likewise."""

import dataclasses
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from forcepos.config.schema import SCHEMAS, Config
from forcepos.runtime.paths import conf_dir

_HELP = """\
forcepos: where does a robot touch? Learned from its force and torque signals.
One command composes a config, searches hyperparameters, trains, evaluates, and logs the run to MLflow.

python -m forcepos                                       the defaults, on a simulated arm
python -m forcepos model=cnn_regression tuner=bayesian   choose from the groups below
python -m forcepos data=versuch data.path=FILE           a Feather file in the notebook's format
python -m forcepos data=table data.path=FILE 'data.features=[Fx,Fy]' 'data.targets=[x,y]' data.time=t
python -m forcepos tuner.max_trials=20 training.final_epochs=100
python -m forcepos -m model=ffnn_regression,cnn_regression tuner=random,bayesian
python -m forcepos debug=smoke                           every step, in seconds
python -m forcepos prepare data.source=ZIP               convert text logs to such a Feather file
python -m forcepos inspect FILES                         inspect data before training; --write drafts a config
python -m forcepos compare RUN RUN                       which run is better, and which differences are real
python -m forcepos predict RUN FILES                     predict new recordings, and score them if that is possible
python -m forcepos export RUN                            a folder for the robot: ONNX and a live estimator
python -m forcepos ui                                    show the runs in MLflow's user interface

Groups and their choices:
{groups}

Frequently used keys:
{keys}

--cfg job         prints every key with its value; add choices and overrides to see their effect
--json            prints the result as a line of JSON on a terminal too, not only into a pipe or file
--config-dir DIR  adds a folder with choices of your own; like any Hydra config, it is trusted code
"""
_FREQUENT = (
    "seed", "skip_finished", "fail_fast",
    "data.seed", "split.test_ratio", "split.validation_ratio", "split.calibration_ratio",
    "model.window", "model.scaling", "tuner.objective", "tuner.direction", "tuner.max_trials", "tuner.minutes",
    "tuner.stop", "tuner.executions_per_trial", "tuner.max_failures", "tuner.workers", "tuner.fresh",
    "tuner.hyperparameters",
    "training.epochs", "training.final_epochs", "training.patience", "training.ensemble", "training.device",
    "evaluation.also", "evaluation.coverage", "tracking.uri",
)  # fmt: skip
_WIDTH = 110  # characters of a line of --help

Field = dataclasses.Field[Any]


def help_text() -> str:
    """Return the text of --help without composing a config, which takes Hydra a second."""
    marked_choices = {group: ", ".join(marked(group)) for group in groups()}
    fields = {name: find_field(name).metadata for name in _FREQUENT}
    allowed = {name: f" ({', '.join(field['limits'].get('choices', ()))})" for name, field in fields.items()}
    keys = {name: (field["meaning"] + allowed[name]).removesuffix(" ()") for name, field in fields.items()}
    return _HELP.format(groups=_columns(marked_choices), keys=_columns(keys))


@cache
def own_config() -> Any:
    return OmegaConf.to_container(OmegaConf.load(conf_dir() / "config.yaml"))


def groups() -> dict[str, str | None]:
    """Return the groups in the order of conf/config.yaml, each with its default choice."""
    entries = [entry for entry in own_config()["defaults"] if isinstance(entry, dict)]
    chosen = {group: choice for entry in entries for group, choice in entry.items() if " " not in group}
    return chosen | {"hydra/launcher": "basic"}


def choices(group: str) -> list[str]:
    """Return the choices of a group, the default first, then by name, Hydra's own launchers included."""
    found = sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))
    if group == "hydra/launcher":
        found = ["basic", "joblib", "submitit_local", *found]
    return sorted(found, key=lambda name: name != groups()[group])


def marked(group: str) -> Iterator[str]:
    for choice in choices(group):
        yield f"{choice} (default)" if choice == groups()[group] != "default" else choice


def find_field(name: str) -> Field:
    """Return the first field of the schema that has this dotted name."""
    group, _, last = name.rpartition(".")
    schemas = [schema for place, schema in SCHEMAS.items() if place.split("/")[0] == group] or [Config]
    return next(field for schema in schemas for field in dataclasses.fields(schema) if field.name == last)


def _columns(texts: dict[str, str]) -> str:
    width = max(map(len, texts)) + 2
    wrap = textwrap.TextWrapper(_WIDTH, subsequent_indent=" " * width, break_on_hyphens=False)
    return "\n".join(wrap.fill(f"{name:<{width}}{text}") for name, text in texts.items())
