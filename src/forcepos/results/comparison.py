"""A comparison of finished runs on the test samples that they share: real differences, and what else differs."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pyarrow import ArrowException

from forcepos.data.recordings import Float64
from forcepos.evaluation.metrics import N_BLOCKS, draw_units, paired_differences
from forcepos.results.figures import style
from forcepos.results.finished_runs import CONFIG, MARK, PREDICTIONS, meaning
from forcepos.results.scores import BASELINES, REFERENCES, WHERE, Result, headline, in_words, score, score_table
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import short_path
from forcepos.runtime.wording import name_some, shortened

log = logging.getLogger(__name__)
_METHODS = {"test": "model"} | {name: REFERENCES[name] for name in BASELINES}  # on a ladder
_APART = 0.012  # of the width: the marks of methods stand beside one another
REAL = "the difference is real"  # the verdict on a run whose interval excludes 0
_ROW = ["fold", "recording", "row"]  # what tells a test sample
_LABELS = {"euclidean_mean_mm": "mean error on the test subset (mm)", "accuracy": "accuracy on the test subset"}


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


def write_comparison(folders: Sequence[Path], page: Path) -> pd.DataFrame:
    """Compare finished runs on the test samples that all of them have, and write a page; InputError if impossible.

    Returns a row for each run and split that all were tested on, best first: `split`, `run`, `other` (the best),
    `measure`, `score`, `difference` from the best, its interval `low` and `high`, `score_shown` and `shown` (as
    text), `verdict`, and `note`.
    """
    places = list(dict.fromkeys(folder.resolve() for folder in folders))
    if len(places) < 2:
        raise InputError("a comparison takes two different runs, or a sweep with two finished jobs")
    runs = [read_run(place) for place in places]
    names, first = _names(runs), runs[0].config["split.name"]
    pairs = [_all_pairs(runs, names, first)]
    for split in sorted(set.intersection(*(set(run.predictions["split"]) for run in runs)) - {first}):
        try:
            pairs.append(_all_pairs(runs, names, split))
        except InputError as error:
            log.warning("split=%s is left out: %s", split, error)
    with style.drawing():
        html = _html(runs, names, pairs)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(html, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{page} cannot be written: {error.strerror}") from error
    return pd.concat(map(_against_best, pairs), ignore_index=True)


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
    # The likeliest reason first: a choice; a window moves few rows.
    for key in sorted(map(str, found), key=lambda name: (not name.endswith(".name"), name == "model.window")):
        if key.startswith(keys):
            return shortened(" and ".join(f"{key.removesuffix('.name')}={value}" for value in found[key]))
    return ""


def sample_scores(tables: Sequence[pd.DataFrame], axes: Sequence[str]) -> Float64:
    """Return (samples, runs) the distance in mm along these axes; of classes, 1 where right and 0 where wrong."""
    if not axes:
        return np.column_stack([table["true"] == table["predicted"] for table in tables]).astype(np.float64)
    return np.column_stack([np.linalg.norm(errors_mm(table)[[*axes]], axis=1) for table in tables])


def _names(runs: Sequence[ComparedRun]) -> list[str]:
    keys = differing(runs).rename(lambda key: key.removesuffix(".name"))
    chosen = [key for key in keys.index if "." not in key]
    own = keys.loc[[key in chosen or key.partition(".")[0] not in chosen for key in keys.index]]
    texts = [name_some([f"{key}={value}" for key, value in own[run].items()], 3) for run in own]
    return [f"{place + 1} {text or runs[place].name.name}" for place, text in enumerate(texts)]


def _all_pairs(runs: Sequence[ComparedRun], names: Sequence[str], split: str) -> pd.DataFrame:
    """Tabulate all pairs of runs on a split, each run with itself too; `best` is whether the other is the best."""
    tables, axes = common_samples(runs, split), sorted(set.intersection(*(run.axes for run in runs)))
    if runs[0].axes and not axes:
        raise InputError("these runs have no axis in common")
    index, values = tables[0].index.to_frame(), sample_scores(tables, axes)
    confidence = max(run.config["evaluation.confidence"] for run in runs)
    count = max(run.config["evaluation.resamples"] for run in runs)
    draws, unit = draw_units(pd.factorize(index["recording"])[0], index["row"].to_numpy(), count, 1)
    recordings, scores = index["recording"].nunique(), values.mean(axis=0)
    units = recordings if recordings > 1 else N_BLOCKS
    pairs = _table(names, scores, *paired_differences(values, draws, units, confidence))
    few = recordings > 1 and 2 * 0.5**recordings > 1 - confidence  # by a sign test
    doubt = f"{recordings} recordings are too few to tell" if few else "cannot be told apart with these recordings"
    left_out = max(int((run.predictions["split"] == split).sum()) for run in runs) - len(index)
    note = [f"{len(index)} test samples of {recordings} recordings that all runs have"]
    note += [f"{left_out} of the largest test subset are left out"] * bool(left_out)
    note += [f"distances along {', '.join(axes)}"] * bool(axes)
    note += [f"[low, high]: {100 * confidence:g} % intervals for all pairs at once, from a bootstrap over {unit}"]
    return pairs.assign(
        split=split,
        measure="euclidean_mean_mm" if axes else "accuracy",
        note="; ".join(note),
        verdict=np.where((pairs["low"] <= 0) & (pairs["high"] >= 0) | few, doubt, REAL),
        best=pairs["other"] == names[int(scores.argmin() if axes else scores.argmax())],
    )


def _table(names: Sequence[str], scores: Float64, difference: Float64, margin: Float64) -> pd.DataFrame:
    table = pd.DataFrame(list(product(names, repeat=2)), columns=["run", "other"])
    table["score"] = np.repeat(scores, len(names))
    table["difference"] = difference.ravel()
    table["low"], table["high"] = (difference - margin).ravel(), (difference + margin).ravel()
    digits = max(0, 2 - int(np.floor(np.log10(max(scores.min(), 1e-3)))))  # three digits of a score
    texts = table.select_dtypes("number").round(digits).add(0.0).map(f"{{:.{digits}f}}".format)  # -0.0 becomes 0.0
    shown = texts["difference"] + " [" + texts["low"] + ", " + texts["high"] + "]"
    return table.assign(shown=shown.where(table["run"] != table["other"], ""), score_shown=texts["score"])


def _against_best(pairs: pd.DataFrame) -> pd.DataFrame:
    rows = pairs[pairs["best"]].sort_values("difference", key=abs, kind="stable").drop(columns="best")
    return rows.assign(verdict=rows["verdict"].where(rows["run"] != rows["other"], "the best"))


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what of the rows of one split a reader wants to see."""
    titles = {"run": "run", "score_shown": "score", "shown": "from the best", "verdict": "verdict"}
    return rows[[*titles]].rename(columns=titles)


