"""`make figures`: what it measures goes between the marks of its pages, once, and says where it comes from."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path

import pytest
from benchmarks import figures
from benchmarks.__main__ import PARTS
from benchmarks.figures import FIGURES, ROOT, Figure, measure

PROBE = """
import pathlib, sys
with open("runs", "a") as file:
    file.write("run ")
if pathlib.Path(sys.argv[1]).exists():
    sys.exit(3)
print("x86_64, 2 cores\\n")
for number in (1, 2):
    print(f"Table {number}\\n\\n| a | b |\\n| --- | --- |\\n| {number} | |\\n")
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two pages, and two figures that a probe measures."""
    (tmp_path / "probe.py").write_text(PROBE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = f"probe {tmp_path / 'broken'}"
    both = {"one": Figure(command, ("a.md",), 1), "two": Figure(command, ("a.md", "b.md"), 1)}
    monkeypatch.setattr(figures, "FIGURES", both)
    (tmp_path / "a.md").write_text(
        "before\n<!-- one: begin -->\nold\n<!-- one: end -->\nbetween\n<!-- two: begin -->\n<!-- two: end -->\n"
    )
    (tmp_path / "b.md").write_text("<!-- two: begin -->\n<!-- two: end -->\nafter\n")
    return tmp_path


def table(number: int) -> str:
    return f"Table {number}:\n\n| a | b |\n| --- | --- |\n| {number} | |"


def test_each_figure_runs_parts_that_there_are_and_has_its_marks_on_each_of_its_pages() -> None:
    for name, figure in FIGURES.items():
        module, *rest = figure.command.split()
        assert (ROOT / f"{module.replace('.', '/')}.py").exists() or (ROOT / module / "__main__.py").exists()
        if module == "benchmarks":
            assert set(takewhile(lambda word: word[:2] != "--", rest)) <= set(PARTS), name
        for page in figure.pages:
            text = (ROOT / page).read_text()
            assert re.search(rf"<!-- {name}: begin -->\n.+?\n<!-- {name}: end -->", text, re.DOTALL), (name, page)


def test_all_figures_take_three_hours_at_most() -> None:
    assert sum(figure.minutes for figure in FIGURES.values()) <= 180


def test_tables_go_between_the_marks_with_the_command_the_day_and_the_machine(root: Path) -> None:
    measure(["one"], kept=root / "kept", root=root)
    text = (root / "a.md").read_text()
    found = re.fullmatch(r"before\n<!-- one: begin -->\n(.*)\n<!-- one: end -->\nbetween\n.*", text, re.DOTALL)
    assert found is not None
    assert found[1].startswith(f"{table(1)}\n\n{table(2)}\n\n`python -m probe {root}/broken`, ")
    assert re.search(
        r"`, \d{4}-\d\d-\d\d; \d+ of \d+ cores \(\S+(, AVX-512)?\)(; others .*)?; Python 3\S+, Tens", found[1]
    )


def test_of_several_pages_each_takes_its_own_table(root: Path) -> None:
    measure(["two"], kept=root / "kept", root=root)
    assert f"<!-- two: begin -->\n{table(1)}\n\n`python" in (root / "a.md").read_text()
    assert f"<!-- two: begin -->\n{table(2)}\n\n`python" in (root / "b.md").read_text()


def test_what_is_measured_is_kept_until_all_figures_are(root: Path) -> None:
    measure(["one"], kept=root / "kept", root=root)
    measure(["one"], kept=root / "kept", root=root)
    assert (root / "kept/one/runs").read_text() == "run "
    measure(["two"], kept=root / "kept", root=root)
    assert not (root / "kept").exists()


def test_one_that_fails_leaves_its_page_and_what_it_had_measured(root: Path) -> None:
    before = (root / "a.md").read_text()
    (root / "broken").touch()
    with pytest.raises(SystemExit, match="one ended with exit code 3; the same command goes on from there"):
        measure(["one"], kept=root / "kept", root=root)
    assert (root / "a.md").read_text() == before
    (root / "broken").unlink()
    measure(["one"], kept=root / "kept", root=root)
    assert (root / "kept/one/runs").read_text() == "run run "
