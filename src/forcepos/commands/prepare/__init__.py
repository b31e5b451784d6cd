"""The `prepare` command: converts a controller's text logs to the Feather file that data=versuch reads."""
