"""A named parameter: one number of the model with its source, unit and uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sim.catalog.distribution import Distribution
from sim.catalog.units import UNITS

STATUSES: Final = ("evidence", "calibrated", "assumption", "provisional")
"""Read from a source; fitted to sources; decided by us; a placeholder until calibration."""


@dataclass(frozen=True)
class Parameter:
    """One entry of the catalogue.

    `value` is used in a run. `amount` is the number in the source; the two differ only for money
    that is inflated from `price_year` to the price year of its perspective. `arithmetic` is the sum
    behind the value as written, when it was written as one. `sources` are keys of the catalogue's
    sources, `place` is the place of the number in them, `file` and `line` are the place of the
    entry in the catalogue.
    """

    name: str
    label: str
    value: float
    unit: str
    distribution: Distribution
    stated_range: tuple[float, float] | None
    sources: tuple[str, ...]
    place: str
    derivation: str | None
    arithmetic: str | None
    status: str
    note: str | None
    price_year: int | None
    amount: float
    file: str
    line: int

    @property
    def low(self) -> float:
        """The low end for one-way analysis: of the stated range, else the 2.5 % quantile."""
        return (self.stated_range or self.distribution.interval())[0]

    @property
    def high(self) -> float:
        """The high end for one-way analysis: of the stated range, else the 97.5 % quantile."""
        return (self.stated_range or self.distribution.interval())[1]

    @property
    def currency(self) -> str | None:
        """The currency of an amount of money, None for any other number."""
        return UNITS[self.unit].currency

    def check(self, value: float) -> str | None:
        """Return a sentence that says why `value` is not allowed here, or None when it is."""
        return UNITS[self.unit].check(value)
