"""A named parameter: one number of the model with everything a reviewer asks about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sim.catalog.distribution import Distribution
from sim.catalog.units import UNITS

STATUSES: Final = ("evidence", "calibrated", "assumption", "provisional")
"""Read from a source; fitted to sources; decided by us; standing in until it is calibrated."""


@dataclass(frozen=True)
class Parameter:
    """One entry of the catalogue.

    `value` is what a run uses. `amount` is what the source gives; the two differ only for
    money that is brought from `price_year` to the price year of its perspective.
    `arithmetic` is the sum behind the value as written, when it was written as one.
    `sources` are keys of the catalogue's sources, `place` says where in them the number
    stands, `file` and `line` say where the entry stands in the catalogue.
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
