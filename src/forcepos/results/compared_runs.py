"""Finished runs read from their folders, and the test samples that they have in common."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import ArrowException

from forcepos.data.recordings import Float64
from forcepos.results.finished_runs import CONFIG, MARK, meaning
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import short_path
from forcepos.runtime.wording import shortened

PREDICTIONS = "predictions.parquet"  # in a run's folder, as predictions_table makes it
_ROW = ["fold", "recording", "row"]


@dataclass(frozen=True)
class ComparedRun:
    name: Path
    config: dict[str, Any]  # by dotted keys
    data: str | None  # fingerprint
    predictions: pd.DataFrame
    curves: pd.DataFrame  # by epoch

    @property
    def axes(self) -> set[str]:
        return set(axes_of(self.predictions))


def axes_of(table: pd.DataFrame) -> list[str]:
    """Return the axes whose positions are predicted; none where classes are."""
    return [axis for axis in "xyz" if f"true_{axis}_mm" in table]


def errors_mm(table: pd.DataFrame) -> pd.DataFrame:
    """Return (rows, axes) predicted minus true positions."""
    predicted = {axis: table[f"predicted_{axis}_mm"].astype(np.float64) for axis in axes_of(table)}
    return pd.DataFrame({axis: values - table[f"true_{axis}_mm"] for axis, values in predicted.items()})


def read_run(folder: Path) -> ComparedRun:
    """Read a finished run, all folds together, or raise InputError: it is none of this version, or damaged."""
    name = short_path(folder)
    if (folder / MARK).exists():
        raise InputError(f"{name} has not finished: its command, run again, resumes it")
    if lacking := [file for file in ("result.json", CONFIG) if not (folder / file).exists()]:
        known = "name the folder of a finished run or sweep, or its id in MLflow"
        raise InputError(f"{name} has no {lacking[0]}: {known}")
    outputs = _load(folder / "result.json", _read_json).get("outputs")
    parts = _parts(folder) or _parts(Path(str(outputs)))  # where a run that was skipped had been done
    if not parts:
        raise InputError(f"{name} has no {PREDICTIONS}: an earlier version made it; run it again")
    data = _load(parts[0] / "result.json", lambda path: _read_json(path).get("data", {}).get("fingerprint"))
    tables = (_load(part / PREDICTIONS, _read_predictions) for part in parts)
    predictions = pd.concat([table.assign(fold=fold) for fold, table in enumerate(tables)])
    files = [part / "tables" / "learning_curves.csv" for part in parts]
    curves = [_load(file, lambda path: pd.read_csv(path).astype(np.float64).set_index("epoch")) for file in files]
    return ComparedRun(name, _load(folder / CONFIG, _read_config), data, predictions, pd.concat(curves))


def _parts(folder: Path) -> list[Path]:
    return [path.parent for pattern in ("", "fold_*/") for path in sorted(folder.glob(pattern + PREDICTIONS))]


def _load(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except (ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = shortened(" ".join(str(error).split()))
        raise InputError(f"{short_path(path)} cannot be read ({reason}): run its command again") from error


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_bytes()))


def _read_config(path: Path) -> dict[str, Any]:
    values: dict[Any, Any] = pd.json_normalize(meaning(_read_json(path))).to_dict("records")[0]
    if not 0 < values["evaluation.confidence"] < 1 <= values["evaluation.resamples"] or "split.name" not in values:
        raise ValueError("it is not the config of a run")
    return values


def _read_predictions(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    true = table.filter(regex=r"^true_\w+_mm$").columns
    positions = [*true, *true.str.replace("true", "predicted")]
    if not np.isfinite(table[positions].to_numpy(np.float64)).all():
        raise ValueError("a position is not finite")
    texts = ["split", "recording", *([] if positions else ["true", "predicted"])]
    return table[[*texts, "row", *positions]].astype({"row": np.int64} | dict.fromkeys(texts, str))


def differing(runs: Sequence[ComparedRun]) -> pd.DataFrame:
    """Tabulate the keys of config that differ: a row for each key, a column for each run."""
    table = pd.DataFrame([run.config for run in runs], dtype=object).T.sort_index()
    texts = table.map(lambda value: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return texts[texts.ne(texts[0], axis=0).any(axis=1)].replace("NaN", "")  # keys that a run lacks


def common_samples(runs: Sequence[ComparedRun], split: str) -> list[pd.DataFrame]:
    """Return each run's predictions of the common test samples, in one order; InputError names what differs."""
    tables = [run.predictions[run.predictions["split"] == split] for run in runs]
    tables = [table.drop_duplicates(_ROW).set_index(_ROW) for table in tables]
    common = tables[0].index.sort_values()
    for run, table in zip(runs, tables, strict=True):
        most = min(len(common), len(table))
        common = common.intersection(table.index)
        true = [name for name in table.columns if name.startswith("true") and name in tables[0]]
        one, two = tables[0].loc[common, true], table.loc[common, true]
        same = (one - two).abs() <= 1e-3 if run.axes and true else one == two
        if reason := _refusal(runs[0], run, len(common) / max(most, 1), bool(same.all(axis=None))):
            raise InputError(f"{runs[0].name} and {run.name} {reason}")
    return [table.loc[common] for table in tables]


def _refusal(first: ComparedRun, other: ComparedRun, share: float, same: bool) -> str | None:
    targets = [", ".join(sorted(run.axes)) or "classes" for run in (first, other)]
    if first.axes != other.axes and not first.axes & other.axes:
        return f"predict different targets: {' and '.join(targets)}"
    data = _difference(first, other, ("data.",))
    if not same or (data and first.data != other.data):
        return f"were tested on different data: {data or 'true values differ'}"
    if share < 0.5 or first.config["split.name"] != other.config["split.name"]:
        why = _difference(first, other, ("split.", "seed", "model.window"))
        return f"were tested on different rows: {why or f'{100 * share:.0f} % are common to both'}"
    return None


def _difference(first: ComparedRun, other: ComparedRun, keys: tuple[str, ...]) -> str:
    """Name the first of these keys that differs, but for the channels of the same data."""
    found = differing([first, other]).drop(["data.features", "data.keep"], errors="ignore").T
    for key in sorted(map(str, found), key=lambda name: not name.endswith(".name")):
        if key.startswith(keys):
            return shortened(" and ".join(f"{key.removesuffix('.name')}={value}" for value in found[key]))
    return ""


def sample_scores(tables: Sequence[pd.DataFrame], axes: Sequence[str]) -> Float64:
    """Return (samples, runs) the distance in mm along these axes; of classes, 1 where right and 0 where wrong."""
    if not axes:
        return np.column_stack([table["true"] == table["predicted"] for table in tables]).astype(np.float64)
    return np.column_stack([np.linalg.norm(errors_mm(table)[[*axes]], axis=1) for table in tables])
