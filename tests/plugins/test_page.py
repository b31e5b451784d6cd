"""docs/extending.md shows the files that these tests run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.lab import MINE

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


@pytest.mark.parametrize("path", sorted([*MINE.rglob("*.py"), *MINE.rglob("*.yaml")]), ids=lambda path: path.name)
def test_the_page_shows_the_file(path: Path) -> None:
    assert f"```{'python' if path.suffix == '.py' else 'yaml'}\n{path.read_text()}```" in PAGE.read_text()
