"""The first lines of a run: how many rows are simulated, before that takes long."""

from __future__ import annotations

import pytest

from forcepos.data.loading import Loaded
from forcepos.experiment.inputs import read_inputs
from tests.conftest import checked_config
from tests.data.test_splits import plate


@pytest.mark.parametrize(
    ("rows", "level", "line"),
    [
        (
            100,
            "INFO",
            "simulating 24,200 rows: 121 points of data.grid x data.visits=2 x data.rows=100 of each visit",
        ),
        (
            10_000,
            "WARNING",
            "simulating 2,420,000 rows: 121 points of data.grid x data.visits=2 x data.rows=10000 of each visit; "
            "training 8 trials x 5 epochs, 2 x at most 30 epochs: roughly ",
        ),
    ],
)
def test_the_rows_to_simulate_are_told_by_their_keys_and_many_of_them_with_the_time_that_they_take(
    rows: int, level: str, line: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("forcepos.experiment.inputs.load_checked", lambda _: Loaded(plate([9])))
    caplog.set_level("INFO", logger="forcepos")
    read_inputs(checked_config(f"data.rows={rows}", "tracking=none"))
    assert [record.levelname for record in caplog.records] == [level]
    assert caplog.messages[0].startswith(line)
