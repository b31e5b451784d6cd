"""Write docs/command-line.md: what each command says with --help. `make reference` runs this."""

import os
import subprocess
import sys

_COMMANDS = ("", "prepare", "inspect", "compare", "predict", "export", "ui")
_WIDE = {**os.environ, "COLUMNS": "110"}  # characters of a line
_PAGE = """\
# Command line

<!-- Written by `make reference` from what the commands print: edit those, not this page. -->

`forcepos` and `python -m forcepos` are the same. Every command ends with 0 if all is done, with 1 and one
line that begins with `error:` if its input cannot be used, and with 130 or 143 if Ctrl-C or SIGTERM ended it.
Training also ends with 1 if a job of a sweep failed, and with 3 if all is done but MLflow lacks some of it.
What programs read goes to standard output, everything for people to standard error.
"""


def page() -> str:
    """Return the page; runs each command."""
    return "\n".join([_PAGE, *map(_section, _COMMANDS)])


def _section(command: str) -> str:
    words = [sys.executable, "-m", "forcepos", *command.split(), "--help"]
    text = subprocess.run(words, capture_output=True, text=True, check=True, env=_WIDE).stdout  # noqa: S603  # ours
    return f"## `forcepos{f' {command}' if command else ''}`\n\n```text\n{text.strip()}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(page())
