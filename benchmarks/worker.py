"""The process of one job: `python -m benchmarks.worker MODULE FUNCTION ARGUMENTS`, and a line for each run."""

from __future__ import annotations

import json
import resource
import sys
import time

from benchmarks.turns import find
from forcepos.runtime.log_lines import quiet_import


def main() -> None:
    """Answer each line of standard input with one of JSON: seconds, and what the job returned."""
    module, function, arguments = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries print, too
    with quiet_import():
        run = find(module, function)(*arguments)
    for _ in sys.stdin:
        began = time.perf_counter()
        told = run() or {}
        seconds = time.perf_counter() - began
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answers.write(json.dumps({"seconds": seconds, "peak_mb": peak_mb, **told}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
