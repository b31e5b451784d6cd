"""Helpers for tests of pictures: draw one, and read its texts, labels and points."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure


def drawn(figure: Figure, kind: str = "svg") -> bytes:
    file = BytesIO()
    figure.savefig(file, format=kind)
    return file.getvalue()


def texts(figure: Figure) -> str:
    drawn(figure)
    return " | ".join(text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text")))  # type: ignore[attr-defined]


def labels(axes: Axes) -> tuple[str, str]:
    return axes.get_xlabel(), axes.get_ylabel()


def points(axes: Axes) -> Any:
    """Return the (n, 2) points of a scatter plot."""
    return np.concatenate([np.asarray(c.get_offsets()) for c in axes.collections if isinstance(c, PathCollection)])
