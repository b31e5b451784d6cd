"""What commands of `tests.warm` find loaded: each would take seconds for it."""

# ruff: noqa: F401

import gc

import hydra
import jinja2
import keras_tuner
import matplotlib.figure
import mlflow.pyfunc.loaders
import mlflow.store.tracking.sqlalchemy_store
import mlflow.tensorflow
import mlflow.tracing.processor.base_mlflow
import mujoco
import scipy.signal
import sklearn.ensemble
import sqlalchemy.dialects.sqlite
import tensorflow  # noqa: ICN001
from mlflow.utils.requirements_utils import _init_modules_to_packages_map

_init_modules_to_packages_map()  # type: ignore[no-untyped-call]  # reads all packages' metadata, once in a process
gc.freeze()  # what lives as long as a process is neither searched nor copied there
