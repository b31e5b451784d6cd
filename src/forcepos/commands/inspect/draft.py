"""A config for what was seen, with a comment wherever it holds a guess."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from forcepos.commands.inspect.facts import counted, role, some
from forcepos.commands.inspect.sources import Source
from forcepos.commands.inspect.survey import Survey
from forcepos.runtime.paths import conf_dir

_PLAIN = re.compile(r"[A-Za-z_][\w./ -]*(?<! )")
_NOT_TEXT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
_BINARY = {"Feather": ("feather", {".feather"}), "Parquet": ("parquet", {".parquet"})}
_TEXT_ENDINGS, _CSV_ENDINGS = {".txt", ".log", ".dat"}, {".csv", ".tsv"}
_POINTS = 10  # across the plate, where no column names any


def draft(seen: Survey, asked: Sequence[str], command: str) -> str:
    """The YAML file; `command` trains with it."""
    kind = "versuch" if is_versuch(seen) else "table"
    lines = [
        f"# Drafted by `forcepos inspect` from {counted(len(seen.sources), 'file')} with {seen.rows} rows.",
        "# What is a guess says so.",
        *(f"# {command}" for command in command.splitlines()),
        "defaults:",
        f"  - {kind}",
        "  - _self_",
        "",
        f"name: {kind}",
        _path(seen, asked),
        *(_versuch(seen) if kind == "versuch" else _table(seen)),
    ]
    return "\n".join(lines) + "\n"


def is_versuch(seen: Survey) -> bool:
    """Whether data=versuch reads it: one Feather file with all columns that conf/data/versuch.yaml names."""
    config = OmegaConf.load(conf_dir() / "data" / "versuch.yaml")
    features = OmegaConf.load(conf_dir() / "columns" / "notebook.yaml").features
    wanted = {*features, *config.targets, config.point, config.seconds, config.nanoseconds}
    told = seen.guesses.positions == tuple(config.targets) and seen.guesses.point == config.point
    one = len(seen.sources) == 1 and seen.sources[0].kind == "Feather" and seen.guesses.label is None
    return one and told and wanted <= {*seen.columns} and (bool(seen.times.rate_hz))


def _path(seen: Survey, asked: Sequence[str]) -> str:
    path = _data_path(asked, seen.sources)
    if path is None:
        return "path: ???  # set it: one file, a folder or a pattern that matches these files and no others"
    where = "" if Path(path).is_absolute() else "  # from the folder that you start in"
    return f"path: {quoted(path)}{where}"


def _data_path(asked: Sequence[str], sources: Sequence[Source]) -> str | None:
    """One file, or a pattern that matches these files and no others; None where there is none."""
    files = sorted(source.path for source in sources)
    if len(files) == 1:
        return str(files[0])
    folders, endings = {path.parent for path in files}, {path.suffix for path in files}
    if len(folders) != 1 or len(endings) != 1:
        return None
    (folder,), (ending,) = folders, endings
    patterns = [*(name for name in asked if "*" in name), f"{folder.as_posix()}/*{ending}"]
    return next((pattern for pattern in patterns if _matches(pattern) == files), None)


def _matches(pattern: str) -> list[Path]:
    path = Path(pattern)
    return sorted(found for found in path.parent.glob(path.name) if found.is_file())


def _versuch(seen: Survey) -> Iterator[str]:
    recordings, points = counted(len(seen.recordings), "recording"), counted(len(seen.points), "point")
    yield "# A guess: its columns are the notebook's, so features, targets and time are those of data=versuch."
    yield f"# {recordings} of {points}, {seen.times.rate_hz:g} rows per second."


def _table(seen: Survey) -> Iterator[str]:
    yield from _format(seen.sources[0])
    yield ""
    yield from _features(seen)
    yield from _targets(seen)
    yield from _label(seen)
    yield ""
    yield from _recordings(seen)
    yield from _points(seen)
    yield from _time(seen)


def _format(source: Source) -> Iterator[str]:
    """The keys that differ from what the ending tells."""
    ending = source.path.suffix.lower()
    if source.kind in _BINARY:
        kind, endings = _BINARY[source.kind]
        if ending not in endings:
            yield f"format: {kind}"
        return
    blanks = source.delimiter == " "
    if ending not in (_TEXT_ENDINGS if blanks else _CSV_ENDINGS):
        yield f"format: {'text' if blanks else 'csv'}"
    if not blanks:
        separator = r'"\t"' if source.delimiter == "\t" else f'"{source.delimiter}"'
        yield f"separator: {separator}"
    if source.mark == ",":
        yield 'decimal: ","'
    yield f"# {source.layout}"
    if not source.marked:
        yield f"header: {'true' if source.header else 'false'}"


def _features(seen: Survey) -> Iterator[str]:
    features = seen.guesses.features
    if not features:
        yield "features: ???  # set it: no column of numbers that change is left to learn from"
        return
    yield f"# A guess: {seen.guesses.why['features']}. Strike out what will not be known where the model is used."
    if any(seen.guesses.kinds[name].startswith("joint angle") for name in features):
        yield "# Joint angles say where the hand is: without them, the model learns from forces and torques alone."
    yield "features:"
    for name in features:
        kind = seen.guesses.kinds[name]
        yield f"  - {quoted(name)}{f'  # {kind}' if kind else ''}"
    used = {*features, *seen.guesses.positions, *seen.guesses.time}
    left = [name for name in seen.columns if name not in used]
    for kind in dict.fromkeys(role(seen, name) for name in left):
        names = [quoted(name) for name in left if role(seen, name) == kind]
        yield f"# Not used as features, {kind or 'other'}: {', '.join(names)}"


def _targets(seen: Survey) -> Iterator[str]:
    guesses = seen.guesses
    if not guesses.positions:
        if guesses.label:
            yield "targets: null  # no column with positions was recognised: a label is all there is"
        else:
            yield "targets: ???  # set it: the columns with x, y, z; none was recognised"
        return
    yield f"# A guess: {guesses.why['positions']}."
    yield f"targets: {listed(guesses.positions)}"
    if guesses.scale_mm != 1:
        yield f"target_scale_mm: {guesses.scale_mm:g}  # mm per {guesses.unit}"
    reach = [
        f"{guesses.scale_mm * seen.columns[name].low:.5g} to {guesses.scale_mm * seen.columns[name].high:.5g}"
        for name in guesses.positions
    ]
    yield f"# Seen in mm: {'; '.join(reach)}."
    yield "# Sectors are seen from the origin: to classify by them, set an offset_mm that puts it mid-plate."


def _label(seen: Survey) -> Iterator[str]:
    guesses = seen.guesses
    if guesses.label:
        classes = seen.columns[guesses.label].distinct
        yield f"label: {quoted(guesses.label)}  # a guess, {guesses.why['label']}: {classes} classes"
    elif guesses.candidates:
        few = some(list(map(quoted, guesses.candidates)))
        yield f"# label: {quoted(guesses.candidates[0])}  # may be one, having few values; all such: {few}"


def _recordings(seen: Survey) -> Iterator[str]:
    guesses = seen.guesses
    if guesses.recording:
        yield f"recording: {quoted(guesses.recording)}  # a guess, {guesses.why['recording']}"
    elif guesses.point:
        yield f"recording: {quoted(guesses.point)}  # a guess: all rows of a point in a file are one recording"
    if seen.cut_by_time and len(guesses.time) == 1:
        count = len(seen.recordings)
        yield f"gap_s: {seen.times.cut_s:g}  # a guess: a longer pause begins a new recording, {count} in all"


def _points(seen: Survey) -> Iterator[str]:
    guesses = seen.guesses
    if guesses.point:
        yield f"point: {quoted(guesses.point)}  # a guess, {guesses.why['point']}: {len(seen.points)} points"
    elif guesses.positions:
        ranges = [seen.columns[name].high - seen.columns[name].low for name in guesses.positions]
        step = guesses.scale_mm * max(ranges) / _POINTS
        yield f"point_grid_mm: {float(f'{max(step, 0.001):.1g}'):g}  # a guess: a tenth of the longest side"


def _time(seen: Survey) -> Iterator[str]:
    guesses, rate = seen.guesses, seen.times.rate_hz
    if len(guesses.time) == 1 and rate:
        yield f"time: {quoted(guesses.time[0])}  # a guess: {guesses.why['time']}"
        yield f"time_unit: {guesses.time_unit}"
    elif rate:
        yield f"rate_hz: {rate:g}  # from {' and '.join(guesses.time)}"
    else:
        yield "rate_hz: ???  # set it: rows per second; no column with the time was recognised"


def listed(names: Sequence[str]) -> str:
    """A list in one line."""
    return f"[{', '.join(map(quoted, names))}]"


def quoted(text: str) -> str:
    """A text in YAML that is taken as it stands."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else json.dumps(text, ensure_ascii=False).replace("${", "\\\\${")
