"""Numbers and money in words, and estimates as cells of a table: a number and its standard error.

Printed parts add up to the printed total.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sim.catalog.values import CURRENCIES
from sim.economics.estimates import Estimate
from sim.economics.incremental import Quadrant
from sim.layout.table import Cell

_GAP: Final = "  "


def write_plain(rows: Sequence[Sequence[str]]) -> None:
    """Write the rows, the first of which are the headings, to standard output."""
    lines = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        sys.stdout.write(_GAP.join(padded).rstrip() + "\n")


def add_up(parts: Sequence[float]) -> list[int]:
    """Round parts to whole numbers that add up to the rounded total.

    Largest remainder: each part is rounded down, and the units still missing go to the parts
    that lost most. No part moves by a whole unit or more.
    """
    total = round(math.fsum(parts))
    floors = [math.floor(part) for part in parts]
    missing = total - sum(floors)
    by_loss = sorted(range(len(parts)), key=lambda i: (floors[i] - parts[i], i))
    for i in by_loss[:missing]:
        floors[i] += 1
    return floors


def finite(value: float | None) -> float | None:
    """Return the number, or None where there is none."""
    return None if value is None or not math.isfinite(value) else float(value)


def estimate_json(estimate: Estimate) -> dict[str, float | None]:
    """Return a value and its error by name."""
    return {"mean": finite(estimate.mean), "se": finite(estimate.se)}


def known(value: float | None) -> float:
    """Return a number of a JSON file: null is ``nan``."""
    return math.nan if value is None else float(value)


def estimate_of(found: Mapping[str, Any]) -> Estimate:
    """Return the estimate of `estimate_json`."""
    return Estimate(known(found["mean"]), known(found["se"]))


def estimate_row(*estimates: Estimate) -> tuple[float | None, ...]:
    """Return values, each with its error, for two columns each."""
    return tuple(finite(value) for each in estimates for value in each)


def row_estimate(row: Mapping[Any, Any], name: str) -> Estimate:
    """Return the estimate in the two columns of a row of a table."""
    return Estimate(row[name], row[f"{name}_se"])


SYMBOLS: Final = {code: f"{code} " for code in CURRENCIES} | {"USD": "$", "GBP": "£", "EUR": "€"}
"""The prefix of an amount by currency: its sign for the dollar, pound and euro, else its code."""
NOTHING: Final = "–"
MINUS: Final = "−"
"""In figures; on a screen a hyphen, which can be copied and searched."""
THOUSAND: Final = 1000.0
MOST_DIGITS: Final = 6
_HYPHEN: Final = re.compile(r"(?<!\w)-(?=[\d$£€])")
GAINING: Final[Quadrant] = "more effective and costlier"
SAVING: Final[Quadrant] = "less effective and cheaper"


def number_text(value: float | None) -> str:
    """Return a number with three digits, or all of a large one; empty for none."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= THOUSAND else f"{value:.3g}"


def money_text(amount: float, symbol: str) -> str:
    """Return an amount in whole units of the currency: ``-$1,234``."""
    return f"{'-' if round(amount) < 0 else ''}{symbol}{abs(amount):,.0f}"


def short_texts(values: Sequence[float]) -> list[str]:
    """Return numbers with as few digits, from two, as tell them apart: ``0.09``, ``12``, ``4,478``."""
    for digits in range(2, MOST_DIGITS):
        rounded = [float(f"{value:.{digits}g}") for value in values]
        if len(set(rounded)) == len(set(values)):
            break
    return [
        f"{value:,.0f}" if abs(value) >= THOUSAND / 10.0 else f"{short:g}"
        for value, short in zip(values, rounded, strict=True)
    ]


def typeset(text: str) -> str:
    """Return text with true minus signs before its numbers, for figures."""
    return _HYPHEN.sub(MINUS, text)


def number(estimate: Estimate, digits: int) -> Cell:
    """Show an estimate with so many digits after the point."""
    if not math.isfinite(estimate.mean):
        return Cell("not reached" if math.isinf(estimate.mean) else NOTHING)
    error = "" if math.isnan(estimate.se) else f" ({error_text(estimate.se, digits)})"
    return Cell(f"{estimate.mean:z.{digits}f}", error)


def error_text(se: float, digits: int) -> str:
    """Return an error with so many digits after the point; none is shown as 0 unless it is 0."""
    smallest = 10.0**-digits
    if 0.0 < se < smallest / 2.0:
        return f"<{smallest:.{digits}f}"
    return f"{se:.{digits}f}"


def money(amount: float, error: float, symbol: str) -> Cell:
    """Show an amount in whole units of the currency."""
    shown = "" if math.isnan(error) else f" ({error:,.0f})"
    return Cell(money_text(amount, symbol), shown)


def amount(estimate: Estimate, symbol: str) -> Cell:
    """Show an estimate in whole units of the currency."""
    return money(*estimate, symbol) if math.isfinite(estimate.mean) else Cell(NOTHING)


def icer(place: Quadrant, ratio: Estimate, symbol: str) -> Cell:
    """Show the ratio where it is the cost of a gain, else the name of the quadrant."""
    if place == GAINING:
        return amount(ratio, symbol)
    return Cell(NOTHING if place == SAVING else place)


def saved(place: Quadrant, ratio: Estimate, symbol: str) -> Cell:
    """Show the ratio where it is the saving per QALY given up."""
    return amount(ratio, symbol) if place == SAVING else Cell(NOTHING)


def patients_in_words(number: int) -> str:
    """Return a number of patients: ``1 patient``, ``10,000 patients``."""
    return f"{number:,} patient{'' if number == 1 else 's'}"
