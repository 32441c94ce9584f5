"""Draws from the joint posterior of the calibrated parameters, as the calibration left them.

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
    values: dict[str, list[float]] = {name: [] for name in names}
    for line, row in enumerate(rows, start=2):
        if len(row) != len(names):
            problem = f"has {len(row)} cells where {len(names)} are named"
            raise UserError(problem, file=shown, line=line)
        for name, text in zip(names, row, strict=True):
            values[name].append(_number(text, shown, line, name))
    return {name: tuple(column) for name, column in values.items()}


def _number(text: str, file: str, line: int, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError("is not a finite number", file=file, line=line, key=name, value=text)
    return value
