"""Models in MLflow, which load where forcepos is not installed."""

import tempfile
import warnings
from pathlib import Path

import keras
import mlflow
import mlflow.tensorflow
from mlflow.entities import LoggedModelOutput
from mlflow.models import infer_signature

from forcepos.data.recordings import Float32
from forcepos.runtime.provenance import package_versions


def log_keras_model(
    client: mlflow.MlflowClient, run_id: str, path: Path, example: Float32, register_as: str | None
) -> str:
    """Log a saved model of standard layers with signature and example, as an output of the run; return its URI.

    Repeated after it was done in part, it resumes with the same model.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")  # it has not trained yet
        model = keras.models.load_model(path)
    run = client.get_run(run_id)
    begun = client.search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{run_id}' AND name = '{model.name}'", max_results=1
    )
    logged = begun[0] if begun else client.create_logged_model(run.info.experiment_id, model.name, run_id)
    uri, versions = f"models:/{logged.model_id}", package_versions()
    with tempfile.TemporaryDirectory() as parent:
        folder = str(Path(parent) / "model")
        # The flavor "keras" makes an array of whatever the model gives, even of answers by name.
        mlflow.tensorflow.save_model(
            model,
            folder,
            input_example=example,
            signature=infer_signature(example, model.predict(example, verbose=0)),
            # Named, since MLflow would find out by importing everything in another process.
            pip_requirements=[f"{name}=={versions[name]}" for name in ("mlflow", "tensorflow", "keras", "numpy")],
        )
        client.log_model_artifacts(logged.model_id, folder)
    client.finalize_logged_model(logged.model_id, "READY")
    outputs = run.outputs.model_outputs if run.outputs else []
    if logged.model_id not in [output.model_id for output in outputs]:
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    if register_as and not client.search_model_versions(f"name = '{register_as}' and run_id = '{run_id}'"):
        mlflow.register_model(uri, register_as)
    return uri
