"""Evaluation on the test subset: scores, intervals, coverage, baselines, and bounds from simulated noise."""
