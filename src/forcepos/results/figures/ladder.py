"""The ladder of splits: how much worse a model gets from the easiest to the hardest, beside the baselines."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from forcepos.results.figures import style
from forcepos.results.findings import score
from forcepos.results.scores import BASELINES, REFERENCES, Result, headline, in_words

_METHODS = {"test": "model"} | {name: REFERENCES[name] for name in BASELINES}
_APART = 0.012  # of the width: the marks of methods stand beside one another


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
    style.log_if_wide(axes, axes.dataLim.intervaly if factor == 1 else ())
    if axes.get_yscale() == "linear":
        axes.set_ylim(0, None)
    figure.legend(loc="outside upper center", ncols=len(_METHODS))
    return figure
