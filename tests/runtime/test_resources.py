"""How many jobs of a sweep share this machine, and what each of them gets of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest
import tensorflow as tf
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from forcepos.config.checks import register_schemas
from forcepos.models.training import device
from forcepos.models.training.device import use_device
from forcepos.runtime.errors import InputError
from forcepos.runtime.paths import conf_dir
from forcepos.runtime.resources import JOBS_VARIABLE, available_cores, batches_of_sweep, in_sweep, jobs_at_once
from forcepos.tuning.search import lock_search
from tests.conftest import checked_config


def composed(*overrides: str) -> DictConfig:
    register_schemas()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose("config", overrides=list(overrides), return_hydra_config=True)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four cores, no Slurm, no sweep."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 4)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.delenv(JOBS_VARIABLE, raising=False)
    yield
    HydraConfig.instance().cfg = None


def in_job_of(monkeypatch: pytest.MonkeyPatch, jobs: int | None, *overrides: str) -> None:
    """Make this process one that a sweep of so many jobs has started."""
    config = composed("hydra.mode=MULTIRUN", *overrides)
    with open_dict(config):
        config.hydra.job.num, config.hydra.job.id = 0, "forcepos_0"
    HydraConfig.instance().set_config(config)
    if jobs:
        monkeypatch.setenv(JOBS_VARIABLE, str(jobs))


@pytest.mark.parametrize(
    ("overrides", "jobs", "at_once"),
    [
        ([], 9, 1),  # basic: one after the other
        (["hydra/launcher=joblib"], 9, 4),  # n_jobs=-1: as many as cores
        (["hydra/launcher=joblib"], 3, 3),
        (["hydra/launcher=joblib"], None, 4),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], 9, 2),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=-2"], 9, 3),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=8"], 9, 8),
        (["hydra/launcher=submitit_local"], 9, 9),  # starts all of them
        (["hydra/launcher=submitit_local"], None, 4),
        (["hydra/launcher=submitit_slurm"], 9, 1),  # Slurm gives each its own
        (["hydra/launcher=slurm_cpu"], 9, 1),
        (["hydra/launcher=slurm_gpu"], 9, 1),
    ],
)
def test_the_launcher_says_how_many_jobs_run_at_once(
    overrides: list[str], jobs: int | None, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_job_of(monkeypatch, jobs, *overrides)
    assert in_sweep()
    assert jobs_at_once() == at_once


def test_a_single_run_has_the_machine_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(JOBS_VARIABLE, "3")
    HydraConfig.instance().set_config(composed("hydra.mode=RUN", "hydra/launcher=joblib"))
    assert not in_sweep()
    assert jobs_at_once() == 1


@pytest.mark.parametrize(
    ("overrides", "batches"),
    [
        (["seed=1"], [1]),
        (["seed=1,2,3"], [3]),
        (["seed=1,2,3", "tuner=random,bayesian"], [6]),
        (["seed=1,2,3", "seed=4"], [1]),  # the last one counts, as for Hydra
        (["seed=range(1,9)"], [8]),
        (["seed=choice(1,2)", "data.features=[Fx,Fy]"], [2]),
        (["seed=1,2,3", "hydra.sweeper.max_batch_size=2"], [2, 1]),
        (["model=glob(*)"], []),  # unless Hydra has started, which knows the choices
        (["seed=interval(1,2)"], []),  # for a sweeper that optimises
    ],
)
def test_the_command_line_says_how_many_jobs_there_are(overrides: list[str], batches: list[int]) -> None:
    ours = [override for override in overrides if "hydra." in override]
    hydra = composed(*ours).hydra
    hydra.overrides.task = [override for override in overrides if override not in ours]
    assert batches_of_sweep(hydra) == batches


def test_a_glob_counts_once_hydra_has_started() -> None:
    register_schemas()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        hydra = compose("config", return_hydra_config=True).hydra
        hydra.overrides.task = ["model=glob(*)", "seed=1,2"]
        assert batches_of_sweep(hydra) == [8]


def test_a_config_may_bring_sweeps_of_its_own() -> None:
    hydra = composed().hydra
    hydra.sweeper.params = {"tuner": "random,bayesian"}
    hydra.overrides.task = ["seed=1,2,3"]
    assert batches_of_sweep(hydra) == [6]


@pytest.mark.parametrize(("given", "cores"), [("2", 2), ("16", 4), ("", 4)])
def test_a_slurm_job_uses_no_more_cores_than_it_was_given(
    given: str, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", given)
    assert available_cores() == cores


def in_new_process(function: Any, *arguments: Any) -> Any:
    """What a function returns in a process in which TensorFlow has not computed yet."""
    with joblib.externals.loky.ProcessPoolExecutor(max_workers=1) as pool:
        return pool.submit(function, *arguments).result(timeout=120)


def _threads_of_jobs(n_processes: list[int]) -> list[tuple[str, int, int, int]]:
    """Jobs one after the other in this process: what each is told, and its threads of TensorFlow and of BLAS."""
    import numpy as np
    from threadpoolctl import threadpool_info

    found = []
    for count in n_processes:
        told = use_device(checked_config().training, count)
        np.ones((9, 9)) @ np.ones((9, 9))
        tf.matmul(tf.ones((9, 9)), tf.ones((9, 9)))  # from here on TensorFlow's threads are fixed
        blas = max(library["num_threads"] for library in threadpool_info())
        threading_config = tf.config.threading
        found.append(
            (
                told,
                threading_config.get_intra_op_parallelism_threads(),
                threading_config.get_inter_op_parallelism_threads(),
                blas,
            )
        )
    return found


@pytest.mark.system
def test_jobs_that_share_a_machine_share_its_cores_and_a_process_may_serve_several() -> None:
    os_cores = len(os.sched_getaffinity(0))
    told = in_new_process(_threads_of_jobs, [os_cores, os_cores, os_cores + 5, 1])
    assert told == [(f"CPU, 1 of {os_cores} cores", 1, 1, 1)] * 4


class Gpu:
    """What TensorFlow would be told on a machine with a GPU; there is none here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, memory_mb: int | None, count: int = 1) -> None:
        self.growth: list[bool] = []
        self.limits: list[Any] = []
        self.visible: list[list[str]] = []
        config, gpus = tf.config, [f"gpu {number}" for number in range(count)]
        monkeypatch.setattr(config, "list_physical_devices", lambda kind: gpus)
        monkeypatch.setattr(config, "set_visible_devices", lambda chosen, kind: self.visible.append(chosen))
        monkeypatch.setattr(config, "get_logical_device_configuration", lambda gpu: self.limits or None)
        monkeypatch.setattr(
            config, "set_logical_device_configuration", lambda gpu, limits: self.limits.extend(limits)
        )
        monkeypatch.setattr(config.experimental, "set_memory_growth", lambda gpu, grow: self.growth.append(grow))
        monkeypatch.setattr(config.experimental, "get_device_details", lambda gpu: {"device_name": "A100"})
        monkeypatch.setattr(device, "_gpu_memory_mb", lambda: memory_mb)


