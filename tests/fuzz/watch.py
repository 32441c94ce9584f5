"""What holds for every input: an answer or one clear message, in time, and nothing written elsewhere."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl

from sim.errors import UserError
from sim.files.atomic import DRAFT
from sim.files.cache_folder import cache_folder

LONGEST_SECONDS = 10.0
LONGEST_MESSAGE = 2_000
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod"), (0,)),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), (0, 1)),
}
"""Events of Python's audit that change the disk, and the places of the paths among their arguments."""


class Refused(Exception):
    """The input was refused as it should be."""


class Fault(Exception):
    """The program did what it must not do."""


class _Guard:
    """Notes the paths that are written while it is on."""

    def __init__(self):
        self.is_on = False
        self.written = []
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if not self.is_on:
            return
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & _WRITES
            if writes and isinstance(path, str | bytes | os.PathLike):
                self.written.append(path)
        elif event in _CHANGES and arguments[-1] in (-1, None):
            # A path below an open folder is that of a folder which was noted when it was made.
            paths = [arguments[place] for place in _CHANGES[event]]
            # Making a folder that is there changes nothing.
            self.written += (
                [] if event == "os.mkdir" and Path(os.fsdecode(paths[0])).is_dir() else paths
            )


_GUARD = []


@contextmanager
def nothing_written_outside(*folders):
    """Raise `Fault` when anything outside these folders and the program's cache is written."""
    if not _GUARD:
        _GUARD.append(_Guard())
    guard = _GUARD[0]
    allowed = [Path(each).resolve() for each in (*folders, mpl.get_cachedir(), os.devnull)]
    allowed += [cache] if (cache := cache_folder()) is not None else []
    guard.written.clear()
    guard.is_on = True
    try:
        yield
    finally:
        guard.is_on = False
    for each in guard.written:
        path = Path(os.fsdecode(each)).resolve()
        if not any(path.is_relative_to(folder) for folder in allowed):
            raise Fault(f"wrote {path.name} outside the output folder")


@contextmanager
def in_time():
    """Raise `Fault` after `LONGEST_SECONDS`."""

    def stop(number, frame):
        raise Fault(f"took more than {LONGEST_SECONDS:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def refused_with_one_message():
    """Turn a user's error into `Refused`, or `Fault` where its message is not one clear line."""
    try:
        yield
    except UserError as error:
        check_message(str(error))
        raise Refused from None


def check_message(message):
    """Raise `Fault` when a message is empty or long, or shows how Python sees it."""
    if not message.strip() or len(message) > LONGEST_MESSAGE:
        raise Fault(f"a message of {len(message)} characters")
    for sign in ("Traceback", "<class '", " object at 0x", "validation error"):
        if sign in message:
            raise Fault(f"a message that shows {sign!r}: {message}")


@contextmanager
def whole_or_nothing(folder):
    """Raise `Fault` when what is refused changes a folder, or an answer leaves drafts in it."""
    before = content_of(folder)
    try:
        yield
    except Refused:
        if content_of(folder) != before:
            raise Fault(f"changed {folder.name} although it was refused") from None
        raise
    left = [path.name for path in folder.rglob(f"{DRAFT}*")]
    if left:
        raise Fault(f"left {left[0]}")


def content_of(folder):
    """Return the files and folders below a folder, with size and time of the last change."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[path] = (status.st_mode, status.st_size, status.st_mtime_ns) if path.is_file() else 0
    return found


@contextmanager
def temporary_files_in(folder):
    """Have temporary files made in a folder, and raise `Fault` when one is left."""
    folder.mkdir(exist_ok=True)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
    left = [path.name for path in folder.iterdir()]
    if left:
        raise Fault(f"left the temporary file {left[0]}")
