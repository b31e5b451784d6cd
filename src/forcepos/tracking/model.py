"""A model in MLflow, such that it loads where forcepos is not installed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
import mlflow.tensorflow
from mlflow.entities import LoggedModelOutput
from mlflow.models import infer_signature

from forcepos.provenance import package_versions

if TYPE_CHECKING:
    import keras

    from forcepos.data.recordings import Float32


def log_keras_model(client: mlflow.MlflowClient, run_id: str, model: keras.Model, example: Float32) -> str:
    """Log a model of standard layers with signature and example, as an output of the run; its URI."""
    experiment_id = client.get_run(run_id).info.experiment_id
    with tempfile.TemporaryDirectory() as parent:
        folder = str(Path(parent) / "model")
        # The flavor "keras" makes an array of whatever the model gives, even of answers by name.
        mlflow.tensorflow.save_model(
            model,
            folder,
            input_example=example,
            signature=infer_signature(example, model.predict(example, verbose=0)),
            # Named, since MLflow would find out by importing everything in another process.
            pip_requirements=_requirements(),
        )
        logged = mlflow.initialize_logged_model(name=model.name, source_run_id=run_id, experiment_id=experiment_id)
        client.log_model_artifacts(logged.model_id, folder)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return f"models:/{logged.model_id}"


def _requirements() -> list[str]:
    versions = package_versions()
    return [f"{name}=={versions[name]}" for name in ("mlflow", "tensorflow", "keras", "numpy")]
