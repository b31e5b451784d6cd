"""The YAML file of a drafted config, with a comment wherever it holds a guess, and the command that trains."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from forcepos.commands.inspect.facts import SHOWN, quantity, role
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
    kind = "versuch" if _is_versuch(survey) else "table"
    yield f"# Drafted by `forcepos inspect` from {quantity(len(survey.sources), 'file')} with {survey.rows} rows."
    yield "# Guesses are marked as such."
    yield from (f"# {line}" for line in command.splitlines())
    where = "" if Path(survey.settings["path"]).is_absolute() else "  # relative to the working directory"
    path = f"path: {quoted(survey.settings['path'])}{where}"
    yield from ("defaults:", f"  - {kind}", "  - _self_", "", f"name: {kind}", path)
    recordings, points = quantity(len(survey.recordings.names), "recording"), quantity(survey.points, "point")
    if kind == "versuch":
        yield "# A guess: its columns are the notebook's, so features, targets and time are those of data=versuch."
        yield f"# {recordings} of {points}, {survey.recordings.rate_hz:g} rows per second."
        return
    yield from _features(survey)
    yield from _targets(survey)
    yield f"# As read with the keys below: {recordings}{f' of {points}' * bool(survey.points)}."
    for key, value in survey.settings.items():
        if key not in {"path", "targets", "target_scale_mm", "label"}:
            reason = _COMMENTS.get(key) or survey.guesses.reasons.get(key, "")
            yield f"{key}: {_scalar(value)}{f'  # a guess, {reason}' * bool(reason)}"
    yield from (f"{key}: ???  # set it: {_TO_SET[key]}" for key in missing_keys(survey) if key == "rate_hz")


def missing_keys(survey: Survey) -> list[str]:
    """Name the keys that training needs and that could not be guessed."""
    guesses = survey.guesses
    known = {"features": guesses.features, "targets": guesses.positions or guesses.label, "rate_hz": guesses.time}
    return [key for key, value in known.items() if not value]


def _is_versuch(survey: Survey) -> bool:
    """Return whether data=versuch reads it: one Feather file with all columns of conf/data/versuch.yaml."""
    config = OmegaConf.load(conf_dir() / "data" / "versuch.yaml")
    features = OmegaConf.load(conf_dir() / "columns" / "notebook.yaml").features
    wanted = {*features, *config.targets, config.point, config.seconds, config.nanoseconds}
    by_name = survey.guesses.positions == tuple(config.targets) and survey.guesses.point == config.point
    one_file = len(survey.sources) == 1 and survey.sources[0].kind == "Feather" and survey.guesses.label is None
    return one_file and by_name and wanted <= {*survey.columns} and bool(survey.recordings.rate_hz)


def _features(survey: Survey) -> Iterator[str]:
    features = survey.guesses.features
    if survey.sources[0].layout:
        yield f"# {survey.sources[0].layout}"
    if not features:
        yield f"features: ???  # set it: {_TO_SET['features']}"
        return
    yield f"# A guess: {survey.guesses.reasons['features']}. Remove what is not available where the model is used."
    if any(survey.guesses.kinds[name].startswith("joint angle") for name in features):
        yield "# Joint angles reveal the position: without them, the model learns from forces and torques alone."
    yield "features:"
    for name in features:
        kind = survey.guesses.kinds[name]
        yield f"  - {quoted(name)}{f'  # {kind}' if kind else ''}"
    used = {*features, *survey.guesses.positions, *survey.guesses.time}
    by_role: dict[str, list[str]] = {}
    for name in survey.columns:
        if name not in used:
            by_role.setdefault(role(survey, name), []).append(quoted(name))
    for kind, names in by_role.items():
        yield f"# Not used as features, {kind or 'other'}: {', '.join(names)}"


def _targets(survey: Survey) -> Iterator[str]:
    guesses, scale_mm = survey.guesses, survey.guesses.scale_mm
    if not guesses.positions and guesses.label:
        yield "targets: null  # no position columns were recognised: only the label is learned"
    elif not guesses.positions:
        yield f"targets: ???  # set it: {_TO_SET['targets']}"
    else:
        yield f"# A guess: {guesses.reasons['positions']}."
        yield f"targets: [{', '.join(map(quoted, guesses.positions))}]"
        if scale_mm != 1:
            yield f"target_scale_mm: {scale_mm:g}  # mm per {guesses.unit}"
        columns = (survey.columns[name] for name in guesses.positions)
        ranges = "; ".join(f"{scale_mm * each.low:.5g} to {scale_mm * each.high:.5g}" for each in columns)
        yield f"# Ranges in mm: {ranges}."
        yield "# Sectors are centred on the origin: to classify by them, set offset_mm so that it is mid-plate."
    if guesses.label:
        classes = survey.columns[guesses.label].distinct
        yield f"label: {quoted(guesses.label)}  # a guess, {guesses.reasons['label']}: {classes} classes"
    elif guesses.candidates:
        all_such = name_some(list(map(quoted, guesses.candidates)), SHOWN)
        yield f"# label: {quoted(guesses.candidates[0])}  # possibly, with few values; all such: {all_such}"


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
    """Return the command with placeholders for the keys that could not be guessed, and what stands for each."""
    keys = [_TO_SET[key].partition(": ") for key in missing_keys(survey)]
    added = " ".join(shlex.quote(key) for key, _, _ in keys)
    return f"{command} {added}  # fill in; {'; '.join(why for _, _, why in keys)}"
