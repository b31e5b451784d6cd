"""Networks: tasks, scaling, training, calibration, the inference model and predictions."""
