"""A file that the user names in an option."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.errors import UserError
from sim.files import atomic


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


def write_file(path: Path, content: atomic.Content, option: str) -> None:
    """Write a file whole or not at all, text in UTF-8; folders on the way are made.

    Raises
    ------
    UserError
        When it cannot be written there; a previous file stays.
    """
    with refused_as(option, path):
        check_file(path, option)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_file(path, content)


@contextmanager
def refused_as(option: str, path: Path, more: str = "") -> Iterator[None]:
    """Say that the system refuses to write what an option names; `more` follows the reason."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        # A loop of links is a RuntimeError, a zero byte in a name a ValueError.
        reason = getattr(error, "strerror", None) or str(error)
        problem = f"cannot be written: {reason}" + (f"; {more}" if more else "")
        raise UserError(problem, key=option, value=str(path)) from None
