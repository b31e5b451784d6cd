"""Finds what the config names: files, the format of each, and their columns, by name or by number."""

import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import chain, product
from pathlib import Path

from forcepos.config.schema import TableConfig
from forcepos.data.readers.table import WORDS, Reader, Table, Wanted, is_source
from forcepos.runtime.errors import InputError, plugin_name
from forcepos.runtime.wording import name_some, visible_name

FORMATS = {
    ".feather": "feather", ".parquet": "parquet", ".csv": "csv", ".tsv": "csv",
    ".txt": "text", ".log": "text", ".dat": "text",
    ".npy": "numpy", ".npz": "numpy", ".mat": "matlab", ".bag": "ros", ".db3": "ros", ".mcap": "ros",
}  # fmt: skip
ENDINGS = ", ".join(FORMATS)
_COMPRESSED = (".gz", ".zst", ".bz2")
_SHOWN = 20
_LEFT_BY_RUNS = ("outputs/runs", "outputs/sweeps", "outputs/search", "outputs/inspect", "mlruns")
Test = Callable[[Path], bool]
_COMPARED = 1000  # names, and characters of a name: a comparison takes long


def format_of(path: Path) -> str | None:
    """Return the format that a file's ending names; a text may be compressed, which another ending tells."""
    if path.suffix.lower() not in _COMPRESSED:
        return FORMATS.get(path.suffix.lower())
    return "text" if FORMATS.get(path.with_suffix("").suffix.lower()) == "text" else "csv"


def find_files(config: TableConfig) -> list[Path]:
    """Find the files, InputError if there is none, in natural order of their names: visit_2 before visit_10."""
    path, reader = Path(config.path), config if isinstance(config, Reader) else None
    named = plugin_name(reader) if reader else ""

    def is_table(file: Path) -> bool:
        if reader:
            return is_source(reader, file)
        known = config.format != "auto" or format_of(file) is not None
        return (known and file.is_file()) or (file / "metadata.yaml").is_file()  # a bag of ROS 2 is a folder

    if path.is_dir() and is_table(path):
        return [path]
    found = matching_files(config.path, is_table, lambda file: bool(reader) or file.is_file() or is_table(file))
    if others := [str(file) for file in found if reader and not file.is_dir() and not is_table(file)]:
        raise InputError(f"{named} does not read {name_some(others, _SHOWN)}: its `matches` says no")
    if not found and path.is_dir():
        none = f"{named} reads none of its files" if reader else f"none of its files ends with {ENDINGS}"
        raise InputError(f"data.path={path} is a folder without tables: {none}")
    if not found:
        raise InputError(f"data.path={path} is not a file, a folder or a pattern that matches a file")
    return found


def matching_files(name: str, is_table: Test, may_be_given: Test = Path.is_file) -> list[Path]:
    """Return a file, the tables below a folder, or the files that match a pattern, in natural order."""
    path = Path(name)
    # Path.glob takes no absolute pattern; a file's own name may hold what looks like one.
    named = [path] if path.exists() else map(Path, glob.glob(name, recursive=True))  # noqa: PTH207
    found = deep_files(path, is_table) if path.is_dir() else filter(may_be_given, named)
    return sorted({*found}, key=lambda file: natural_sort_key(str(file)))


def deep_files(folder: Path, is_table: Test, seen: set[str] | None = None) -> Iterator[Path]:
    """Yield the tables below a folder, each folder once wherever links lead, none hidden or left by runs."""
    seen, real = set() if seen is None else seen, os.path.realpath(folder)
    try:
        inside = [] if real in seen else sorted(folder.iterdir(), key=lambda path: (path.is_symlink(), path))
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}") from error
    seen.add(real)
    for path in inside:
        hidden = path.name.startswith(".") or any(map(path.match, _LEFT_BY_RUNS))
        if not hidden and is_table(path):
            yield path
        elif not hidden and path.is_dir():
            yield from deep_files(path, is_table, seen)


def natural_sort_key(name: str) -> list[tuple[int, int, str, str]]:
    """Return a key that sorts names as people do: 2 before 10, numbers, of however many digits, before words."""
    runs = [(run, run.lstrip("0")) for run in re.split(r"([0-9]+)", name) if run]
    return [(0, len(value), value, run) if run.isdecimal() else (1, 0, "", run) for run, value in runs]


