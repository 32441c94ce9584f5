"""Estimates as cells of a table: a number in its unit, and its standard error."""

from __future__ import annotations

import math
from typing import Final

from sim.economics.estimates import Estimate
from sim.economics.incremental import Quadrant
from sim.layout.table import Cell

SYMBOLS: Final = {"USD": "$", "GBP": "£"}
NOTHING: Final = "–"
GAINING: Final[Quadrant] = "more effective and costlier"
SAVING: Final[Quadrant] = "less effective and cheaper"


def number(estimate: Estimate, digits: int) -> Cell:
    """Show an estimate with so many digits after the point."""
    if not math.isfinite(estimate.mean):
        return Cell("not reached" if math.isinf(estimate.mean) else NOTHING)
    error = "" if math.isnan(estimate.se) else f" ({estimate.se:.{digits}f})"
    return Cell(f"{estimate.mean:.{digits}f}", error)


def money(amount: float, error: float, symbol: str) -> Cell:
    """Show an amount in whole units of the currency."""
    sign = "-" if round(amount) < 0 else ""
    shown = "" if math.isnan(error) else f" ({error:,.0f})"
    return Cell(f"{sign}{symbol}{abs(amount):,.0f}", shown)


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
