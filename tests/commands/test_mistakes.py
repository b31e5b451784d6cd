"""A mistake on the command line, or in a YAML file of one's own, is answered in one line that helps."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra._internal import utils
from hydra.core.override_parser.overrides_parser import OverridesParser

from forcepos.__main__ import _command

Refused = Callable[..., str]
OWN = "defaults: [cnn_regression, _self_]\n"

COMMANDS = "prepare, inspect, compare, predict, export, ui"


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Refused]:
    """Give a command that ends before its job begins, in this process; what it ends with is one line."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(utils, "run_and_report", utils.run_and_report)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["forcepos", *arguments])
        with pytest.raises(SystemExit) as ended:
            _command()
        line = str(ended.value.code)
        assert line.startswith("error: ")
        assert "\n" not in line
        return line.removeprefix("error: ")

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("trainig.epochs=3", "unknown key trainig.epochs: did you mean training.epochs?"),
        ("epochs=3", "unknown key epochs: did you mean training.epochs?"),
        ("model.windw=3", "unknown key model.windw: did you mean model.window?"),
        ("model.space.filter.max=3", "unknown key model.space.filter: did you mean model.space.filters?"),
        ("hydra.rn.dir=X", "unknown key hydra.rn: did you mean hydra.run?"),
        ("modle=cnn_regression", "unknown key modle: did you mean model?"),
        ("launcher=joblib", "unknown key launcher: did you mean hydra/launcher?"),
        ("tuner@x=random", "unknown key tuner@x: did you mean tuner?"),
        ("data.path=x.csv", "unknown key data.path: it belongs to data=versuch or data=table"),
        ("model.space.units=32",
         "unknown key model.space.units: it belongs to model=ffnn_classification or model=ffnn_regression"),
        ("tuner.zzz=1", "unknown key tuner.zzz: tuner has name, plugin, objective, direction, max_trials, "
         "minutes, executions_per_trial, stop, max_failures, workers, fresh, num_initial_points, alpha, beta"),
        ("model.space.kernels.max=3", "unknown key model.space.kernels: did you mean model.space.kernel?"),
        ("data.päth=3", "data.päth=3 is not key=value: did you mean data.path?"),
        ("data.name=a\n\x1b[1mü", r"'data.name=a\n\x1b[1mü' holds a character that cannot stand there"),
        ("+seed=3", "Could not append to config. An item is already at 'seed'."),
        ("model=cnn_regresion",
         "unknown choice model=cnn_regresion: did you mean "
         "cnn_regression or ffnn_regression?"),
        ("model=cnn", "unknown choice model=cnn: did you mean cnn_classification or cnn_regression?"),
        ("tuner=optuna", "unknown choice tuner=optuna: tuner has bayesian, fixed, grid, hyperband, random"),
        ("hydra/launcher=slurm",
         "unknown choice hydra/launcher=slurm: did you mean slurm_cpu or slurm_gpu or submitit_slurm?"),
        ("model=3", "model=3: Config group override must be a string or a list. Got int"),
        ("training.epochs=abc",
         "training.epochs=abc: Value 'abc' of type 'str' could not be converted to Integer"),
        ("model.space.num_layers=[1,3]",
         "model.space.num_layers=[1,3]: Cannot merge DictConfig with ListConfig"),
        ("model.space.num_layers.many=3",
         "unknown key model.space.num_layers.many: model.space.num_layers has min, max, step"),
        ("model=cnn_regression,ffnn_regression",
         "model=cnn_regression,ffnn_regression has several values: -m sweeps over them"),
        ("data.grid=3,4", "data.grid=3,4 has several values: -m sweeps over them, data.grid=[3,4] is a list, "
         """'data.grid="3,4"' a text"""),
        ("hydra.job.name=${nope}",
         "hydra.job_logging.handlers.file.filename: Interpolation key 'nope' not found"),
        ("hydra.run.dir=/dev/null", "[Errno 17] File exists: '/dev/null'"),
        ("hydra.run.dir=${nope}", "hydra.run.dir: Interpolation key 'nope' not found"),
        ("hydra.run.dir=${oc.env:NOPE}", "hydra.run.dir: the environment variable NOPE is not set"),
        ("train",
         f"train is neither key=value nor a command ({COMMANDS}): "
         "without one, a model is trained"),
        ("prepar",
         f"prepar is neither key=value nor a command ({COMMANDS}): did you mean prepare?"),
        ("cnn_regression",
         f"cnn_regression is neither key=value nor a command ({COMMANDS}): did you mean "
         "model=cnn_regression?"),
        ("--seed=3", "unrecognized arguments: --seed=3: did you mean seed=…?"),
        ("--multirn", "unrecognized arguments: --multirn: did you mean --multirun?"),
        ("--cfg=x", "argument --cfg/-c: invalid choice: 'x' (choose from 'job', 'hydra', 'all'); see --help"),
    ],
)  # fmt: skip
def test_what_may_have_been_meant_is_named(argument: str, message: str, refused: Refused) -> None:
    assert refused(argument) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seed=2", "train"], f"train is neither key=value nor a command ({COMMANDS}): "
         "without one, a model is trained"),
        (["-m", "inspct"],
         f"inspct is neither key=value nor a command ({COMMANDS}): did you mean inspect?"),
        (["--run", "seed=2", "--multirun"],
         "Only one of --run, --multirun, --cfg, --info and --shell_completion can be specified"),
        (["inspect", "x.csv", "--fgures"], "unrecognized arguments: --fgures: did you mean --no-figures?"),
        (["model.space.num_layers=3", "model.space.num_layers.max=4"],
         "model.space.num_layers.min is required: set it on the command line, model.space.num_layers.min=…"),
        (["inspect"], "the following arguments are required: FILES; see --help"),
        (["compare"], "the following arguments are required: RUN; see --help"),
        (["prepare", "data.sorce=x"], "unknown key data.sorce: did you mean data.source?"),
        (["-m", "model=ffnn_regression,foo", "tracking=none"],
         "unknown choice model=foo: model has cnn_classification, cnn_regression, ffnn_classification, "
         "ffnn_regression"),
        (["-m", "tracking.uri=${oc.env:NOPE}", "seed=1,2"],
         "tracking.uri: the environment variable NOPE is not set"),
        (["experiment=ladder"],
         "tuner.hyperparameters is required: set it on the command line, tuner.hyperparameters=…"),
        (["-m", "seed=1,2", "data=versuch"], "data.path is required: set it on the command line, data.path=…"),
    ],
)  # fmt: skip
def test_so_it_is_with_options_commands_and_sweeps(arguments: list[str], message: str, refused: Refused) -> None:
    assert refused(*arguments) == message


