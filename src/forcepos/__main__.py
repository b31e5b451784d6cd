"""`python -m forcepos`, or `forcepos`: dispatch to the commands."""

import re
import sys
from importlib import import_module

from forcepos.runtime.interruption import end_promptly, ended_by_input_errors, ended_by_signals

_COMMANDS = {  # where each of them is
    "prepare": "prepare.command", "inspect": "inspect.command",
    "compare": "compare", "predict": "predict", "export": "export", "ui": "ui",
}  # fmt: skip


def main() -> None:
    """Run the command of this process, and end the process with it."""
    end_promptly(_command)


def _command() -> None:
    """Run the command that the first word names, or else the main job, importing only that one."""
    match sys.argv[1:]:
        case [word, *arguments] if word in _COMMANDS:
            with ended_by_signals(), ended_by_input_errors():
                import_module(f"forcepos.commands.{_COMMANDS[word]}").main(arguments)
        case ["--version"]:
            from forcepos import __version__  # noqa: PLC0415

            sys.stdout.write(f"forcepos {__version__}\n")
        case arguments if {"--help", "-h"} & {*arguments}:
            from forcepos.config.reference import help_text  # noqa: PLC0415

            sys.stdout.write(help_text())
        case [word, *_] if re.fullmatch(r"[^-~+=][^=]*", word):
            from forcepos.config.mistakes import explain_word  # noqa: PLC0415
            from forcepos.runtime.wording import visible  # noqa: PLC0415

            sys.exit(f"error: {visible(explain_word(word))}")
        case _:
            from forcepos.commands.train import main as train  # noqa: PLC0415

            train()


if __name__ == "__main__":
    main()
