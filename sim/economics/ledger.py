"""The ledger: every cost, QALY and life-year as an entry, and the sums of entries."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, StrEnum, unique
from typing import Final, NamedTuple

from sim.clinic.units import added


@unique
class Account(StrEnum):
    """The quantity that an entry counts."""

    COST = "cost"
    QALY = "qaly"
    LIFE_YEARS = "life_years"


@unique
class Category(Enum):
    """The category of an entry: its account and its name in tables and files."""

    DRUG = (Account.COST, "drug")
    ADMINISTRATION = (Account.COST, "administration_and_hospital")
    TOXICITY = (Account.COST, "toxicity")
    TRANSPLANT = (Account.COST, "transplant")
    LATER_LINES = (Account.COST, "later_lines")
    FOLLOW_UP = (Account.COST, "follow_up")
    END_OF_LIFE = (Account.COST, "end_of_life")
    QALY_STATE = (Account.QALY, "health_state")
    QALY_TOXICITY = (Account.QALY, "toxicity_decrement")
    QALY_GVHD = (Account.QALY, "gvhd_decrement")
    LIFE = (Account.LIFE_YEARS, "life")

    @property
    def account(self) -> Account:
        """The account of the category."""
        return self.value[0]

    @property
    def label(self) -> str:
        """The name of the category in tables and files."""
        return self.value[1]


COST_CATEGORIES = tuple(c for c in Category if c.account == Account.COST)
QALY_CATEGORIES = tuple(c for c in Category if c.account == Account.QALY)


@unique
class State(StrEnum):
    """Health states, by which life-years, QALYs and costs are reported."""

    ON_TREATMENT = "on_treatment"
    COMPLETE_REMISSION = "complete_remission"
    INCOMPLETE_REMISSION = "incomplete_remission"
    TRANSPLANT_FIRST_YEAR = "transplant_first_year"
    AFTER_TRANSPLANT = "after_transplant"
    RELAPSED_REFRACTORY = "relapsed_refractory"


class Entry(NamedTuple):
    """One posting; a point in time has equal start and end. Lines are counted from 0."""

    category: Category
    state: State
    line: int
    start_days: float
    end_days: float
    undiscounted: float
    discounted: float
    what: str


IN_HOSPITAL: Final = "days, "
"""Prefix of the text of an entry that pays for days in hospital."""


def days_in_hospital(entries: Iterable[Entry]) -> float:
    """Return the days in hospital that the entries pay for."""
    return added(
        entry.end_days - entry.start_days for entry in entries if entry.what.startswith(IN_HOSPITAL)
    )
