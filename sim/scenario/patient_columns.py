"""The columns of a file of patients: what they hold, and what their cells may be.

Every column is named once, in `COLUMNS`, with its unit in its name where it has one. A number out of
range is refused with the unit in which it seems to be. Some characteristics exclude others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from sim.errors import UserError

Array = np.ndarray[Any, Any]
Kind = Literal["amount", "yes or no", "sex", "line"]


@dataclass(frozen=True)
class Cells:
    """The cells of a column in a batch.

    Attributes
    ----------
    numbers
        Those that are numbers; yes is 1 and no is 0; NaN where the cell is empty or a text.
    texts
        By place, the cells that are neither empty nor a number, a yes or a no.
    """

    numbers: Array
    texts: Mapping[int, str] = field(default_factory=dict)


Batch = Mapping[str, Cells]


@dataclass(frozen=True)
class Column:
    """A column of the file.

    Attributes
    ----------
    low, high
        The range of an amount.
    other_names
        Names that others use for the column, often with another unit or meaning.
    words
        In the longer names that others use, as in ``blasts_pct`` or ``earlier_salvage_lines``.
    slips
        Ranges of numbers that seem to be in another unit: from, to, and the unit with its remedy.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    other_names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    slips: tuple[tuple[float, float, str], ...] = ()

    @property
    def trait(self) -> str:
        """The field of `sim.clinic.patient.Given`."""
        return "male" if self.kind == "sex" else self.name


def _yes_or_no(name: str, meaning: str, *other_names: str, words: tuple[str, ...] = ()) -> Column:
    return Column(name, "yes or no", "yes or no", meaning, other_names, words)


YOUNGEST: Final = 18.0
OLDEST: Final = 120
LIGHTEST_KG: Final = 45.0
"""From this weight on the dose of blinatumomab is fixed."""
MOST_KG: Final = 300.0
LEAST_CM, MOST_CM = 100.0, 250.0
MOST_MONTHS: Final = 600.0
FIRST_LINE: Final = 1.0
INFINITE: Final = float("inf")
TOO_LIGHT: Final = "lighter patients are dosed by body surface, which the model does not do"

_COLUMNS: Final = (
    Column(
        "age_years",
        "amount",
        "years",
        "Age at the first dose",
        ("age",),
        low=YOUNGEST,
        high=OLDEST,
        slips=(
            (-INFINITE, YOUNGEST, "the model is of adults"),
            (OLDEST, 12.0 * OLDEST, "this looks like months: divide by 12"),
            (12.0 * OLDEST, 366.0 * OLDEST, "this looks like days: divide by 365.25"),
        ),
    ),
    Column(
        "sex",
        "sex",
        "male or female",
        "Sex, for weight, height and life table",
        ("gender", "male", "female"),
    ),
    Column(
        "weight_kg",
        "amount",
        "kg",
        "Body weight",
        ("weight", "weight_g", "weight_lb"),
        low=LIGHTEST_KG,
        high=MOST_KG,
        slips=(
            (-INFINITE, LIGHTEST_KG, TOO_LIGHT),
            (1000.0 * LIGHTEST_KG, 1000.0 * MOST_KG, "this looks like grams: divide by 1000"),
        ),
    ),
    Column(
        "height_cm",
        "amount",
        "cm",
        "Body height",
        ("height", "height_m"),
        low=LEAST_CM,
        high=MOST_CM,
        slips=(
            (LEAST_CM / 100.0, MOST_CM / 100.0, "this looks like metres: multiply by 100"),
            (LEAST_CM / 2.54, LEAST_CM, "this looks like inches: multiply by 2.54"),
            (10.0 * LEAST_CM, 10.0 * MOST_CM, "this looks like millimetres: divide by 10"),
        ),
    ),
    Column(
        "salvage_line",
        "line",
        "0 to 3",
        "Salvage line at entry, not the number of earlier ones: 1 first, 2 second, 3 third or later; "
        "0 in first remission, treated for MRD only. With mrd_only: yes it is the line in which a relapse would be treated",
        ("line",),
        ("salvage", "salvages", "lines"),
    ),
    _yes_or_no("prior_hct", "Allo-HCT before entry", "prior_allo_hct"),
    _yes_or_no("ph_positive", "Philadelphia chromosome", "philadelphia"),
    _yes_or_no("kmt2a", "KMT2A rearrangement"),
    _yes_or_no(
        "high_blasts",
        "Marrow blasts of 50 % or more",
        *("blasts", "blasts_percent"),
        words=("blast", "blasts"),
    ),
    _yes_or_no("cns", "CNS disease", "cns_disease"),
    _yes_or_no("extramedullary", "Extramedullary disease", "extramedullary_disease"),
    _yes_or_no(
        "primary_refractory",
        "No remission after the first treatment of the leukaemia",
        "refractory",
    ),
    Column(
        "first_remission_months",
        "amount",
        "months",
        "Length of the first remission; 0 where there was none",
        ("first_remission",),
        high=MOST_MONTHS,
        slips=((MOST_MONTHS, 31.0 * MOST_MONTHS, "this looks like days: divide by 30.4375"),),
    ),
    _yes_or_no("mrd_only", "In remission, and treated for MRD", "mrd"),
)
COLUMNS: Final[Mapping[str, Column]] = {column.name: column for column in _COLUMNS}
ALIKE: Final = 0.8
"""How alike a misspelt name is to the right one; see `difflib`."""
DERIVED: Final = {"mrd_only": "salvage_line", "primary_refractory": "first_remission_months"}
"""Characteristics that follow from a column where they have none of their own."""


