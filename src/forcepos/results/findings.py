"""What a result says: what to doubt and what to do about it, the question of its split, and the answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, sqrt

import pandas as pd

from forcepos.config.schema import Config, CrossValidationConfig, SplitConfig
from forcepos.models.architectures.architecture import search_space
from forcepos.results.scores import BASELINES, WHERE, Result, best_baseline, errors, headline, score
from forcepos.runtime.wording import name_some
from forcepos.tuning.search import SearchResult
from forcepos.tuning.trials import TrialResult
from forcepos.tuning.tuner import Space

_FEW_UNITS = 10  # recordings below which an interval from a bootstrap over them is too narrow
_RARE = 0.01  # share of samples outside the training range that noise may explain
_TREND = 0.5  # rank correlation of value and objective above which a range's end is taken for a limit


@dataclass(frozen=True)
class Finding:
    """Something to doubt, in a sentence, and what to do about it."""

    found: str
    advice: str


def find(result: Result, search: SearchResult, config: Config) -> list[Finding]:
    """Return what to doubt in a result, which is as in result.json, the gravest first."""
    scored = [(result, "")] + ([(second, f" on {second['split']}")] if (second := result["also"]) else [])
    return [
        *(finding for one in scored for finding in _against_baselines(*one)),
        *_of_subsets(result),
        *(finding for one in scored for finding in _outside(*one)),
        *(finding for one in scored for finding in _coverage(*one)),
        *_undecided(result, search, config),
        *_edges(search, config),
        *_out_of_time(search, config),
        *(_unfinished_training(result, config) if not search.ensemble else ()),
    ]


def _amount(scores: Mapping[str, float]) -> str:
    measure = headline(scores)
    return f"{scores[measure]:.3g} mm" if measure.endswith("_mm") else f"{100 * scores[measure]:.3g} %"


def _against_baselines(scored: Result, where: str = "") -> Iterator[Finding]:
    (best, than), split = _compared(scored), scored.get("split")
    values = f"{_amount(scored['test'])} against {_amount(scored[best])}"
    if than == "perhaps better":
        text = f"{BASELINES[best]} may be as good as the network{where}: {values}, which chance may explain"
        yield Finding(text, "record more, or prefer the simpler model")
    elif than != "better":
        search = f"search with split={split}" if split else "search longer (tuner.max_trials, training.epochs)"
        hint = f"do not use this network{' there' * bool(split)}: {search}, or record more"
        yield Finding(f"the network does not beat {BASELINES[best]}{where}: {values}", hint)


def _compared(scored: Result) -> tuple[str, str]:
    """Return the best baseline, and how the model compares with it on the same samples, by their difference."""
    best, measure = best_baseline(scored), headline(scored["test"])
    difference = {measure: scored["test"][measure] - scored[best][measure]}
    value, low, high = errors({"test": difference, "intervals": scored["differences"][best]})
    if value < 0:
        return best, "better" if high < 0 else "perhaps better"
    return best, "worse" if low > 0 else "no better"


def _of_subsets(result: Result) -> Iterator[Finding]:
    second, measure = result["also"], headline(result["test"])
    if result["neighbour_share"] is not None:
        share = f"{100 * result['neighbour_share']:.3g} % of the test samples have a training sample"
        text = f"{share} of the same recording within a window's length: this score is too optimistic"
        yield Finding(text, "report split=held_out_recordings or split=held_out_points instead")
    known = second and {measure} <= result["intervals"].keys() & second["intervals"].keys()
    if known and errors(result)[2] < errors(second)[1]:
        where, scores = second["split"], f"{_amount(second['test'])} against {_amount(result['test'])}"
        text = f"on {where} the same hyperparameters do worse, by more than chance explains: {scores}"
        hint = f"quote the score on {where} for contacts that were never recorded, and record more of them"
        yield Finding(text, hint)
    if (tested := result["data"]["tested_recordings"]) < _FEW_UNITS:
        text = f"the test subset has {tested} recording{'s' * (tested != 1)}: intervals over so few are too narrow"
        hint = f"test on {_FEW_UNITS} or more: record more, raise split.test_ratio, or use split=cross_validation"
        yield Finding(text, hint)


def _outside(scored: Result, where: str = "") -> Iterator[Finding]:
    """Name channels whose test values leave the training range, where a network has not learned what they mean."""
    outside = {name: share for name, share in scored["data"].get("outside_training", {}).items() if share >= _RARE}
    if outside:
        worst = sorted(outside, key=lambda name: -outside[name])
        shares = name_some([f"{name} of {100 * outside[name]:.3g} % of the samples" for name in worst], 5)
        channels = "1 channel" if len(outside) == 1 else f"{len(outside)} channels"
        text = f"test values of {channels} leave the range of training{where}: {shares}"
        yield Finding(text, "record such values, tare, or leave these channels out (data.features)")


def _coverage(scored: Result, where: str = "") -> Iterator[Finding]:
    """Compare observed coverage with its target, as far as the number of tested recordings allows."""
    coverage = scored["coverage"]
    if not coverage:
        return
    asked, target, observed = coverage["asked"], coverage["level"], coverage["found"]
    if target < asked:
        units = f"{coverage['calibration_units']} {coverage['counted']}"
        text = f"{units} to calibrate on vouch for {100 * target:.3g} %{where}, not for {100 * asked:g} %"
        needed = ceil(asked / (1 - asked) - 1e-9)
        folds = "evaluation.calibration=folds, or " * (coverage["calibration"] != "folds")
        yield Finding(text, f"calibrate on {needed} or more: {folds}record more")
    tolerance = 2 * sqrt(target * (1 - target) / max(scored["data"]["tested_recordings"], 1))
    if abs(observed - target) > tolerance:
        promise = "more" if observed < target else "less"
        text = f"the calibration promises {promise} than it holds{where}: target {100 * target:.3g} %"
        hint = "calibrate on more recordings (evaluation.calibration=folds), or try training.ensemble=5"
        yield Finding(f"{text}, observed {100 * observed:.3g} %", hint)


def _undecided(result: Result, search: SearchResult, config: Config) -> Iterator[Finding]:
    """Say whether the two best trials differ by less than chance explains.

    That is twice the standard error of their difference over executions; without these, the relative half width of
    the test score's interval, since both are means over few recordings.
    """
    scores, measure = _scores(search), headline(result["test"])
    if len(scores) < 2 or measure not in result["intervals"]:
        return
    best = scores.sort_values(ascending=config.tuner.direction == "min", kind="stable")[:2]
    (first, score), (second, next_score) = best.items()
    if config.tuner.executions_per_trial > 1:
        chance = 2 * sqrt(sum(_squared_error(one, config) for one in search.trials if one.number in best.index))
    else:
        low, high = result["intervals"][measure]
        relative = score / max(result["test"][measure], 1e-12) if measure.endswith("_mm") else 1.0
        chance = (high - low) / 2 * relative
    if abs(score - next_score) < chance:
        values = f"{config.tuner.objective} {score:.3g} and {next_score:.3g}"
        hint = "either may be chosen, say the smaller network; tuner.executions_per_trial=3 would tell more"
        yield Finding(f"the two best trials, {first} and {second}, cannot be told apart: {values}", hint)


def _scores(search: SearchResult) -> "pd.Series[float]":
    whole = {trial.number: trial.score for trial in search.trials if not trial.stopped}
    return pd.Series(whole, dtype=float).dropna()


def _squared_error(trial: TrialResult, config: Config) -> float:
    tuner = config.tuner
    best = [pd.Series([logs[tuner.objective] for logs in each]).agg(tuner.direction) for each in trial.history]
    return float(pd.Series(best).var()) / len(best)


def _edges(search: SearchResult, config: Config) -> Iterator[Finding]:
    """Name best values at an end of their range where the trials became better towards it."""
    scores = _scores(search)
    if len(scores) < 4:
        return
    ranks = scores.rank(ascending=config.tuner.direction == "min")
    tried = {trial.number: trial.hyperparameters for trial in search.trials}
    at_edge = []
    for entry in Space(search_space(config.model)).needed(search.best):
        end = entry.end_of(search.best[entry.name])
        if not end or not entry.ends:
            continue
        values = pd.Series({number: tried[number].get(entry.name) for number in scores.index}, dtype=float)
        trend = values.rank().corr(ranks, min_periods=4)
        if trend <= -_TREND if end == "upper" else trend >= _TREND:
            low, high = entry.ends
            at_edge.append(f"{entry.name}={search.best[entry.name]:.4g} at the {end} end of {low:g} to {high:g}")
    if at_edge:
        hint = "widen these ranges in model.space and search again: the trials that were done count"
        yield Finding(f"the best trial has {', '.join(at_edge)}, and trials became better towards it", hint)


def _out_of_time(search: SearchResult, config: Config) -> Iterator[Finding]:
    if search.out_of_time:
        text = f"tuner.minutes={config.tuner.minutes:g} ended the search after {len(search.trials)} trials"
        yield Finding(text, "raise tuner.minutes, which keeps the trials of this search")


def _unfinished_training(result: Result, config: Config) -> Iterator[Finding]:
    if config.training.patience and result["best_epoch"] == config.training.final_epochs:
        text = f"the final training was best in its last epoch, {result['best_epoch']}: it may not have ended"
        yield Finding(text, "raise training.final_epochs, which keeps the trials of this search")


def question(split: SplitConfig, regression: bool) -> str:
    """Return the question that a score on this split answers; for a user's own, what its docstring says."""
    if where := _where(split):
        return f"How {'far off' if regression else 'often right'} is it {where}?"
    own = (type(split).__doc__ or "").strip().partition("\n")[0]
    return own if own and not own.startswith(f"{type(split).__name__}(") else f"split={split.name}"


