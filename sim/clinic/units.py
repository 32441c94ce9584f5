"""Conversions between the units of the model.

Time is in days since the first dose of the first line of treatment.
"""

from collections.abc import Iterable
from typing import Final

DAYS_PER_MONTH: Final = 30.4375
DAYS_PER_YEAR: Final = 365.25
MONTHS_PER_YEAR: Final = 12
HOURS_PER_DAY: Final = 24
PERCENT: Final = 100.0
NEVER: Final = float("inf")
"""The time of an event that does not happen."""


def added(numbers: Iterable[float]) -> float:
    """Add numbers from left to right, as compiled code does.

    The same bits in every Python: `sum` compensates for rounding from version 3.12 on.
    """
    total = 0.0
    for each in numbers:
        total += each
    return total
