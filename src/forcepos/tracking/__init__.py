"""Runs in MLflow: sweep, job, trial. The only package that imports mlflow.

Everything goes through MlflowClient with explicit run ids: MLflow's notion of one active run per process
does not survive sweeps, and a process that loses the race to create an experiment would otherwise log
into another one without a word.
"""

import logging
import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
logging.getLogger("alembic").setLevel(logging.WARNING)
