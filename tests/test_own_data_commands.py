"""What README.md and docs/own-data.md say about own data runs as written, on recordings that an example writes."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pandas as pd
import pytest

import forcepos
from tests.running import PLAIN, Finished
from tests.warm import forcepos as command_line
from tests.warm import python

pytestmark = pytest.mark.system  # together half a minute

TOP = Path(__file__).parents[1]
QUICK = ["debug=smoke", "tuner=random", "tuner.max_trials=1", "training.final_epochs=1", "tracking=none", *PLAIN]
PAGES = {"README.md": "## Your own data", "docs/own-data.md": "# Your own data"}


def section(page: str) -> str:
    """The page from that heading to the next one of its kind."""
    text, heading = (TOP / page).read_text(), PAGES[page]
    return re.split(rf"(?m)^{heading.split()[0]} ", text[text.index(heading) + 1 :])[0]


def blocks(page: str, language: str) -> list[str]:
    """The code of the section in that language; commands are in none."""
    found = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", section(page))
    return [code for kind, code in found if kind == language]


def commands(page: str) -> list[list[str]]:
    """What a user types, without `python`; commands for files that the example does not write are text."""
    inline = re.findall(r"`(python -m forcepos prepare [^`-]*)`", section(page))
    return [shlex.split(line)[1:] for line in [*"".join(blocks(page, "")).splitlines(), *inline]]


def run(words: list[str], folder: Path) -> Finished:
    """A command as a shell in `folder` would start it, with settings that make a training short."""
    found = [sorted(str(path.relative_to(folder)) for path in folder.glob(word)) or [word] for word in words]
    script, *arguments = [word for each in found for word in each]
    if script != "-m":
        return python((TOP / script).read_text(), folder, arguments)
    trains = not {"prepare", "inspect"} & {*arguments}
    return command_line([*arguments[1:], *(QUICK if trains else [])], folder)


@pytest.fixture(scope="module", params=["README.md", "docs/own-data.md"])
def tried(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A page, and the folder in which all its commands have been run, one after the other."""
    folder = tmp_path_factory.mktemp("own")
    for name in ("lab", "shown"):  # as the page has it; README.md drafts its lab.yaml first
        if (request.param, name) != ("README.md", "lab"):
            (folder / "mine" / "data").mkdir(parents=True, exist_ok=True)
            (folder / "mine" / "data" / f"{name}.yaml").write_text(blocks(request.param, "yaml")[0])
    for words in commands(request.param):
        done = run(words, folder)
        assert done.code == 0, (words, done.err)
    return request.param, folder


def test_every_command_of_the_page_runs_on_the_examples_recordings(tried: tuple[str, Path]) -> None:
    page, folder = tried
    trained = forcepos.runs(folder)["data.name"]
    assert sorted(trained) == {"README.md": ["table"], "docs/own-data.md": ["table", "table", "versuch"]}[page]


def test_the_config_that_the_page_shows_reads_the_examples_recordings(
    tried: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = tried
    monkeypatch.chdir(folder)
    config = forcepos.compose("data=shown", config_dir="mine")
    recordings = forcepos.load_recordings(config)
    assert (len(recordings.names), int(recordings.point.max()) + 1, recordings.rate_hz) == (98, 49, 100)
    assert recordings.channels == ("Fx", "Fy", "Fz", "Tx", "Ty", "Tz")


def test_the_example_writes_about_a_megabyte_into_a_new_folder_only(tried: tuple[str, Path]) -> None:
    _, folder = tried
    files = sorted((folder / "recordings").iterdir())
    assert [len(files), files[0].name, files[-1].name] == [98, "point_00_visit_0.csv", "point_48_visit_1.csv"]
    assert 0.8e6 < sum(path.stat().st_size for path in files) < 1.5e6
    table = pd.read_csv(files[1])
    assert table["stamp"].tolist() == list(range(60_000, 60_900, 10))  # ms
    assert 0.5 < table["pos_x"][0] < 0.6  # m
    again = python((TOP / "examples/make_recordings.py").read_text(), folder, ["recordings"])
    assert (again.code, again.err) == (1, "error: recordings is not empty: choose a new folder\n")


def test_the_example_writes_the_same_each_time() -> None:
    simulate = runpy.run_path(str(TOP / "examples/make_recordings.py"))["simulate"]
    once, again = simulate(), simulate()
    assert list(once) == list(again)
    assert all(once[key].equals(again[key]) for key in once)
