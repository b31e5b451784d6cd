"""Training: one network on one problem, with its samples and compiled steps on the device.

Which networks to train is decided in `tuning`; ensembles and their calibration are in `models.final`.
"""
