"""Scores in words: names, digits, the table of scores and remarks, for terminal, report, sweep and model card."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from forcepos.config.schema import Config
from forcepos.runtime.wording import code_span, markdown_table

CARD = "model_card.md"
Result = Mapping[str, Any]
# Baselines, which a user could train instead, in a sentence; and titles, of all references and of shown scores.
BASELINES = {
    "baseline": "the constant baseline", "linear": "the linear model", "boosted_trees": "the boosted trees",
}  # fmt: skip
REFERENCES = {
    "baseline": "mean or most frequent class", "linear": "linear model", "boosted_trees": "boosted trees",
    "oracle_points": "ideal, knows points", "oracle_offsets": "ideal, knows offsets",
    "oracle_visits": "ideal, knows true torques",
}  # fmt: skip
_SHOWN = {
    "euclidean_mean_mm": "mean error (mm)", "euclidean_p95_mm": "95 % of errors below (mm)", "r2": "R²",
    "accuracy": "accuracy", "f1_macro": "F1, mean over classes", "accuracy_off_border": "accuracy off borders",
}  # fmt: skip
_WORDS = _SHOWN | {
    "mae": "mean absolute error (mm)", "rmse": "root mean square error (mm)",
    "f1": "F1, mean over classes", "found": "observed coverage",
}  # fmt: skip
_KEY = (
    "euclidean_mean_mm", "euclidean_median_mm", "euclidean_p95_mm", "r2", "mae_x_mm", "mae_y_mm", "mae_z_mm",
    "accuracy", "f1_macro", "precision_macro", "recall_macro",
)  # fmt: skip
_SIZES = {
    "radius_mean_mm": "a mean radius of {:.3g} mm", "sectors_mean": "{:.3g} sectors per set on average",
    "classes_mean": "{:.3g} classes per set on average",
}  # fmt: skip
WHERE = {  # a split tests, from the easiest to the hardest
    "random": "between samples that it was trained on",
    "blocked": "later in a recording that it knows",
    "held_out_recordings": "in a new recording of points that it knows",
    "held_out_points": "at points that it has never touched",
    "held_out_sessions": "in a session that it has never seen, such as another day",
}
_LATEX = str.maketrans({"%": r"\%", "_": r"\_", "²": "$^2$"})  # all that titles and names of splits hold


def in_words(name: str) -> str:
    """Return a score, a metric of Keras' logs or a column of a table in words, with its unit."""
    if name.startswith("val_"):
        return f"validation: {in_words(name.removeprefix('val_'))}"
    words = f"{name.removesuffix('_mm')} (mm)" if name.endswith("_mm") else name
    return _WORDS.get(name, words.replace("_", " "))


def headline(scores: Mapping[str, float]) -> str:
    """Return the name of the score that runs are compared by."""
    return "euclidean_mean_mm" if "euclidean_mean_mm" in scores else "accuracy"


def best_baseline(result: Result) -> str:
    """Return the key in a result of the baseline with the best main score."""
    return min((name for name in BASELINES if name in result), key=lambda name: errors({"test": result[name]})[0])


def errors(scored: Result) -> tuple[float, float, float]:
    """Return the main score and the ends of its interval, turned such that less is better."""
    measure = headline(scored["test"])
    value = scored["test"][measure]
    low, high = scored.get("intervals", {}).get(measure, (value, value))
    return (value, low, high) if measure.endswith("_mm") else (-value, -high, -low)


def with_interval(value: float | None, ends: Sequence[float | None] | None = None, unit: str = "") -> str:
    """Write a value and its interval with two digits of its width: `1.26 [1.12, 1.42]`; alone with three."""
    if value is None:
        return ""
    low, high = (math.nan if end is None else end for end in ends or (None, None))
    size, digits, most = abs(value) if 1e-3 <= abs(value) < math.inf else 1, 3, 3
    if 0 < high - low < math.inf:
        size, digits, most = high - low, 2, 6
    decimals = min(max(digits - 1 - math.floor(math.log10(size)), 0), most)
    interval = "" if math.isnan(high - low) else f" [{low:z.{decimals}f}, {high:z.{decimals}f}]"
    return f"{value:z.{decimals}f}{unit and ' '}{unit}{interval}"


def score(scored: Result) -> str:
    """Write the main score with its unit, and with its interval if it has one."""
    measure = headline(scored["test"])
    factor, unit = (1, "mm") if measure.endswith("_mm") else (100, "%")
    ends = [factor * end for end in scored.get("intervals", {}).get(measure, ())]
    return with_interval(factor * scored["test"][measure], ends, unit)


def score_table(result: Result, wide: bool = False) -> list[dict[str, str]]:
    """Return rows of cells: model, references, both on the second split; `wide`: intervals in the last column."""
    names = [name for name in _SHOWN if name in result["test"]]
    rows = [[title, *(_cell(of, name) for name in names)] for title, of in all_scored(result).items()]
    rows = [[*cells, last if wide else last.partition(" ")[0]] for *cells, last in rows]
    head = ["test subset", *(_SHOWN[name] for name in names)]
    return [dict(zip(head, row, strict=True)) for row in rows]


