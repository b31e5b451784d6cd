"""`import forcepos`: what notebooks and programs use."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

import forcepos
from forcepos.data.recordings import Recordings
from forcepos.experiment import api
from forcepos.experiment.run import search_fingerprint
from forcepos.runtime.files import to_json
from forcepos.runtime.paths import conf_dir
from tests.conftest import PLATE, Smoke
from tests.conftest import runs as mlflow_runs
from tests.running import QUICK, Finished, processor_time_s
from tests.warm import forcepos as command_line
from tests.warm import python

TOP = Path(__file__).parents[1]
DOOR = ["Architecture", "InputError", "Reader", "Split", "Tuner", "compose", "load_recordings", "run", "runs"]
LARGE = ("tensorflow", "keras", "hydra", "omegaconf", "mlflow", "numpy", "pandas")
FAST = (*QUICK, "model=ffnn_regression")


def scores(result: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on where and when a run was done."""
    return {
        key: value for key, value in result.items() if key not in {"run_id", "model_uri", "outputs", "seconds"}
    }


# --- the names ---


def test_the_door_has_these_names_and_no_other() -> None:
    assert forcepos.__all__ == DOOR
    assert all(getattr(forcepos, name).__doc__ for name in DOOR)


def test_no_name_of_the_door_is_a_rooms() -> None:
    rooms = {path.stem for path in Path(forcepos.__file__).parent.iterdir()}
    assert not rooms & {*DOOR}


def test_importing_forcepos_loads_no_large_library() -> None:
    processor_time_s("-c", f"import sys, forcepos; assert not {{*{LARGE}}} & {{*sys.modules}}")


def test_a_name_that_the_door_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="^module 'forcepos' has no attribute 'train'$"):
        forcepos.train  # type: ignore[attr-defined]  # noqa: B018


def test_the_version_is_forcepos_own(tmp_path: Path) -> None:
    finished = command_line(["--version"], tmp_path)
    assert (finished.code, finished.out, finished.err) == (0, f"forcepos {forcepos.__version__}\n", "")


# --- compose ---


def test_a_config_is_composed_as_the_command_line_does(tmp_path: Path) -> None:
    (tmp_path / "mine" / "tuner").mkdir(parents=True)
    (tmp_path / "mine" / "tuner" / "patient.yaml").write_text("defaults: [random, _self_]\nmax_trials: 50\n")
    overrides = ["tuner=patient", "experiment=notebook_cnn_regression", "tracking.experiment='${now:%Y}'"]
    shown = command_line(["--config-dir", "mine", *overrides, "--cfg", "job", "--resolve"], tmp_path)
    config = forcepos.compose(*overrides, config_dir=tmp_path / "mine")
    assert json.loads(json.dumps(dataclasses.asdict(config))) == OmegaConf.to_container(
        OmegaConf.create(shown.out)
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ["modle=cnn_regression"], ["model=cn"], ["tuner.max_trials=abc"], ["tuner.max_trials=0"],
        ["+model.foo=1"], ["seed=1,2"], ["data=versuch", "data.path=a (b"], ["split.test_ratio=${nowhere}"],
    ],
)  # fmt: skip
def test_a_mistake_is_an_input_error_with_the_line_of_the_command_line(
    overrides: list[str], tmp_path: Path
) -> None:
    with pytest.raises(forcepos.InputError) as error:
        forcepos.compose(*overrides)
    assert command_line(overrides, tmp_path).err == f"error: {error.value}\n"


def test_a_config_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(forcepos.InputError) as error:
        forcepos.compose(config_dir=tmp_path / "mine")
    finished = command_line(["--config-dir", str(tmp_path / "mine")], tmp_path)
    assert finished.err == f"error: {error.value}\n"


def test_composing_leaves_a_programs_own_hydra_alone() -> None:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert forcepos.compose("seed=2").seed == 2
        assert GlobalHydra.instance().hydra is hydra
        assert compose("config", overrides=["seed=3"]).seed == 3


def test_the_overrides_of_a_config_do_not_change_its_fingerprint() -> None:
    named, plain = forcepos.compose("model=cnn_regression", "seed=1"), forcepos.compose()
    assert named == plain
    assert search_fingerprint(named, "data") == search_fingerprint(plain, "data")


# --- load_recordings ---


def test_recordings_are_loaded_and_checked(caplog: pytest.LogCaptureFixture) -> None:
    recordings = forcepos.load_recordings(forcepos.compose("data=versuch", f"data.path={PLATE}"))
    assert isinstance(recordings, Recordings)
    assert len(recordings.names) == 9
    config = forcepos.compose("data=versuch", f"data.path={PLATE}", "data.features=[Fx,curCart_x]")
    forcepos.load_recordings(config)
    assert [record.getMessage() for record in caplog.records] == [
        "feature curCart_x is likely leakage: its correlation with target x is 1.00000; remove it from "
        "data.features unless a sensor measures it"
    ]
    with pytest.raises(forcepos.InputError, match=r"too short for one window of 1000"):
        forcepos.load_recordings(forcepos.compose("data=versuch", f"data.path={PLATE}", "model.window=1000"))


