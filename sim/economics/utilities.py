"""What a year in a health state is worth, never more than a year of the general population."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sim.clinic.patient import Patient
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.ledger import State
from sim.engine.model import Values

OLDEST_AGE = 130
"""Norms are tabulated by attained age up to here; the last holds beyond."""
BAND_AGES = (18, 25, 35, 45, 55, 65, 75)
"""First age of each band of the tabulated population norms (parameters ``norm.age_<n>``)."""


class StateUtilities(NamedTuple):
    """Utility by state: parameters ``utility.*``, in the order of `State`."""

    on_treatment: float
    complete_remission: float
    incomplete_remission: float
    transplant_first_year: float
    after_transplant: float
    relapsed_refractory: float

    def of(self, state: State) -> float:
        """Return the utility of the state."""
        return float(getattr(self, state.value))


class Decrements(NamedTuple):
    """What toxicity takes away while it lasts: parameters ``decrement.*``."""

    severe_toxicity: float
    acute_gvhd: float
    chronic_gvhd: float


class Norms(NamedTuple):
    """Utility of the general population by attained age in whole years, by sex."""

    male: tuple[float, ...]
    female: tuple[float, ...]

    def at(self, age: int, *, male: bool) -> float:
        """Return the norm at an attained age."""
        table = self.male if male else self.female
        return table[min(age, len(table) - 1)]


class Utilities(NamedTuple):
    """States, decrements, and the norms that cap the states (None: no cap)."""

    states: StateUtilities
    decrements: Decrements
    norms: Norms | None

    def intervals(
        self, patient: Patient, state: State, start: float, end: float
    ) -> Iterator[tuple[float, float, float]]:
        """Yield (start, end, utility) of a stay in a state.

        Utility is ``min(u_state, norm(attained age, sex))``; an interval ends at the birthday
        on which the capped value changes.
        """
        utility = self.states.of(state)
        if self.norms is None:
            yield start, end, utility
            return
        age = int(patient.age_years + start / DAYS_PER_YEAR)
        value = min(utility, self.norms.at(age, male=patient.male))
        while True:
            age += 1
            birthday = (age - patient.age_years) * DAYS_PER_YEAR
            if birthday >= end:
                yield start, end, value
                return
            following = min(utility, self.norms.at(age, male=patient.male))
            if following != value and birthday > start:
                yield start, birthday, value
                start = birthday
            value = following


def band_norms(values: Values) -> Norms:
    """Build norms that are constant within bands of age and alike for both sexes."""
    table = tuple(
        values[f"norm.age_{max(first for first in BAND_AGES if first <= max(age, BAND_AGES[0]))}"]
        for age in range(OLDEST_AGE)
    )
    return Norms(table, table)


def polynomial_norms(values: Values) -> Norms:
    """Build norms ``constant + male + age·a + age²·b`` at attained age (Ara & Brazier 2010)."""
    constant, male = values["norm.constant"], values["norm.male"]
    linear, square = values["norm.age"], values["norm.age_squared"]
    female_table = tuple(constant + linear * age + square * age * age for age in range(OLDEST_AGE))
    return Norms(tuple(value + male for value in female_table), female_table)


def utilities(values: Values, *, capped: bool, banded: bool) -> Utilities:
    """Bind the utilities; `banded` tells which form of norms the perspective has."""
    norms = None
    if capped:
        norms = band_norms(values) if banded else polynomial_norms(values)
    return Utilities(
        states=values.record(StateUtilities, "utility"),
        decrements=values.record(Decrements, "decrement"),
        norms=norms,
    )
