"""Networks: tasks, scaling, calibration, the inference model and predictions.

Scores and coverage are in `evaluation`, the choice of hyperparameters in `tuning`, windows and splits in `data`.
"""
