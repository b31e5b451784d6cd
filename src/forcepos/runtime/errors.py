"""What a person can cause, as opposed to what only a bug can."""


class InputError(Exception):
    """Something is wrong with a config, a file or an option; the message says what, where and what to do."""


class TrialFailure(Exception):  # noqa: N818  # a result of a search, not an error of the program
    """A trial cannot be finished for a reason that lies in its hyperparameters; the search goes on."""
