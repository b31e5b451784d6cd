"""Architectures: hidden layers and search space of each.

Scaling, dropout, the output layer and compiling are the same for all of them and are in `models.networks`.
"""
