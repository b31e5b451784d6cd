"""A signal that a library swallows still ends the program."""

from __future__ import annotations

import os
import subprocess
import sys

SWALLOWS = """
import os, signal
from forcepos.runtime.interruption import Interrupted, listen, stop_if_asked

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
IN_A_DESTRUCTOR = """
import os, signal
from forcepos.runtime.interruption import Interrupted, listen, stop_if_asked

class Resource:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

class Broken:
    def __del__(self):
        raise ValueError("told as ever")

listen()
Resource()
Broken()
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


def test_a_signal_in_a_destructor_is_raised_again_and_not_printed() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_DESTRUCTOR], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert "Interrupted" not in done.stderr
    assert "ValueError: told as ever" in done.stderr


WARNED = """
import os, signal, sys
from forcepos.runtime.interruption import listen, stop_if_asked

signal.signal(signal.SIGUSR2, lambda *_: sys.exit(144))  # as submitit answers it, when it has queued the job again
listen()
try:
    os.kill(os.getpid(), signal.SIGUSR2)
except BaseException:
    print("swallowed")
stop_if_asked()
"""


def test_a_clusters_warning_that_was_swallowed_ends_the_job_at_the_next_question() -> None:
    environment = {**os.environ, "SUBMITIT_EXECUTOR": "slurm"}
    done = subprocess.run(
        [sys.executable, "-c", WARNED], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (144, "swallowed\n")


WAITS = """
import os, signal, time
from forcepos.runtime import interruption
from forcepos.runtime.interruption import Interrupted, listen, defer_signals

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

listen()
try:
    with defer_signals():
        interrupt()
        with defer_signals():
            interrupt()
        print("inside done")
    print("not reached")
except Interrupted:
    print("raised behind")
with defer_signals():
    print("what came before does not count")
interruption._INSIST_S = 0.1
try:
    with defer_signals():
        interrupt()
        time.sleep(0.2)
        interrupt()
        print("not reached")
except Interrupted:
    print("raised at once")
"""


def test_a_signal_waits_for_what_must_not_be_divided_unless_it_comes_again_after_a_while() -> None:
    done = subprocess.run([sys.executable, "-c", WAITS], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "inside done", "raised behind", "what came before does not count", "raised at once",
    ]  # fmt: skip


IN_A_JOB = """
import signal, sys
from forcepos.runtime.interruption import listen

def of_the_launcher(*_): ...

signal.signal(signal.SIGTERM, of_the_launcher)  # as submitit, which lets it pass
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
listen()
print(signal.getsignal(signal.SIGTERM) is of_the_launcher)
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt as interrupted:
    import pickle  # as a pool of processes does with what a job raises
    print(pickle.loads(pickle.dumps(interrupted)).exit_code)
"""


def test_a_job_in_a_process_of_its_own_answers_what_its_launcher_does_not() -> None:
    done = subprocess.run([sys.executable, "-c", IN_A_JOB], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True", "130"]


FAMILY = """
import subprocess, sys
from forcepos.runtime.interruption import end_children

wait = "print(flush=True); import time; time.sleep(60)"
deaf = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {wait}"
helper = f"'multiprocessing.resource_tracker'; {wait}"
command = [sys.executable, "-c"]
children = [subprocess.Popen([*command, code], stdout=subprocess.PIPE) for code in (wait, deaf, helper)]
for child in children:
    child.stdout.readline()
end_children()
for child in children[:2]:
    child.wait(timeout=10)  # raises if it goes on
print("the helper runs" if children[-1].poll() is None else "the helper has ended")
children[-1].kill()
"""


def test_children_are_interrupted_then_killed_but_for_those_that_clean_up() -> None:
    done = subprocess.run([sys.executable, "-c", FAMILY], capture_output=True, text=True, check=True)
    assert done.stdout == "the helper runs\n"
