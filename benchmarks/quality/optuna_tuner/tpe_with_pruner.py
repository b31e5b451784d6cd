"""A tuner as users write them: Optuna's tree-structured Parzen estimator, with its median pruner.

The interface of a tuner knows proposals and ends of trials only, not their epochs: whoever trains asks `prune`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import keras_tuner
import optuna

import forcepos
from forcepos.config.schema import key

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass
class TpeWithPruner(forcepos.Tuner):
    startup_trials: int = key("random trials before the first proposal", min=1)
    unpruned_trials: int = key("whole trials before the first one is pruned", min=1)

    def oracle(self, space: Any, objective: Any, seed: int, epochs: int) -> TpeOracle:  # noqa: ARG002
        """Return a new oracle; `prune` asks the latest one."""
        sampler = optuna.samplers.TPESampler(n_startup_trials=self.startup_trials, seed=seed)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=self.unpruned_trials)
        direction: Literal["minimize", "maximize"] = "minimize" if objective.direction == "min" else "maximize"
        study = optuna.create_study(sampler=sampler, pruner=pruner, direction=direction)
        settings = {"objective": objective, "max_trials": self.max_trials, "hyperparameters": space, "seed": seed}
        self._latest = TpeOracle(study, **settings)
        return self._latest

    def prune(self, epoch: int, value: float) -> bool:
        """Report the objective after an epoch (1, 2, …) of the trial under way; return whether it is to end."""
        return self._latest.prune(epoch, value)


class TpeOracle(keras_tuner.Oracle):  # type: ignore[misc]  # keras_tuner is untyped
    def __init__(self, study: optuna.Study, **settings: Any) -> None:
        super().__init__(**settings)
        self._study = study
        self._asked: dict[str, optuna.trial.Trial] = {}
        self._pruned = False  # the trial under way

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        trial = self._asked[trial_id] = self._study.ask()
        self._pruned = False
        chosen = keras_tuner.HyperParameters()
        for entry in self.get_space().space:
            chosen.merge([entry])
            if chosen.is_active(entry):
                chosen.values[entry.name] = _suggest(trial, entry)
        return {"status": "RUNNING", "values": chosen.values}

    def prune(self, epoch: int, value: float) -> bool:
        trial = list(self._asked.values())[-1]
        trial.report(value, epoch)
        self._pruned = trial.should_prune()
        return self._pruned

    def end_trial(self, trial: Any) -> None:
        super().end_trial(trial)
        states, asked = optuna.trial.TrialState, self._asked[trial.trial_id]
        if trial.score is None:
            self._study.tell(asked, state=states.FAIL)
        elif self._pruned:
            self._study.tell(asked, state=states.PRUNED)  # the sampler knows it by what its epochs reported
        else:
            self._study.tell(asked, trial.score)


def _suggest(trial: optuna.trial.Trial, entry: Any) -> Any:
    match type(entry).__name__:
        case "Int":
            return trial.suggest_int(entry.name, entry.min_value, entry.max_value, step=entry.step)
        case "Float":
            return trial.suggest_float(entry.name, entry.min_value, entry.max_value, log=entry.sampling == "log")
        case "Fixed":
            return entry.value
        case _:
            return trial.suggest_categorical(entry.name, list(entry.values))