def _where(split: SplitConfig) -> str | None:
    if isinstance(split, CrossValidationConfig):
        return f"on {split.unit}s that were left out of its training"
    return WHERE.get(split.name) if type(split).__module__.startswith("forcepos.") else None


def cards(result: Result) -> list[tuple[str, str, str]]:
    """Return the numbers that a reader looks for: name, number, and where it holds."""
    name, second = best_baseline(result), result["also"]
    measure = "mean error" if "euclidean_mean_mm" in result["test"] else "accuracy"
    return [
        ("Score", score(result), f"{measure} on the test subset"),
        *([("Honest figure", score(second), f"{measure} {WHERE[second['split']]}")] if second else []),
        ("Best baseline", score({"test": result[name]}), f"{measure} of {BASELINES[name]}"),
    ]


def verdict(result: Result, split: SplitConfig) -> str:
    """Say in a sentence what may be claimed of the model, on the run's own split and on the second one."""
    second = result["also"]
    rungs = {_where(split) or f"on split={split.name}": result}
    rungs |= {WHERE[second["split"]]: second} if second else {}
    return f"{'; '.join(_claim(scored, where) for where, scored in rungs.items())}."


def _claim(scored: Result, where: str) -> str:
    best, than = _compared(scored)
    return f"{score(scored)} {where}, {than} than {BASELINES[best]} ({score({'test': scored[best]})})"
