"""`python -m forcepos`, or `forcepos`: dispatch to the commands."""

import re
import sys

from forcepos.runtime.interruption import end_promptly


def main() -> None:
    """Run the command of this process, and end the process with it."""
    end_promptly(_command)


def _command() -> None:
    """Run the command that the first word names, or else the main job, importing only that one."""
    match sys.argv[1:]:
        case ["prepare", *arguments]:
            from forcepos.commands.prepare.command import main as prepare  # noqa: PLC0415

            prepare(arguments)
        case ["inspect", *arguments]:
            from forcepos.commands.inspect.command import main as inspect  # noqa: PLC0415

            inspect(arguments)
        case ["compare", *arguments]:
            from forcepos.commands.compare import main as compare  # noqa: PLC0415

            compare(arguments)
        case ["predict", *arguments]:
            from forcepos.commands.predict import main as predict  # noqa: PLC0415

            predict(arguments)
        case ["export", *arguments]:
            from forcepos.commands.export import main as export  # noqa: PLC0415

            export(arguments)
        case ["ui", *arguments]:
            from forcepos.commands.ui import main as ui  # noqa: PLC0415

            ui(arguments)
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
