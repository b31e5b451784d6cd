"""Architectures: hidden layers and search space of each; what all share is in `models.networks`."""
