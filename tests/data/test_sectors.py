"""Sectors are the notebook's, border for border."""

from __future__ import annotations

import numpy as np
import pytest

from forcepos.data.sectors import NO_SECTOR, Sectors, make_sectors
from tests.conftest import checked_config

FAR = 20.0


@pytest.fixture(scope="module")
def sectors() -> Sectors:
    return make_sectors(checked_config().sectors)


def notebook_class(x: float, y: float) -> int:
    """The notebook's rules, written down once more from its text: the class from 1 to 8, 0 for none."""
    above_2x, above_minus_2x = y - 2 * x, y + 2 * x
    above_half, above_minus_half = y - x / 2, y + x / 2
    rules = (
        above_2x < 0 and above_half >= 0,
        above_half < 0 and above_minus_half >= 0,
        above_minus_half < 0 and above_minus_2x >= 0,
        above_minus_2x < 0 and above_2x <= 0,
        above_2x > 0 and above_half <= 0,
        above_half > 0 and above_minus_half <= 0,
        above_minus_half > 0 and above_minus_2x <= 0,
        above_minus_2x > 0 and above_2x >= 0,
    )
    return rules.index(True) + 1 if any(rules) else 0


@pytest.mark.parametrize(
    ("x", "y", "on", "left", "right"),
    [  # a point on each border, and the classes just counterclockwise and just clockwise of it
        (8.0, 4.0, 1, 1, 2),
        (8.0, -4.0, 2, 2, 3),
        (4.0, -8.0, 3, 3, 4),
        (-4.0, -8.0, 4, 4, 5),
        (-8.0, -4.0, 5, 5, 6),
        (-8.0, 4.0, 6, 6, 7),
        (-4.0, 8.0, 7, 7, 8),
        (4.0, 8.0, 8, 8, 1),
    ],
)
def test_a_border_belongs_to_the_class_counterclockwise_of_it(
    sectors: Sectors, x: float, y: float, on: int, left: int, right: int
) -> None:
    step = 1e-9
    points = np.array([(x, y), (x - step * y, y + step * x), (x + step * y, y - step * x)])
    assert (sectors.label(points) + 1).tolist() == [on, left, right]
    assert [notebook_class(*point) for point in points.tolist()] == [on, left, right]


def test_the_smallest_step_off_a_border_counts(sectors: Sectors) -> None:
    for x, y in ((8.0, 4.0), (4.0, -8.0), (-8.0, 4.0), (-4.0, -8.0)):
        for direction in (-np.inf, np.inf):
            point = (x, float(np.nextafter(y, direction)))
            assert sectors.label(np.array([point]))[0] + 1 == notebook_class(*point)


def test_every_point_of_a_fine_grid_has_the_notebooks_class(sectors: Sectors) -> None:
    axis = np.arange(-FAR, FAR + 1)
    points = np.array([(x, y) for x in axis for y in axis])
    expected = [notebook_class(x, y) for x, y in points.tolist()]
    assert (sectors.label(points) + 1).tolist() == expected


def test_the_exact_origin_has_no_class(sectors: Sectors) -> None:
    assert sectors.label(np.zeros((1, 3))).tolist() == [NO_SECTOR]


def test_sixteen_of_the_notebooks_121_points_and_the_origin_lie_on_a_border(sectors: Sectors) -> None:
    axis = np.arange(-20.0, 21.0, 4.0)
    points = np.array([(x, y) for x in axis for y in axis])
    assert sectors.near_border(points).sum() == 16 + 1


def test_other_borders_make_other_classes() -> None:
    quarters = make_sectors(checked_config("sectors.starts_deg=[0,90,180,-90]").sectors)
    assert quarters.names == ["class 1", "class 2", "class 3", "class 4"]
    assert quarters.label(np.array([(1, 1), (-1, 1), (-1, -1), (1, -1), (1, 0), (0, 1)])).tolist() == [
        0, 1, 2, 3, 0, 1,
    ]  # fmt: skip
