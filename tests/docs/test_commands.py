"""Every command and every Python block of README and docs runs as it is written, where what it names is there.

A training gets settings that make it short. What a page leaves open (RUN, `…`) stands for something of the folder.
Commands that need a cluster, a server or a whole installation are run by the tests that bring those along.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from mlflow import MlflowClient
from tests.plugins.lab import with_plugins
from tests.running import PLAIN, Finished
from tests.running import forcepos as in_a_process
from tests.warm import forcepos as command_line
from tests.warm import python

import forcepos

TOP = Path(__file__).parents[2]
SHORT = ["debug=smoke", "tuner.max_trials=1", "training.final_epochs=1", *PLAIN]
COMMANDS = {"prepare", "inspect", "compare", "predict", "export", "ui"}
STANDS_FOR = {
    "split=…": "split=blocked",
    "outputs/runs/…/": "outputs/runs/A/",
    "outputs/runs/2026-11-28_16-09-44": "outputs/runs/A",
    "RUN RUN": "outputs/runs/A outputs/runs/B",
    " RUN ": " outputs/runs/A ",
    "seed=1,2,3,4": "seed=1,2",
    "tuner=random,grid,bayesian": "tuner=random,bayesian",
}
ELSEWHERE = {
    r"make (run|test)\b": "tests/test_front_door.py",  # whoever runs this has done it
    r"source |forcepos -sc": "tests/commands/test_cli.py",
    r"python -m forcepos ui": "tests/system/test_mlflow_ui.py",
    r"hydra/launcher=(slurm|submitit)|srun ": "tests/system/test_slurm.py",
    r"http://tracking|pip install|createdb|mlflow server": "tests/system/test_tracking_server.py",
    r"\.obj\b": "tests/test_left_by_0_1.py",
    r"benchmarks\.real": "benchmarks/real",
}
OTHERS = {"docs/extending.md": "tests/plugins/test_page.py", "docs/own-data.md": "tests/test_own_data_commands.py"}
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (TOP / "docs").glob("*.md"))]


class Block(NamedTuple):
    page: str
    language: str
    code: str


def blocks() -> list[Block]:
    """Blocks of commands, which name no language, and of Python."""
    found = [
        Block(page, language, code)
        for page in PAGES
        for language, code in re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", (TOP / page).read_text())
    ]
    return [block for block in found if block.language in {"", "python"} and block.page not in OTHERS]


def commands(page: str) -> list[str]:
    """The commands of a page, a line each, with the shell variables that it sets."""
    text = "".join(block.code for block in blocks() if (block.page, block.language) == (page, ""))
    variables, found = dict[str, str](), list[str]()
    for line in text.replace("\\\n", "").splitlines():
        if assigned := re.fullmatch(r'([A-Z]+)="(.*)"', line):
            variables[f"${assigned[1]}"] = assigned[2]
        elif line.strip():
            for name, value in variables.items():
                line = line.replace(name, value)  # noqa: PLW2901  # as a shell does
            found.append(line)
    return found


def elsewhere(command: str) -> str | None:
    return next((test for pattern, test in ELSEWHERE.items() if re.search(pattern, command)), None)


RUN_HERE = [page for page in PAGES if any(not elsewhere(one) for one in commands(page))]
PROGRAMS = [block for block in blocks() if block.language == "python"]


def test_what_is_run_elsewhere_is_run_by_files_that_exist() -> None:
    assert [test for test in [*ELSEWHERE.values(), *OTHERS.values()] if not (TOP / test).exists()] == []
    patterns = [one for one in ELSEWHERE if not any(re.search(one, c) for page in PAGES for c in commands(page))]
    assert patterns == []  # no exception outlives its command


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages take for granted: two runs, one of them in use, a sweep, recordings of the same arm."""
    folder = with_plugins(tmp_path_factory.mktemp("pages"))
    for name, more in (("A", ["tracking.register_as=plate"]), ("B", ["model=ffnn_regression"])):
        done = command_line(
            [*SHORT, *more, "split.calibration_ratio=0.1", f"hydra.run.dir=outputs/runs/{name}"], folder
        )
        assert done.code == 0, done.err
    assert (
        command_line(
            ["-m", *SHORT, "model=cnn_regression,ffnn_regression", "hydra.sweep.dir=outputs/sweeps/S"], folder
        ).code
        == 0
    )
    MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db").set_registered_model_alias("plate", "in_use", "1")
    recordings = forcepos.load_recordings(forcepos.compose("debug=smoke"))
    begin, end = recordings.bounds[0]
    header = ",".join((*recordings.channels, "stamp"))
    rows = [",".join(map(str, (*row, place / 100))) for place, row in enumerate(recordings.signals[begin:end])]
    for place in ("new/visit_3.csv", "logs/visit_4.csv"):
        (folder / place).parent.mkdir()
        (folder / place).write_text("\n".join([header, *rows]) + "\n")
    arguments = ["recordings", "--logs", "logs.zip"]
    assert python((TOP / "examples/make_recordings.py").read_text(), folder, arguments).code == 0
    keep = ["data.source=logs.zip", "data.keep_rows=3000", "data.target=data/feather/versuch_f1_3000_1.feather"]
    assert command_line(["prepare", *keep], folder).code == 0
    shutil.rmtree(folder / "recordings")  # a page makes these
    (folder / "logs.zip").unlink()
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared, tmp_path / "work"))


