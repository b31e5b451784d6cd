"""What a result says, in sentences: the question that a split answers, and the answer."""

from forcepos.config.schema import SplitConfig
from forcepos.data.splits import held_out
from forcepos.data.splits.random import Random
from forcepos.results.findings import best_baseline, errors
from forcepos.results.scores import BASELINES, Result, headline, with_interval

_WHERE: dict[type, str] = {
    held_out.Blocked: "later in a recording that it knows",
    held_out.HeldOutRecordings: "in a new recording of points that it knows",
    held_out.HeldOutPoints: "at points that it has never touched",
    held_out.HeldOutSessions: "in a session that it has never seen, such as another day",
    Random: "between samples that it was trained on",
}
# Of the second split: where it tests, and what a model has learned that is much worse there.
_SECOND = {
    "held_out_points": (_WHERE[held_out.HeldOutPoints], "the points of its recordings, not places in general"),
    "held_out_recordings": (_WHERE[held_out.HeldOutRecordings], "its recordings, not their points"),
    "held_out_sessions": (_WHERE[held_out.HeldOutSessions], "its sessions, not their points"),
}


def question(split: SplitConfig, regression: bool) -> str:
    """Return the question that a score on this split answers; for a user's own, what its docstring says."""
    where = _WHERE.get(type(split))
    if isinstance(split, held_out.CrossValidation):
        where = f"on {split.unit}s that were left out of its training"
    if where:
        return f"How {'far off' if regression else 'often right'} is it {where}?"
    own = (type(split).__doc__ or "").strip().partition("\n")[0]
    return own if own and not own.startswith(f"{type(split).__name__}(") else f"split={split.name}"


def cards(result: Result) -> list[tuple[str, str, str]]:
    """Return the numbers that a reader looks for: name, number, and where it holds."""
    name, second = best_baseline(result), result["also"]
    measure = "mean error" if "euclidean_mean_mm" in result["test"] else "accuracy"
    return [
        ("Score", score(result), f"{measure} on the test subset"),
        *([("Honest figure", score(second), f"{measure} {_SECOND[second['split']][0]}")] if second else []),
        ("Best baseline", score({"test": result[name]}), f"{measure} of {BASELINES[name]}"),
    ]


def verdict(result: Result) -> str:
    """Judge the model in a sentence: against the best baseline, and on the second split."""
    name, second = best_baseline(result), result["also"]
    (value, _, worst), (reference, *_) = errors(result), errors({"test": result[name]})
    than = "better" if reference > worst else "perhaps better" if reference > value else "no better"
    sentence = f"{score(result)}, {than} than {BASELINES[name]} with {score({'test': result[name]})}"
    if second:
        where, learned = _SECOND[second["split"]]
        worse = errors(second)[1] > worst
        rest = f": part of what it has learned are {learned}" if worse else ", which is no clear loss"
        sentence += f"; {where} {score(second)}{rest}"
    return f"{sentence}."


def score(scored: Result) -> str:
    """Write the main score with its unit, and with its interval if it has one."""
    measure = headline(scored["test"])
    factor, unit = (1, "mm") if measure.endswith("_mm") else (100, "%")
    ends = [factor * end for end in scored.get("intervals", {}).get(measure, ())]
    return with_interval(factor * scored["test"][measure], ends, unit)