@dataclass(frozen=True)
class Columns:
    """The columns of a file: those that are read by name, and the names of the others."""

    given: Mapping[str, Column]
    derived: Mapping[str, str]
    not_read: tuple[str, ...]

    @property
    def traits(self) -> tuple[str, ...]:
        """The characteristics that the file gives, in the order of `COLUMNS`."""
        return tuple(
            column.trait
            for name, column in COLUMNS.items()
            if name in self.given or name in self.derived
        )


def columns_of(path: Path, names: Sequence[str]) -> Columns:
    """Find the columns of a file by their names; their order does not matter.

    Raises
    ------
    UserError
        When a name is there twice, is nearly the name of a column, or none is a column.
    """
    for name in names:
        if names.count(name) > 1 and (name in COLUMNS or not name):
            shown = name or "without a name"
            raise UserError(f"the column {shown} is there twice", file=path, line=1)
    meant = {name: each for name in names if (each := _meant(name)) and each not in names}
    if meant:
        questions = (f"{name}: no such column; {_question(meant[name])}" for name in meant)
        raise UserError("; ".join(questions), file=path, line=1)
    given = {name: column for name, column in COLUMNS.items() if name in names}
    if not given:
        problem = "holds no column of patients; the first line names them"
        raise UserError(problem, file=path, line=1, value=", ".join(names), choices=COLUMNS)
    derived = {
        name: source for name, source in DERIVED.items() if source in given and name not in given
    }
    return Columns(given, derived, tuple(name for name in names if name not in COLUMNS))


def _meant(name: str) -> str | None:
    """Return the column that a name seems to mean; None where it is one, or no such name."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    if name in COLUMNS:
        return None
    if plain in COLUMNS:
        return plain
    words = re.split("[^a-z]+", plain)
    named = [each.name for each in _COLUMNS if plain in each.other_names]
    close = get_close_matches(plain, COLUMNS, n=1, cutoff=ALIKE)
    told = (each.name for word in words for each in _COLUMNS if word in each.words)
    return next(iter((*named, *close, *told)), None)


def _question(meant: str) -> str:
    """Ask whether a column was meant; the names of lines and of yes and no do not say it all."""
    column = COLUMNS[meant]
    more = f" {column.meaning.split('. ')[0]}" if column.kind in ("line", "yes or no") else ""
    return f"did you mean '{meant}' ({column.unit})?{more}"


MOST_NAMED: Final = 10


class Mistakes:
    """The wrong cells of a file: the first ten by row and column, and the number of all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._named: list[tuple[int, int, str, str, str]] = []
        self._found = 0

    def add(
        self,
        column: str,
        cells: Cells,
        rows_before: int,
        wrong: Array,
        problem: str | Callable[[float], str],
    ) -> None:
        """Add the `wrong` cells of a column; the problem may depend on the number in the cell."""
        places = np.flatnonzero(wrong)
        self._found += len(places)
        for place in places[:MOST_NAMED].tolist():
            number = float(cells.numbers[place])
            shown = cells.texts.get(place) or f"{number:g}"
            said = problem if isinstance(problem, str) else problem(number)
            order = list(COLUMNS).index(column)
            self._named.append((rows_before + place + 1, order, column, shown, said))
        self._named = sorted(self._named)[:MOST_NAMED]

    def refuse(self) -> None:
        """Refuse the file if any cell is wrong.

        Raises
        ------
        UserError
            With one sentence for each problem of a column.
        """
        if not self._found:
            return
        cells: dict[tuple[str, str], list[str]] = {}
        for row, _, column, shown, problem in self._named:
            cells.setdefault((column, problem), []).append(f"row {row}: {shown}")
        said = "; ".join(
            f"{column} {problem} ({', '.join(rows)})" for (column, problem), rows in cells.items()
        )
        more = self._found - len(self._named)
        rest = f"; and {more:,} more wrong {'cell' if more == 1 else 'cells'}" if more else ""
        raise UserError(said + rest, file=self._path)


