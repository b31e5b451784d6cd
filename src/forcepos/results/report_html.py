"""The report of a run as one HTML file without scripts, network access or other files."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from forcepos.runtime.wording import visible

_NUMBER = re.compile(r"[-+\u2212]?(\d|inf$|nan$)")


class Table(NamedTuple):
    """A table of formatted cells."""

    title: str
    cells: pd.DataFrame


class Picture(NamedTuple):
    """A figure with its title and caption; `png` is the content of a PNG file."""

    title: str
    caption: str
    png: bytes


def report_html(**contents: Any) -> str:
    """Render the report as one self-contained HTML file; every text is escaped.

    Args:
        contents: title; facts, the provenance by name; scores, a Table; tables, a list of them; notes, caveats
            of the scores; figures, a list of Pictures; config_yaml; how_to_load, code that loads the model.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda content: base64.b64encode(content).decode()
    environment.tests["numeric"] = _is_numeric
    return environment.get_template("report.html.jinja").render(contents)


def _visible(value: Any) -> Any:
    """Make texts visible; what a macro has written is finished."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value, kept="\n")


def _is_numeric(cells: pd.Series[str]) -> bool:
    """Return whether cells hold numbers only, with or without units; unknown values are ignored."""
    known = [cell for cell in cells if cell.strip("- \u2013")]
    return bool(known) and all(_NUMBER.match(cell) for cell in known)
