"""Runs in MLflow: sweep, job, trial. No other room imports mlflow.

Everything goes through MlflowClient with explicit run ids: MLflow's notion of one active run per process
does not survive sweeps, and a process that loses the race to create an experiment would otherwise log
into another one without a word.
"""

import logging
import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # results only
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# An unreachable server costs seconds, not MLflow's four minutes a call: a `Run` tries again itself, and
# only it knows whether a call without an answer was carried out all the same.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
logging.getLogger("alembic").setLevel(logging.WARNING)
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # tracebacks of what is reported in a line
