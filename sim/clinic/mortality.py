"""Background mortality: a life table, and what long-term survivors die of on top of it.

The hazard per person-year is log-linear in attained age between the knots of the table, so
one uniform gives one exact time of death. It applies to everyone from day 0, and every other
cause of death is added to it: no hazard is ever below that of the general population.
"""

from typing import Final, NamedTuple

from sim.clinic.arithmetic import exp, log
from sim.clinic.units import DAYS_PER_YEAR, NEVER

FLAT_SLOPE: Final = 1e-9
"""A log-hazard that changes by less per year is treated as constant."""


class LifeTable(NamedTuple):
    """Hazard at the start of each age interval and its log-slope per year, one sex.

    The last interval is open.
    """

    ages: tuple[float, ...]
    hazards: tuple[float, ...]
    slopes: tuple[float, ...]


class Survivors(NamedTuple):
    """Excess mortality of long-term survivors: parameters ``survivor.*``."""

    threshold_years: float
    mortality_ratio: float


def gompertz(ages: tuple[float, ...], hazards: tuple[float, ...]) -> LifeTable:
    """Build a table whose log-hazard is linear between knots and keeps its last slope."""
    logs = [log(hazard) for hazard in hazards]
    slopes = [(logs[i + 1] - logs[i]) / (ages[i + 1] - ages[i]) for i in range(len(ages) - 1)]
    return LifeTable(ages, hazards, (*slopes, slopes[-1]))


def stepwise(ages: tuple[float, ...], deaths: tuple[float, ...]) -> LifeTable:
    """Build a table from one-year death probabilities q(x): constant hazard −ln(1 − q)."""
    return LifeTable(ages, tuple(-log(1.0 - q) for q in deaths), (0.0,) * len(ages))


def cumulative_hazard(table: LifeTable, from_age: float, to_age: float) -> float:
    """Integrate the hazard over attained age (years); below the first knot its hazard holds."""
    total = 0.0
    last = len(table.ages) - 1
    for i in range(last + 1):
        start = from_age if i == 0 else max(table.ages[i], from_age)
        end = to_age if i == last else min(table.ages[i + 1], to_age)
        if end > start:
            total += _interval_hazard(table, i, start, end)
    return total


def _interval_hazard(table: LifeTable, i: int, start: float, end: float) -> float:
    slope = table.slopes[i]
    if abs(slope) < FLAT_SLOPE:
        return table.hazards[i] * (end - start)
    at_start = table.hazards[i] * exp(slope * (start - table.ages[i]))
    return at_start * (exp(slope * (end - start)) - 1.0) / slope


def age_at_hazard(table: LifeTable, from_age: float, hazard: float) -> float:
    """Return the age at which the cumulative hazard since `from_age` reaches `hazard`."""
    left = hazard
    last = len(table.ages) - 1
    for i in range(last + 1):
        start = from_age if i == 0 else max(table.ages[i], from_age)
        end = NEVER if i == last else table.ages[i + 1]
        if end <= start:
            continue
        slope = table.slopes[i]
        flat = abs(slope) < FLAT_SLOPE
        if i < last:
            in_interval = _interval_hazard(table, i, start, end)
            if left >= in_interval:
                left -= in_interval
                continue
        at_start = (
            table.hazards[i] if flat else table.hazards[i] * exp(slope * (start - table.ages[i]))
        )
        return start + (left / at_start if flat else log(1.0 + left * slope / at_start) / slope)
    return NEVER


def background_death_days(
    table: LifeTable, age_years: float, u: float, *, ratio: float, ratio_from_days: float
) -> float:
    """Return days from entry to death of a cause other than leukaemia or its treatment.

    ``H(t) = −ln(1 − u)`` with the hazard of the life table, multiplied by the standardized
    mortality `ratio` from `ratio_from_days` on. The same `u` serves before and after the
    patient becomes a long-term survivor, so only the time left changes.
    """
    hazard = -log(1.0 - u)
    if ratio_from_days == NEVER or ratio == 1.0:
        return (age_at_hazard(table, age_years, hazard) - age_years) * DAYS_PER_YEAR
    ratio_age = age_years + ratio_from_days / DAYS_PER_YEAR
    before = cumulative_hazard(table, age_years, ratio_age)
    if hazard < before:
        return (age_at_hazard(table, age_years, hazard) - age_years) * DAYS_PER_YEAR
    age = age_at_hazard(table, ratio_age, (hazard - before) / ratio)
    return (age - age_years) * DAYS_PER_YEAR
