"""The command `prepare`, as a user gives it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.commands.prepare.made import COLUMNS, numbers
from tests.conftest import DATA, PLATE
from tests.running import Finished
from tests.warm import forcepos

ZIPPED = DATA / "versuch_p1.zip"  # the logs that PLATE was made of
ROWS = numbers(20)


def prepared(place: Path, *arguments: str) -> Finished:
    return forcepos(["prepare", *arguments], place)


def refused(place: Path, *arguments: str) -> list[str]:
    """The lines of the error; nothing is written."""
    before = sorted(place.rglob("*.feather"))
    finished = prepared(place, *arguments)
    assert finished.code == 1, finished.err
    assert finished.out == ""
    assert "Traceback" not in finished.err
    assert sorted(place.rglob("*.feather")) == before
    assert list(place.rglob("*.unfinished")) == []
    return finished.err[finished.err.index("error:") :].splitlines()


def table(path: Path) -> pd.DataFrame:
    return pd.read_feather(path)


def plate() -> pd.DataFrame:
    """PLATE to the nine digits that its logs have."""
    whole = table(PLATE)
    return whole.assign(**{name: whole[name].map(lambda value: float(f"{value:.9g}")) for name in COLUMNS})
