"""A value at which the decision changes, and the means behind it."""

from __future__ import annotations

import math
from typing import NamedTuple

from sim.economics.estimates import Array


class Means(NamedTuple):
    """Mean costs and QALYs of every strategy at a value of the parameter."""

    value: float
    cost: Array
    qalys: Array

    def net_benefits(self, threshold: float) -> Array:
        """Return the net monetary benefit of each strategy."""
        benefits: Array = threshold * self.qalys - self.cost
        return benefits


class Flip(NamedTuple):
    """A value at which the decision changes, from the strategy below it to the one above.

    `se` is the Monte Carlo standard error of the value; `nan` where the net benefit has no slope.
    Of a count, `value` is the first whole number above the flip and `last_below` the one below
    it; else `last_below` is `nan`.
    """

    threshold: float
    value: float
    se: float
    below: str
    above: str
    last_below: float = math.nan

    @property
    def is_jump(self) -> bool:
        """Whether the flip is between two whole numbers."""
        return not math.isnan(self.last_below)

    @property
    def place(self) -> float:
        """Return the value at which the flip is plotted: of a jump, the middle."""
        return 0.5 * (self.last_below + self.value) if self.is_jump else self.value
