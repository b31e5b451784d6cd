"""Pictures of a run, drawn without a display: each function returns a figure that its caller saves."""
