"""The fingerprint of a search: equal for two searches whose trials mean the same."""

import hashlib
import json

import keras
import keras_tuner

from forcepos.config.plugins import values_with_plugins
from forcepos.config.schema import Config

_VERSION = 2  # raise it with a change of the code after which the same trial has another score
_OF_A_TRIAL = ("epochs", "device", "deterministic", "xla", "precision")
_NOT_MEANT = ("max_trials", "max_failures", "fresh", "workers")


def search_fingerprint(config: Config, data_fingerprint: str) -> str:
    """Return twelve hexadecimal digits over everything that changes what a trial means.

    `tuner.max_trials` is left out, so that raising it extends a search; so are max_failures, fresh and workers.
    """
    values = values_with_plugins(config)
    tuner = {key: value for key, value in values["tuner"].items() if key not in _NOT_MEANT}
    meaning = {
        "data": data_fingerprint,
        "tuner": tuner,
        "training": {key: values["training"][key] for key in _OF_A_TRIAL},
        "versions": [_VERSION, keras.__version__, keras_tuner.__version__],
        **({"reader": values["data"]["plugin"]} if "plugin" in values["data"] else {}),
        **{key: values[key] for key in ("seed", "split", "sectors", "model")},
    }
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:12]
