"""A single file, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from sim.errors import UserError


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
        When it cannot be written there; what was there before stays.
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
