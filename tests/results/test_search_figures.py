"""Pictures of a search and a training show every trial that did not fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from forcepos.results.figures.style import BLUE, GREY
from forcepos.results.report_page import hyperparameter_effects, learning_curves, trial_curves
from forcepos.tuning.trials import TrialResult
from tests.results.drawing import drawn, labels, points, texts


def trial(number: int, curve: list[float], score: float | None = None, **chosen: Any) -> TrialResult:
    history = [[{"val_mae": value} for value in curve]]
    return TrialResult(number, chosen, history, min(curve) if score is None else score)


def failed(number: int, **chosen: Any) -> TrialResult:
    return TrialResult(number, chosen, [[{"loss": float("nan")}]], None, "the loss is not finite in epoch 1")


def test_learning_curves_show_both_subsets_per_epoch_and_the_one_that_was_kept() -> None:
    history = [{"mae": 4.0, "val_mae": 5.0}, {"mae": 2.0, "val_mae": 3.0}]
    (axes,) = learning_curves(history, "val_mae", 2).axes
    assert labels(axes) == ("epoch", "mean absolute error (mm)")
    assert {str(line.get_label()): np.asarray(line.get_xydata()).tolist() for line in axes.lines} == {
        "training": [[1, 4], [2, 2]],
        "validation": [[1, 5], [2, 3]],
        "epoch 2, whose weights are kept": [[2, 3]],
    }


@pytest.mark.parametrize(("direction", "best"), [("min", 2), ("max", 3)])
def test_the_best_trial_is_highlighted_and_named(direction: str, best: int) -> None:
    trials = [trial(1, [5, 4]), trial(2, [3, 2]), trial(3, [7, 6])]
    (axes,) = trial_curves(trials, "val_mae", direction).axes
    assert labels(axes) == ("epoch", "validation: mean absolute error (mm)")
    (line,) = [line for line in axes.lines if line.get_color() == BLUE]
    assert line.get_label() == f"trial {best} (best)"
    assert list(np.asarray(line.get_ydata())) == [logs["val_mae"] for logs in trials[best - 1].history[0]]
    assert [line.get_color() for line in axes.lines].count(GREY) == 2


def test_failed_trials_are_not_shown_but_counted() -> None:
    trials = [failed(1, units=16), trial(2, [3, 2], units=32), trial(3, [4], units=64), failed(4, units=128)]
    curves, effects = (picture(trials, "val_mae", "min") for picture in (trial_curves, hyperparameter_effects))
    assert len(curves.axes[0].lines) == 2
    assert sorted(points(effects.axes[0])[:, 0]) == [32, 64]
    assert "2 failed, not shown" in texts(curves)
    assert "2 failed, not shown" in texts(effects)


def test_a_stopped_trial_is_shown_to_end_and_is_not_the_best() -> None:
    stopped = TrialResult(2, {"units": 32}, [[{"val_mae": 2.0}]], 2.0, stopped=True)
    trials = [trial(1, [5, 4], units=16), stopped, trial(3, [4, 3], units=64)]
    curves, effects = (picture(trials, "val_mae", "min") for picture in (trial_curves, hyperparameter_effects))
    crosses = [line for line in curves.axes[0].lines if line.get_marker() == "x"]
    assert [np.asarray(line.get_xydata()).tolist() for line in crosses] == [[[1, 2]]]
    (best,) = [line for line in curves.axes[0].lines if line.get_color() == BLUE]
    assert best.get_label() == "trial 3 (best)"
    assert "1 stopped" in texts(curves)
    assert "the star is trial 3, the best; 1 stopped" in texts(effects)


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_epochs_are_whole_numbers(epochs: int) -> None:
    for figure in (
        learning_curves([{"mae": 1.0, "val_mae": 1.0}] * epochs, "val_mae", epochs),
        trial_curves([trial(1, [1.0] * epochs)], "val_mae", "min"),
    ):
        drawn(figure)
        ticks = [float(tick) for tick in figure.axes[0].get_xticks() if 1 <= tick <= epochs]
        assert ticks
        assert all(tick.is_integer() for tick in ticks)


def test_a_trials_curve_is_the_mean_of_its_executions() -> None:
    twice = TrialResult(1, {}, [[{"val_mae": 4.0}, {"val_mae": 2.0}], [{"val_mae": 6.0}, {"val_mae": 5.0}]], 3.5)
    (axes,) = trial_curves([twice], "val_mae", "min").axes
    assert [list(np.asarray(line.get_ydata())) for line in axes.lines] == [[5, 3.5]]


def test_every_hyperparameter_that_varied_has_a_panel_with_the_trials_that_have_it() -> None:
    trials = [
        trial(1, [5], lr=1e-3, dropout=True, num_layers=1, same=3),
        trial(2, [3], lr=1e-2, dropout=False, num_layers=2, units_1=64, same=3),
        trial(3, [4], lr=1e-4, dropout=False, num_layers=2, units_1=32, same=3, **{"tuner/epochs": 2}),
    ]
    figure = hyperparameter_effects(trials, "val_mae", "min")
    panels = {axes.get_xlabel(): axes for axes in figure.axes}
    assert list(panels) == ["lr", "dropout", "num_layers", "units_1"]
    assert figure.get_supylabel() == "validation: mean absolute error (mm)"
    assert panels["lr"].get_xscale() == "log"
    assert [text.get_text() for text in panels["dropout"].get_xticklabels()] == ["False", "True"]
    assert points(panels["units_1"]).tolist() == [[64, 3], [32, 4]]
    for name, value in (("lr", 1e-2), ("num_layers", 2), ("units_1", 64)):
        assert [np.asarray(line.get_xydata()).tolist() for line in panels[name].lines] == [[[value, 3]]]


def test_the_best_trial_is_marked_only_where_it_has_the_hyperparameter() -> None:
    trials = [
        trial(1, [5], num_layers=2, units_1=64),
        trial(2, [4], num_layers=2, units_1=32),
        trial(3, [3], num_layers=1),
    ]
    panels = {axes.get_xlabel(): axes for axes in hyperparameter_effects(trials, "val_mae", "min").axes}
    assert [len(panels[name].lines) for name in ("num_layers", "units_1")] == [1, 0]


@pytest.mark.parametrize("count", [1, 3, 5, 40])
def test_any_number_of_hyperparameters_can_be_shown(count: int) -> None:
    trials = [trial(n, [n], **{f"units_{place}": n * place for place in range(1, count + 1)}) for n in (1, 2)]
    figure = hyperparameter_effects(trials, "val_mae", "min")
    assert len(figure.axes) == count
    assert drawn(figure)


def test_without_trials_to_compare_there_is_still_a_picture() -> None:
    trials = [failed(1, lr=0.2), trial(2, [3.0], lr=0.1)]
    assert drawn(trial_curves(trials, "val_mae", "min"))
    assert "No hyperparameter took more than one value" in texts(hyperparameter_effects(trials, "val_mae", "min"))
