"""The units in which catalogue parameters are written, and what each unit allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

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
        """Say in words which numbers the unit allows."""
        number = "a whole number" if self.whole else "a finite number"
        bounds = []
        if self.low > -math.inf:
            bounds.append(f"{'above' if self.low_open else 'at least'} {self.low:g}")
        if self.high < math.inf:
            bounds.append(f"{'below' if self.high_open else 'at most'} {self.high:g}")
        return " ".join([number, " and ".join(bounds)]).strip()

    def check(self, value: float) -> str | None:
        """Return a sentence that says why `value` is not allowed, or None when it is."""
        within = (
            math.isfinite(value)
            and (value > self.low if self.low_open else value >= self.low)
            and (value < self.high if self.high_open else value <= self.high)
            and (not self.whole or float(value).is_integer())
        )
        return None if within else f"a value in '{self.name}' must be {self.allowed}"


def _positive(name: str) -> Unit:
    return Unit(name, low=0.0, low_open=True)


def _not_negative(name: str) -> Unit:
    return Unit(name, low=0.0)


def _money() -> list[Unit]:
    names = [(code, code) for code in CURRENCIES]
    names += [(f"{code} per {basis}", code) for code in CURRENCIES for basis in _MONEY_PER]
    return [Unit(name, low=0.0, currency=code) for name, code in names]


UNITS: Final[dict[str, Unit]] = {
    unit.name: unit
    for unit in [
        Unit("probability", low=0.0, high=1.0),
        Unit("utility", low=-1.0, high=1.0),
        Unit("decrement", low=0.0, high=1.0),
        Unit("annual rate", low=0.0, high=1.0, high_open=True),
        Unit("log odds ratio"),
        Unit("logit"),
        _positive("hazard ratio"),
        _positive("ratio"),
        _positive("shape"),
        _positive("sigma"),
        _positive("months"),
        _positive("hours"),
        _not_negative("days"),
        _not_negative("years"),
        _not_negative("per month"),
        _not_negative("per patient-year"),
        _not_negative("mcg"),
        _not_negative("mcg per day"),
        _not_negative("mcg per m2 per day"),
        _not_negative("mg"),
        _not_negative("mg per m2"),
        _positive("kg"),
        _positive("cm"),
        Unit("count", low=0.0, whole=True),
        *_money(),
    ]
}
"""Every unit by its name; a catalogue entry in any other unit is an error."""