def test_jobs_that_share_a_gpu_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(monkeypatch, memory_mb=40_000)
    assert use_device(checked_config().training, n_processes=2) == "GPU, A100, shared by 2"
    assert gpu.growth == [True]
    assert [limit.memory_limit for limit in gpu.limits] == [18_000]  # nine tenths of a half
    assert use_device(checked_config().training, n_processes=2) == "GPU, A100, shared by 2"
    assert (len(gpu.growth), len(gpu.limits)) == (1, 1), "a process that is used again keeps what it has"


@pytest.mark.parametrize(
    ("workers", "gpus", "device_names", "shared"),
    [
        (2, 2, ["gpu 0", "gpu 1"], ""),
        (3, 2, ["gpu 0", "gpu 1", "gpu 0"], ", shared by 2"),
        (2, 1, ["gpu 0"] * 2, ", shared by 2"),
    ],
)
def test_each_worker_of_a_search_uses_one_gpu(
    workers: int, gpus: int, device_names: list[str], shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu(monkeypatch, memory_mb=None, count=gpus)
    described = [use_device(checked_config().training, workers, number) for number in range(workers)]
    assert described == [f"GPU, A100{shared}"] * workers
    assert gpu.visible == [[name] for name in device_names]


@pytest.mark.parametrize(("n_processes", "memory_mb"), [(1, 40_000), (2, None)])
def test_a_gpu_that_is_not_shared_or_whose_memory_nobody_knows_has_no_limit(
    n_processes: int, memory_mb: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu(monkeypatch, memory_mb)
    use_device(checked_config().training, n_processes)
    assert (gpu.growth, gpu.limits) == ([True], [])


def test_the_smallest_gpu_says_how_much_memory_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 81559\necho 40960\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert device._gpu_memory_mb() == 40_960


def test_a_job_of_a_sweep_waits_for_a_search_that_another_one_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    order: list[str] = []

    def second() -> None:
        with lock_search(tmp_path / "search", fresh=False, wait=True):
            order.append("second")

    with caplog.at_level("INFO"), lock_search(tmp_path / "search", fresh=False):
        thread = threading.Thread(target=second)
        thread.start()
        while not caplog.messages:
            thread.join(timeout=0.05)
        order.append("first")
    thread.join(timeout=10)
    assert caplog.messages == [f"another process works on this search, {tmp_path / 'search'}: waiting for it"]
    assert order == ["first", "second"]


def test_outside_of_a_sweep_the_second_process_at_a_search_is_told(tmp_path: Path) -> None:
    with (
        lock_search(tmp_path / "search", fresh=False),
        pytest.raises(InputError, match="another process works on this search"),
        lock_search(tmp_path / "search", fresh=False),
    ):
        pass