def all_scored(result: Result, on: str = ", ") -> dict[str, Result]:
    """Return the model and its references by title, those `on` the second split after those on the run's own."""
    scored = {"model": result} | {of: {"test": result[name]} for name, of in REFERENCES.items() if name in result}
    if second := result.get("also"):
        scored |= {f"{title}{on}{second['split']}": of for title, of in all_scored(second).items()}
    return scored


def _cell(scored: Result, name: str) -> str:
    return with_interval(scored["test"].get(name), scored.get("intervals", {}).get(name))


def write_score_files(result: Result, folder: Path) -> list[Path]:
    """Write the table to results.md and, without packages, results.tex, to be pasted into a text; return both."""
    lines = score_lines(result)
    first, *others = [" & ".join(line).translate(_LATEX) + r" \\" for line in lines]
    begin, end = rf"\begin{{tabular}}{{l{'r' * (len(lines[0]) - 1)}}}", r"\end{tabular}"
    latex = "\n".join([begin, r"\hline", first, r"\hline", *others, r"\hline", end])
    files = {folder / "results.md": markdown_table(lines, "---:"), folder / "results.tex": latex}
    for path, text in files.items():
        path.write_text(f"{text}\n", encoding="utf-8")
    return [*files]


def score_lines(result: Result) -> list[list[str]]:
    """Return the table of scores with intervals, its head first."""
    rows = score_table(result, wide=True)
    return [[*rows[0]], *([*row.values()] for row in rows)]


def remarks(result: Result) -> Iterator[str]:
    """Yield what belongs to the scores: what their intervals are, coverage, and what is far from training."""
    if "resampled" in result:
        level, units = 100 * result["confidence"], result["resampled"]
        yield f"[low, high]: {level:g} % intervals from a bootstrap over {units} of the test subset"
    second = result.get("also")
    for where, of in (("", result), *([(f"split={second['split']}: ", second)] if second else [])):
        if coverage := of.get("coverage"):
            size = next(words.format(coverage[name]) for name, words in _SIZES.items() if name in coverage)
            level, what = coverage.get("level", coverage["asked"]), coverage.get("counted", "units")
            vouching = f", all that {coverage.get('calibration_units', 0):g} {what} vouch for"
            few = vouching * (level < coverage["asked"])
            rates = f"target coverage {100 * level:.3g} %{few}, observed {100 * coverage['found']:.3g} %"
            yield f"{where}{rates} on the test subset, with {size}"
        if "far" in of:
            share = f"{100 * of['far']:.3g} % of the test subset"
            yield f"{where}{share} is farther from training than 99 % of the validation samples"


def key_metrics(result: Result) -> dict[str, dict[str, float]]:
    """Group the metrics that runs, folds and cross-validations are compared by, at most twenty."""
    main = (headline(result["test"]),)
    groups = _groups("test", "coverage", result, _KEY) | {"test_spread": _pick(result.get("spread"), _KEY)}
    if second := result.get("also"):
        groups |= _groups(second["split"], f"{second['split']}_coverage", second, main)
    seconds = {name.replace(" ", "_"): value for name, value in result.get("seconds", {}).items()}
    groups["best_baseline"] = _pick(result[best_baseline(result)], main)
    groups["seconds"] = _pick(seconds, ("search", "final_training"))
    return groups | {"model": _pick(result, ("weights",))}


def _groups(name: str, coverage: str, scored: Result, scores: Iterable[str]) -> dict[str, dict[str, float]]:
    main = headline(scored["test"])
    ends = zip((f"{name}_low", f"{name}_high"), scored.get("intervals", {}).get(main, ()), strict=False)
    sizes = _pick(scored["coverage"], ("found", *_SIZES))
    return {name: _pick(scored["test"], scores), **{end: {main: of} for end, of in ends}, coverage: sizes}


def _pick(values: Mapping[str, Any] | None, names: Iterable[str]) -> dict[str, float]:
    return {name: values[name] for name in names if name in values} if values else {}


def description(result: Result, config: Config, command: str) -> str:
    """Describe a run in three lines of Markdown: what it is, how good, and the command that repeats it."""
    named = [f"{part} {code_span(getattr(config, part).name)}" for part in ("model", "data", "split", "tuner")]
    folds = f", mean of {len(result['folds'])} folds" if "folds" in result else ""
    measure, best = headline(result["test"]), best_baseline(result)
    scores = [f"**{in_words(measure).replace('(mm)', 'in mm')} {_cell(result, measure)}**{folds}"]
    scores += [f"best baseline ({REFERENCES[best]}) {with_interval(result[best][measure])}"]
    if second := result.get("also"):
        scores += [f"on {code_span(second['split'])} {_cell(second, measure)}"]
    if coverage := result["coverage"]:
        scores += [f"coverage {100 * coverage['found']:.3g} % (target {100 * coverage['asked']:g} %)"]
    return f"{', '.join(named)}, seed {config.seed}\n\n{', '.join(scores)}\n\nRepeat it: {code_span(command)}"
