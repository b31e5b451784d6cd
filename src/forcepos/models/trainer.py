"""Trains networks on one set of data: for a trial, and for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from forcepos.config import Config
from forcepos.errors import TrialFailure
from forcepos.models.networks import build_network
from forcepos.models.preparation import TrainingData
from forcepos.models.scaling import Scaling, fit_scaling
from forcepos.models.tasks import Regression, Task
from forcepos.models.training import Logs, fit


class NetworkTrainer:
    """Builds a network from hyperparameters and trains it from scratch."""

    def __init__(self, config: Config, task: Task, data: TrainingData, folder: Path) -> None:
        self._config, self._task, self._data, self._folder = config, task, data, folder
        self._scaling = self._fit_scaling() if config.model.standardize else Scaling()

    def _fit_scaling(self) -> Scaling:
        train = self._data.split.train
        scaling = fit_scaling(self._data.samples, train, self._data.targets[train])
        return scaling if isinstance(self._task, Regression) else Scaling(scaling.signals)

    def trial(
        self, hyperparameters: Mapping[str, Any], seed: int, epochs: int, after_epoch: Callable[[int, Logs], None]
    ) -> list[Logs]:
        """What each epoch of a trial's training logged.

        Raises:
            TrialFailure: the network cannot be built or does not fit into memory.
        """
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        try:
            model = self._build_or_fail(hyperparameters)
            return fit(model, self._data, hyperparameters["batch_size"], epochs, after_epoch)
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            raise TrialFailure(f"out of memory: {_first_line(error)}") from error

    def final(
        self, hyperparameters: Mapping[str, Any], after_epoch: Callable[[int, Logs], None]
    ) -> tuple[keras.Model, list[Logs]]:
        """The model and what each epoch logged.

        With training.patience it has the weights of its best epoch by the objective, else those of its last.
        """
        keras.backend.clear_session()
        keras.utils.set_random_seed(self._config.seed)
        model = self._build(hyperparameters)
        tuner, training = self._config.tuner, self._config.training
        callbacks: list[keras.callbacks.Callback] = []
        if training.patience is not None:
            stop = keras.callbacks.EarlyStopping(
                tuner.objective, mode=tuner.direction, patience=training.patience, restore_best_weights=True
            )
            callbacks.append(stop)
        if training.tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(self._folder / "tensorboard"))
        batch_size = training.final_batch_size or hyperparameters["batch_size"]
        return model, fit(model, self._data, batch_size, training.final_epochs, after_epoch, callbacks)

    def _build_or_fail(self, hyperparameters: Mapping[str, Any]) -> keras.Model:
        try:
            return self._build(hyperparameters)
        except ValueError as error:
            raise TrialFailure(f"the network cannot be built: {_first_line(error)}") from error

    def _build(self, hyperparameters: Mapping[str, Any]) -> keras.Model:
        channels = len(self._data.samples.recordings.channels)
        steps = self._config.training.steps_per_execution
        return build_network(self._config.model, hyperparameters, self._task, channels, self._scaling, steps)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
