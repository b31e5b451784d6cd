"""The device that training runs on."""

from __future__ import annotations

import os

import tensorflow as tf

from forcepos.config import TrainingConfig
from forcepos.errors import InputError


def use_device(config: TrainingConfig, sharers: int = 1) -> str:
    """Prepare the device that training runs on and say which it is.

    Raises:
        InputError: a GPU is asked for and there is none.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if config.device == "gpu" and not gpus:
        raise InputError("training.device=gpu but TensorFlow sees no GPU: use training.device=auto or cpu")
    if config.device == "cpu" or not gpus:
        if config.precision == "mixed":
            raise InputError("training.precision=mixed needs a GPU, a CPU gains nothing from it: use full")
        tf.config.set_visible_devices([], "GPU")
        tf.config.threading.set_intra_op_parallelism_threads(max(1, (os.cpu_count() or 1) // sharers))
        return f"CPU, {os.cpu_count()} cores"
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return f"GPU, {name}"


def has_gpu() -> bool:
    """Whether TensorFlow computes on a GPU, once `use_device` was called."""
    return bool(tf.config.get_visible_devices("GPU"))
