"""The units in which catalogue parameters are written, and the numbers that each unit allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sim.limits import LARGEST_AMOUNT

CURRENCIES: Final = ("GBP", "USD")
_MONEY_PER: Final = ("day", "month", "year", "cycle", "QALY")


@dataclass(frozen=True)
class Unit:
    """A unit and the interval of numbers that make sense in it.

    `currency` is the currency of an amount of money, None for every other unit.
    """

    name: str
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    whole: bool = False
    currency: str | None = None

    @property
    def allowed(self) -> str:
        """Describe in words the numbers that the unit allows."""
        number = "a whole number" if self.whole else "a finite number"
        bounds = []
        if self.low > -math.inf:
            bounds.append(f"{'above' if self.low_open else 'at least'} {self.low:g}")
        if self.high < math.inf:
            bounds.append(f"{'below' if self.high_open else 'at most'} {self.high:g}")
        return " ".join([number, " and ".join(bounds)]).strip()

    def check(self, value: float) -> str | None:
        """Return a sentence that says why `value` is not allowed, or None when it is."""
        if self.low < value < self.high and not self.whole:
            return None
        within = (
            math.isfinite(value)
            and (value > self.low if self.low_open else value >= self.low)
            and (value < self.high if self.high_open else value <= self.high)
            and (not self.whole or float(value).is_integer())
        )
        return None if within else f"a value in '{self.name}' must be {self.allowed}"


def _not_negative(name: str, high: float) -> Unit:
    return Unit(name, low=0.0, high=high)


def _money() -> list[Unit]:
    names = [(code, code) for code in CURRENCIES]
    names += [(f"{code} per {basis}", code) for code in CURRENCIES for basis in _MONEY_PER]
    return [Unit(name, low=0.0, high=LARGEST_AMOUNT, currency=code) for name, code in names]


UNITS: Final[dict[str, Unit]] = {
    unit.name: unit
    for unit in [
        Unit("probability", low=0.0, high=1.0),
        Unit("utility", low=-1.0, high=1.0),
        Unit("decrement", low=0.0, high=1.0),
        Unit("annual rate", low=0.0, high=1.0, high_open=True),
        Unit("log odds ratio", low=-50.0, high=50.0),
        Unit("logit", low=-50.0, high=50.0),
        Unit("hazard ratio", low=1e-6, high=1e6),
        Unit("ratio", low=1e-6, high=1e6),
        Unit("shape", low=0.05, high=50.0),
        Unit("sigma", low=1e-6, high=10.0),
        Unit("months", low=1e-3, high=1200.0),
        Unit("hours", low=1.0, high=8766.0),
        _not_negative("days", 36525.0),
        _not_negative("years", 150.0),
        _not_negative("per month", 1000.0),
        _not_negative("per patient-year", 1000.0),
        Unit("mcg", low=1e-3, high=1e6),
        _not_negative("mcg per day", 1e6),
        _not_negative("mcg per m2 per day", 1e6),
        Unit("mg", low=1e-3, high=1e6),
        _not_negative("mg per m2", 1e6),
        Unit("kg", low=1e-3, high=1000.0),
        Unit("cm", low=1e-3, high=1000.0),
        Unit("count", low=0.0, high=20.0, whole=True),
        *_money(),
    ]
}
"""Every unit by its name; a catalogue entry in any other unit is an error.

Limits are far outside any clinical range, and inside the range that can be computed: contents,
heights and intervals are above 0, and no sum of a life overflows. Masses are the contents of vials,
hours the time that a bag lasts.
"""
