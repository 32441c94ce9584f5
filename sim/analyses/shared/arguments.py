"""Checks of the arguments of the functions that a scenario does not check itself."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from sim.errors import UserError
from sim.limits import LARGEST_AMOUNT, MOST_THREADS

TOP: Final = 20
"""Inputs that are shown by default."""
BARS: Final = 10
"""Bars, and structural choices, that a tornado shows by default."""
Groups = Literal["default", "none"]
"""Whether related parameters are grouped, or each is taken alone."""


def whole(name: str, value: int, low: int, high: int | None = None) -> int:
    """Return a whole number of at least `low` and, where it is given, at most `high`.

    Raises
    ------
    UserError
        When it is none.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or number < low or (high is not None and number > high):
        allowed = f"of at least {low:,}" if high is None else f"from {low:,} to {high:,}"
        raise UserError(f"must be a whole number {allowed}", key=name, value=value)
    return number


def positive(name: str, value: float, high: float = math.inf) -> float:
    """Return a number above 0 and, where it is given, at most `high`.

    Raises
    ------
    UserError
        When it is none.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool | str) or not 0.0 < number <= min(high, sys.float_info.max):
        is_too_much = high < number < math.inf
        problem = f"must be at most {high:,.0f}" if is_too_much else "must be a number above 0"
        raise UserError(problem, key=name, value=value)
    return number


def threshold_given(threshold: float | None) -> float | None:
    """Return a threshold in currency per QALY, or None for that of the perspective."""
    return None if threshold is None else positive("--threshold", threshold, LARGEST_AMOUNT)


def two_numbers(name: str, values: Sequence[float]) -> tuple[float, float]:
    """Return two numbers.

    Raises
    ------
    UserError
        When they are not two, or not numbers.
    """
    try:
        low, high = (float(value) for value in values)
    except (TypeError, ValueError):
        raise UserError("must be two numbers", key=name, value=values) from None
    return low, high


def word(name: str, value: str, choices: Iterable[str]) -> str:
    """Return one of some words.

    Raises
    ------
    UserError
        When it is another.
    """
    allowed = list(choices)
    if value not in allowed:
        raise UserError("is not one of the allowed words", key=name, value=value, choices=allowed)
    return value


def threads_given(threads: int | None) -> int | None:
    """Return a number of threads, or None for as many as there are processors."""
    return None if threads is None else whole("threads", threads, 1, MOST_THREADS)
