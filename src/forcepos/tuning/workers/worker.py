"""A worker of a search: asks the chief for trials and does them, until there are none."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import keras_tuner as kt
from keras_tuner.src.distribute import oracle_client

from forcepos.runtime.errors import InputError
from forcepos.tuning.ledger import IDLE, STOPPED, number_of
from forcepos.tuning.spec import SearchSpec
from forcepos.tuning.trial_run import Trainer, run_trial
from forcepos.tuning.trials import Logs, save_trial
from forcepos.tuning.workers.chief import EXECUTION

_ANSWER_S = 60  # a chief that is silent for longer is gone
_ASK_AGAIN_S = 0.3
SIGN_OF_LIFE_S = 5.0


def work(spec: SearchSpec, train: Trainer, name: str, port: int) -> None:
    """Do trials for the chief at `port` of this machine; their results go to `spec.directory`.

    Args:
        name: of this worker. A worker with the name of one that was lost takes over its trial.

    Raises:
        InputError: the chief does not answer.
    """
    client = _client(name, port)
    try:
        while (trial := client.create_trial(name)).status != STOPPED:
            if trial.status == IDLE:
                time.sleep(_ASK_AGAIN_S)
                continue
            _do(trial, client, spec, train)
    except grpc.RpcError as error:
        raise InputError(f"the chief of the search does not answer: {error.details()}") from error


def _client(name: str, port: int) -> oracle_client.OracleClient:
    # KerasTuner takes these from the environment only.
    os.environ["KERASTUNER_ORACLE_IP"] = "127.0.0.1"
    os.environ["KERASTUNER_ORACLE_PORT"] = str(port)
    os.environ["KERASTUNER_TUNER_ID"] = name
    os.environ["no_grpc_proxy"] = "127.0.0.1"  # noqa: SIM112  # gRPC's own spelling; clusters have proxies
    oracle_client.TIMEOUT = _ANSWER_S  # an hour otherwise
    return oracle_client.OracleClient(oracle=None)


def _do(
    trial: kt.engine.trial.Trial, client: oracle_client.OracleClient, spec: SearchSpec, train: Trainer
) -> None:
    def report(_: int, execution: int, epoch: int, logs: Logs) -> None:
        client.update_trial(trial.trial_id, {EXECUTION: execution, **logs}, step=epoch)

    values = dict(trial.hyperparameters.values)
    with _signs_of_life(client, trial.trial_id):
        result = run_trial(spec, number_of(trial), values, train, report)
    save_trial(spec.directory, result)
    trial.status = "FAILED" if result.score is None else "COMPLETED"
    client.end_trial(trial)


@contextmanager
def _signs_of_life(client: oracle_client.OracleClient, trial_id: str) -> Iterator[None]:
    """Signal to the chief now and then that the trial is under way: an epoch may take long."""
    done = threading.Event()

    def signal() -> None:
        while not done.wait(SIGN_OF_LIFE_S):
            try:
                client.update_trial(trial_id, {})
            except grpc.RpcError:
                return  # the next report will raise it

    thread = threading.Thread(target=signal, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=_ANSWER_S)
