"""Evaluation on the test subset: scores, intervals, coverage, baselines, and bounds from simulated noise.

Files, pictures and text that present these numbers are in `results`; calibration is in `models`.
"""
