"""The YAML file of a drafted config, with a comment wherever it holds a guess."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from forcepos.commands.inspect.facts import SHOWN, quantity, role
from forcepos.commands.inspect.survey import Survey
from forcepos.data.readers.files import FORMATS, matching_files
from forcepos.data.readers.lines import SPACE
from forcepos.data.readers.table import Table
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import conf_dir
from forcepos.runtime.wording import name_some, visible

_PLAIN = re.compile(r"[A-Za-z_][\w./ -]*(?<! )")
_NOT_TEXT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
_CELLS = 10  # across the plate, where no column names any


def draft(survey: Survey, patterns: Sequence[str], command: str) -> Iterator[str]:
    """Yield the lines of the YAML text; `command` trains with it."""
    kind = "versuch" if _is_versuch(survey) else "table"
    yield f"# Drafted by `forcepos inspect` from {quantity(len(survey.sources), 'file')} with {survey.rows} rows."
    yield "# Guesses are marked as such."
    yield from (f"# {line}" for line in command.splitlines())
    yield from ("defaults:", f"  - {kind}", "  - _self_", "", f"name: {kind}", _path(survey, patterns))
    if kind == "versuch":
        recordings, points = quantity(len(survey.recordings), "recording"), quantity(len(survey.points), "point")
        yield "# A guess: its columns are the notebook's, so features, targets and time are those of data=versuch."
        yield f"# {recordings} of {points}, {survey.times.rate_hz:g} rows per second."
        return
    yield from _format(survey.sources[0])
    yield ""
    yield from _features(survey)
    yield from _targets(survey)
    yield ""
    yield from _recordings(survey)


def _is_versuch(survey: Survey) -> bool:
    """Return whether data=versuch reads it: one Feather file with all columns of conf/data/versuch.yaml."""
    config = OmegaConf.load(conf_dir() / "data" / "versuch.yaml")
    features = OmegaConf.load(conf_dir() / "columns" / "notebook.yaml").features
    wanted = {*features, *config.targets, config.point, config.seconds, config.nanoseconds}
    by_name = survey.guesses.positions == tuple(config.targets) and survey.guesses.point == config.point
    one_file = len(survey.sources) == 1 and survey.sources[0].kind == "Feather" and survey.guesses.label is None
    return one_file and by_name and wanted <= {*survey.columns} and bool(survey.times.rate_hz)


def _path(survey: Survey, patterns: Sequence[str]) -> str:
    """Return the key of the file, or of a pattern that matches exactly these files."""
    files = sorted(source.path for source in survey.sources)
    several = [*(name for name in patterns if "*" in name), f"{files[0].parent.as_posix()}/*{files[0].suffix}"]
    alike = len({(path.parent, path.suffix) for path in files}) == 1
    exact = (name for name in several if alike and {*matching_files(name, Path.is_file)} == {*files})
    path = next(exact, None) if len(files) > 1 else str(files[0])
    if path is None:
        return "path: ???  # set it: a file, a folder or a pattern that matches exactly these files"
    where = "" if Path(path).is_absolute() else "  # relative to the working directory"
    return f"path: {quoted(path)}{where}"


def _format(source: Table) -> Iterator[str]:
    """Yield the keys that the ending of the file does not imply."""
    layout, kind = source.layout, source.kind.lower()
    if layout and layout.separator != SPACE:
        kind = "csv"
    if FORMATS.get(source.path.suffix.lower()) != kind:
        yield f"format: {kind}"
    if layout is None:
        return
    if kind == "csv" and layout.separator.decode() != layout.decimal:
        yield f"separator: {json.dumps(layout.separator.decode())}"
    if layout.decimal == ",":
        yield 'decimal: ","'
    yield f"# {layout}"
    if not layout.marked:
        yield f"header: {'true' if layout.names else 'false'}"


def _features(survey: Survey) -> Iterator[str]:
    features = survey.guesses.features
    if not features:
        yield "features: ???  # set it: no numeric column that varies is left"
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
        yield "targets: ???  # set it: the columns with x, y, z; none were recognised"
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


def _recordings(survey: Survey) -> Iterator[str]:
    guesses = survey.guesses
    if guesses.recording:
        yield f"recording: {quoted(guesses.recording)}  # a guess, {guesses.reasons['recording']}"
    elif guesses.point:
        yield f"recording: {quoted(guesses.point)}  # a guess: all rows of a point in a file are one recording"
    count = len(survey.recordings)
    if count > len(survey.sources) and not (guesses.recording or guesses.point) and len(guesses.time) == 1:
        yield f"gap_s: {survey.times.cut_s:g}  # a guess: a longer pause starts a new recording, {count} in all"
    if guesses.point:
        yield f"point: {quoted(guesses.point)}  # a guess, {guesses.reasons['point']}: {len(survey.points)} points"
    elif guesses.positions:
        ranges = [survey.columns[name].high - survey.columns[name].low for name in guesses.positions]
        step = guesses.scale_mm * max(ranges) / _CELLS
        yield f"point_grid_mm: {float(f'{max(step, 0.001):.1g}'):g}  # a guess: a tenth of the longest side"
    rate = survey.times.rate_hz
    if len(guesses.time) == 1 and rate:
        yield f"time: {quoted(guesses.time[0])}  # a guess: {guesses.reasons['time']}"
        yield f"time_unit: {guesses.time_unit}"
    elif rate:
        yield f"rate_hz: {rate:g}  # from {' and '.join(guesses.time)}"
    else:
        yield "rate_hz: ???  # set it: rows per second; no time column was recognised"


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


def training_command(path: Path | None, overrides: Sequence[str]) -> str:
    """Return the command that trains with the draft."""
    name = path.stem if path else "NAME"
    built_in = path is None or path.resolve().parent.parent == conf_dir().resolve()
    config_dir = [] if path is None or built_in else ["--config-dir", str(path.parent.parent)]
    return " ".join(["python -m forcepos", *config_dir, f"data={name}", *overrides])
