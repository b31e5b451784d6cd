"""The model card, beside the model: what it was trained on, how good it is, where its limits are."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from forcepos.results.scores import remarks, score_table
from forcepos.runtime.wording import code_span, visible

CARD = "model_card.md"


def write_model_card(result: Mapping[str, Any], facts: Mapping[str, Any], folder: Path) -> Path:
    """Write the card of a run's model into `folder` and return its path."""
    data, config = result["data"], facts["config"]
    sees = f"{facts['rows']} rows of {len(facts['channels'])} channels"
    answers = (
        f"{', '.join(facts['axes'])} in mm, {facts['targets']['frame']}" if facts["axes"] else facts["labels"]
    )
    subsets = ", ".join(f"{count} {name}" for name, count in data["subsets"].items())
    about = {
        "answers": answers if isinstance(answers, str) else ", ".join(answers),
        "sees": sees + (f" at {facts['rate_hz']:g} Hz" if facts["rate_hz"] else ""),
        "data": f"{data['name']}, fingerprint {data['fingerprint']}: {data['recordings']} recordings",
        "split": f"{config['split']['name']}: {subsets} samples",
        "tared in training": ", ".join(facts["tared"]) or "no",
        "run": result["run_id"] or result["outputs"],
    }
    rows = score_table(result, wide=True)
    limits = [f"{check['found']}: {check['advice']}" for check in result["checks"]]
    channels = [[code_span(one["name"]), one["unit"] or "", f"{one['least']:.4g}", f"{one['greatest']:.4g}"]
                for one in facts["channels"]]  # fmt: skip
    parts = [
        f"# {config['model']['name']}", result["verdict"],
        _table(["", ""], [[name, visible(str(value))] for name, value in about.items()]),
        "## Scores", _table([*rows[0]], [[*row.values()] for row in rows]), *remarks(result),
        "## Limits", "\n".join(f"- {visible(limit)}" for limit in limits) or "None was found.",
        "## Signals", _table(["channel", "unit", "least in training", "greatest"], channels),
    ]  # fmt: skip
    path = folder / CARD
    path.write_text("\n\n".join([*parts, ""]), encoding="utf-8")
    return path


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))
