"""Simulated recordings of an arm that presses on a plate: its statics, and the errors of its sensors."""
