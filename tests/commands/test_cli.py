"""The command line: help, mistakes, signals, installation."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import psutil
import pytest
from omegaconf import OmegaConf

from forcepos.__main__ import main
from forcepos.runtime.paths import conf_dir
from tests.conftest import compose_config, runs
from tests.running import QUICK, WITHOUT_LIBRARIES, forcepos, processor_time_s, read_until, start
from tests.warm import Started

LARGE = ("tensorflow", "keras", "mlflow", "sklearn", "matplotlib", "pandas", "rich")


def without_libraries(folder: Path, *names: str) -> str:
    """Make a PYTHONPATH on which importing these ends the process."""
    for name in names:
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} is needed')")
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["debug=smoke"],
            r"..:..:.. cnn_regression bayesian blocked seed=1 debug=smoke; outputs: outputs/runs/\S+",
        ),
        (["-m", "seed=1,2"], r"\[.*\]\[HYDRA\] multirun of 2 jobs; outputs: outputs/sweeps/\S+"),
    ],
)
def test_what_will_run_is_logged_before_a_large_library_is_loaded(
    arguments: list[str], line: str, tmp_path: Path
) -> None:
    refused = forcepos(arguments, tmp_path, PYTHONPATH=without_libraries(tmp_path, *LARGE))
    first, *_, last = refused.err.splitlines()
    assert re.fullmatch(line, first)
    assert last.endswith(" is needed")


@pytest.mark.system
def test_the_first_line_costs_a_fraction_of_tensorflow_and_the_end_little(tmp_path: Path) -> None:
    tensorflow_s = processor_time_s("-c", "import tensorflow")  # a busy machine makes this slower, too
    with start(QUICK, tmp_path) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        running = psutil.Process(process.pid)
        assert "; outputs: " in process.stderr.readline()
        first_line_s = sum(running.cpu_times()[:2])
        assert process.stdout.readline().startswith("{")
        result_s = sum(running.cpu_times()[:2])
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        end_s = sum(running.cpu_times()[:2]) - result_s
        print(
            f"processor time: import of TensorFlow {tensorflow_s:.2f} s, first line {first_line_s:.2f} s, "
            f"end {end_s:.2f} s"
        )
        assert process.wait() == 0
    assert first_line_s < tensorflow_s / 3
    assert end_s < tensorflow_s / 10


def test_the_command_prepares_inspects_compares_shows_or_trains(tmp_path: Path) -> None:
    (command,) = entry_points(group="console_scripts", name="forcepos")
    assert command.load() is main
    for arguments, name in (
        (["prepare"], "forcepos prepare"),
        (["inspect"], "forcepos inspect"),
        (["compare"], "forcepos compare"),
        (["ui"], "forcepos ui"),
        ([], "forcepos"),
    ):
        finished = forcepos([*arguments, "--help"], tmp_path)
        assert finished.code == 0
        assert f"{name}: " in finished.out


def test_what_is_written_to_a_pipe_arrives_in_full(tmp_path: Path) -> None:
    finished = forcepos(["--cfg", "job"], tmp_path)
    assert finished.code == 0
    assert OmegaConf.create(finished.out) == compose_config()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tuner.max_trials=0"], "error: tuner.max_trials=0 must be at least 1"),
        (["+model.foo=1"], "error: unknown key model.foo: model has name, plugin, task, axes, window, scaling, "
         "statistics_s, clip, dropout_rate, objective, direction, space"),
        (["model.window=1"], "error: model.window=1 must be at least 2: cnn_regression sees rows in sequence"),
    ],
)  # fmt: skip
def test_a_mistake_on_the_command_line_is_answered_without_a_traceback(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    finished = forcepos(arguments, tmp_path, PYTHONPATH=without_libraries(tmp_path, *LARGE))
    assert finished.code == 1
    assert finished.out == ""
    assert finished.err == f"{message}\n"


def test_a_mistake_in_the_data_is_told_before_tensorflow_is_loaded(tmp_path: Path) -> None:
    without = without_libraries(tmp_path, "tensorflow")
    finished = forcepos(["data=versuch", "data.path=nowhere"], tmp_path, PYTHONPATH=without)
    assert finished.code == 1
    message = "error: data.path=nowhere is not a file, a folder or a pattern that matches a file"
    assert finished.err.splitlines()[1:] == [message]
    needed = forcepos(["debug=smoke", "tracking=none"], tmp_path, PYTHONPATH=without)
    assert "tensorflow is needed" in needed.err


def test_help_costs_little_more_than_an_import_and_none_of_tensorflow_or_mlflow(tmp_path: Path) -> None:
    importing = processor_time_s("-c", f"import forcepos.commands.train; {WITHOUT_LIBRARIES}")
    assert processor_time_s("-m", "forcepos", "--help") < 1.5 * importing
    finished = forcepos(["--help"], tmp_path)
    assert finished.code == 0
    assert "python -m forcepos model=cnn_regression tuner=bayesian" in finished.out
    named = {path.stem for path in conf_dir().glob("*/*.yaml") if path.parent.name not in {"base", "columns"}}
    assert {name for name in named if name not in finished.out} == set()


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.system)]
)
def test_an_interrupted_run_and_its_trial_are_marked_killed(sent: int, code: int, tmp_path: Path) -> None:
    endless = ["debug=smoke", "training.epochs=100000"]
    process = Started(endless, tmp_path)
    read_until(process.stderr, ", epoch ")
    process.send_signal(sent)
    rest = process.stderr.read()
    assert process.wait(60) == code
    assert "Traceback" not in rest
    assert [run.info.status for run in runs(tmp_path)] == ["KILLED", "KILLED"]


def test_a_wheel_carries_its_config_and_the_simulated_arm(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    built = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", str(root)]
    subprocess.run([*built, "--wheel-dir", str(tmp_path)], check=True)
    installed = tmp_path / "installed"
    with zipfile.ZipFile(next(tmp_path.glob("forcepos-*.whl"))) as wheel:
        wheel.extractall(installed)
    packaged = installed / "forcepos" / "conf"
    carried = {path.relative_to(packaged) for path in packaged.rglob("*.yaml")}
    assert carried == {path.relative_to(conf_dir()) for path in conf_dir().rglob("*.yaml")}
    assert (installed / "forcepos/data/simulation/iiwa14.xml").is_file()
    finished = forcepos(["--info", "searchpath"], tmp_path, PYTHONPATH=str(installed))
    assert finished.code == 0
    assert f"file://{packaged}" in finished.out


def test_a_users_own_folder_of_choices_joins_in(tmp_path: Path) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "short.yaml").write_text(
        "defaults: [cnn_regression, _self_]\nname: short\nwindow: 5\n"
    )
    finished = forcepos(["--config-dir", str(tmp_path / "mine"), "model=short", "--cfg", "job"], tmp_path)
    assert finished.code == 0
    assert "  name: short\n" in finished.out
    assert "  window: 5\n" in finished.out
