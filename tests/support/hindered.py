"""Run a program that the system hinders: ``hindered.py HINDRANCE PROGRAM ARGUMENTS``.

``small_files``: no file may become larger than 100 kB.
``permissions``: permissions bind it even where it belongs to root, who may write anywhere else.
"""

import ctypes
import os
import resource
import sys

LARGEST_FILE = 100_000
# Of linux/prctl.h and linux/capability.h: what root may do, and what is lost with the next program.
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1

hindrance, *command = sys.argv[1:]
if hindrance == "small_files":
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
else:
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
os.execv(command[0], command)
