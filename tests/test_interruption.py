"""A signal that a library swallows still ends the program."""

from __future__ import annotations

import subprocess
import sys

SWALLOWS = """
import os, signal
from forcepos.interruption import Interrupted, listen, stop_if_asked

listen()
stop_if_asked()
try:
    os.kill(os.getpid(), signal.{name})
except BaseException:
    print("swallowed")
try:
    stop_if_asked()
except Interrupted as interrupted:
    raise SystemExit(interrupted.exit_code)
"""


def test_a_swallowed_signal_is_raised_again_at_the_next_question() -> None:
    for name, code in (("SIGINT", 130), ("SIGTERM", 143)):
        done = subprocess.run(
            [sys.executable, "-c", SWALLOWS.format(name=name)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (code, "swallowed\n")
