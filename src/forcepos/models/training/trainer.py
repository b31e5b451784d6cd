"""Training of networks on one problem: for a trial, and for the final model."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from forcepos.models.architectures.architecture import preprocessing
from forcepos.models.networks import build_network
from forcepos.models.problem import Problem, Regression
from forcepos.models.scaling import Scaling, evenly, fit_scaling, fit_statistics, spread_of_recordings
from forcepos.models.training.compiled import AfterEpoch, Array, Checkpoint, Logs, Program, Training
from forcepos.models.training.device import DeviceDataset, rows_of
from forcepos.runtime.errors import ImpossibleNetwork, TrialFailure

# Compiling takes 3 to 5 s on two CPU cores and then saves 1 to 2 ms per step: `python -m benchmarks trial`.
_WORTH_COMPILING = 3000  # steps
_OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)
Values = Mapping[str, Any]  # hyperparameters by name


class NetworkTrainer:
    """Builds a network from hyperparameters, or copies a pretrained one, and trains it."""

    def __init__(
        self, problem: Problem, folder: Path, pretrained: Sequence[keras.Sequential] = (),
        resident: DeviceDataset | None = None,
    ) -> None:  # fmt: skip
        """Prepare to train; TensorBoard's logs go to `folder`, the run's. Final networks start as `pretrained`."""
        self.problem, self.folder, self._config = problem, folder, problem.config
        self._dataset, self.pretrained = DeviceDataset.of(problem, resident), pretrained
        self._scaling: dict[tuple[str, float], Scaling] = {}  # that are fitted, by choice and statistics_s
        noise = self._config.training.offset_noise
        spread = spread_of_recordings(problem.samples, problem.split.train) if noise else ()
        self._offsets = tuple(float(noise * each) for each in spread)
        self._executions: dict[int, NetworkTrainer] = {}
        self._latest: tuple[dict[str, Any], Program, Training] | None = None

    def on(self, problem: Problem) -> "NetworkTrainer":
        """Return a trainer for other subsets of the same recordings, which stay on the device once."""
        return NetworkTrainer(problem, self.folder, self.pretrained, self._dataset)

    def execute(  # noqa: PLR0913  # as `trial`
        self, hyperparameters: Values, execution: int, seed: int, epochs: int, after_epoch: AfterEpoch,
        checkpoint: Checkpoint | None = None,
    ) -> list[Logs]:  # fmt: skip
        """Train a trial's network in its execution 1, 2, …, each of which validates on other recordings."""
        if execution not in self._executions:
            problem = self.problem.rotated(execution)
            self._executions[execution] = self if problem is self.problem else self.on(problem)
        return self._executions[execution].trial(hyperparameters, seed, epochs, after_epoch, checkpoint)

    def trial(
        self, hyperparameters: Values, seed: int, epochs: int, after_epoch: AfterEpoch,
        checkpoint: Checkpoint | None = None,
    ) -> list[Logs]:  # fmt: skip
        """Train a trial's network once, from a checkpoint on, which moves to the end.

        A TrialFailure tells that it cannot be built, is too large or diverges.
        """
        tuner, kept = self._config.tuner, checkpoint
        in_all = tuner.executions_per_trial * epochs

        def note_best(epoch: int, logs: Logs) -> None:
            after_epoch(epoch, logs)
            if kept is not None:
                value, before = logs[tuner.objective], kept.objective
                if before is None or (value < before if tuner.direction == "min" else value > before):
                    kept.objective, kept.best = value, training.get_weights()

        with _possible():
            network = self._build(hyperparameters, seed)
            training = self._training(network, hyperparameters, hyperparameters["batch_size"], in_all)
            history = training.run(network, seed, epochs, note_best, start=kept)
            if kept is not None:
                kept.epochs, kept.state = epochs, [variable.numpy() for variable in training.changed]
        return history

    def restored(self, hyperparameters: Values, weights: Sequence[Array]) -> keras.Sequential:
        """Return the network of a trial that ended with these weights."""
        network = self._build(hyperparameters, self._config.seed)
        network.set_weights(weights)
        return network

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
            history = training.run(network, seed, settings.final_epochs, after_epoch, self._final_callbacks())
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
            self._latest = None  # of another source, which may have other layers
            network = keras.models.clone_model(source)
            network.set_weights(source.get_weights())
            network.compile(keras.optimizers.Adam(hyperparameters["lr"]), loss=task.loss, metrics=task.metrics())
            return network
        channels, scaling = len(self.problem.samples.recordings.channels), self._scaling_of(hyperparameters)
        with _possible("the network cannot be built", ValueError):
            return build_network(self._config.model, hyperparameters, self.problem.task, channels, scaling)

    def _scaling_of(self, hyperparameters: Values) -> Scaling:
        choice, seconds = chosen = preprocessing(self._config.model, hyperparameters)
        if chosen not in self._scaling:
            problem, train = self.problem, self.problem.split.train
            targets = problem.targets[train] if isinstance(problem.task, Regression) else None
            scaling = fit_scaling(problem.samples, train, targets, choice)
            if seconds:
                rows = max(2, problem.samples.recordings.rows_in(seconds, "model.statistics_s"))
                scaling = fit_statistics(scaling, rows, self._dataset.seeing(rows).in_batches(evenly(train)))
            self._scaling[chosen] = scaling
        return self._scaling[chosen]

    def _training(self, network: keras.Model, hyperparameters: Values, batch_size: int, epochs: int) -> Training:
        """Return the latest training if it fits, or a new one, compiled if that pays off in `epochs` in all."""
        settings, steps = self._config.training, epochs * -(-len(self.problem.split.train) // batch_size)
        xla = settings.xla == "always" or (settings.xla == "auto" and steps >= _WORTH_COMPILING)
        program = Program(batch_size, xla, settings.precision == "mixed", self._offsets)
        if self._latest is None or self._latest[:2] != (hyperparameters, program):
            dataset = self._dataset.seeing(rows_of(network))
            training = Training(network, self.problem.task, dataset, self.problem.split, program)
            self._latest = dict(hyperparameters), program, training
        return self._latest[2]


@contextmanager
def _possible(fault: str = "out of memory", errors: Any = _OUT_OF_MEMORY) -> Iterator[None]:
    try:
        yield
    except errors as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ImpossibleNetwork(f"{fault}: {first_line}") from error
