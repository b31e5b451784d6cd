"""Errors that a user can cause, as opposed to bugs."""


class InputError(Exception):
    """An invalid config, file or option; the message names it and says how to fix it."""


class TrialFailure(Exception):  # noqa: N818  # one result of a search, not an error of the program
    """A trial that its own hyperparameters make fail; the search continues."""


class ImpossibleNetwork(TrialFailure):  # likewise
    """A network that cannot be built or does not fit into memory."""
