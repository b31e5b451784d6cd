"""Pictures of a run. Drawn without a display; colours that colour-blind people can tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import ConfusionMatrixDisplay

from forcepos.data.recordings import Float32
from forcepos.models.tasks import Regression, Task

_TRAIN, _VALIDATION = "#0072B2", "#D55E00"  # Okabe and Ito's blue and vermillion
_POINTS_SHOWN = 5000


def learning_curves(history: Sequence[dict[str, float]], metric: str, unit: str) -> Figure:
    """`metric` of the training and the validation part after each epoch."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    epochs = range(1, len(history) + 1)
    for name, label, colour in ((metric, "training", _TRAIN), (f"val_{metric}", "validation", _VALIDATION)):
        axes.plot(epochs, [logs[name] for logs in history], label=label, color=colour, marker=".")
    axes.set(xlabel="epoch", ylabel=f"{metric} ({unit})" if unit else metric, title="Final training")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


def true_against_predicted(task: Task, true: Float32, predicted: Float32) -> Figure:
    """One panel per axis for positions, a confusion matrix for sectors."""
    if isinstance(task, Regression):
        return _scatter(task.outputs, true, predicted)
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot()
    labels = list(range(len(task.outputs)))
    ConfusionMatrixDisplay.from_predictions(
        true.argmax(axis=1), predicted.argmax(axis=1), labels=labels,
        display_labels=task.outputs, normalize="true", values_format=".2f",
        cmap="cividis", xticks_rotation=45, ax=axes,
    )  # fmt: skip
    axes.set_title("Share of each true sector, test part")
    return figure


def _scatter(outputs: Sequence[str], true: Float32, predicted: Float32) -> Figure:
    figure = Figure(figsize=(4.5 * len(outputs), 4.5), layout="constrained")
    shown = np.linspace(0, len(true) - 1, min(len(true), _POINTS_SHOWN)).astype(int)
    for column, name in enumerate(outputs):
        axes = figure.add_subplot(1, len(outputs), column + 1)
        ends = [true[:, column].min(), true[:, column].max()]
        axes.plot(ends, ends, color="black", linewidth=1)
        axes.scatter(
            true[shown, column], predicted[shown, column], s=6, alpha=0.3, color=_TRAIN, edgecolors="none"
        )
        axes.set(xlabel=f"true {name} (mm)", ylabel=f"predicted {name} (mm)", title=f"{name}, test part")
    return figure
