"""Shorten lists and names for messages, and make visible what would be hidden in them."""

import re
import unicodedata
from collections.abc import Sequence

# Categories of Unicode: control, format (such as the direction of writing), half a character, line, paragraph.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Numbers of rows, lines and fields, and what is no number.
_DIFFERING = re.compile(r"(?<=line |.row )[0-9]+|[0-9]+(?= rows| fields?)|(?<=has )(['\"]).*\1(?= for .*, not)")
_LIKE_A_CODE = re.compile(r"\\(?=x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def name_some(names: Sequence[str], most: int) -> str:
    """Join the first `most` names and count the others: `a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(shortened, names[:most])) + more


def first_lines(lines: Sequence[str], most: int) -> list[str]:
    """Keep the first `most` lines and count the others in one more: `… and 3 more`."""
    return [*lines[:most], *([f"… and {len(lines) - most} more"] if len(lines) > most else [])]


def once_each(problems: Sequence[tuple[str, str]], what: str = "file") -> list[str]:
    """Keep one of the problems that differ only in the file, given with each, or in rows; count others."""
    kinds: dict[str, list[str]] = {}
    for file, problem in problems:
        kinds.setdefault(_DIFFERING.sub("", problem.replace(file, "")), []).append(problem)
    return [
        first + (f" (and {len(more):,} more {what}{'s'[: len(more) != 1]} alike)" if more else "")
        for first, *more in kinds.values()
    ]


def shortened(text: str, most: int = 200) -> str:
    """Cut what is longer than `most` characters, keeping its beginning and its end."""
    return text if len(text) <= most else f"{text[: most - most // 3]}…{text[-(most // 3) + 1 :]}"


def visible(text: str, kept: str = "") -> str:
    r"""Replace control and format characters, except the kept ones, by their codes: `\x1b`, `\x0a`, `\u202e`."""
    if text.isprintable():
        return text
    for one in {*text} - {*kept}:
        if unicodedata.category(one) in _HIDDEN:
            text = text.replace(one, f"\\x{ord(one):02x}" if one.isascii() else ascii(one)[1:-1])
    return text


def code_span(text: str) -> str:
    """Make a text a code span of Markdown, in which nothing of it is markup."""
    shown = visible(text)
    fence, pad = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1), " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def markdown_line(text: str) -> str:
    """Make a text visible in one line, which ends no cell of a table in Markdown."""
    return visible(text).replace("|", r"\|")


def markdown_table(lines: Sequence[Sequence[str]], others: str = "---") -> str:
    """Return a table in Markdown whose first line is its head; `others` aligns all but the first column."""
    head, *rows = [list(map(markdown_line, line)) for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---", *[others] * (len(head) - 1)], *rows))


def visible_lines(text: str) -> str:
    """Make a message of ours visible, long lines in part: its further lines are indented, a name's own are not."""
    return "\n  ".join(shortened(visible(line), 5000) for line in text.split("\n  "))


def visible_name(name: str) -> str:
    r"""Make a name visible such that different names stay different: a literal `\x1b` becomes `\x5cx1b`."""
    return visible(_LIKE_A_CODE.sub(r"\\x5c", name))


def duration(seconds: float) -> str:
    """Return a duration with the digits that an estimate deserves: 45 s, 2.5 min, 12 min, 3.5 h."""
    if seconds < 95:
        return f"{max(1, round(seconds))} s"
    value, unit = (seconds / 60, "min") if seconds < 95 * 60 else (seconds / 3600, "h")
    return f"{value:.{1 if value < 10 else 0}f} {unit}"
