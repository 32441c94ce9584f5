"""Utilities of health states, capped by those of the general population."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, unique
from typing import NamedTuple

from sim.economics.ledger import State
from sim.engine.values import Values

OLDEST_AGE = 130
"""Norms are tabulated by attained age up to here; the last applies beyond."""
BANDED_NORM = "norm.age_18"
"""A perspective with this parameter has norms by band of age."""
BAND_AGES = (18, 25, 35, 45, 55, 65, 75)
"""First age of each band of the tabulated population norms (parameters ``norm.age_<n>``)."""

BAND_OF_AGE = tuple(
    max(first for first in BAND_AGES if first <= max(age, BAND_AGES[0]))
    for age in range(OLDEST_AGE)
)


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
    """Utility decrements while a toxicity lasts: parameters ``decrement.*``."""

    severe_toxicity: float
    acute_gvhd: float
    chronic_gvhd: float


@unique
class Decrement(IntEnum):
    """The place of each of the `Decrements`."""

    SEVERE_TOXICITY = 0
    ACUTE_GVHD = 1
    CHRONIC_GVHD = 2


def added_decrement(
    decrements: Sequence[float], until: Sequence[float], kind: int, start: float, over: float
) -> tuple[float, float]:
    """Return (end, decrement) that a complication adds, from `start` on, to the earlier ones.

    At any moment the utility of the state is reduced by the largest decrement present, and not by
    their sum: ``u(t) = u_state(t) - max_k d_k``. This is the minimum method for joint health
    states. The multiplicative method, which its source prefers, needs the utility without the
    complication for each decrement, and the sources of these print none.

    Parameters
    ----------
    decrements
        By the place in `Decrement`, in utility.
    until
        End of each of the earlier complications, in days since entry.
    kind
        The place of the new one.
    start, over
        A time at which it is present, not before any of the earlier ones began, and its end; the
        `end` returned is at most that, and the first moment from which another decrement may apply.

    Source: Ara R, Wailoo A, NICE DSU Technical Support Document 12, 2011, "Estimating utility
    values for health states with comorbidities".
    """
    end, present = over, 0.0
    for other in range(len(until)):
        if until[other] > start:
            end = min(end, until[other])
            present = max(present, decrements[other])
    return end, max(decrements[kind] - present, 0.0)


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


def band_norms(values: Values) -> Norms:
    """Build norms that are constant within bands of age and alike for both sexes."""
    bands = {first: values[f"norm.age_{first}"] for first in BAND_AGES}
    table = tuple(bands[first] for first in BAND_OF_AGE)
    return Norms(table, table)


def polynomial_norms(values: Values) -> Norms:
    """Build norms ``constant + male + age·a + age²·b`` at attained age (Ara & Brazier 2010)."""
    constant, male = values["norm.constant"], values["norm.male"]
    linear, square = values["norm.age"], values["norm.age_squared"]
    female_table = tuple(constant + linear * age + square * age * age for age in range(OLDEST_AGE))
    return Norms(tuple(value + male for value in female_table), female_table)


def population_norms(values: Values, *, capped: bool) -> Norms | None:
    """Bind the population norms, in the form that the perspective has; None without a cap."""
    if not capped:
        return None
    return band_norms(values) if values.has(BANDED_NORM) else polynomial_norms(values)


def state_utilities(values: Values) -> StateUtilities:
    """Bind the utilities of the health states."""
    return values.record(StateUtilities, "utility")


def decrements(values: Values) -> Decrements:
    """Bind the utility decrements of complications."""
    return values.record(Decrements, "decrement")


def utilities(values: Values, *, capped: bool) -> Utilities:
    """Bind the utilities, capped by the norms or not."""
    return Utilities(
        states=state_utilities(values),
        decrements=decrements(values),
        norms=population_norms(values, capped=capped),
    )
