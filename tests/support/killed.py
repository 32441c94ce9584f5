"""Run the program and end it without warning at one of its writes: ``killed.py N ARGUMENTS``.

Before the N-th time that a file is flushed or moved the process kills itself, as a power cut
would. With N = 0 it runs to its end and says how many such moments there were.
"""

import os
import signal
import sys
from pathlib import Path

from sim.cli import main

last = int(sys.argv.pop(1))
moments = 0


def counted(original):
    def call(*arguments, **options):
        global moments
        moments += 1
        if moments == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    return call


os.fsync = counted(os.fsync)
for method in ("replace", "unlink", "mkdir", "rmdir"):
    setattr(Path, method, counted(getattr(Path, method)))
try:
    main()
finally:
    sys.stderr.write(f"moments {moments}\n")
