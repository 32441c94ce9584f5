"""Rows of text for a pipe: one line each, aligned columns, nothing cut off."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

_GAP: Final = "  "


def write_plain(rows: Sequence[Sequence[str]]) -> None:
    """Write the rows, the first of which are the headings, to standard output."""
    lines = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write(_GAP.join(padded).rstrip() + "\n")
