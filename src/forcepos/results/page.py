"""HTML pages of one file, without scripts, network access or other files; every text on them is escaped."""

import base64
import io
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from forcepos.runtime.wording import visible


def page_html(template: str, **contents: Any) -> str:
    """Render a template of this folder with texts, numbers, tables, and pictures as PNGs in base64."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, finalize=_visible,
        autoescape=True, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(template).render(contents)


def _visible(value: Any) -> Any:
    """Format numbers, make texts visible, and leave out a URI's password; what a macro has written is finished."""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(re.sub(r"//[^/\s]*@", "//", value), kept="\n")


def png(figure: Figure) -> str:
    """Return a picture in base64."""
    file = io.BytesIO()
    figure.savefig(file)
    return base64.b64encode(file.getvalue()).decode()
