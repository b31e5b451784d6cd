"""Pictures of a run, drawn without a display: each function gives a figure that its caller saves."""