def short_names(paths: Sequence[Path], endings: bool = True) -> list[str]:
    """Shorten paths to their last parts, as few as are unique, without files' endings if those still are."""
    whole = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100  # resolves no links
    above = os.path.commonpath([path.parent for path in whole])
    below = [path.relative_to(above) for path in whole]
    packed = [path.with_suffix("") if path.suffix.lower() in _COMPRESSED else path for path in below]
    bare = [path.with_suffix("") for path in packed] if endings else below
    for depth, shown in product(range(1, max(len(path.parts) for path in below) + 1), (bare, below)):
        names = ["/".join(path.parts[-depth:]) for path in shown]
        if len(set(names)) == len(names):
            return names
    return list(map(str, paths))  # one path twice


def path_pattern(pattern: str, fields: Mapping[str, str], star: str = "[^/]*") -> re.Pattern[str]:
    """Compile a pattern of the end of a path: `*` is anything without a slash, {field} what `fields` says."""
    pieces = re.split(r"(\{[^{}]*\})", pattern)
    regular = [fields.get(piece, re.escape(piece).replace(r"\*", star)) for piece in pieces]
    return re.compile(f"(.*/)?{''.join(regular)}", re.DOTALL)


def parts_of_paths(config: TableConfig, key: str, paths: Sequence[Path]) -> list[str]:
    """Return the part of each path that the pattern in this key marks by {}, the shortest; all must match it."""
    regular = path_pattern(getattr(config, key), {"{}": "(?P<part>[^/]+?)"})
    found = [regular.fullmatch(os.path.abspath(path)) for path in paths]  # noqa: PTH100  # resolves no links
    if others := [str(path) for path, match in zip(paths, found, strict=True) if not match]:
        shown = f"{len(others)} of {len(paths)} paths: {name_some(others, 3)}"
        raise InputError(f"data.{key}={getattr(config, key)} does not match {shown}")
    return [match["part"] for match in found if match]


def wanted_columns(config: TableConfig) -> list[tuple[str, str]]:
    """List role and column, as the config names them: columns of numbers first, then columns of words."""
    # With a rate, a time in two columns was never read; one in one column may go backwards, which is reported.
    timed = config.nanoseconds is None or config.rate_hz is None or config.gap_s is not None
    roles = ["feature", "target", *(["time", "nanoseconds"] if timed else []), *WORDS]
    keys = {"feature": "features", "target": "targets"}
    given = ((role, getattr(config, keys.get(role, role))) for role in roles)
    return [(role, name) for role, of in given for name in ([of] if isinstance(of, str) else of or ())]


def find_columns(table: Table, wanted: Sequence[tuple[str, str]]) -> list[Wanted]:
    """Find columns, by role and name or number, each once; an InputError names all that are missing or several."""
    present: dict[str, list[int]] = {name: [] for _, name in wanted}
    for place, name in enumerate(table.names or []):
        present.get(name, []).append(place)
    found = {name: places or table.numbered.get(name, []) for name, places in present.items()}
    missing = [name for name, places in found.items() if not places]
    twice = [name for name, places in found.items() if len(places) > 1]
    faults = [f"lacks {name_some(missing, _SHOWN)}; it has {_present(missing, table)}"] if missing else []
    faults += [f"has more than one column named {name_some(twice, _SHOWN)}"] if twice else []
    if faults:
        raise InputError("\n  ".join(f"{table.title} {fault}" for fault in faults))
    shown = {name: visible_name(name) if places else f"column {name}" for name, places in present.items()}
    return [Wanted(role, shown[name], found[name][0]) for role, name in wanted]


def hint_at_kinds(config: TableConfig, tables: Sequence[Table]) -> list[tuple[str, str]]:
    """Say what helps where a folder holds tables of several kinds, such as pose and wrench, as a problem."""
    if config.join or len({table.columns for table in tables}) < 2 or not Path(config.path).is_dir():
        return []
    pattern = "*/" * (len(tables[0].path.relative_to(config.path).parts) - 1) + tables[0].path.name
    join = f"data.path={config.path} holds tables with different columns: data.join puts the files of one trial"
    one = f"a pattern takes those of one kind, such as data.path='{config.path}/{pattern}'"
    return [(config.path, f"{join} side by side; {one}")]


def _present(missing: Sequence[str], table: Table) -> str:
    """Name the columns that are there, those most similar to a missing one first."""
    left_out = f"; no columns are {name_some(table.left_out, _SHOWN)}" if table.left_out else ""
    if table.names is None:
        return f"{table.width} columns without names, 0 to {table.width - 1}{left_out}"
    lower = {name[:_COMPARED].lower(): name for name in reversed(table.names[:_COMPARED])}
    alike = [get_close_matches(name[:_COMPARED].lower(), lower) for name in missing[:_SHOWN]]
    near = [lower[name] for name in chain(*alike)]
    return name_some([*dict.fromkeys([*near, *table.names])], _SHOWN) + left_out
