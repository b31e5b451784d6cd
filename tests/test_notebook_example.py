"""The notebook in examples/ runs from the first cell to the last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.warm import python

NOTEBOOK = Path(__file__).parents[1] / "examples" / "compare_runs.ipynb"


def cells() -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_holds_no_output() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells())


@pytest.mark.system
def test_its_cells_train_compare_and_plot_two_runs(tmp_path: Path) -> None:
    """As one program: a kernel would bring thirty packages to say the same."""
    program = "\n".join("".join(cell["source"]) for cell in cells())
    told = """
names = [text.get_text() for text in plate.get_legend().get_texts()]
print(*table["model.name"], *names, len(bars.patches))
"""
    ended = python(f"import matplotlib; matplotlib.use('Agg')\n{program}\n{told}", tmp_path)
    both = "ffnn_regression cnn_regression"
    assert (ended.code, ended.out) == (0, f"{both} {both} 2\n"), ended.err
