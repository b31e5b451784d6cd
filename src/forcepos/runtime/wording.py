"""Shorten lists for messages."""

from __future__ import annotations

from collections.abc import Sequence


def name_some(names: Sequence[str], most: int) -> str:
    """Join the first `most` names and count the others: `a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def first_lines(lines: Sequence[str], most: int) -> list[str]:
    """Keep the first `most` lines and count the others in one more: `… and 3 more`."""
    more = [f"… and {len(lines) - most} more"] if len(lines) > most else []
    return [*lines[:most], *more]


def shortened(text: str, most: int = 60) -> str:
    """Cut what is longer than `most` characters, keeping its beginning and its end."""
    return text if len(text) <= most else f"{text[: most - most // 3]}…{text[-(most // 3) + 1 :]}"
