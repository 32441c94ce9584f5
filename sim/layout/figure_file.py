"""Figures as files: every figure in every format; one alone is written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.errors import UserError
from sim.files.results_folder import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OPTION: Final = "--figure"
FORMATS: Final = ("svg", "png", "pdf")
_wanted: ContextVar[tuple[str, ...]] = ContextVar("wanted", default=FORMATS)


@contextmanager
def only_formats(*formats: str) -> Iterator[None]:
    """Write figures inside in these of the `FORMATS` alone: nobody sees the others."""
    token = _wanted.set(formats)
    try:
        yield
    finally:
        _wanted.reset(token)


def figure_names(figures: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the files of figures."""
    return tuple(f"{name}.{suffix}" for name in figures for suffix in FORMATS)


def figure_files(figures: Mapping[str, Figure]) -> dict[str, bytes]:
    """Return the files of figures by name, each in all `FORMATS` unless `only_formats` limits them."""
    from sim.layout.style import laid_out, rendered

    formats = _wanted.get()
    return {
        f"{name}.{suffix}": rendered(figure, suffix)
        for name, figure in figures.items()
        for figure in ((laid_out(figure),) if formats else ())
        for suffix in formats
    }


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
    from sim.layout.style import rendered

    write_file(path, rendered(figure, format_of(path)), OPTION)
