"""Estimates as cells of a table: a number in its unit, and its standard error."""

from __future__ import annotations

import math
from typing import Final

from sim.economics.estimates import Estimate
from sim.economics.incremental import Increment, Quadrant
from sim.layout.table import Cell

SYMBOLS: Final = {"USD": "$", "GBP": "£"}
NOTHING: Final = "–"
GAINING: Final[Quadrant] = "more effective and costlier"
SAVING: Final[Quadrant] = "less effective and cheaper"


def number(estimate: Estimate, digits: int) -> Cell:
    """Show an estimate with so many digits after the point."""
    if not math.isfinite(estimate.mean):
        return Cell("not reached" if math.isinf(estimate.mean) else NOTHING)
    return Cell(f"{estimate.mean:.{digits}f}", _error(estimate.se, digits))


def _error(se: float, digits: int) -> str:
    if math.isnan(se):
        return ""
    smallest = 10.0**-digits
    if 0.0 < se < smallest / 2.0:
        return f" (<{smallest:.{digits}f})"
    return f" ({se:.{digits}f})"


def money(amount: float, error: float, symbol: str) -> Cell:
    """Show an amount in whole units of the currency."""
    sign = "-" if round(amount) < 0 else ""
    shown = "" if math.isnan(error) else f" ({error:,.0f})"
    return Cell(f"{sign}{symbol}{abs(amount):,.0f}", shown)


def icer(gain: Increment, symbol: str) -> Cell:
    """Show the ratio where it is the cost of a gain, else the name of the quadrant."""
    if gain.quadrant == GAINING:
        return _ratio(gain, symbol)
    return Cell(NOTHING if gain.quadrant == SAVING else gain.quadrant)


def saved(gain: Increment, symbol: str) -> Cell:
    """Show the ratio where it is the saving per QALY given up."""
    return _ratio(gain, symbol) if gain.quadrant == SAVING else Cell(NOTHING)


def _ratio(gain: Increment, symbol: str) -> Cell:
    if gain.icer is None or gain.icer_se is None:
        return Cell(NOTHING)
    return money(gain.icer, gain.icer_se, symbol)


def patients_in_words(number: int) -> str:
    """Return a number of patients: ``1 patient``, ``10,000 patients``."""
    return f"{number:,} patient{'' if number == 1 else 's'}"