def _html(runs: Sequence[ComparedRun], names: Sequence[str], pairs: Sequence[pd.DataFrame]) -> str:
    numbers = [name.partition(" ")[0] for name in names]
    objective = str(runs[0].config.get("tuner.objective"))
    curves = learning_curves(objective, {name: run.curves for name, run in zip(names, runs, strict=True)})
    keys = differing(runs).set_axis(numbers, axis=1).rename_axis("key").reset_index()
    folders = pd.DataFrame({"run": names, "folder": [str(run.name) for run in runs]})
    sections = [
        *(section for every in pairs for section in _of_split(every, numbers)),
        ("Learning curves", "Final training; means over networks and folds.", None, style.png(curves)),
        ("What differs in config", f"{len(keys)} keys.", keys, None),
        ("Folders", "Each holds the report.html of its run.", folders, None),
    ]
    return style.page("comparison.html.jinja", title=f"Comparison of {len(runs)} runs", sections=sections)


def _of_split(pairs: pd.DataFrame, numbers: Sequence[str]) -> Iterator[tuple[str, str, pd.DataFrame, str | None]]:
    split, measure, note = pairs[["split", "measure", "note"]].iloc[0]
    best = _against_best(pairs)
    yield f"{measure} on the test subset of split={split}", note, shown(best), style.png(difference_plot(best))
    if 2 < len(numbers) <= 8:
        marked = (pairs["shown"] + np.where(pairs["verdict"] == REAL, " *", "")).to_numpy()
        cells = pd.DataFrame(marked.reshape(-1, len(numbers)), pairs["run"].unique(), [*numbers])
        note = f"The row's {measure} minus the column's; * marks a difference that is real."
        yield f"All pairs on split={split}", note, cells.rename_axis("run").reset_index(), None


def difference_plot(rows: pd.DataFrame) -> Figure:
    """Plot each run's difference from the best, with its interval: one split's rows of `write_comparison`."""
    figure, axes = style.single(min(1.2 + 0.3 * len(rows), 20))
    axes.axvline(0, color=style.BLACK, linewidth=0.8)
    colours = [style.VERMILLION if verdict == REAL else style.GREY for verdict in rows["verdict"]]
    axes.hlines(range(len(rows)), rows["low"], rows["high"], colours)
    axes.scatter(rows["difference"], range(len(rows)), c=colours, zorder=2)
    axes.set_yticks(range(len(rows)), map(style.literal, rows["run"]), fontsize="small")
    axes.set_xlabel(f"{rows['measure'].iloc[0]}, difference from the best")
    axes.margins(y=0.15)
    axes.invert_yaxis()
    return figure


