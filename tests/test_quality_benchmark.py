"""`python -m benchmarks quality`: what counts as reached, saved and missing, and when a search ends."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.quality import part
from benchmarks.quality import ways as ways_module
from benchmarks.quality.picture import draw
from benchmarks.quality.results import Run, Timeline, finished_runs, median, moments, targets
from benchmarks.quality.ways import NOTEBOOK, TPE, Study, studies, ways

from forcepos import load_recordings
from forcepos.runtime.files import write_json

TINY = (
    "data.grid=[3,3]", "data.rows=50", "data.spacing_mm=15", "model=ffnn_regression", "tracking=none",
    "model.space.num_layers.max=1", "model.statistics_s=[0]", "training.epochs=3", "training.final_epochs=2",
)  # fmt: skip


def study(folder: Path, *overrides: str, seeds: range = range(1, 4)) -> Study:
    return Study("tiny", overrides, seeds, folder, trials=2)


def run(*epochs: tuple[float, int, int, float | None], trials: Any = (), final: Any = (), cut: int = 1) -> Run:
    finals = [
        {"share": share, "search_epochs": count, "epochs": [*final], "validation": 1.5, "test_mm": 2.5}
        for share, count in ((0.25, cut), (1.0, len(epochs)))
    ]
    return Run({"epochs": [*epochs], "trials": [*trials], "finals": finals, "epochs_of_a_trial": 3})


class TestMoments:
    def test_an_error_is_reached_by_the_first_epoch_that_has_it(self) -> None:
        line = Timeline(np.array([1.0, 2, 3]), np.array([10.0, 20, 30]), np.array([4.0, 2, 1]))
        assert line.first(2.0) == (2.0, 20.0)
        assert line.best.tolist() == [4, 2, 1]

    def test_one_that_is_never_reached_is_infinitely_late(self) -> None:
        line = Timeline(np.array([1.0]), np.array([10.0]), np.array([4.0]))
        assert line.first(3.9) == (np.inf, np.inf)

    def test_an_epoch_that_diverged_reaches_nothing(self) -> None:
        assert run((1.0, 10, 1, None), (2.0, 20, 1, 5.0)).search.values.tolist() == [np.inf, 5]

    def test_the_final_training_follows_the_search_where_its_share_ends(self) -> None:
        found = run((1.0, 10, 1, 5.0), (4.0, 20, 1, 3.0), final=[(0.5, 7, 2.0), (0.6, 14, 1.5)])
        early, late = found.whole(0.25), found.whole(1.0)
        assert early.seconds.tolist() == [1, 1.5, 1.6]
        assert early.steps.tolist() == [10, 17, 24]
        assert early.values.tolist() == [5, 2, 1.5]
        assert late.seconds.tolist() == [1, 4, 4.5, 4.6]

    def test_the_target_is_the_notebooks_final_error_or_the_best_of_its_search(self) -> None:
        runs = {NOTEBOOK: [run((1.0, 10, 1, 5.0), (4.0, 20, 1, 3.0), (5.0, 30, 2, 6.0), final=[(1.0, 7, 1.5)])]}
        assert targets(runs, 1.0).tolist() == [1.5]
        assert targets(runs, None).tolist() == [3]
        assert moments(runs[NOTEBOOK], targets(runs, 1.0), 1.0).tolist() == [[6, 37]]
        assert moments(runs[NOTEBOOK], targets(runs, None), None).tolist() == [[4, 20]]


class TestMedians:
    def test_seeds_that_never_reach_it_count_as_later_than_all_others(self) -> None:
        assert median(np.array([0.2, 0.3, np.inf]))[0] == 0.3
        assert median(np.array([0.2, np.inf, np.inf]))[0] == np.inf
        assert median(np.array([0.2, 0.3, np.inf, np.inf]))[0] == np.inf

    def test_the_interval_says_so_too(self) -> None:
        _, low, high = median(np.array([0.2, 0.3, 0.4, 0.5, np.inf]))
        assert low == 0.2
        assert high == np.inf

    def test_equal_values_leave_nothing_open(self) -> None:
        assert median(np.full(10, 0.5)) == (0.5, 0.5, 0.5)


class TestSteps:
    def test_what_the_searchs_end_has_cut_is_not_saved(self) -> None:
        found = run((1.0, 10, 1, 5.0), trials=[
            trial(3, 100, units=1), trial(1, 10, units=2), trial(0, 7, units=3), trial(1, 1000, units=4, cut=True)
        ])  # fmt: skip
        assert found.steps_saved() == 2 * 10 + 3 * 7
        assert found.networks() == (1, 2)

    def test_a_network_that_hyperband_trains_again_is_one(self) -> None:
        again = [trial(1, 10, units=1, bracket=0), trial(3, 10, units=1, bracket=1), trial(1, 10, units=2)]
        found = run((1.0, 10, 1, 5.0), trials=again)
        assert found.networks() == (1, 1)
        assert found.steps_saved() == 10 * (3 - 1 - 3) + 10 * (3 - 1)

    def test_one_that_goes_on_from_another_trial_has_trained_up_to_its_last_epoch(self) -> None:
        found = run((1.0, 10, 1, 5.0), trials=[trial(1, 10, units=1), {**trial(2, 10, units=1), "last_epoch": 3}])
        assert found.networks() == (1, 0)
        assert found.steps_saved() == 0


def trial(epochs: int, steps: int, units: int, bracket: int = 0, cut: bool = False) -> dict[str, Any]:
    hyperparameters, done = {"units_0": units, "tuner/bracket": bracket}, {"epochs": epochs, "last_epoch": epochs}
    return {"hyperparameters": hyperparameters, "steps_per_epoch": steps, **done, "cut": cut}


class TestWays:
    def test_early_stopping_is_compared_once_there_is_a_key_for_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        @dataclass
        class Without:
            name: str = ""

        @dataclass
        class With(Without):
            stop: str = field(default="")

        monkeypatch.setattr(ways_module, "TunerConfig", Without)
        assert [*ways()] == [NOTEBOOK, "random", "bayesian", "hyperband", TPE, f"{TPE}, early"]
        assert not any("tuner.stop" in override for overrides in ways().values() for override in overrides)
        monkeypatch.setattr(ways_module, "TunerConfig", With)
        assert ways()["bayesian, stop=median"][-1] == "tuner.stop=median"
        assert all("tuner.stop=none" in overrides for overrides in ways().values())

    def test_each_composes(self, tmp_path: Path) -> None:
        (simulated,) = studies(tmp_path, quick=False, data=None, seeds=None)
        assert simulated.seeds == range(1, 11)
        trials = {way: simulated.config(way, 1).tuner.max_trials for way in ways()}
        assert trials[NOTEBOOK] == 5
        assert trials["hyperband"] is None
        assert trials[TPE] == 1000
        assert simulated.config(NOTEBOOK, 1).training.patience is None
        assert simulated.config("random", 1).training.patience == 10


class TestMissing:
    def test_all_are_missing_at_first_and_each_seed_begins_the_others_with_another(self, tmp_path: Path) -> None:
        first, second = study(tmp_path).missing(1), study(tmp_path).missing(2)
        assert first[0] == second[0] == NOTEBOOK
        assert first[1] != second[1]
        assert sorted(first) == sorted(second) == sorted(ways())

    def test_finished_runs_are_not_missing_unless_their_settings_were_others(self, tmp_path: Path) -> None:
        ours = study(tmp_path)
        for way in (NOTEBOOK, "random"):
            write(ours, way)
        assert sorted([*ours.missing(1), NOTEBOOK, "random"]) == sorted(ways())
        others = study(tmp_path, "data.rows=60")
        assert sorted(others.missing(1)) == sorted(ways())

    def test_all_depend_on_the_seconds_of_the_notebooks_way(self, tmp_path: Path) -> None:
        ours = study(tmp_path)
        write(ours, "random")
        assert sorted(ours.missing(1)) == sorted(ways())


def write(of: Study, way: str) -> None:
    of.path(way, 1).parent.mkdir(parents=True, exist_ok=True)
    epochs, final = [(1.0, 10, 1, 5.0), (4.0, 20, 1, 3.0)], [(1.0, 7, 1.6), (2.0, 14, 1.5)]
    trials = [trial(3, 7, units=1), trial(1, 7, units=2)]
    result = run(*epochs, final=final if way == NOTEBOOK else final[1:], trials=trials).result
    write_json(of.path(way, 1), {"settings": of.settings(way, 1), **result})


def test_curves_are_drawn_of_all_ways(tmp_path: Path) -> None:
    ours = study(tmp_path)
    for way in ways():
        write(ours, way)
    draw(finished_runs(ours), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_finished_runs_become_tables_and_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = study(tmp_path, seeds=range(1, 2))
    for way in ways():
        write(ours, way)
    monkeypatch.setattr(part, "studies", lambda *_: iter([ours]))
    whole, search, budget, steps = part.quality(1)
    assert whole.rows[0] == ("notebook", "1", "1 of 1", "6 [6, 6]", *["1 [1, 1]"] * 3)
    quarter = ("3 [3, 3]", "0.5 [0.5, 0.5]", "0.71 [0.71, 0.71]", "0.5 [0.5, 0.5]")
    assert whole.rows[1] == ("random", "0.25", "1 of 1", *quarter)
    assert search.rows[1] == ("random", "1 of 1", *["4 [4, 4]", "1 [1, 1]", "1 [1, 1]"])
    assert budget.rows[0][4] == "2.5 [2.5, 2.5]"
    assert steps.rows[0] == ("notebook", "1", "1", "20", "14", "41")
    assert (tmp_path / "quality_tiny.png").exists()


class TestSearch:
    def test_it_ends_with_the_epoch_in_which_its_seconds_are_spent(self, tmp_path: Path) -> None:
        found = measured(tmp_path, "random", budget_s=0)
        assert len(found["epochs"]) == 1
        assert [(trial["epochs"], trial["cut"]) for trial in found["trials"]] == [(1, True)]
        assert Run(found).steps_saved() == 0
        (final,) = found["finals"]
        assert final["hyperparameters"] == found["trials"][0]["hyperparameters"]
        assert final["validation"] == min(value for *_, value in final["epochs"])

    def test_the_notebooks_way_trains_all_epochs_and_keeps_the_last(self, tmp_path: Path) -> None:
        found = measured(tmp_path, NOTEBOOK, budget_s=np.inf)
        steps = np.repeat([trial["steps_per_epoch"] for trial in found["trials"]], 3).cumsum().tolist()
        assert [epoch[1] for epoch in found["epochs"]] == steps
        assert Run(found).networks() == (2, 0)
        assert found["finals"][0]["validation"] == found["finals"][0]["epochs"][-1][-1]

    def test_a_pruned_trial_counts_with_the_epochs_until_then(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from forcepos.tuning.tuner import Random

        monkeypatch.setattr(Random, "prune", lambda _, epoch, value: epoch == 2, raising=False)
        found = measured(tmp_path, NOTEBOOK, budget_s=np.inf)
        assert [(trial["epochs"], trial["cut"]) for trial in found["trials"]] == [(2, False), (2, False)]
        assert Run(found).steps_saved() == sum(trial["steps_per_epoch"] for trial in found["trials"])
        best = min(found["epochs"], key=lambda epoch: epoch[3])
        assert found["finals"][0]["hyperparameters"] == found["trials"][best[2] - 1]["hyperparameters"]


def measured(folder: Path, way: str, budget_s: float) -> dict[str, Any]:
    """Return a run's result as its file would hold it."""
    from benchmarks.quality.runs import measure

    config = study(folder, *TINY).config(way, 1)
    return dict(json.loads(json.dumps(measure(config, load_recordings(config), 1, (1.0,), budget_s))))


def test_the_median_pruner_ends_what_is_worse_than_whole_trials_were(tmp_path: Path) -> None:
    import keras_tuner

    from forcepos.models.architectures.architecture import search_space

    config = study(tmp_path, *TINY).config(f"{TPE}, early", 1)
    space = keras_tuner.HyperParameters()
    search_space(config.model)(space)
    tuner: Any = config.tuner
    oracle = tuner.oracle(space, keras_tuner.Objective("val_mae", "min"), 1, 3)
    oracle.save = oracle._save_trial = lambda *_: None  # as a search does, which keeps a journal of its own
    ended = []
    for number, value in enumerate((1.0, 1.2, 1.4, 2.0, 0.9)):
        trial = oracle.create_trial(str(number))
        ended.append(tuner.prune(1, value))
        trial.status = "COMPLETED"
        oracle.update_trial(trial.trial_id, {"val_mae": value})
        oracle.end_trial(trial)
    assert ended == [False, False, False, True, False]
    assert [each.state.name for each in oracle._study.trials] == [*["COMPLETE"] * 3, "PRUNED", "COMPLETE"]
