"""forcepos: where does a robot touch, told from its force and torque signals."""

__version__ = "0.1.0"
