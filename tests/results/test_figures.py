"""Pictures show the values they were given, with correct labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

from forcepos.data.sectors import make_sectors
from forcepos.results.comparison import ladder
from forcepos.results.figures import style
from forcepos.results.figures.errors import (
    confusion,
    coverage_curve,
    error_against,
    error_distribution,
    error_map,
    sector_map,
    true_against_predicted,
)
from tests.conftest import checked_config
from tests.results.drawing import drawn, labels, texts

SECTORS = make_sectors(checked_config().sectors)


def positions(true: Any, predicted: Any, split: str = "blocked", **columns: Any) -> pd.DataFrame:
    """Return the rows of predictions.parquet with these positions in the plane."""
    both = {"true": np.asarray(true, np.float32), "predicted": np.asarray(predicted, np.float32)}
    named = {f"{kind}_{axis}_mm": of[:, column] for column, axis in enumerate("xy") for kind, of in both.items()}
    return pd.DataFrame({"split": split, **columns, **named})


def classes(true: list[str], predicted: list[str], split: str = "blocked", **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"split": split, **columns, "true": true, "predicted": predicted})


def both_splits(own: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([own, second.assign(split="held_out_points")], ignore_index=True)


def curves(axes: Axes) -> Mapping[str, Any]:
    return {str(line.get_label()): np.asarray(line.get_xydata()) for line in axes.lines}


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def test_a_ladder_goes_from_split_to_split_with_the_models_interval_beside_the_baselines() -> None:
    rungs: dict[str, dict[str, Any]] = {
        "blocked": {
            "test": {"euclidean_mean_mm": 1.258}, "intervals": {"euclidean_mean_mm": [1.118, 1.424]},
            "baseline": {"euclidean_mean_mm": 16.8}, "boosted_trees": {"euclidean_mean_mm": 5.24},
            "oracle_points": {"euclidean_mean_mm": 0.1},
        },
        "held_out_points": {"test": {"euclidean_mean_mm": 14.0}, "baseline": {"euclidean_mean_mm": 18.2}},
    }  # fmt: skip
    (axes,) = ladder(rungs).axes
    interval, *_ = axes.lines
    assert np.asarray(interval.get_ydata()).tolist() == [1.118, 1.424]
    methods = {name: line[:, 1].tolist() for name, line in curves(axes).items() if not name.startswith("_")}
    assert methods == {
        "model": [1.258, 14.0],
        "mean or most frequent class": [16.8, 18.2],
        "boosted trees": [5.24],
    }
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "blocked\n1.26 mm\n[1.12, 1.42]", "new points\n14.0 mm"
    ]  # fmt: skip
    assert labels(axes)[1] == "mean error (mm)"
    assert axes.get_ylim()[0] == 0


def test_a_ladder_of_classifications_is_in_percent() -> None:
    rungs = {name: {"test": {"accuracy": share}} for name, share in (("random", 0.99), ("blocked", 0.5))}
    (axes,) = ladder(rungs).axes
    assert curves(axes)["model"][:, 1].tolist() == [99.0, 50.0]
    assert labels(axes)[1] == "accuracy (%)"


def test_a_ladder_is_logarithmic_where_one_method_would_flatten_all_others() -> None:
    rungs = {"blocked": {"test": {"euclidean_mean_mm": 1.0}, "linear": {"euclidean_mean_mm": 170.0}}}
    (axes,) = ladder(rungs).axes
    assert axes.get_yscale() == "log"


def test_the_share_of_samples_rises_with_the_error_on_both_splits() -> None:
    far = np.column_stack([np.arange(1.0, 102.0), np.zeros(101)])
    table = both_splits(positions(0 * far, far), positions(0 * far, 2 * far))
    figure = error_distribution(table, {"boosted trees": np.array([7.0])})
    (axes,) = figure.axes
    assert labels(axes) == ("distance from the true position (mm)", "share of samples (%)")
    own = curves(axes)["model, split=blocked: median 51.0 mm, 95 % below 96.0 mm"]
    assert dict(own[1:].tolist()) == pytest.approx({float(error): error / 101 for error in range(1, 102)})
    marks = [np.asarray(line.get_xydata()).tolist() for line in axes.lines if line.get_marker() == "o"]
    assert marks == [[[51, 0.5], [96, 0.95]], [[102, 0.5], [192, 0.95]]]
    assert "model, split=held_out_points: median 102 mm, 95 % below 192 mm" in texts(figure)
    assert "boosted trees: median 7.00 mm" in texts(figure)


def test_positions_have_a_panel_per_axis_and_point_clouds_are_rasterized() -> None:
    true, predicted = np.random.default_rng(1).normal(size=(2, 20_000, 2))
    figure = true_against_predicted(positions(true, predicted))
    assert [labels(axes) for axes in figure.axes] == [
        ("true x (mm)", "predicted x (mm)"), ("true y (mm)", "predicted y (mm)")
    ]  # fmt: skip
    assert len(drawn(figure)) < 500_000


def test_the_splits_stand_side_by_side() -> None:
    table = both_splits(*[positions([[0, 0], [8, 4]], [[0, 0], [8, 4]], point=[1, 2])] * 2)
    side_by_side = ["split=blocked", "split=held_out_points"]
    assert titles(true_against_predicted(table)) == 2 * side_by_side
    assert titles(error_map(table)) == side_by_side


def test_sectors_have_a_confusion_matrix_in_percent() -> None:
    table = classes(["class 1", "class 1", "class 2"], ["class 1", "class 2", "class 2"])
    matrix, _ = confusion(table, SECTORS.names, "sector").axes
    assert labels(matrix) == ("predicted sector", "true sector")
    assert np.asarray(matrix.images[0].get_array())[:2, :2].tolist() == [[50, 50], [0, 100]]


def test_the_error_map_has_an_arrow_per_point_from_true_to_predicted() -> None:
    table = positions([[0, 0], [0, 0], [8, 4]], [[3, 4], [3, -4], [8, 4]], point=[4, 4, 9])
    axes, bar = error_map(table).axes
    (arrows,) = [artist for artist in axes.collections if isinstance(artist, Quiver)]
    assert np.column_stack([arrows.X, arrows.Y, arrows.U, arrows.V]).tolist() == [[0, 0, 3, 0], [8, 4, 0, 0]]
    assert np.asarray(arrows.get_array()).tolist() == [5, 0]
    assert bar.get_ylabel() == "mean error (mm)"
    assert labels(axes) == ("x (mm)", "y (mm)")
    assert axes.get_aspect() == 1


def test_arrows_end_within_the_picture() -> None:
    axes = error_map(positions([[0, 0]], [[50, -30]], point=[0])).axes[0]
    assert axes.get_xlim()[1] > 50
    assert axes.get_ylim()[0] < -30


def test_the_sector_map_shows_each_points_accuracy_and_every_name_in_its_sector() -> None:
    place: dict[str, Any] = {"x_mm": [8, 8, 0], "y_mm": [0, 0, 8], "point": [1, 1, 2]}
    table = classes(["class 1"] * 3, ["class 1", "class 2", "class 1"], **place)
    axes = sector_map(table, SECTORS).axes[0]
    (dots,) = [artist for artist in axes.collections if isinstance(artist, PathCollection)]
    assert np.asarray(dots.get_offsets()).tolist() == [[8, 0], [0, 8]]
    assert np.asarray(dots.get_array()).tolist() == [50, 100]
    assert len(axes.lines) == 8
    assert all(np.asarray(line.get_xydata())[0].tolist() == [0, 0] for line in axes.lines)
    names = {text.get_text(): text.get_position() for text in axes.texts}
    assert [SECTORS.label(np.array([names[name]]))[0] for name in SECTORS.names] == list(range(8))
    assert labels(axes) == ("x (mm)", "y (mm)")


def test_errors_against_the_force_are_medians_of_bins_of_equally_many_samples() -> None:
    error = np.repeat([[3.0, 4.0], [6.0, 8.0]], 20, axis=0)
    table = positions(0 * error, error, force_n=[*np.linspace(1, 2, 20), *np.linspace(10, 20, 20)])
    figure = error_against(table, "force_n", "size of the force (N)")
    (axes,) = figure.axes
    assert labels(axes) == ("size of the force (N)", "error (mm)")
    assert {name: of.tolist() for name, of in curves(axes).items()} == {
        "distance, median": [[1.5, 5], [15, 10]],
        "along x, median": [[1.5, 3], [15, 6]],
        "along y, median": [[1.5, 4], [15, 8]],
    }
    assert "middle half" in texts(figure)


def test_classes_against_time_are_shares_of_wrong_answers() -> None:
    table = classes(["a"] * 40, ["a"] * 30 + ["b"] * 10, time_s=[0.0] * 20 + [1.0] * 20)
    (axes,) = error_against(table, "time_s", "time since the recording's start (s)").axes
    assert labels(axes) == ("time since the recording's start (s)", "wrong answers (%)")
    (curve,) = curves(axes).values()
    assert curve.tolist() == [[0, 0], [1, 50]]


def test_no_curve_is_cut_off_where_the_second_split_is_worse() -> None:
    time = np.repeat([0.0, 1.0], 20)
    near, far = (positions(np.zeros((40, 2)), np.full((40, 2), error), time_s=time) for error in (1, 50))
    assert error_against(both_splits(near, far), "time_s", "time (s)").axes[0].get_ylim()[1] > 70


def test_pictures_are_drawn_again_from_the_file(tmp_path: Path) -> None:
    place: dict[str, Any] = {"x_mm": [8.0, 8.0], "y_mm": [0.0, 4.0], "point": [1, 2], "time_s": [0.0, 1.0]}
    of_classes = classes(["class 1", "class 2"], ["class 1", "class 1"], **place)
    of_positions = positions([[0, 0], [8, 4]], [[0, 0], [8, 5]], point=[1, 2], time_s=[0.0, 1.0])
    for number, table in enumerate((of_classes, of_positions)):
        both_splits(table, table).to_parquet(tmp_path / f"{number}.parquet")
    of_classes, of_positions = (pd.read_parquet(tmp_path / f"{number}.parquet") for number in (0, 1))
    for figure in (
        confusion(of_classes, SECTORS.names, "sector"), sector_map(of_classes, SECTORS),
        true_against_predicted(of_positions), error_distribution(of_positions, {}), error_map(of_positions),
        *(error_against(each, "time_s", "time (s)") for each in (of_classes, of_positions)),
    ):  # fmt: skip
        assert "split=held_out_points" in texts(figure)


def test_the_chosen_coverage_is_marked_where_the_curve_passes() -> None:
    figure = coverage_curve({"blocked": (np.array([0.5, 0.9, 1.0]), np.array([0.6, 0.8, 1.0]))}, 0.95)
    (axes,) = figure.axes
    assert labels(axes) == ("target coverage (%)", "observed coverage (%)")
    assert curves(axes)["observed on the test subset"].tolist() == [[50, 60], [90, 80], [100, 100]]
    assert curves(axes)["target 95 %, observed 90 %"] == pytest.approx(np.array([[95, 90]]))


@pytest.mark.parametrize("levels", [[], [0.5, 0.85]])
def test_no_coverage_is_marked_at_a_level_that_the_curve_does_not_reach(levels: list[float]) -> None:
    figure = coverage_curve({"blocked": (np.array(levels), np.array(levels))}, 0.9)
    assert "target 90 %, beyond the calibrated levels" in texts(figure)
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "o"]


def test_text_in_svg_is_text_of_one_size() -> None:
    table = both_splits(*[positions([[0, 0], [8, 4]], [[0, 0], [8, 4]], point=[1, 2])] * 2)
    with style.drawing():
        figures = [error_map(table), true_against_predicted(table), error_distribution(table, {})]
        written = [drawn(figure).decode() for figure in figures]
    for svg in written:
        assert set(re.findall(r"font-size: ([\d.]+)px", svg)) == {"9"}
        assert re.search(r"<text[^>]*>[^<]*split=blocked", svg)


def test_a_users_own_style_neither_changes_pictures_nor_is_changed() -> None:
    with mpl.rc_context({"text.usetex": True, "font.size": 30}):
        with style.drawing():
            assert b"<text" in drawn(error_map(positions([[0, 0]], [[1, 1]], point=[0])))
        assert (mpl.rcParams["text.usetex"], mpl.rcParams["font.size"]) == (True, 30)
