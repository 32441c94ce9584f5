"""A single file, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sim.errors import UserError

DRAFT: Final = ".draft-"
"""Start of the name of a file that is not complete yet."""


def check_file(path: Path, option: str) -> None:
    """Refuse a file that cannot be written, before work goes into it.

    Raises
    ------
    UserError
        When it is a folder, or its folder can neither be written nor made.
    """
    if path.is_dir():
        raise UserError("is a folder, not a file", key=option, value=str(path))
    existing = path.parent
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        problem = f"lies below '{existing.name}', which is not a folder"
        raise UserError(problem, key=option, value=str(path))
    if not os.access(existing, os.W_OK):
        raise UserError("lies in a folder that cannot be written", key=option, value=str(path))


def write_file(path: Path, text: str, option: str) -> None:
    """Write `text` in UTF-8; folders on the way are made.

    Raises
    ------
    UserError
        When it cannot be written there; a previous file stays.
    """
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        check_file(path, option)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(text, encoding="utf-8", newline="\n")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot be written: {reason}", key=option, value=str(path)) from None


def write_durably(path: Path, content: bytes) -> None:
    """Write a file, on the disk for good when this returns, whole or not at all.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    draft = path.with_name(f"{DRAFT}{path.name}")
    write_flushed(draft, content)
    draft.replace(path)
    flush_folder(path.parent)


def write_flushed(path: Path, content: bytes) -> None:
    """Write a file and flush it to the disk; an incomplete one is removed.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    try:
        with path.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def flush_folder(folder: Path) -> None:
    """Flush a folder to the disk: a renamed file is safe when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
