"""The user's cache folder, which can cost time but never a result.

A file in it is used only when it is whole, is the one that was written under its name, and belongs
to the user alone; otherwise it is removed, and made again when it is needed. A folder that another
user owns or can write into is not used at all. Files come into place complete (`sim.files.atomic`),
so that programs that run at the same time never see half of one.

Before the content of a file stands its checksum, ``line + SHA-256(length of the name, name, content)``,
so that a damaged or foreign file is recognised. The name is hashed too: content that has come under
another name is as wrong as content with another byte.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Final

import platformdirs

from sim.files import atomic

FIRST_LINE: Final = b"blinsim, SHA-256, version 1\n"
DIGEST_BYTES: Final = 32
LENGTH_BYTES: Final = 8
IN_MEMORY: Final = 2**25
"""Bytes of a file up to which its copy is in memory."""


class Damaged(ValueError):
    """The bytes are not those that were written under this name."""


def with_checksum(name: str, content: bytes) -> bytes:
    """Return `content` behind a first line and its checksum under `name`."""
    return b"".join((*_head(name, (content,)), content))


def verified(name: str, written: bytes) -> memoryview:
    """Return the content of bytes from `with_checksum` for `name`.

    Raises
    ------
    Damaged
        When `written` is anything else.
    """
    start = len(FIRST_LINE) + DIGEST_BYTES
    if not written.startswith(FIRST_LINE):
        raise Damaged(name)
    content = memoryview(written)[start:]
    if _head(name, (content,))[1] != written[len(FIRST_LINE) : start]:
        raise Damaged(name)
    return content


def _head(name: str, content: Iterable[bytes | memoryview]) -> tuple[bytes, bytes]:
    """Return what stands before the content: the first line, and the checksum under the name."""
    spelled = name.encode()
    digest = hashlib.sha256(len(spelled).to_bytes(LENGTH_BYTES, "big") + spelled)
    for block in content:
        digest.update(block)
    return FIRST_LINE, digest.digest()


PROGRAM: Final = "blinsim"
WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def cache_folder() -> Path | None:
    """Return the user's cache folder of this program; None when the user has no home."""
    try:
        place = platformdirs.user_cache_path(PROGRAM, appauthor=False)
    except RuntimeError:
        return None
    return place if place.is_absolute() else None


def usable_folder(*names: str) -> Path | None:
    """Return a folder below the cache folder, and make it where there is none.

    None when the user has no home, or when it cannot be used or trusted, which is reported on
    standard error.
    """
    place = cache_folder()
    if place is None:
        return None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _make(place)
        for name in names:
            place /= name
            _make(place)
    except OSError as error:
        say_once(f"nothing is cached: {place}: {error.strerror}")
        return None
    return place


def read(path: Path) -> memoryview:
    """Return the content of a file that `write` has written.

    Raises
    ------
    FileNotFoundError
        When there is none.
    OSError
        When it cannot be read.
    Damaged
        When it is anything but the file that this user wrote there.
    """
    _refuse_foreign(path)
    try:
        return verified(_name(path), path.read_bytes())
    except MemoryError:
        raise Damaged(path.name) from None


def open_copy(path: Path) -> IO[bytes]:
    """Return what `read` does as an open file, of which only a little is in memory; errors likewise."""
    _refuse_foreign(path)
    copy = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - it is returned
    with path.open("rb") as stream:
        head = stream.read(len(FIRST_LINE)), stream.read(DIGEST_BYTES)
        shutil.copyfileobj(stream, copy, atomic.BLOCK)
    copy.seek(0)
    if head != _head(_name(path), atomic.blocks_in(copy)):
        copy.close()
        raise Damaged(path.name)
    copy.seek(0)
    return copy


def _refuse_foreign(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or _of_others(status):
        raise Damaged(path.name)


def read_or_remove(path: Path, damaged: str) -> memoryview | None:
    """Return the content of a file; None where there is none.

    Where it is not as it was written, it is removed, and `damaged` is reported on standard error.
    """
    try:
        return read(path)
    except FileNotFoundError:
        return None
    except (OSError, Damaged):
        remove(path, damaged)
        return None


def write(path: Path, content: bytes) -> None:
    """Write a file, for the user alone, whole or not at all.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    atomic.write_file(path, with_checksum(_name(path), content), private=True)


def write_folder(folder: Path, contents: Mapping[str, atomic.Content]) -> None:
    """Write a folder of files that `read` returns, as `write` does.

    Raises
    ------
    OSError
        When it cannot be written, or is there by now.
    """
    checked = {
        name: chain(_head(_name(folder / name), blocks), blocks)
        for name, content in contents.items()
        for blocks in (atomic.blocks_of(content),)
    }
    atomic.write_new_folder(folder, checked, private=True)


def remove(path: Path, said: str) -> None:
    """Remove a damaged file or folder, as far as possible, and report it on standard error."""
    with suppress(OSError):
        delete(path)
    say_once(said)


def delete(path: Path) -> None:
    """Remove a file or a folder, whatever it is.

    Raises
    ------
    OSError
        When it cannot be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@cache
def say_once(line: str) -> None:
    """Write a line to standard error; the same line only once."""
    if sys.stderr is not None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _name(path: Path) -> str:
    # With its folder, named by a hash of all inputs of the machine code or result.
    return f"{path.parent.name}/{path.name}"


def _make(folder: Path) -> None:
    """Make a folder for the user alone; an `OSError` where it cannot be made, read or trusted."""
    # A link to a folder elsewhere is the user's own choice.
    with suppress(FileNotFoundError):
        status = folder.stat()
        _refuse(_of_others(status))
        if not stat.S_ISDIR(status.st_mode):
            folder.unlink(missing_ok=True)
            say_once(f"the cache was damaged: {folder} was not a folder; it is made anew")
    folder.mkdir(mode=atomic.FOR_THE_USER_ALONE, exist_ok=True)
    # A folder that somebody else made in between is noticed here.
    _refuse(_of_others(folder.stat()))
    if not os.access(folder, os.R_OK | os.X_OK):
        _refuse(os.strerror(errno.EACCES))


def _refuse(reason: str) -> None:
    if reason:
        raise PermissionError(errno.EACCES, reason)


def _of_others(status: os.stat_result) -> str:
    """Return why others may have written the contents; empty where they cannot have."""
    if sys.platform == "win32":
        return ""
    if status.st_uid != os.getuid():
        return "belongs to another user"
    if status.st_mode & WRITABLE_BY_OTHERS:
        return "can be written by other users (chmod go-w ends that)"
    return ""