def test_warnings_reach_a_user_who_has_not_configured_logging(tmp_path: Path) -> None:
    load = f"""
import forcepos
config = forcepos.compose("data=versuch", "data.path={PLATE}", "data.features=[Fx,curCart_x]")
forcepos.load_recordings(config)
"""
    done = python(load, tmp_path)
    assert done.out == ""
    assert done.err.splitlines()[0].endswith("remove it from data.features unless a sensor measures it")
    assert len(done.err.splitlines()) == 1


# --- run ---


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """Two runs in one process, one of them in a thread, by a program that has not configured logging."""
    folder = tmp_path_factory.mktemp("door")
    program = f"""
import json, os
from concurrent.futures import ThreadPoolExecutor
import mlflow, forcepos
mlflow.set_tracking_uri("sqlite:///own.db")
first = forcepos.compose(*{FAST}, "tracking.uri=sqlite:///mlruns/mlflow.db")
second = forcepos.compose(*{FAST}, "seed=2", "tracking=none")
results = [forcepos.run(first, "first")]
with ThreadPoolExecutor(1) as threads:
    results.append(threads.submit(forcepos.run, second).result())
assert mlflow.get_tracking_uri() == os.environ["MLFLOW_TRACKING_URI"] == "sqlite:///own.db"
json.dump(results, open("results.json", "w"))
"""
    done = python(program, folder)
    assert done.code == 0, done.err
    return folder, done


def test_a_run_returns_what_is_in_its_result_file(
    finished: tuple[Path, Finished],
) -> None:
    folder, done = finished
    first, second = json.loads((folder / "results.json").read_text())
    assert first == json.loads((folder / "first" / "result.json").read_text())
    assert second == json.loads((Path(second["outputs"]) / "result.json").read_text())
    assert Path(second["outputs"]).parent == folder / "outputs" / "runs"
    assert done.out == ""


def test_progress_is_on_standard_error_as_on_the_command_line(
    finished: tuple[Path, Finished],
) -> None:
    _, done = finished
    lines = done.err.splitlines()
    named = [line.partition(" ")[2] for line in lines if "; outputs: " in line]
    first, second = ["ffnn_regression random blocked seed=1", "ffnn_regression random blocked seed=2"]
    others = " ".join(override for override in FAST if not override.startswith(("tuner=", "model=")))
    assert named[0] == f"{first} {others}; outputs: first"
    assert named[1].startswith(f"{second} {others} tracking=none; outputs: outputs/runs/")
    assert len(named) == 2
    assert sum("trial 1 of 1: num_layers=1" in line for line in lines) == 2


def test_a_run_has_the_scores_of_the_command_line_to_the_last_digit(
    finished: tuple[Path, Finished], tmp_path: Path
) -> None:
    folder, _ = finished
    same = command_line([*FAST, "seed=2", "tracking=none"], tmp_path)
    assert scores(json.loads((folder / "results.json").read_text())[1]) == scores(same.result)


def test_a_run_is_named_in_mlflow_by_the_overrides_of_its_config(
    finished: tuple[Path, Finished],
) -> None:
    folder, _ = finished
    run = next(run for run in mlflow_runs(folder) if "mlflow.parentRunId" not in run.data.tags)
    assert run.info.status == "FINISHED"
    assert run.data.tags["overrides"] == " ".join([*FAST, "tracking.uri=sqlite:///mlruns/mlflow.db"])


