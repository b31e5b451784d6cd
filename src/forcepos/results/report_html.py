"""The report of a run as one HTML file without scripts, network access or other files."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from forcepos.runtime.wording import visible

_NUMBER = re.compile(r"[-+\u2212]?(\d|inf$|nan$)")


@dataclass(frozen=True)
class Table:
    """A table of formatted cells."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def numeric(self) -> list[bool]:
        """(columns,) whether a column holds numbers only, with or without units; unknown values are ignored."""
        return [_is_numeric([row[column] for row in self.rows]) for column in range(len(self.columns))]


@dataclass(frozen=True)
class Picture:
    """A figure with its title and caption; `png` is the content of a PNG file."""

    title: str
    caption: str
    png: bytes


@dataclass(frozen=True)
class Report:
    """The contents of a report, from top to bottom.

    Attributes:
        facts: the run's provenance, by name.
        notes: caveats of the scores.
        how_to_load: code that loads the model.
    """

    title: str
    facts: Mapping[str, str]
    scores: Table
    tables: Sequence[Table]
    notes: Sequence[str]
    figures: Sequence[Picture]
    config_yaml: str
    how_to_load: str


def report_html(report: Report) -> str:
    """Render the report as one self-contained HTML file; every text is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda content: base64.b64encode(content).decode()
    return environment.get_template("report.html.jinja").render(report=report)


def _visible(value: Any) -> Any:
    """Make texts visible; what a macro has written is finished."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value, kept="\n")


def _is_numeric(cells: Sequence[str]) -> bool:
    known = [cell for cell in cells if cell.strip("- \u2013")]
    return bool(known) and all(_NUMBER.match(cell) for cell in known)
