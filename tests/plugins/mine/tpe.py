"""Optuna's tree-structured Parzen estimator."""

from dataclasses import dataclass

import keras_tuner
import optuna

import forcepos
from forcepos.config.schema import key


@dataclass
class Tpe(forcepos.Tuner):
    startup_trials: int = key("random trials before the first proposal", min=1)

    def oracle(self, space, objective, seed, epochs):
        sampler = optuna.samplers.TPESampler(n_startup_trials=self.startup_trials, seed=seed)
        study = optuna.create_study(sampler=sampler, direction=f"{objective.direction}imize")
        return TpeOracle(study, objective=objective, max_trials=self.max_trials, hyperparameters=space, seed=seed)


class TpeOracle(keras_tuner.Oracle):
    def __init__(self, study, **settings):
        super().__init__(**settings)
        self.study, self.asked = study, {}

    def populate_space(self, trial_id):
        trial = self.asked[trial_id] = self.study.ask()
        chosen = keras_tuner.HyperParameters()
        for hp in self.get_space().space:
            chosen.merge([hp])
            if chosen.is_active(hp):
                chosen.values[hp.name] = suggest(trial, hp)
        return {"status": "RUNNING", "values": chosen.values}

    def end_trial(self, trial):
        super().end_trial(trial)
        failed = optuna.trial.TrialState.FAIL if trial.score is None else None
        self.study.tell(self.asked[trial.trial_id], trial.score, state=failed)


def suggest(trial, hp):
    match type(hp).__name__:
        case "Int":
            return trial.suggest_int(hp.name, hp.min_value, hp.max_value, step=hp.step)
        case "Float":
            return trial.suggest_float(hp.name, hp.min_value, hp.max_value, log=hp.sampling == "log")
        case "Fixed":
            return hp.value
        case _:
            return trial.suggest_categorical(hp.name, list(hp.values))
