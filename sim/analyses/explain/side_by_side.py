"""Columns of text side by side: the events of several lives on the same day.

A line has words on the left and numbers on the right of its column. Where the two do not fit on one
line, the words are wrapped and the numbers follow; nothing is cut off.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from sim.layout.table import BOLD, encodable

BETWEEN: Final = "   "
APART: Final = 2
"""Spaces between words and numbers."""


class Line(NamedTuple):
    """Words, numbers at the right edge, a style, and the indent of wrapped lines."""

    words: str
    numbers: str = ""
    style: str = ""
    indent: int = 0


class Band(NamedTuple):
    """A label in the margin, and the lines of each column next to it."""

    label: str
    columns: Sequence[Sequence[Line]]


class Shown(NamedTuple):
    """A line as it is printed, and its style."""

    text: str
    style: str


def column_width(console: Console, margin: int, columns: int) -> int:
    """Return the width that is left for each column."""
    return (console.width - margin - len(BETWEEN) * columns) // columns


def print_bands(
    console: Console, margin: int, headings: Sequence[str], bands: Sequence[Band]
) -> None:
    """Print the bands below their headings; `margin` is the width of the labels."""
    width = column_width(console, margin, len(headings))
    titles = [[Line(heading, style=BOLD)] for heading in headings]
    _print(console, margin, width, Band("day", titles))
    rule = encodable("─", console.encoding)
    length = margin + len(headings) * (width + len(BETWEEN))
    console.print(rule * length, soft_wrap=True)
    for band in bands:
        _print(console, margin, width, band)
    console.print()


def _print(console: Console, margin: int, width: int, band: Band) -> None:
    columns = [
        [shown for line in column for shown in _wrapped(console, line, width)]
        for column in band.columns
    ]
    for number, cells in enumerate(zip_longest(*columns, fillvalue=Shown("", ""))):
        line = Text(("" if number else band.label).rjust(margin))
        for cell in cells:
            line.append(BETWEEN)
            line.append(cell.text, style=cell.style)
            line.append(" " * (width - cell_len(cell.text)))
        line.rstrip()
        console.print(line, soft_wrap=True)


def _wrapped(console: Console, line: Line, width: int) -> Iterator[Shown]:
    """Yield the line, or as many as it takes."""
    words = encodable(line.words, console.encoding)
    numbers = encodable(line.numbers, console.encoding)
    parts = textwrap.wrap(words, width, subsequent_indent=" " * line.indent) or [""]
    yield from (Shown(part, line.style) for part in parts[:-1])
    last = parts[-1]
    free = width - cell_len(last) - cell_len(numbers)
    if not numbers:
        yield Shown(last, line.style)
    elif free >= APART:
        yield Shown(last + " " * free + numbers, line.style)
    else:
        yield Shown(last, line.style)
        yield Shown(numbers.rjust(width), line.style)
