"""The site: pages that are written from the code say what the code says, and every link leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
DOCS = TOP / "docs"


def written(script: str) -> str:
    done = subprocess.run([sys.executable, str(TOP / script)], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_picture_of_the_rooms_is_what_the_code_imports() -> None:
    assert (DOCS / "pictures/rooms.svg").read_text() == written("docs/scripts/rooms_picture.py")


@pytest.mark.system  # starts every command
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse of other Pythons words its help otherwise")
def test_the_page_of_the_command_line_is_what_the_commands_say() -> None:
    assert (DOCS / "command-line.md").read_text() == written("docs/scripts/command_page.py")


def test_the_page_of_rooms_names_files_that_exist() -> None:
    named = re.findall(r"`((?:src|conf)(?:/[\w/.]*)?)`", (DOCS / "architecture.md").read_text())
    assert len(named) > 20
    assert [name for name in named if not (TOP / name).exists()] == []


def test_every_decision_is_on_the_site() -> None:
    pages = [f"decisions/{path.name}" for path in sorted((DOCS / "decisions").glob("*.md"))]
    assert [page for page in pages if f"- {page}\n" not in (TOP / "mkdocs.yml").read_text()] == []


@pytest.mark.system  # several seconds
def test_the_site_is_built_without_a_link_that_leads_nowhere_and_fetches_nothing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=TOP, env=quiet, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="(https?://[^"]*)"', page.read_text())
        assert loaded == [], page
