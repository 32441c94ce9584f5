"""Programs of their own that are killed or hindered, and what they leave in a folder."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.places import ROOT, SUPPORT

LONGEST_SECONDS = 240


def started(*arguments, kill_before=0, hindrance=None):
    """Start the program with these arguments; see `killed.py` and `hindered.py` in this folder."""
    hindered = (sys.executable, SUPPORT / "hindered.py", hindrance) if hindrance else ()
    killed = (sys.executable, SUPPORT / "killed.py", kill_before)
    return subprocess.Popen(
        [str(each) for each in (*hindered, *killed, *arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def ended(process):
    """Return exit code and standard error of a program, once it has ended."""
    _, said = process.communicate(timeout=LONGEST_SECONDS)
    return process.returncode, said


def written(files, folder):
    """Write files as `contents` returned them."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def contents(folder):
    """Return every file below a folder by its name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
