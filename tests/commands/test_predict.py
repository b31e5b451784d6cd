"""`forcepos predict`: rows of new recordings, in any format, with scores where their truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forcepos import compose, load_recordings
from tests.conftest import Smoke
from tests.warm import forcepos


@pytest.fixture(scope="module")
def run(smoke: Smoke) -> Path:
    """The folder of a finished run."""
    return Path(smoke("cnn_regression")[0].result["outputs"])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The run's recordings as a table, whose columns have another order."""
    recordings = load_recordings(compose("debug=smoke"))
    rows = pd.DataFrame(recordings.signals[:, ::-1], columns=recordings.channels[::-1])
    rows[["x", "y", "z"]] = recordings.positions
    names = np.array(recordings.names)[recordings.recording]
    return rows.assign(visit=names, t=recordings.numbered_rows() / 100)


KEYS = ["data.recording=visit", "data.time=t"]


def test_rows_of_the_test_part_get_the_predictions_of_the_run(
    run: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    table.to_parquet(tmp_path / "all.parquet")
    done = forcepos(["predict", str(run), "all.parquet", *KEYS, "--output", "found.parquet"], tmp_path)
    assert done.code == 0, done.err
    found = pd.read_parquet(tmp_path / "found.parquet").set_index(["recording", "row"])
    before = (
        pd.read_parquet(run / "predictions.parquet").query("split == 'blocked'").set_index(["recording", "row"])
    )
    both = found.loc[before.index]
    columns = ["predicted_x_mm", "predicted_y_mm", "radius_mm", "true_x_mm", "time_s"]
    assert both[columns].to_numpy() == pytest.approx(before[columns].to_numpy(), abs=1e-3)
    assert found["flag"].value_counts()["filling"] == 18 * 9  # of each recording, until ten rows are there
    assert done.result["scored_rows"] == len(table) - 18 * 9
    errors = np.hypot(found["predicted_x_mm"] - found["true_x_mm"], found["predicted_y_mm"] - found["true_y_mm"])
    assert done.result["scores"]["euclidean_mean_mm"] == pytest.approx(errors.mean())
    low, high = done.result["intervals"]["euclidean_mean_mm"]
    assert low < errors.mean() < high
    within = pd.Series(errors <= found["radius_mm"])[found["flag"] != "filling"]
    assert done.result["coverage"]["found"] == pytest.approx(within.mean())
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "error_distribution.png", "error_map.png", "true_against_predicted.png"
    }  # fmt: skip


def test_without_the_truth_there_are_predictions_and_no_scores(
    run: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    table.drop(columns=["x", "y", "z"]).to_csv(tmp_path / "blind.csv", index=False)
    done = forcepos(["predict", str(run), "blind.csv", "--output", "found.csv", *KEYS], tmp_path)
    assert done.code == 0, done.err
    assert "blind.csv lacks x, y, z (data.targets): predictions without it" in done.err
    assert set(json.loads((tmp_path / "found.json").read_text())) == {"model", "rows", "flags", "predictions"}
    found = pd.read_csv(tmp_path / "found.csv", keep_default_na=False)
    assert list(found) == [
        "recording", "row", "time_s", "predicted_x_mm", "predicted_y_mm", "radius_mm", "flag"
    ]  # fmt: skip
    assert found["predicted_x_mm"][:10].tolist()[:9] == [""] * 9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "all.csv"], "error: nowhere is neither a folder with a model.keras, nor the id of a run"),
        (
            ["RUN", "none.csv"],
            "error: data.path=none.csv is not a file, a folder or a pattern that matches a file",
        ),
        (["RUN", "all.csv"], "error: all.csv lacks Fx; it has x, Tz, Ty"),
        (["RUN", "all.csv", "data.tme=t"], "data.tme"),
        (
            ["RUN", "all.csv", "--output", "found.xlsx"],
            "error: --output found.xlsx must end with .parquet or .csv",
        ),
        (["RUN", "data.time=t"], "error: name the files of the recordings, too"),
        (["models:/none@in_use", "all.csv"], "error: models:/none@in_use names no model in tracking.uri="),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    run: Path, table: pd.DataFrame, tmp_path: Path, arguments: list[str], said: str
) -> None:
    table.drop(columns="Fx").head(50).to_csv(tmp_path / "all.csv", index=False)
    words = [str(run) if word == "RUN" else word for word in arguments]
    done = forcepos(["predict", *words], tmp_path)
    assert (done.code, done.out) == (1, "")
    assert said in done.err.splitlines()[-1]
    assert not list(tmp_path.rglob("*.parquet"))
