"""Common style of pictures, with colours that all can distinguish, and HTML pages of one file that show them."""

import base64
import io
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from cycler import cycler
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from forcepos.runtime.wording import code_span, markdown_line, shortened, visible

BLUE, VERMILLION, ORANGE, BLACK, GREY = "#0072B2", "#D55E00", "#E69F00", "#000000", "#999999"  # Okabe and Ito's
CYCLE = (BLUE, VERMILLION, "#009E73", ORANGE, "#CC79A7", "#56B4E9", BLACK, "#F0E442")  # yellow is faint on white
BAD_IS_BRIGHT = ListedColormap(colormaps["plasma"](np.linspace(0, 0.85, 256)), "bad_is_bright")
PAGE_IN = 6.3  # the width of the text on an A4 page
_Panels = tuple[Figure, list[Axes]]
_STYLE = {
    "savefig.dpi": 150, "svg.fonttype": "none", "legend.frameon": False, "axes.axisbelow": True,
    "font.size": 9, **dict.fromkeys(["axes.titlesize", "figure.titlesize", "figure.labelsize"], "medium"),
    "axes.prop_cycle": cycler(color=CYCLE), "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.alpha": 0.25, "grid.linewidth": 0.6,
}  # fmt: skip


def drawing() -> AbstractContextManager[None]:
    """Draw and save in our style within this block, whatever style the process has: SVG has text, none is TeX."""
    return matplotlib.style.context(["default", _STYLE])


def single(height: float = 3.8, width: float = PAGE_IN) -> tuple[Figure, Axes]:
    """Create a figure with a single panel; sizes in inches."""
    figure, (axes,) = panels(1, 1, height, width)
    return figure, axes


def panels(rows: int, columns: int, height: float, width: float = PAGE_IN, **share: Any) -> _Panels:
    """Create a figure with this many panels, row by row; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, [*figure.subplots(rows, columns, squeeze=False, **share).flat]


def draw_signals(axes: Axes, x: ArrayLike, signals: Iterable[tuple[str, ArrayLike]], **look: Any) -> None:
    """Draw a line for each signal into an empty panel, and a legend beside it."""
    for place, (name, values) in enumerate(signals):  # more than 8 names would not fit next to it
        axes.plot(x, values, label=literal(name) if place < 8 else "_", **look)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), handlelength=1)


def literal(name: object) -> str:
    """Shorten a name and make it visible; escape dollars, between which matplotlib would parse a formula."""
    return shortened(visible(str(name)), 60).replace("$", r"\$")


def log_if_wide(axes: Axes) -> None:
    """Make the y axis logarithmic where one bad value would flatten all others."""
    least, most = axes.dataLim.intervaly
    if 0 < least < most / 20:
        axes.set_yscale("log")


def count_epochs(axes: Axes, **words: str) -> None:
    """Make the x axis run from the first to the last epoch, even if they are the same."""
    margin = max(0.04 * axes.dataLim.x1, 0.1)
    axes.set(xlabel="epoch", xlim=(1 - margin, axes.dataLim.x1 + margin), **words)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def page(template: str, **contents: Any) -> str:
    """Render a template of this room; one in HTML loads nothing, with escaped texts and pictures in base64."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1]), undefined=StrictUndefined, finalize=_visible,
        autoescape=template.endswith(".html.jinja"), trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"line": markdown_line, "code_span": code_span}
    return environment.get_template(template).render(contents)


def _visible(value: Any) -> Any:
    """Format numbers, make texts visible, and leave out a URI's password; what a macro has written is finished."""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(re.sub(r"//[^/\s]*@", "//", value), kept="\n")


def png(figure: Figure) -> str:
    file = io.BytesIO()
    figure.savefig(file)
    return base64.b64encode(file.getvalue()).decode()
