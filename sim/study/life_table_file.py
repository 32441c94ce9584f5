"""A life table that the user brings as a CSV file."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Final

from sim.clinic.mortality import LifeTable, stepwise
from sim.errors import UserError

LIFE_TABLE_COLUMNS: Final = ("age", "qx_male", "qx_female")


def read_life_table(path: Path) -> tuple[LifeTable, LifeTable]:
    """Read a life table of one-year death probabilities, for men and for women.

    A CSV file with the columns age, qx_male, qx_female; ages rise, q lies in [0, 1). The
    hazard within a year of age is ``−ln(1 − q)``; the last row holds for all older ages.

    Raises
    ------
    UserError
        At the first line that is not so.
    """
    ages: list[float] = []
    deaths: tuple[list[float], list[float]] = ([], [])
    rows = _life_table_rows(path)
    for line, (age, *probabilities) in rows:
        if not age >= 0.0 or math.isinf(age) or (ages and age <= ages[-1]):
            raise UserError(
                "ages must rise from 0 or above", file=path, line=line, key="age", value=age
            )
        ages.append(age)
        for column, q in enumerate(probabilities):
            if not 0.0 <= q < 1.0:
                raise UserError(
                    "a probability of death within a year is at least 0 and below 1",
                    file=path,
                    line=line,
                    key=LIFE_TABLE_COLUMNS[column + 1],
                    value=q,
                )
            deaths[column].append(q)
    tables = stepwise(tuple(ages), tuple(deaths[0])), stepwise(tuple(ages), tuple(deaths[1]))
    if not ages or min(table.hazards[-1] for table in tables) <= 0.0:
        raise UserError(
            "the last row must hold probabilities of death above 0",
            file=path,
            line=rows[-1][0] if rows else 1,
        )
    return tables


def _life_table_rows(path: Path) -> list[tuple[int, list[float]]]:
    """Read the numbers of each row, in the order of `LIFE_TABLE_COLUMNS`, with its line."""
    try:
        # A spreadsheet may put a byte order mark in front.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError("is not UTF-8 text", file=path, line=line) from None
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", file=path) from None
    reader = csv.DictReader(io.StringIO(text), strict=True)
    rows = []
    try:
        columns = list(reader.fieldnames or [])
        if any(columns.count(column) != 1 for column in LIFE_TABLE_COLUMNS):
            raise UserError(
                f"a life table needs the columns {', '.join(LIFE_TABLE_COLUMNS)}, each once",
                file=path,
                line=1,
                value=", ".join(columns),
            )
        for row in reader:
            line = reader.line_num
            if None in row:
                raise UserError("has more cells than there are columns", file=path, line=line)
            rows.append(
                (line, [_number(path, line, column, row[column]) for column in LIFE_TABLE_COLUMNS])
            )
    except csv.Error as error:
        raise UserError(f"is not CSV ({error})", file=path, line=reader.line_num) from None
    return rows


def _number(path: Path, line: int, column: str, text: str | None) -> float:
    try:
        # Python would read 1_8 as 18.
        return float((text or "").replace("_", "?"))
    except ValueError:
        raise UserError("is not a number", file=path, line=line, key=column, value=text) from None
