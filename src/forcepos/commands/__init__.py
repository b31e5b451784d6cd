"""The commands of `python -m forcepos`, their arguments, messages and exit codes; only `__main__` imports them."""
