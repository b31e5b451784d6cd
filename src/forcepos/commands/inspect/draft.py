"""The YAML file of a drafted config, with a comment wherever it holds a guess, and the command that trains."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from forcepos.commands.inspect.facts import SHOWN, quantity
from forcepos.commands.inspect.survey import Survey
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import conf_dir
from forcepos.runtime.wording import name_some, visible

_PLAIN = re.compile(r"[A-Za-z_][\w./ -]*(?<! )")
_NOT_TEXT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
_COMMENTS = {
    "visits": "each run of rows with the same point is a recording",
    "gap_s": "a longer pause starts a new recording",
    "missing": "some rows lack values: refuse them instead, to see which",
}
_TO_SET = {  # what training needs, with what helps
    "features": "data.features=[COLUMN,…]: no numeric column that varies is left",
    "targets": "data.targets=[X,Y,Z]: no position columns were recognised; inspect takes --positions X Y Z",
    "rate_hz": "data.rate_hz=ROWS_PER_SECOND: no time column was recognised; inspect takes --time COLUMN",
}


def draft(survey: Survey, command: str) -> Iterator[str]:
    """Yield the lines of the YAML text; `command` trains with it."""
    guesses, settings = survey.guesses, survey.settings
    where = "" if Path(settings["path"]).is_absolute() else "  # relative to the working directory"
    recordings, points = quantity(len(survey.recordings.names), "recording"), quantity(survey.points, "point")
    yield f"# Drafted by `forcepos inspect` from {quantity(len(survey.sources), 'file')} with {survey.rows} rows:"
    yield f"# {recordings}{f' of {points}' * bool(survey.points)}. Guesses are marked as such."
    yield from (f"# {line}" for line in command.splitlines())
    yield from ("defaults:", "  - table", "  - _self_", "", "name: table")
    yield f"path: {quoted(settings['path'])}{where}"
    yield from (f"{key}: ???  # set it: {_TO_SET[key]}" for key in _missing_keys(survey))
    if guesses.features:
        yield f"# A guess: {guesses.reasons['features']}. Remove what is not available where the model is used."
        if any(guesses.kinds[name].startswith("joint angle") for name in guesses.features):
            yield "# Joint angles reveal the position: without them, the model learns from forces alone."
        yield "features:"
        kinds = {name: guesses.kinds[name] for name in guesses.features}
        yield from (f"  - {quoted(name)}{f'  # {kind}' * bool(kind)}" for name, kind in kinds.items())
    if guesses.positions:
        yield f"# A guess: {guesses.reasons['positions']}."
        yield f"targets: [{', '.join(map(quoted, guesses.positions))}]"
        yield "# Sectors are centred on the origin: to classify by them, set offset_mm so that it is mid-plate."
    elif guesses.label:
        yield "targets: null  # no position columns were recognised: only the label is learned"
    if guesses.candidates and not guesses.label:
        yield f"# label: {name_some(list(map(quoted, guesses.candidates)), SHOWN)}  # possibly, with few values"
    for key, value in settings.items():
        reason = _COMMENTS.get(key) or guesses.reasons.get(key, "")
        if key == "label":
            reason += f": {survey.columns[value].distinct} classes"
        if key not in {"path", "targets"}:
            yield f"{key}: {_scalar(value)}{f'  # a guess, {reason}' * bool(reason)}"


def _missing_keys(survey: Survey) -> list[str]:
    """Name the keys that training needs and that could not be guessed."""
    guesses = survey.guesses
    known = {"features": guesses.features, "targets": guesses.positions or guesses.label, "rate_hz": guesses.time}
    return [key for key, value in known.items() if not value]


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value) if isinstance(value, str) else f"{value:g}"


def quoted(text: str) -> str:
    """Return text as a YAML scalar that stands for exactly this text."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else visible(json.dumps(text, ensure_ascii=False)).replace("${", "\\\\${")


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


def training_command(path: Path, overrides: Sequence[str]) -> str:
    """Return the command that trains with the draft, as a shell takes it."""
    built_in = path.resolve().parent.parent == conf_dir().resolve()
    config_dir = [] if built_in else ["--config-dir", str(path.parent.parent)]
    return shlex.join(["python", "-m", "forcepos", *config_dir, f"data={path.stem}", *overrides])


def to_fill_in(survey: Survey, command: str) -> str:
    """Return the command with placeholders for the keys that could not be guessed; empty where all were."""
    keys = [_TO_SET[key].partition(": ") for key in _missing_keys(survey)]
    added = " ".join(shlex.quote(key) for key, _, _ in keys)
    return f"{command} {added}  # fill in; {'; '.join(why for _, _, why in keys)}" if keys else ""
