"""What MkDocs does with pages that are written for another place."""

from pathlib import Path
from typing import Any

_TOP = Path(__file__).parents[2]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the text of a page; the changelog lies at the top of the repository, with links from there."""
    if page.file.src_uri != "changelog.md":
        return markdown
    text = (_TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    return text.replace("](docs/", "](").replace("](docs)", "](index.md)")
