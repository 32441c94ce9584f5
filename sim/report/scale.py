"""A horizontal scale for bars and intervals that are drawn in the cells of a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

PERCENT: Final = 100.0
ROOM: Final = 0.03
TICKS: Final = 4


@dataclass(frozen=True)
class Scale:
    """From values to per cents of a width; `is_log` for ratios and times."""

    low: float
    high: float
    is_log: bool = False

    @classmethod
    def over(cls, values: Iterable[float], *, is_log: bool = False) -> Scale:
        """Return a scale that shows all finite values, with a little room."""
        finite = [value for value in values if math.isfinite(value)]
        if is_log:
            finite = [math.log(value) for value in finite if value > 0.0]
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        margin = ROOM * (high - low) or 1.0
        return cls(low - margin, high + margin, is_log)

    def at(self, value: float) -> float:
        """Return the place of a value, in per cent of the width; never beyond an end."""
        if self.is_log:
            value = math.log(value) if value > 0.0 else -math.inf
        share = (value - self.low) / (self.high - self.low)
        return round(PERCENT * min(max(share, 0.0), 1.0), 2)

    def bar(self, start: float, end: float) -> tuple[float, float]:
        """Return the start and the length of a bar between two values."""
        left, right = sorted((self.at(start), self.at(end)))
        return left, round(right - left, 2)

    def ticks(self, shown: Callable[[float], str]) -> list[tuple[float, str]]:
        """Return round values along the scale: their places and their texts."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        low, high = self.low, self.high
        if self.is_log:
            low, high = math.exp(low), math.exp(high)
            values = LogLocator(subs=(1.0, 3.0)).tick_values(low, high)
        else:
            values = MaxNLocator(TICKS).tick_values(low, high)
        return [(self.at(v), shown(float(v))) for v in values if low <= v <= high]
