"""A figure as a single file, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.errors import UserError
from sim.layout.style import FORMATS, rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OPTION: Final = "--figure"


def format_of(path: Path) -> str:
    """Return the format of a file by the ending of its name.

    Raises
    ------
    UserError
        When the ending is of no known format.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise UserError(
            f"the name must end in one of {', '.join(f'.{each}' for each in FORMATS)}",
            key=OPTION,
            value=str(path),
        )
    return ending


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure in the format of the file's name; folders on the way are made.

    Raises
    ------
    UserError
        When it cannot be written there; a previous file stays.
    """
    content = rendered(figure, format_of(path))
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "is a folder, not a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"cannot be written: {reason}", key=OPTION, value=str(path)) from None
