"""Where the drafted config goes, and the command that uses it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import conf_dir


def check_place(path: Path) -> None:
    """Refuse before anything is read.

    Raises:
        InputError: the file is there already, or no run could choose it.
    """
    if path.exists():
        raise InputError(f"--write {path}: is there already and is not replaced")
    if path.resolve().parent.name != "data" or path.suffix != ".yaml":
        raise InputError(f"--write {path}: must be a .yaml file in a folder data, such as conf/data/mine.yaml")
    if not re.fullmatch(r"[A-Za-z_]\w*", path.stem):
        raise InputError(f"--write {path}: {path.stem} cannot be chosen as data=…; take letters, digits and _")
    if (conf_dir() / "data" / path.name).exists():
        raise InputError(f"--write {path}: data={path.stem} is one of forcepos' own; take another name")


def write(path: Path, text: str) -> None:
    """Write the draft, complete or not at all.

    Raises:
        InputError: it cannot be written, or has been there since.
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        os.link(unfinished, path)  # fails where another is there, other than a rename
    except FileExistsError as error:
        raise InputError(f"--write {path}: is there already and is not replaced") from error
    except OSError as error:
        raise InputError(f"--write {path}: cannot be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def trains_with(path: Path | None, overrides: Sequence[str]) -> str:
    """The command that trains with the draft."""
    name = path.stem if path else "NAME"
    ours = path is None or path.resolve().parent.parent == conf_dir().resolve()
    place = [] if path is None or ours else ["--config-dir", str(path.parent.parent)]
    return " ".join(["python -m forcepos", *place, f"data={name}", *overrides])
