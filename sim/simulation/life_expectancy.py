"""Life expectancy under a life table, and under a user's own next to the perspective's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sim.clinic.mortality import FLAT_SLOPE, LifeTable, interval_hazard, interval_of
from sim.scenario.binding import catalogue_life_tables
from sim.simulation.question import Question

SERIES_ABOVE: Final = 50.0
SERIES_TERMS: Final = 30
"""The asymptotic series of the exponential integral is exact to rounding above 50."""
SUSPICIOUS_FACTOR: Final = 1.5
"""A life expectancy that differs by more than this factor probably is a mistake in the file.

Probabilities of five years that are taken for yearly ones come to 1.7 in middle age.
"""


@dataclass(frozen=True)
class OwnLifeTable:
    """A user's life table next to that of the perspective.

    Attributes
    ----------
    file
        Name of the file, without its folder.
    beside
        Name of the perspective's table.
    age_years
        The median age of the population, at which life expectancy is given.
    own, usual
        Years of life expectancy of men and of women under the user's table and under the
        perspective's.
    """

    file: str
    beside: str
    age_years: float
    own: tuple[float, float]
    usual: tuple[float, float]

    @property
    def is_suspicious(self) -> bool:
        """Whether men or women live longer or shorter by more than `SUSPICIOUS_FACTOR`."""
        pairs = zip(self.own, self.usual, strict=True)
        return any(max(a / b, b / a) > SUSPICIOUS_FACTOR for a, b in pairs)


def own_life_table(question: Question) -> OwnLifeTable | None:
    """Return the life table of the user's own; None where there is none, or where it is not used."""
    file = question.loaded.life_table_file
    if file is None or not question.scenario.switches.background_mortality:
        return None
    beside = question.perspective.life_table
    age = question.values()["population.age_median_years"]
    own, usual = (
        (life_expectancy(men, age), life_expectancy(women, age))
        for men, women in (
            question.life_tables,
            catalogue_life_tables(question.catalogue, beside),
        )
    )
    return OwnLifeTable(file.name, beside, age, own, usual)


def life_expectancy(table: LifeTable, age: float) -> float:
    """Return the mean years lived from `age` on: the integral of survival, ``∫ exp(−H(t)) dt``.

    Exact for the piecewise hazard ``h exp(b t)``. Over T years it is ``(1 − exp(−h T)) / h`` where
    b is 0 and otherwise, with ``c = h/b``, ``c' = c exp(b T)`` and S the survival to T,
    ``(g(c) − S g(c')) / b``, where ``g(z) = exp(z) E1(z)`` for ``z > 0`` and
    ``−exp(z) Ei(−z)`` for ``z < 0``.

    Source: Abramowitz and Stegun, 5.1.1, 5.1.2 and 5.1.51.
    """
    first = interval_of(table.ages, age)
    expected, survival = 0.0, 1.0
    for i in range(first, len(table.ages)):
        start = max(age, table.ages[i]) if i > first else age
        end = table.ages[i + 1] if i + 1 < len(table.ages) else math.inf
        slope = table.slopes[i]
        hazard = table.hazards[i] * math.exp(slope * (start - table.ages[i]))
        expected += survival * _years_lived(hazard, slope, end - start)
        if end < math.inf:
            survival *= math.exp(-interval_hazard(hazard, slope, end - start))
    return expected


def _years_lived(hazard: float, slope: float, years: float) -> float:
    """Integrate survival under the hazard ``h exp(b t)`` over `years`, which may be infinite."""
    if abs(slope) < FLAT_SLOPE:
        if hazard == 0.0:
            return years
        return -math.expm1(-hazard * years) / hazard
    if years == math.inf:
        # A falling hazard leaves some alive for ever.
        return _scaled_integral(hazard / slope) / slope if slope > 0.0 else math.inf
    survival = math.exp(-interval_hazard(hazard, slope, years))
    later = hazard * math.exp(slope * years)
    return (_scaled_integral(hazard / slope) - survival * _scaled_integral(later / slope)) / slope


def _scaled_integral(z: float) -> float:
    """Return ``exp(z) E1(z)`` for z above 0, ``−exp(z) Ei(−z)`` for z below 0."""
    from scipy.special import exp1, expi

    if abs(z) > SERIES_ABOVE:
        term = total = 1.0 / z
        for k in range(1, SERIES_TERMS):
            term *= -k / z
            total += term
        return total
    return float(math.exp(z) * (exp1(z) if z > 0.0 else -expi(-z)))
