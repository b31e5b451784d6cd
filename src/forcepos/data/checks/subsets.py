"""Checks of the targets of each subset of a split."""

from collections.abc import Mapping, Sequence

import numpy as np

from forcepos.data.recordings import Float32
from forcepos.runtime.wording import name_some

_SHOWN = 10
_SAME = 1e-6  # of the larger value: a difference below this share is rounding


def constant_targets(subsets: Mapping[str, Float32], outputs: Sequence[str], kind: str | None) -> list[str]:
    """Describe subsets whose targets (n, outputs) lack a class, are of one only, or do not vary along an axis.

    Args:
        kind: the word for a class, None for axes.
    """
    found: dict[str, list[str]] = {}
    for name, targets in subsets.items():
        low, high = targets.min(axis=0), targets.max(axis=0)
        constant = high - low <= _SAME * np.maximum(np.abs(low), np.abs(high))
        axes = [f"target {outputs[axis]} is {low[axis]:g} mm" for axis in np.flatnonzero(constant).tolist()]
        one_class = [f"{kind} {outputs[low.argmax()]}"] if constant.all() else []
        for what in one_class if kind else axes:
            found.setdefault(what, []).append(name)
    advice = "r2 leaves it out there; remove it from model.axes"
    if kind:
        others = "sectors" if kind == "sector" else "classes"
        advice = f"no score there tells how well other {others} are found; set data.label or sectors"
    constants = [
        f"{what} in all samples of these subsets: {', '.join(names)}; {advice}, or check data and split"
        for what, names in found.items()
    ]
    return constants + (_absent(subsets, outputs, kind) if kind else [])


def _absent(subsets: Mapping[str, Float32], outputs: Sequence[str], kind: str) -> list[str]:
    """Describe classes that train, validation or test lacks, with the samples that each subset has of them."""
    counts = np.array([targets.sum(axis=0) for targets in subsets.values()])  # (subsets, classes)
    # A subset of one class only is told of as such; calibration sets no class apart.
    needed = (np.count_nonzero(counts, axis=1) > 1) & (np.array([*subsets]) != "calibration")
    absent = [
        f"{outputs[place]} ({', '.join(f'{counts[row, place]:.0f} {name}' for row, name in enumerate(subsets))})"
        for place in np.flatnonzero((counts[needed] == 0).any(axis=0) & counts.any(axis=0)).tolist()
    ]
    advice = (
        "what train lacks is never predicted, what test lacks is not tested: record it more often, leave it out"
    )
    some = name_some(absent, _SHOWN)
    return (
        [f"samples of a {kind} are not in each subset: {some}; {advice}, or choose another split"]
        if absent
        else []
    )
