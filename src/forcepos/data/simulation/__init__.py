"""Simulated recordings of an arm that presses on a plate: `arm` statics, `noise` sensor errors, `simulation` both.

Estimators that know the simulation, such as the Cramér-Rao bound, do not belong here: they score models, so
they are part of `evaluation`.
"""
