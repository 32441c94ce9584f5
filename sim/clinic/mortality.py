"""Background mortality: a life table, and the excess mortality of long-term survivors.

The hazard per person-year is log-linear in attained age between the knots of the table, so
one uniform gives one exact time of death. It applies to everyone from day 0, and every other
cause of death is added to it: no hazard is ever below that of the general population.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sim.clinic.arithmetic import expm1, log, log1p
from sim.clinic.units import DAYS_PER_YEAR, NEVER

FLAT_SLOPE: Final = 1e-9
"""A log-hazard that changes by less per year is treated as constant."""


class LifeTable(NamedTuple):
    """Hazard at the start of each age interval, its log-slope per year, and the sum so far.

    One sex; the last interval is open, and the first is continued to younger ages.
    """

    ages: Sequence[float]
    hazards: Sequence[float]
    slopes: Sequence[float]
    cumulative: Sequence[float]


class Survivors(NamedTuple):
    """Excess mortality of long-term survivors: parameters ``survivor.*``."""

    threshold_years: float
    mortality_ratio: float

    @property
    def threshold_days(self) -> float:
        """Time in continuous remission after which a patient counts as a long-term survivor."""
        return self.threshold_years * DAYS_PER_YEAR


def gompertz(ages: Sequence[float], hazards: Sequence[float]) -> LifeTable:
    """Build a table whose log-hazard is linear between knots and continues with its last slope."""
    logs = [log(hazard) for hazard in hazards]
    slopes = [(logs[i + 1] - logs[i]) / (ages[i + 1] - ages[i]) for i in range(len(ages) - 1)]
    return _with_sums(tuple(ages), tuple(hazards), (*slopes, slopes[-1]))


def stepwise(ages: Sequence[float], deaths: Sequence[float]) -> LifeTable:
    """Build a table from one-year death probabilities q(x): constant hazard −ln(1 − q)."""
    return constant_between(ages, [hazard_of_deaths(q, 1.0) for q in deaths])


def constant_between(ages: Sequence[float], hazards: Sequence[float]) -> LifeTable:
    """Build a table whose hazard is constant from each age to the next, and after the last."""
    return _with_sums(tuple(ages), tuple(hazards), (0.0,) * len(ages))


def hazard_of_deaths(probability: float, years: float) -> float:
    """Return the constant hazard of a death `probability` within so many `years`: −ln(1 − q)/n."""
    return -log(1.0 - probability) / years


def _with_sums(
    ages: tuple[float, ...], hazards: tuple[float, ...], slopes: tuple[float, ...]
) -> LifeTable:
    sums = [0.0]
    for i in range(len(ages) - 1):
        sums.append(sums[-1] + interval_hazard(hazards[i], slopes[i], ages[i + 1] - ages[i]))
    return LifeTable(ages, hazards, slopes, tuple(sums))


def interval_hazard(hazard: float, slope: float, years: float) -> float:
    """Integrate ``h exp(b t)`` over `years`: ``h (exp(b t) − 1) / b``."""
    if abs(slope) < FLAT_SLOPE:
        return hazard * years
    return hazard * expm1(slope * years) / slope


def interval_of(knots: Sequence[float], value: float) -> int:
    """Return the last interval whose knot is not above `value`; the first for a value below all."""
    i = len(knots) - 1
    while i > 0 and value < knots[i]:
        i -= 1
    return i


def hazard_to_age(table: LifeTable, age: float) -> float:
    """Return the cumulative hazard from the first knot to `age` (years)."""
    return hazard_within(table, interval_of(table.ages, age), age)


def hazard_within(table: LifeTable, i: int, age: float) -> float:
    """Return `hazard_to_age` for an age of the interval `i`."""
    return table.cumulative[i] + interval_hazard(
        table.hazards[i], table.slopes[i], age - table.ages[i]
    )


def age_at_total(table: LifeTable, total: float) -> float:
    """Return the age at which the cumulative hazard from the first knot reaches `total`."""
    return age_within(table, interval_of(table.cumulative, total), total)


def age_within(table: LifeTable, i: int, total: float) -> float:
    """Return `age_at_total` for a total reached in the interval `i`."""
    left = total - table.cumulative[i]
    slope = table.slopes[i]
    if abs(slope) < FLAT_SLOPE:
        years = left / table.hazards[i] if table.hazards[i] > 0.0 else NEVER
    else:
        years = log1p(left * slope / table.hazards[i]) / slope
    return table.ages[i] + years


def cumulative_hazard(table: LifeTable, from_age: float, to_age: float) -> float:
    """Integrate the hazard over attained age (years)."""
    return hazard_to_age(table, to_age) - hazard_to_age(table, from_age)


def age_at_hazard(table: LifeTable, from_age: float, hazard: float) -> float:
    """Return the age at which the cumulative hazard since `from_age` reaches `hazard`."""
    return age_at_total(table, hazard_to_age(table, from_age) + hazard)


def background_death_days(
    table: LifeTable, age_years: float, e: float, ratio: float, ratio_from_days: float
) -> float:
    """Return days from entry to death of a cause other than leukaemia or its treatment.

    ``H(t) = e`` with the hazard of the life table, multiplied by the standardized mortality `ratio`
    from `ratio_from_days` on. The same `e` serves before and after the patient becomes a long-term
    survivor, so only the time left changes.
    """
    total = hazard_to_age(table, age_years) + e
    if ratio != 1.0 and ratio_from_days < NEVER:
        before = hazard_to_age(table, age_years + ratio_from_days / DAYS_PER_YEAR)
        if total > before:
            total = before + (total - before) / ratio
    return (age_at_total(table, total) - age_years) * DAYS_PER_YEAR
