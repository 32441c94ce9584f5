"""Numbers and names in the sentences of the report."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sim.clinic.units import PERCENT
from sim.economics.estimates import Estimate
from sim.layout.cells import NOTHING, error_text
from sim.simulation.question import Question

MINUS: Final = "−"
NARROW: Final = "\u00a0"
"""A space at which a line does not break."""
JOINED: Final = f"{MINUS}\u2060"
"""A minus sign after which a line does not break."""
THOUSAND: Final = 1000.0
THREE: Final = 3
"""Digits of a rounded number."""
ROUNDED: Final = 0.0005
NOT_REACHED: Final = "not reached"
INTERVAL: Final = f"95{NARROW}% interval"
"""The level of every interval of the report."""


def money(amount: float, symbol: str) -> str:
    """Return an amount in whole units of the currency."""
    if not math.isfinite(amount):
        return NOTHING
    return f"{MINUS if round(amount) < 0 else ''}{symbol}{abs(amount):,.0f}"


def fixed(value: float, digits: int) -> str:
    """Return a number with so many digits after the point."""
    return signed(f"{value:z,.{digits}f}") if math.isfinite(value) else NOTHING


def plain(value: float) -> str:
    """Return a number with three digits, or all of a large one."""
    if not math.isfinite(value):
        return NOTHING
    return signed(f"{value:,.0f}" if abs(value) >= THOUSAND else f"{value:.3g}")


def percent(share: float, digits: int = 0) -> str:
    """Return a share of 1 as a percentage."""
    return f"{fixed(PERCENT * share, digits)}{NARROW}%"


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


def signed(text: str) -> str:
    """Return a number with a true minus sign."""
    return text.replace("-", MINUS)


def with_error(estimate: Estimate, digits: int) -> str:
    """Return a number and its standard error."""
    error = "" if math.isnan(estimate.se) else f" (SE{NARROW}{error_text(estimate.se, digits)})"
    return f"{fixed(estimate.mean, digits)}{error}"


def money_with_error(estimate: Estimate, symbol: str) -> str:
    """Return an amount and its standard error."""
    error = "" if math.isnan(estimate.se) else f" (SE{NARROW}{money(estimate.se, symbol)})"
    return f"{money(estimate.mean, symbol)}{error}"


def listed(parts: Iterable[str]) -> str:
    """Return a list in words: ``a, b and c``."""
    items = list(parts)
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def capital(text: str) -> str:
    """Return the text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def spaced(name: str) -> str:
    """Return a name of the program as words."""
    return name.replace("_", " ")


def command(question: Question, name: str, *arguments: str) -> str:
    """Return the command line of a command on the scenario, to be run where the report was made."""
    return shlex.join(["python", "-m", "sim", name, place(question.loaded.file), *arguments])


def place(file: str | Path) -> str:
    """Return a path as it was given; below the working folder without that folder's own path."""
    path = Path(file)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def rounded(amount: float, symbol: str) -> str:
    """Return an amount for a sentence: with three digits, and none after the point."""
    if not amount or not math.isfinite(amount):
        return money(amount, symbol)
    digits = THREE - 1 - math.floor(math.log10(abs(amount)))
    return money(round(amount, min(digits, 0)), symbol)


def small(label: str) -> str:
    """Return a label within a sentence: its first letter small, unless it is of an abbreviation."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label
