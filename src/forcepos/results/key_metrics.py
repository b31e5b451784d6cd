"""The metrics of a run in MLflow."""

from collections.abc import Iterable
from typing import Any


def key_metrics(result: dict[str, Any], references: Iterable[str]) -> dict[str, dict[str, float]]:
    """Group metrics: test scores, ends of their intervals, coverage, references, the second split."""
    groups = {name: result[name] for name in references} | _groups("test", "coverage", result)
    if result["neighbour_share"] is not None:
        groups["leakage"] = {"neighbour_share": result["neighbour_share"]}
    if result["also"]:
        split = result["also"]["split"]
        groups |= _groups(split, f"{split}_coverage", result["also"])
    return groups


def _groups(name: str, coverage: str, scored: dict[str, Any]) -> dict[str, dict[str, float]]:
    ends = {
        f"{name}_{end}": {score: interval[place] for score, interval in scored["intervals"].items()}
        for place, end in enumerate(("low", "high"))
    }
    values = scored["coverage"] or {}
    return {name: scored["test"], **ends, coverage: {key: values[key] for key in values if key != "counted"}}
