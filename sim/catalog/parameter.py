"""A named parameter: one number of the model with everything a reviewer asks about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sim.catalog.distribution import Distribution
from sim.catalog.units import UNITS
from sim.limits import LARGEST_END

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

    def check(self, value: float) -> str | None:
        """Return a sentence that says why `value` is not allowed here, or None when it is."""
        return UNITS[self.unit].check(value)

    def check_given(self, value: float) -> str | None:
        """Check a value that a user gives, which may also not be so large that sums overflow."""
        problem = self.check(value)
        if problem is None and abs(value) > LARGEST_END:
            problem = f"must be at most {LARGEST_END:g} in size"
        return problem
