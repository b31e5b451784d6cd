"""Checks of the targets of each subset of a split."""

from collections.abc import Mapping, Sequence

import numpy as np

from forcepos.data.recordings import Float32

_SAME = 1e-6  # of the larger value: a difference below this share is rounding


def constant_targets(subsets: Mapping[str, Float32], outputs: Sequence[str], kind: str | None) -> list[str]:
    """Describe subsets whose targets (n, outputs) are of one class only, or do not vary along an axis.

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
        advice = f"no score there tells how well other {kind}s are found; set data.label or sectors"
    return [
        f"{what} in all samples of these subsets: {', '.join(names)}; {advice}, or check data and split"
        for what, names in found.items()
    ]
