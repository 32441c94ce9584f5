"""Python as it is on another system: run a module of the program, without what only Linux has.

``python -m tests.support.another_system MODULE ARGUMENTS…``
"""

import os
import runpy
import sys

ONLY_HERE = ("fork", "sched_getaffinity", "killpg", "mkfifo", "setsid")
FOREIGN_MODULES = ("fcntl", "resource", "grp", "pwd", "termios")


def main():
    """Take away what others lack, then run the module."""
    # filelock reads at its import which way this system has; it is no part of what is tried here.
    import filelock  # noqa: F401

    for name in FOREIGN_MODULES:
        sys.modules[name] = None
    for name in ONLY_HERE:
        delattr(os, name)
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