def meant(text: str, folder: Path) -> str:
    """A text with what it leaves open replaced."""
    table = forcepos.runs(folder / "outputs/runs").set_index("path")
    ids = " ".join(table["run_id"])
    for open_place, value in {**STANDS_FOR, "4f0c… 93ab…": ids, "models:/m-…": table["model_uri"].iloc[0]}.items():
        text = text.replace(open_place, value)
    return text


def run(command: str, folder: Path) -> Finished:
    words = shlex.split(meant(f"{command} ", folder), comments=True)
    found = [sorted(str(path.relative_to(folder)) for path in folder.glob(word)) or [word] for word in words]
    interpreter, script, *arguments = [word for each in found for word in each]
    assert interpreter == "python"
    if script != "-m":
        return python((TOP / script).read_text(), folder, arguments)
    module, *arguments = arguments
    assert module == "forcepos"
    several = any(word.startswith(("hydra/launcher", "tuner.workers")) for word in arguments)  # which start others
    start = in_a_process if several else command_line
    return start([*arguments, *([] if COMMANDS & {*arguments} else SHORT)], folder)


@pytest.mark.system  # some minutes, all together
@pytest.mark.parametrize("page", RUN_HERE)
def test_every_command_of_a_page_runs(page: str, folder: Path) -> None:
    for command in commands(page):
        if not elsewhere(command):
            done = run(command, folder)
            assert done.code == 0, (command, done.err)


BEFORE = {  # what a block takes from the text around it
    "import forcepos": (
        "import forcepos\n_compose = forcepos.compose\n"
        f"forcepos.compose = lambda *overrides, **more: _compose(*overrides, *{SHORT}, **more)\n"
    ),
    "import mlflow": "import pandas as pd\nrows = pd.read_csv('new/visit_3.csv')\n",
    "from estimator": (
        "import os, sys, pandas as pd\nrow = pd.read_csv('new/visit_3.csv').to_numpy()[0, :-1]; time_s = 0.0\n"
        "os.chdir('outputs/runs/A'); sys.path.insert(0, 'exported')\n"
    ),
    "import h5py": (
        "import h5py\nwith h5py.File('a.mat', 'w') as file:\n"
        "    file.update({name: [[1.0]] for name in ('wrench', 'position', 'stamp')})\n"
    ),
}


@pytest.mark.system
@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: f"{block.page}: {block.code.splitlines()[0]}")
def test_every_python_block_of_a_page_runs(block: Block, folder: Path) -> None:
    (before,) = (text for begin, text in BEFORE.items() if block.code.startswith(begin))
    if block.code.startswith("from estimator"):
        assert command_line(["export", "outputs/runs/A"], folder).code == 0
    done = python(before + meant(block.code, folder), folder)
    assert (done.code, done.err if done.code else "") == (0, "")