def learning_curves(metric: str, curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Plot the mean of `metric` over networks and folds, of each run whose logs, indexed by epoch, have it."""
    figure, axes = style.single()
    known = {name: logs.groupby("epoch")[metric].mean() for name, logs in curves.items() if metric in logs}
    for place, (name, means) in enumerate(known.items()):
        axes.plot(means.index, means, ".-", label=style.literal(name) if place < 8 else "_")
    if known:
        style.count_epochs(axes, ylabel=style.literal(metric))
        figure.legend(loc="outside lower center", fontsize="small", frameon=False)
    return figure


def write_ladders(ladders: Mapping[str, Mapping[str, Result | None]], page: Path) -> None:
    """Write a page with a picture and a table of each ladder: results by split, None of a job that failed."""
    sections = []
    with style.drawing():
        for heading, rungs in ladders.items():
            known = {split: of for split in sorted(rungs, key=[*WHERE, *rungs].index) if (of := rungs[split])}
            failed = ", ".join(f"split={split}" for split in rungs if split not in known)
            note = f"From the easiest split to the hardest{f', but for {failed}, which failed' * bool(failed)}."
            sections.append((heading, note, _ladder_table(known), style.png(ladder(known))))
        html = style.page("comparison.html.jinja", title="From split to split", sections=sections)
    page.write_text(html, encoding="utf-8")


def ladder(rungs: Mapping[str, Result]) -> Figure:
    """Plot the main score by split, in the order given: the model's, with its interval, and the baselines'.

    A rung is a result, or what a result has on its second split; all are in mm, or all are accuracies.
    """
    figure, axes = style.single()
    measure = headline(next(iter(rungs.values()))["test"])
    factor, label = (1, in_words(measure)) if measure.endswith("_mm") else (100, "accuracy (%)")
    for place, of in enumerate(rungs.values()):
        ends = [factor * end for end in of.get("intervals", {}).get(measure, ())]
        axes.plot([place] * len(ends), ends, color=style.CYCLE[0], lw=2.2)
    for number, (name, title) in enumerate(_METHODS.items()):
        known = {place: factor * of[name][measure] for place, of in enumerate(rungs.values()) if name in of}
        look: Any = {"marker": "D", "ms": 4, "lw": 0.8} if number else {"marker": "o", "ms": 6, "lw": 2.2}
        at = [place + number * _APART * len(rungs) for place in known]
        axes.plot(at, [*known.values()], label=title if known else "_", **look)
    names = [style.literal(name).replace("held_out_", "new ") for name in rungs]
    ticks = [f"{name}\n{score(of)}".replace(" [", "\n[") for name, of in zip(names, rungs.values(), strict=True)]
    axes.set(xticks=range(len(rungs)), xticklabels=ticks, ylabel=label)
    axes.margins(x=0.1)
    if factor == 1:
        style.log_if_wide(axes)
    if axes.get_yscale() == "linear":
        axes.set_ylim(0, None)
    figure.legend(loc="outside upper center", ncols=len(_METHODS))
    return figure


def _ladder_table(rungs: Mapping[str, Result]) -> pd.DataFrame:
    rows = []
    for split, result in rungs.items():
        scores = [list(row.values())[:2] for row in score_table({**result, "also": None}, wide=True)]
        rows.append({"split": split, **dict(scores), "what may be claimed": result.get("verdict", "")})
    return pd.DataFrame(rows).fillna("")


def save_job_scores(rows: Sequence[Mapping[str, Any]], *files: Path) -> None:
    """Draw finished jobs as `job_scores` does, into each of the files."""
    with style.drawing():
        figure = job_scores(rows)
        for file in files:
            figure.savefig(file)


def job_scores(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the scores of finished jobs, rows of `job_rows` with a `name`; a panel for mm, one for accuracies."""
    table = pd.DataFrame(rows)
    panels = [table[table["score"] == score][:40] for score in _LABELS if (table["score"] == score).any()]
    sizes = [len(panel) + 3 for panel in panels]
    figure, all_axes = style.panels(len(panels), 1, 0.25 * sum(sizes), height_ratios=sizes)
    for axes, panel in zip(all_axes, panels, strict=True):
        score, place = panel["score"].iloc[0], pd.Series(range(len(panel)))
        own = ([score, "low", "high"], place, "o", style.CYCLE[0], "its own split")
        second = (["also", "also_low", "also_high"], place + 0.2, "D", style.CYCLE[1], "second split")
        for columns, rows_at, mark, colour, label in (own, second):
            value, low, high = panel[columns].astype(float).to_numpy().T
            axes.hlines(rows_at, low, high, color=colour)
            axes.plot(value, rows_at, mark, markersize=4, color=colour, label=label)
        axes.plot(panel["best_baseline"], place, "|", color=style.BLACK, label="best baseline")
        axes.set_yticks(place, [style.literal(name) for name in panel["name"]])
        axes.set(xlabel=_LABELS[score], ylim=(len(panel) - 0.4, -0.6))
    figure.legend(*all_axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
    return figure
