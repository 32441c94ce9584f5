"""A life table from the user's CSV file, in the measure that the file itself names."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from sim.clinic.mortality import LifeTable, constant_between, hazard_of_deaths
from sim.errors import UserError
from sim.files.documents import separator_hint

QX: Final = "qx"
NQX: Final = "nqx"
MX: Final = "mx"
MEASURES: Final = (QX, NQX, MX)
SEXES: Final = ("male", "female")
AGE: Final = "age"
UNIT: Final = "unit"
YOUNGEST_ADULT_YEARS: Final = 18.0
OLDEST_ROW_YEARS: Final = 85.0
"""A table has to reach this age: later rows apply to everyone older."""
HIGHEST_RATE: Final = 3.0
"""Deaths per person-year. At no age do people die so fast; a rate per 1,000 is above it."""
SCALES: Final = ((100.0, "percentages"), (1000.0, "deaths per 1,000"))
LARGEST_SCALE: Final = (100_000.0, "deaths per 100,000")
NEEDED: Final = (
    "a life table needs the columns age, qx_male, qx_female (or nqx_male, nqx_female; or mx_male, "
    "mx_female), each once"
)
OPEN_AGE: Final = re.compile(r"\d{2,3}(?=\s*(?:\+|-$|and\b|or\b|plus\b))")
"""The age of an open interval, as in ``100+``."""
UNSAID: Final = (
    "ages do not rise by one year; write whether the probabilities are of death before the next "
    "age (headings nqx_male, nqx_female, or a column unit with nqx) or within one year (a column "
    "unit with qx)"
)


class _Row(NamedTuple):
    """Age, the numbers of men and women, and their line."""

    line: int
    age: float
    values: tuple[float, float]


class _Sheet(NamedTuple):
    """The content of a file: the measure of its headings, that of its unit column, and its rows."""

    path: Path
    heading: str
    unit: str | None
    rows: tuple[_Row, ...]

    def error(self, problem: str, row: _Row, column: str, value: object) -> UserError:
        return UserError(problem, file=self.path, line=row.line, key=column, value=value)


def read_life_table(
    path: Path, youngest_years: float = YOUNGEST_ADULT_YEARS
) -> tuple[LifeTable, LifeTable]:
    """Read a life table, for men and for women.

    A CSV file with the column `age` (years, rising) and two columns that name the measure:

    - ``qx_male``, ``qx_female``: probability of death within one year; hazard ``−ln(1 − q)``;
    - ``nqx_male``, ``nqx_female``: within the n years to the next age; hazard ``−ln(1 − q)/n``,
      where the last row is taken to be as long as the one before;
    - ``mx_male``, ``mx_female``: deaths per person-year; the hazard itself.

    A column `unit` may say qx, nqx or mx, alike in every row: it gives the measure of columns
    headed ``qx_``, where that is qx or nqx, and may not contradict the others. Columns headed
    ``qx_`` without it must be of ages that rise by one year. Other columns are not read.

    The hazard is constant from each age to the next, and that of the last row applies to all older
    ages. A last row with probability 1, of the open interval, has the hazard of the row before, if
    that is of 85 years or older.
    The first row must be of the age `youngest_years` or younger.

    Raises
    ------
    UserError
        At the first line that is not so, or that looks like percentages, deaths per 1,000 or
        deaths per 100,000.
    """
    sheet = _read(path)
    _check_ages(sheet, youngest_years)
    measure = _measure(sheet)
    ages = [row.age for row in sheet.rows]
    men, women = (constant_between(ages, _hazards(sheet, measure, sex)) for sex in (0, 1))
    return men, women


def _check_ages(sheet: _Sheet, youngest_years: float) -> None:
    rows = sheet.rows
    if len(rows) < 2:  # noqa: PLR2004 - the length of an interval is known from the next age
        line = rows[0].line if rows else 1
        raise UserError("a life table needs two rows or more", file=sheet.path, line=line)
    before = -math.inf
    for row in rows:
        if not (row.age >= 0.0 and row.age > before) or math.isinf(row.age):
            raise sheet.error("ages must rise from 0 or above", row, AGE, row.age)
        before = row.age
    first, last = rows[0], rows[-1]
    if first.age > youngest_years:
        problem = (
            f"the first row must be of {youngest_years:g} years, the youngest patient, or less"
        )
        raise sheet.error(problem, first, AGE, first.age)
    if last.age < OLDEST_ROW_YEARS:
        problem = f"the last row must be of {OLDEST_ROW_YEARS:g} years or more"
        raise sheet.error(problem, last, AGE, last.age)


def _measure(sheet: _Sheet) -> str:
    if sheet.heading != QX or sheet.unit is not None:
        return sheet.unit or sheet.heading
    for row, following in pairwise(sheet.rows):
        if following.age - row.age != 1.0:
            raise sheet.error(UNSAID, following, AGE, following.age)
    return QX


def _hazards(sheet: _Sheet, measure: str, sex: int) -> list[float]:
    """Return the hazard of each row, per person-year."""
    ages = [row.age for row in sheet.rows]
    steps = [after - age for age, after in pairwise(ages)]
    lengths = [*steps, steps[-1]] if measure == NQX else [1.0] * len(ages)
    column = f"{sheet.heading}_{SEXES[sex]}"
    hazards: list[float] = []
    for row, years in zip(sheet.rows, lengths, strict=True):
        value = row.values[sex]
        if measure != MX and value == 1.0 and row is sheet.rows[-1]:
            hazards.append(_before_the_open_interval(sheet, column, hazards[-1]))
            continue
        limit = HIGHEST_RATE if measure == MX else 1.0
        if not 0.0 <= value < limit:
            raise sheet.error(_out_of_range(sheet, measure, sex), row, column, value)
        hazards.append(value if measure == MX else hazard_of_deaths(value, years))
    if hazards[-1] <= 0.0:
        last = sheet.rows[-1]
        raise sheet.error("the last row must hold deaths above 0", last, column, last.values[sex])
    return hazards


def _before_the_open_interval(sheet: _Sheet, column: str, hazard: float) -> float:
    row, last = sheet.rows[-2:]
    if row.age < OLDEST_ROW_YEARS:
        problem = (
            "a last row with probability 1 says nothing about when people die: the row before "
            f"must be of {OLDEST_ROW_YEARS:g} years or more (or give death rates, mx_male and "
            "mx_female)"
        )
        raise sheet.error(problem, last, column, 1.0)
    return hazard


def _out_of_range(sheet: _Sheet, measure: str, sex: int) -> str:
    """Describe the values allowed, and the unit in which the file seems to be."""
    if measure == MX:
        problem, limit = f"a death rate per person-year is 0 to {HIGHEST_RATE:g}", HIGHEST_RATE
    else:
        period = "one year" if measure == QX else "the years to the next age"
        problem, limit = f"a probability of death within {period} is at least 0 and below 1", 1.0
    values = [row.values[sex] for row in sheet.rows]
    # The oldest die fastest: a single large number elsewhere is a slip, not a unit.
    if not limit < values[-1] < math.inf:
        return problem
    largest = max(value for value in values if math.isfinite(value))
    scale, name = next((each for each in SCALES if largest <= each[0]), LARGEST_SCALE)
    return f"{problem}; these look like {name}: divide by {scale:,.0f}"


def _read(path: Path) -> _Sheet:
    """Read the numbers of each row with its line."""
    try:
        # A spreadsheet may put a byte order mark in front.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError("is not UTF-8 text", file=path, line=line) from None
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", file=path) from None
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        heading = _heading(path, list(reader.fieldnames or []))
        units: list[str | None] = []
        rows: list[_Row] = []
        for cells in reader:
            line = reader.line_num
            if None in cells:
                raise UserError("has more cells than there are columns", file=path, line=line)
            units.append(_unit(path, line, heading, cells))
            if units[-1] != units[0]:
                problem = "must be the same in every row"
                raise UserError(problem, file=path, line=line, key=UNIT, value=units[-1])
            columns = _needed(heading)
            age, men, women = (_number(path, line, each, cells[each]) for each in columns)
            rows.append(_Row(line, age, (men, women)))
    except csv.Error as error:
        raise UserError(f"is not CSV ({error})", file=path, line=reader.line_num) from None
    return _Sheet(path, heading, units[0] if units else None, tuple(rows))


def _heading(path: Path, columns: list[str]) -> str:
    """Return the measure that the headings name."""
    other = separator_hint(columns)
    if other is not None:
        raise UserError(other, file=path, line=1)
    named = [each for each in MEASURES if any(f"{each}_{sex}" in columns for sex in SEXES)]
    problem = NEEDED
    if len(named) > 1:
        problem += f"; it holds {' and '.join(named)}: leave one in"
    elif named and all(columns.count(column) == 1 for column in _needed(named[0])):
        if columns.count(UNIT) <= 1:
            return named[0]
        problem += f"; {UNIT} stands there twice"
    raise UserError(problem, file=path, line=1, value=", ".join(columns))


def _needed(measure: str) -> tuple[str, ...]:
    return (AGE, *(f"{measure}_{sex}" for sex in SEXES))


def _unit(path: Path, line: int, heading: str, cells: Mapping[str, str | None]) -> str | None:
    """Return the measure that the unit column of a row says, checked against the headings."""
    if UNIT not in cells:
        return None
    said = (cells[UNIT] or "").strip()
    allowed = (QX, NQX) if heading == QX else (heading,)
    if said not in allowed:
        headings = f"{heading}_male, {heading}_female"
        problem = f"must be {' or '.join(allowed)} where the headings are {headings}"
        raise UserError(problem, file=path, line=line, key=UNIT, value=said)
    return said


def _number(path: Path, line: int, column: str, text: str | None) -> float:
    try:
        # Python would read 1_8 as 18.
        return float((text or "").replace("_", "?"))
    except ValueError:
        problem = "is not a number"
        open_age = OPEN_AGE.match(text or "")
        if column == AGE and open_age is not None:
            problem += f": write {open_age[0]}; the last row holds for all who are older"
        raise UserError(problem, file=path, line=line, key=column, value=text) from None
