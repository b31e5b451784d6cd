"""Names, values and numbers of columns of any size: what is shown is bounded, and so is the time it takes."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forcepos.commands.inspect.report import inspect
from forcepos.data.readers.lines import is_number
from forcepos.runtime.wording import name_some, shortened
from tests.commands.inspect.made import recording


@contextmanager
def within_s(limit: float) -> Iterator[None]:
    """What is inside takes no more of a core than this."""
    started = time.process_time()
    yield
    assert time.process_time() - started < limit


def inspected(frame: pd.DataFrame, path: Path) -> dict[str, Any]:
    frame.to_feather(path)
    asked = {"write": None, "no_figures": True, "time": None, "positions": (), "point": None, "label": None}
    return inspect(Namespace(files=[str(path)], **asked), path.parent)


def test_names_of_hundreds_of_thousands_of_characters_are_shown_in_part(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ["torque" * 33_000, "1" * 200_000 + "x", "wrench" * 33_000 + "f", "q" * 200_000]
    rng = np.random.default_rng(1)
    frame = recording(120).assign(**{name: rng.normal(size=120) for name in names})
    with within_s(10):
        found = inspected(frame, tmp_path / "a.feather")
    assert set(names) <= set(found["ranges"])
    assert len(capfd.readouterr().err) < 20_000


def test_thousands_of_columns_are_inspected_in_seconds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    more = pd.DataFrame(rng.integers(0, 9, (60, 3000)).astype(float), columns=[f"c{n}" for n in range(3000)])
    with within_s(10):
        found = inspected(pd.concat([recording(60), more], axis=1), tmp_path / "a.feather")
    assert len(found["ranges"]) == 3010
    assert "… and 2510 more" in capfd.readouterr().err


def test_a_long_row_of_digits_is_no_number_at_once() -> None:
    with within_s(1):
        assert not is_number("1" * 300_000 + "x", ".")
    assert [is_number(text, ".") for text in ("1", "1.", "1.5", ".5", "1e3", "1.5e-3", ".", "1.5.")] == [
        True
    ] * 6 + [False] * 2


def test_long_names_of_a_list_are_shown_by_both_ends() -> None:
    assert name_some(["a" * 500 + "b", "c"], 2) == "a" * 134 + "…" + "a" * 64 + "b, c"
    assert len(shortened("a" * 500)) == 200
