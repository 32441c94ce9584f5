"""Numbers, money and names as text, and estimates as cells of a table: a number and its error.

Printed parts add up to the printed total. A minus is a hyphen, which can be copied and searched;
`typeset` makes it the true sign, for figures and for the page of a report.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sim.catalog.values import CURRENCIES
from sim.clinic.units import PERCENT
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
NARROW: Final = "\u00a0"
"""A space at which a line does not break."""
NOT_REACHED: Final = "not reached"
INTERVAL: Final = f"95{NARROW}% interval"
"""The level of every interval."""
THOUSAND: Final = 1000.0
ROUNDED: Final = 0.0005
THREE: Final = 3
"""Digits of a rounded number."""
MOST_DIGITS: Final = 6
_HYPHEN: Final = re.compile(r"(?<!\w)-(?=[\d$£€]|[A-Z]{3} \d)")
GAINING: Final[Quadrant] = "more effective and costlier"
SAVING: Final[Quadrant] = "less effective and cheaper"


def number_text(value: float | None, digits: int = THREE) -> str:
    """Return a number with so many digits, or all of a large one; empty for none."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= THOUSAND else f"{value:.{digits}g}"


def fixed_text(value: float, digits: int) -> str:
    """Return a number with so many digits after the point."""
    return f"{value:z,.{digits}f}" if math.isfinite(value) else NOTHING


def money_text(amount: float, symbol: str) -> str:
    """Return an amount in whole units of the currency: ``-$1,234``."""
    if not math.isfinite(amount):
        return NOTHING
    return f"{'-' if round(amount) < 0 else ''}{symbol}{abs(amount):,.0f}"


def rounded_money(amount: float, symbol: str) -> str:
    """Return an amount for a sentence: with three digits, and none after the point."""
    if not amount or not math.isfinite(amount):
        return money_text(amount, symbol)
    digits = THREE - 1 - math.floor(math.log10(abs(amount)))
    return money_text(round(amount, min(digits, 0)), symbol)


def percent(share: float, digits: int = 0) -> str:
    """Return a share of 1 as a percentage."""
    return f"{fixed_text(PERCENT * share, digits)}{NARROW}%"


def probability(share: float) -> str:
    """Return a probability as a percentage; one that is only nearly certain is not rounded to it."""
    if 0.0 < share < ROUNDED:
        return f"<{percent(2.0 * ROUNDED, 1)}"
    if 1.0 - ROUNDED < share < 1.0:
        return f">{percent(1.0 - 2.0 * ROUNDED, 1)}"
    return percent(share, 1)


def rate(share: float) -> str:
    """Return a share of 1 as a percentage with as many digits as it has."""
    return f"{PERCENT * share:.3g}{NARROW}%"


def with_error(estimate: Estimate, digits: int) -> str:
    """Return a number and its standard error."""
    error = "" if math.isnan(estimate.se) else f" (SE{NARROW}{error_text(estimate.se, digits)})"
    return f"{fixed_text(estimate.mean, digits)}{error}"


def money_with_error(estimate: Estimate, symbol: str) -> str:
    """Return an amount and its standard error."""
    error = "" if math.isnan(estimate.se) else f" (SE{NARROW}{money_text(estimate.se, symbol)})"
    return f"{money_text(estimate.mean, symbol)}{error}"


def listed(parts: Iterable[str]) -> str:
    """Return a list in words: ``a, b and c``."""
    items = list(parts)
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def capital(text: str) -> str:
    """Return the text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def small(label: str) -> str:
    """Return a label within a sentence: its first letter small, unless it is of an abbreviation."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def spaced(name: str) -> str:
    """Return a name of the program as words."""
    return name.replace("_", " ")


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
    """Return text with true minus signs before its numbers."""
    return _HYPHEN.sub(MINUS, text)


def number(estimate: Estimate, digits: int) -> Cell:
    """Show an estimate with so many digits after the point."""
    if not math.isfinite(estimate.mean):
        return Cell(NOT_REACHED if math.isinf(estimate.mean) else NOTHING)
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
