"""A figure as a single file, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.errors import UserError
from sim.files.single_file import write_file
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
    write_file(path, rendered(figure, format_of(path)), OPTION)
