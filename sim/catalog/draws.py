"""Draws from the joint posterior of the calibrated parameters, as written by the calibration.

A table of comma-separated values: columns are names of parameters, rows are draws, values are
in the parameter's own unit. Values of one row belong together.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from sim.errors import UserError

Draws = Mapping[str, tuple[float, ...]]


def read_draws(path: Path, shown_as: str | None = None) -> Draws:
    """Read the draws by name of the parameter; none when there is no such file.

    Raises
    ------
    UserError
        When the file cannot be read, holds no draws, a column twice, rows of different
        lengths, or a value that is no finite number.
    """
    shown = str(path) if shown_as is None else shown_as
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            names, *rows = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"is not a table of numbers ({error})", file=shown) from None
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError("stands twice among the columns", file=shown, line=1, key=twice[0])
    if not rows:
        raise UserError("holds no draws", file=shown)
    for line, row in enumerate(rows, start=2):
        if len(row) != len(names):
            problem = f"has {len(row)} cells where {len(names)} are named"
            raise UserError(problem, file=shown, line=line)
    return {
        name: _numbers(column, shown, name)
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def _numbers(column: tuple[str, ...], file: str, name: str) -> tuple[float, ...]:
    try:
        values = tuple(map(float, column))
    except ValueError:
        values = ()
    if values and all(map(math.isfinite, values)):
        return values
    line, text = next(place for place in enumerate(column, start=2) if not _finite(place[1]))
    raise UserError("is not a finite number", file=file, line=line, key=name, value=text)


def _finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
