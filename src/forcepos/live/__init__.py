"""The live estimate at the robot: needs numpy and onnxruntime, nothing else of forcepos."""

from forcepos.live.estimator import Estimate, Estimator

__all__ = ["Estimate", "Estimator"]