@pytest.mark.parametrize(
    "value",
    ["Prüfstand.csv", "a=b", "a~b", "a#b", "Lauf (1).csv", "{i}_{j}.txt", "it's", 'a"b', "ü\\", "a'b(\"c", "!"],
)
def test_an_argument_that_needs_quotes_is_printed_with_them(value: str, refused: Refused) -> None:
    line = refused("data=table", f"data.path={value}")
    begin = f"data.path={value} has to be quoted: "
    assert line.startswith(begin)
    (pasted,) = shlex.split(line.removeprefix(begin))
    assert OverridesParser.create().parse_override(pasted).value() == value


def test_a_home_directory_that_no_shell_has_resolved_is_named_in_full(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert refused("data.path=~/x.csv") == """data.path=~/x.csv has to be quoted: 'data.path="/home/ann/x.csv"'"""


def test_each_entry_of_a_list_is_quoted_for_itself(refused: Refused) -> None:
    assert refused("data.features=[Fx (N),Fy]").endswith(""" 'data.features=["Fx (N)","Fy"]'""")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"defaults:\n  - cnn_regression\n\t- _self_\n", "mine/model/own.yaml, line 3, column 1: found character "
         "'\\t' that cannot start any token"),
        (b'name: "abc\n', "mine/model/own.yaml, line 2, column 1: found unexpected end of stream"),
        (b"name: a\nname: b\n", "mine/model/own.yaml, line 2, column 1: found duplicate key name"),
        (b"name: *x\n", "mine/model/own.yaml, line 1, column 7: found undefined alias 'x'"),
        (b"name: [1, 2\n", "mine/model/own.yaml, line 2, column 1: expected ',' or ']', but got '<stream end>'"),
        (b"name: \xfc\n", "mine/model/own.yaml cannot be read: 'utf-8' codec can't decode byte 0xfc in position "
         "6: invalid start byte"),
        (OWN.encode() + b"windw: 3\n", "unknown key model.windw: did you mean model.window?"),
        (OWN.encode() + b"window: abc\n",
         "model/own.yaml: model.window: Value 'abc' of type 'str' could not be converted to Integer"),
        (OWN.encode() + b"space: 3\n", "model/own.yaml: Merge error: int is not a subclass of CnnSpace. value: 3"),
        (b"- a\n", "model/own.yaml: Invalid type assigned: list is not a subclass of ModelConfig. value: ['a']"),
        (b"defaults: cnn_regression\n", "Invalid defaults list in 'model/own', defaults must be a list (got str)"),
        (b"defaults: [cnn]\n", "In 'model/own': Could not load 'model/cnn'."),
    ],
)  # fmt: skip
def test_a_mistake_in_a_yaml_file_names_it(text: bytes, message: str, refused: Refused, tmp_path: Path) -> None:
    own = tmp_path / "mine" / "model" / "own.yaml"
    own.parent.mkdir(parents=True)
    own.write_bytes(text)
    assert refused("--config-dir", "mine", "model=own") == message


def test_all_of_hydras_message_is_shown_on_request(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("epochs=3")
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(Exception, match="Could not override 'epochs'"):
        refused("epochs=3")


def test_options_stand_anywhere_among_the_overrides(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], refused: Refused
) -> None:
    for arguments in (
        ["seed=2", "--cfg", "job", "data.rows=7"],
        ["seed=2", "data.rows=7", "-c", "job", "-p", "data"],
    ):
        monkeypatch.setattr(sys, "argv", ["forcepos", *arguments])
        _command()
        assert "rows: 7\n" in capsys.readouterr().out
