"""Pictures show the values they were given, with correct labels."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.quiver import Quiver

from forcepos.data.sectors import make_sectors
from forcepos.models.tasks import Classification, Regression
from forcepos.results.figures.errors import (
    coverage_curve,
    error_distribution,
    error_map,
    sector_map,
    true_against_predicted,
)
from tests.conftest import checked_config
from tests.results.drawing import drawn, labels, texts

SECTORS = make_sectors(checked_config().sectors)


def test_the_share_of_samples_rises_with_the_error() -> None:
    errors = {"model": np.arange(1.0, 102.0), "boosted_trees": np.array([7.0])}
    figure = error_distribution(errors, "mm", "distance")
    (axes,) = figure.axes
    assert labels(axes) == ("distance (mm)", "share of samples (%)")
    curve = next(line for line in axes.lines if str(line.get_label()).startswith("model"))
    shares = dict(np.asarray(curve.get_xydata())[1:].tolist())
    assert shares == pytest.approx({float(error): error / 101 for error in range(1, 102)})
    (marks,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert np.asarray(marks.get_xydata()).tolist() == [[51, 0.5], [96, 0.95]]
    assert "model: median 51 mm, 95 % within 96 mm" in texts(figure)
    assert "boosted trees: median 7 mm" in texts(figure)


def test_positions_have_a_panel_per_axis_and_point_clouds_are_rasterized() -> None:
    true, predicted = np.random.default_rng(1).normal(size=(2, 20_000, 2)).astype(np.float32)
    figure = true_against_predicted(Regression(("x", "y")), true, predicted)
    assert [labels(axes) for axes in figure.axes] == [
        ("true x (mm)", "predicted x (mm)"), ("true y (mm)", "predicted y (mm)")
    ]  # fmt: skip
    assert len(drawn(figure)) < 500_000


def test_sectors_have_a_confusion_matrix() -> None:
    true = np.eye(8, dtype=np.float32)[[0, 0, 1]]
    predicted = np.eye(8, dtype=np.float32)[[0, 1, 1]]
    matrix, _ = true_against_predicted(Classification(SECTORS), true, predicted).axes
    assert labels(matrix) == ("predicted sector", "true sector")
    assert np.asarray(matrix.images[0].get_array())[:2, :2].tolist() == [[0.5, 0.5], [0, 1]]


def test_the_error_map_has_an_arrow_per_point_from_true_to_predicted() -> None:
    true = np.array([[0, 0, 0], [0, 0, 0], [8, 4, 0]], np.float32)
    predicted = np.array([[3, 4, 0], [3, -4, 0], [8, 4, 0]], np.float32)
    axes, bar = error_map(true, predicted, np.array([4, 4, 9], np.int32)).axes
    (arrows,) = [artist for artist in axes.collections if isinstance(artist, Quiver)]
    assert np.column_stack([arrows.X, arrows.Y, arrows.U, arrows.V]).tolist() == [[0, 0, 3, 0], [8, 4, 0, 0]]
    assert np.asarray(arrows.get_array()).tolist() == [5, 0]
    assert bar.get_ylabel() == "mean error (mm)"
    assert labels(axes) == ("x (mm)", "y (mm)")
    assert axes.get_aspect() == 1


def test_arrows_end_within_the_picture() -> None:
    axes = error_map(np.zeros((1, 2), np.float32), np.array([[50, -30]], np.float32), np.zeros(1, np.int32)).axes[
        0
    ]
    assert axes.get_xlim()[1] > 50
    assert axes.get_ylim()[0] < -30


def test_the_sector_map_shows_each_points_accuracy_and_every_name_in_its_sector() -> None:
    positions = np.array([[8, 0, 1], [8, 0, 1], [0, 8, 1]], np.float32)
    figure = sector_map(positions, np.array([True, False, True]), np.array([1, 1, 2], np.int32), SECTORS)
    axes = figure.axes[0]
    (dots,) = [artist for artist in axes.collections if isinstance(artist, PathCollection)]
    assert np.asarray(dots.get_offsets()).tolist() == [[8, 0], [0, 8]]
    assert np.asarray(dots.get_array()).tolist() == [0.5, 1]
    assert len(axes.lines) == 8
    assert all(np.asarray(line.get_xydata())[0].tolist() == [0, 0] for line in axes.lines)
    names = {text.get_text(): text.get_position() for text in axes.texts}
    assert [SECTORS.label(np.array([names[name]]))[0] for name in SECTORS.names] == list(range(8))
    assert labels(axes) == ("x (mm)", "y (mm)")


def test_the_chosen_coverage_is_marked_where_the_curve_passes() -> None:
    figure = coverage_curve(np.array([0.5, 0.9, 1.0]), np.array([0.6, 0.8, 1.0]), 0.95)
    (axes,) = figure.axes
    assert labels(axes) == ("target coverage (%)", "observed coverage (%)")
    assert np.asarray(axes.lines[1].get_xydata()).tolist() == [[0.5, 0.6], [0.9, 0.8], [1, 1]]
    assert np.asarray(axes.lines[2].get_xydata()) == pytest.approx(np.array([[0.95, 0.9]]))
    assert "chosen: target 95 %, observed 90 %" in texts(figure)


@pytest.mark.parametrize("levels", [[], [0.5, 0.85]])
def test_no_coverage_is_marked_at_a_level_that_the_curve_does_not_reach(levels: list[float]) -> None:
    figure = coverage_curve(np.array(levels), np.array(levels), 0.9)
    assert "chosen: target 90 %, beyond the calibrated levels" in texts(figure)
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "o"]
