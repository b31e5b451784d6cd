"""Training of networks on one problem: for a trial, and for the final model."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from forcepos.models.networks import Scaling, build_network, fit_scaling
from forcepos.models.problem import Problem, Regression
from forcepos.models.training.compiled import AfterEpoch, Logs, Program, Training
from forcepos.models.training.device import DeviceDataset
from forcepos.runtime.errors import ImpossibleNetwork, TrialFailure

# Compiling takes 3 to 5 s on two CPU cores and then saves 1 to 2 ms per step: `python -m benchmarks trial`.
_WORTH_COMPILING = 3000  # steps
_OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
Values = Mapping[str, Any]  # hyperparameters by name


class NetworkTrainer:
    """Builds a network from hyperparameters, or copies a pretrained one, and trains it."""

    def __init__(self, problem: Problem, folder: Path, pretrained: Sequence[keras.Sequential] = ()) -> None:
        """Prepare to train; TensorBoard's logs go to `folder`, the run's. Final networks start as `pretrained`."""
        self.problem, self.folder, self._config = problem, folder, problem.config
        train, choice, self._scaling = problem.split.train, self._config.model.scaling, Scaling()
        if choice != "none":
            targets = problem.targets[train] if isinstance(problem.task, Regression) else None
            self._scaling = fit_scaling(problem.samples, train, targets, choice == "whiten")
        self._dataset, self.pretrained = DeviceDataset.of(problem), pretrained
        self._latest: tuple[dict[str, Any], Program, Training] | None = None

    def trial(self, hyperparameters: Values, seed: int, epochs: int, after_epoch: AfterEpoch) -> list[Logs]:
        """Train a trial's network once; a TrialFailure: it cannot be built, is too large or diverges."""
        in_all = self._config.tuner.executions_per_trial * epochs
        with _possible():
            network = self._build(hyperparameters, seed)
            training = self._training(network, hyperparameters, hyperparameters["batch_size"], in_all)
            return training.fit(network, seed, epochs, after_epoch)

    def final(self, best: Values, member: int, after_epoch: AfterEpoch) -> tuple[keras.Model, list[Logs]]:
        """Train the ensemble's network number `member` (1, 2, …); return it and the logs of each epoch.

        With training.patience it has the weights of the epoch with the best objective, else those of the last.
        A TrialFailure tells that it fails as a trial does, or that its objective is not finite.
        """
        settings, seed, objective = self._config.training, self._config.seed, self._config.tuner.objective
        if member > 1:  # so that an ensemble's first network equals a single network
            seed = int(np.random.SeedSequence([seed, member]).generate_state(1)[0] >> 1)
        batch_size = settings.final_batch_size or best["batch_size"]
        with _possible():
            network = self._build(best, seed, member)
            network.name = f"network_{member}"
            training = self._training(network, best, batch_size, settings.final_epochs)
            history = training.fit(network, seed, settings.final_epochs, after_epoch, self._final_callbacks())
        if not np.isfinite([logs[objective] for logs in history]).all():
            raise TrialFailure(f"{objective} is not finite")
        return network, history

    def _final_callbacks(self) -> Sequence[keras.callbacks.Callback]:
        tuner, training = self._config.tuner, self._config.training
        callbacks: list[keras.callbacks.Callback] = []
        if training.patience is not None:
            best = {"mode": tuner.direction, "patience": training.patience, "restore_best_weights": True}
            callbacks.append(keras.callbacks.EarlyStopping(tuner.objective, **best))
        if training.tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(self.folder / "tensorboard"))
        return callbacks

    def _build(self, hyperparameters: Values, seed: int, member: int = 1) -> keras.Sequential:
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        if self.pretrained:
            source, task = self.pretrained[(member - 1) % len(self.pretrained)], self.problem.task
            network = keras.models.clone_model(source)
            network.set_weights(source.get_weights())
            network.compile(keras.optimizers.Adam(hyperparameters["lr"]), loss=task.loss, metrics=task.metrics())
            return network
        channels = len(self.problem.samples.recordings.channels)
        with _possible("the network cannot be built", ValueError):
            return build_network(self._config.model, hyperparameters, self.problem.task, channels, self._scaling)

    def _training(self, network: keras.Model, hyperparameters: Values, batch_size: int, epochs: int) -> Training:
        """Return the latest training if it fits, or a new one, compiled if that pays off in `epochs` in all."""
        settings, steps = self._config.training, epochs * -(-len(self.problem.split.train) // batch_size)
        xla = settings.xla == "always" or (settings.xla == "auto" and steps >= _WORTH_COMPILING)
        program = Program(batch_size, xla, settings.precision == "mixed")
        if self._latest is None or self._latest[:2] != (hyperparameters, program):
            training = Training(network, self.problem.task, self._dataset, self.problem.split, program)
            self._latest = dict(hyperparameters), program, training
        return self._latest[2]


@contextmanager
def _possible(fault: str = "out of memory", errors: Any = _OUT_OF_MEMORY) -> Iterator[None]:
    try:
        yield
    except errors as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ImpossibleNetwork(f"{fault}: {first_line}") from error