def numbers_of(
    columns: Columns, batch: Batch, rows_before: int, mistakes: Mistakes
) -> dict[str, Array]:
    """Return the numbers of a batch by characteristic, NaN where drawn; its mistakes are added."""
    numbers: dict[str, Array] = {}
    for name, column in columns.given.items():
        cells = batch[name]
        texts = np.zeros(len(cells.numbers), dtype=bool)
        texts[list(cells.texts)] = True
        is_amount = column.kind == "amount"
        said = f"is not a number of {column.unit}" if is_amount else f"must be {column.unit}"
        mistakes.add(name, cells, rows_before, texts, said)
        wrong = _out_of_range(column, cells.numbers)
        mistakes.add(name, cells, rows_before, wrong, partial(_wrong_number, column))
        numbers[column.trait] = cells.numbers
    empty = np.full(len(cells.numbers), np.nan)
    numbers = {column.trait: empty for column in COLUMNS.values()} | numbers
    for name, wrong, problem in _excluded(numbers, refractory_given="primary_refractory" in batch):
        if wrong.any():
            mistakes.add(name, batch[name], rows_before, wrong, problem)
    complete = _with_derived(numbers)
    return {trait: complete[trait] for trait in columns.traits}


def _out_of_range(column: Column, numbers: Array) -> Array:
    if column.kind == "amount":
        return (numbers < column.low) | (numbers > column.high)
    known = ~np.isnan(numbers)
    allowed = (0.0, 1.0, 2.0, 3.0) if column.kind == "line" else (0.0, 1.0)
    return known & ~np.isin(numbers, allowed)


def _wrong_number(column: Column, number: float) -> str:
    """Describe the range of a column, and the unit in which a number seems to be."""
    if column.kind == "amount":
        said = f"must be {column.low:g} to {column.high:g} {column.unit}"
        slip = next((words for low, high, words in column.slips if low < number <= high), None)
        return said if slip is None else f"{said}: {slip}"
    if column.kind == "line":
        return "must be 0, 1, 2 or 3, which is third or later"
    share = 0.0 < number < 1.0
    wrong = "a share of many" if share else "a percentage or a count"
    return f"must be yes or no, of one patient, and not {wrong}"


def _excluded(
    numbers: Mapping[str, Array], *, refractory_given: bool
) -> Iterator[tuple[str, Array, str]]:
    """Yield the characteristics that exclude each other: the column to blame, where, and why."""
    months = numbers["first_remission_months"]
    refractory = numbers["primary_refractory"] if refractory_given else _is_zero(months)
    in_first_remission = numbers["salvage_line"] == 0.0
    yield (
        "first_remission_months",
        (refractory == 1.0) & (months > 0.0),
        "cannot be above 0 in a primary refractory patient, who had no remission",
    )
    yield (
        "first_remission_months",
        (refractory == 0.0) & (months == 0.0),
        "cannot be 0 unless the patient is primary refractory",
    )
    yield (
        "prior_hct",
        (numbers["prior_hct"] == 1.0) & (refractory == 1.0),
        "cannot be yes in a primary refractory patient: allo-HCT follows a remission",
    )
    yield (
        "mrd_only",
        in_first_remission & (numbers["mrd_only"] == 0.0),
        "cannot be no where salvage_line is 0, in remission",
    )
    yield (
        "salvage_line",
        in_first_remission & (numbers["high_blasts"] == 1.0),
        "cannot be 0, in first remission, with high_blasts; the first salvage is line 1",
    )
    yield (
        "salvage_line",
        in_first_remission & (refractory == 1.0),
        "cannot be 0, in first remission, in a primary refractory patient",
    )


def _is_zero(numbers: Array) -> Array:
    return np.where(np.isnan(numbers), np.nan, numbers == 0.0)


def _with_derived(numbers: Mapping[str, Array]) -> dict[str, Array]:
    """Fill in what follows from other characteristics; a line of 0 is a first relapse to come."""
    found = dict(numbers)
    for name, source in DERIVED.items():
        own = numbers[name]
        found[name] = np.where(np.isnan(own), _is_zero(numbers[source]), own)
    line = numbers["salvage_line"]
    found["salvage_line"] = np.where(line == 0.0, FIRST_LINE, line)
    return found
