"""The file of a drafted config, and the command that trains with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import conf_dir


def check_draft_path(path: Path) -> None:
    """Check where the draft is to be written, before anything is read.

    Raises:
        InputError: the file exists, or cannot be selected as data=….
    """
    if path.exists():
        raise InputError(f"--write {path}: exists and is not overwritten")
    if path.resolve().parent.name != "data" or path.suffix != ".yaml":
        raise InputError(f"--write {path}: must be a .yaml file in a folder data, such as conf/data/mine.yaml")
    if not re.fullmatch(r"[A-Za-z_]\w*", path.stem):
        raise InputError(f"--write {path}: {path.stem} cannot be selected as data=…; use letters, digits and _")
    if (conf_dir() / "data" / path.name).exists():
        raise InputError(f"--write {path}: data={path.stem} is built in; choose another name")


def write_draft(path: Path, text: str) -> None:
    """Write the draft.

    Raises:
        InputError: it cannot be written, or has been created since.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise InputError(f"--write {path}: exists and is not overwritten") from error
    except OSError as error:
        raise InputError(f"--write {path}: cannot be written: {error}") from error


def training_command(path: Path | None, overrides: Sequence[str]) -> str:
    """Return the command that trains with the draft."""
    name = path.stem if path else "NAME"
    built_in = path is None or path.resolve().parent.parent == conf_dir().resolve()
    config_dir = [] if path is None or built_in else ["--config-dir", str(path.parent.parent)]
    return " ".join(["python -m forcepos", *config_dir, f"data={name}", *overrides])