def test_a_folder_with_a_result_is_refused_before_data_are_read(
    finished: tuple[Path, Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = finished
    monkeypatch.chdir(folder)
    for config, way_out in (
        (forcepos.compose(*FAST, "tracking.uri=x"), "set skip_finished=true to reuse it"),
        (forcepos.compose("data=versuch", "data.path=nowhere"), "move it away"),
    ):
        with pytest.raises(forcepos.InputError) as error:
            forcepos.run(config, "first")
        assert str(error.value) == (
            f"first holds the result of a finished run: choose another folder, or {way_out}"
        )


def test_the_command_line_refuses_a_folder_of_a_run_from_python(
    finished: tuple[Path, Finished],
) -> None:
    folder, _ = finished
    refused = command_line([*FAST, "seed=3", "hydra.run.dir=first"], folder)
    assert refused.err == (
        "error: first holds the result of a finished run: choose another folder, or move it away\n"
    )


def test_a_folder_that_cannot_be_written_is_refused_before_data_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(forcepos.InputError) as error:
        forcepos.run(forcepos.compose("data=versuch", "data.path=nowhere"), tmp_path / "taken")
    assert str(error.value).startswith(f"{tmp_path / 'taken'}: File exists; it is in the place of a folder")


def test_a_config_that_was_changed_is_named_by_its_choices_alone() -> None:
    config = forcepos.compose("debug=smoke", "seed=4")
    assert api._overrides[to_json(dataclasses.asdict(config))] == ("debug=smoke", "seed=4")
    config.seed = 5
    assert to_json(dataclasses.asdict(config)) not in api._overrides


def test_ctrl_c_ends_a_run_as_killed_and_reaches_the_program_which_goes_on(tmp_path: Path) -> None:
    program = f"""
import os, signal, forcepos
from forcepos.results.terminal import Terminal
from forcepos.runtime.interruption import stop_if_asked
Terminal.epoch_ended = lambda *_: os.kill(os.getpid(), signal.SIGINT)
handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
try:
    forcepos.run(forcepos.compose(*{FAST}))
except KeyboardInterrupt:
    print("interrupted")
assert handlers == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
stop_if_asked()  # does nothing any more
"""
    done = python(program, tmp_path)
    assert (done.code, done.out) == (0, "interrupted\n")
    assert [run.info.status for run in mlflow_runs(tmp_path)] == ["KILLED", "KILLED"]


# --- runs ---


def a_run(folder: Path, result: Any, **config: Any) -> None:
    """What a run leaves that `runs` reads."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "result.json").write_text(json.dumps(result))


RESULT = {"run_id": "a", "test": {"r2": 0.5}, "model_uri": "models:/m-1", "tracking": "complete", "folds": [{}]}


def test_finished_runs_are_a_table_the_earliest_first(tmp_path: Path) -> None:
    later, earlier = tmp_path / "outputs/runs/a", tmp_path / "outputs/sweeps/b/0"
    a_run(later, RESULT, seed=1, model={"name": "cnn"}, tracking={"name": "mlflow"})
    (later / "model.keras").touch()
    a_run(earlier, RESULT | {"run_id": None, "model_uri": None}, seed=2, model={"name": "ffnn"})
    os.utime(earlier / "result.json", (1_000_000_000, 1_000_000_000))
    os.utime(later / "result.json", (1_000_000_060, 1_000_000_060))
    table = forcepos.runs(tmp_path)
    assert table.drop(columns="time").astype(object).where(table.notna(), None).to_dict("records") == [
        {"path": str(earlier), "model_path": None, "seed": 2, "model.name": "ffnn", "tracking.name": None,
         "run_id": None, "model_uri": None, "tracking": "complete", "test.r2": 0.5},
        {"path": str(later), "model_path": str(later / "model.keras"), "seed": 1, "model.name": "cnn",
         "tracking.name": "mlflow", "run_id": "a", "model_uri": "models:/m-1", "tracking": "complete",
         "test.r2": 0.5},
    ]  # fmt: skip
    assert [str(time) for time in table["time"]] == ["2001-09-09 01:46:40+00:00", "2001-09-09 01:47:40+00:00"]


def test_unfinished_and_damaged_runs_are_left_out_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a_run(tmp_path / "a", RESULT)
    (tmp_path / "a" / ".unfinished").touch()
    a_run(tmp_path / "b", RESULT)
    (tmp_path / "b" / "result.json").write_text('{"run_id": ')
    a_run(tmp_path / "c", [])
    (tmp_path / "fold_1").mkdir()  # or what MLflow has of a run
    (tmp_path / "fold_1" / "result.json").write_text("{}")
    assert forcepos.runs(tmp_path).empty
    assert [record.getMessage() for record in caplog.records] == [
        f"left out, unfinished or damaged: {tmp_path / 'a'} (unfinished), "
        f"{tmp_path / 'b'} (Expecting value: line 1 column 12 (char 11)), {tmp_path / 'c'} (no result)"
    ]


def test_no_runs_are_an_empty_table_and_no_folder_is_an_error(tmp_path: Path) -> None:
    assert list(forcepos.runs(tmp_path).columns) == ["path", "time", "model_path"]
    with pytest.raises(forcepos.InputError, match=r"^nowhere is not a folder$"):
        forcepos.runs("nowhere")


@pytest.mark.system
def test_runs_of_the_command_line_and_of_earlier_versions_are_found(smoke: Smoke, tmp_path: Path) -> None:
    done, folder = smoke("ffnn_regression")
    shutil.copytree(Path(done.result["outputs"]), tmp_path / "earlier")
    (tmp_path / "earlier" / "config.json").unlink()  # only Hydra's, which is unresolved
    now, before = (forcepos.runs(place).iloc[0] for place in (folder, tmp_path))
    assert now["path"] == str(Path(done.result["outputs"]))
    assert now["test.euclidean_mean_mm"] == done.result["test"]["euclidean_mean_mm"]
    for key, value in {
        "model.name": "ffnn_regression",
        "tuner.max_trials": 2,
        "tuner.objective": "val_mae",
    }.items():
        assert now[key] == before[key] == value


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_what_a_page_shows_of_the_door_is_there(page: str, finished: tuple[Path, Finished]) -> None:
    folder, _ = finished
    code = "".join(re.findall(r"```python\n(import forcepos.*?)```", (TOP / page).read_text(), re.DOTALL))
    assert {"compose", "run", "runs"} <= {*re.findall(r"forcepos\.(\w+)", code)} <= {*DOOR}
    columns = "".join(re.findall(r"table\[\[(.*?)\]\]", code))
    assert {*re.findall(r'"(.*?)"', columns)} <= {*forcepos.runs(folder).columns}
