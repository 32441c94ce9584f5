"""The QALYs that people of the general population may expect, by age and sex.

For a person of age a with the hazard h of the life table and the utility norm u at the attained age,
which changes at birthdays, over T years at a discount rate r::

    Q(a) = integral from 0 to T of exp(-H(a, a + t)) u(floor(a + t)) (1 + r)^-t dt

with H the integral of h. Between birthdays and ages of the life table the integrand is smooth, and
Gauss-Legendre quadrature is exact to rounding.

Source: NICE PMG36, section 6.2 (total QALYs of the general population of the same age and sex
distribution); McNamara S et al., Value Health 2023;26:163-9 (life table and population norms).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.clinic.mortality import FLAT_SLOPE, LifeTable
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.discounting import Discounting
from sim.economics.estimates import Array
from sim.economics.utilities import Norms

NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
OLDEST: Final = 250.0
"""An age beyond which nobody is alive, whatever the horizon."""


class Expected:
    """The expected QALYs of one sex by age.

    Parameters
    ----------
    table
        The hazard per person-year.
    norm
        Utility by attained age in whole years; the last applies beyond.
    discounting
        Of effects.
    horizon_years
        T.
    """

    def __init__(
        self,
        table: LifeTable,
        norm: tuple[float, ...],
        discounting: Discounting,
        horizon_years: float,
    ) -> None:
        ages, hazards, slopes, cumulative = (np.asarray(each, dtype=np.float64) for each in table)
        self._ages, self._hazards, self._slopes, self._cumulative = (
            ages,
            hazards,
            slopes,
            cumulative,
        )
        self._norm = np.asarray(norm, dtype=np.float64)
        self._force_per_year = discounting.force_per_day * DAYS_PER_YEAR
        self._horizon_years = horizon_years
        whole = np.arange(0.0, OLDEST + 1.0)
        self._edges = np.union1d(whole, ages[(ages > 0.0) & (ages < OLDEST)])
        parts = self._between(self._edges[:-1], self._edges[1:])
        self._beyond = np.append(np.cumsum(parts[::-1])[::-1], 0.0)

    def __call__(self, ages: Array) -> Array:
        """Return the expected QALYs at these ages in years, 0 to 150; of their shape."""
        alive = np.exp(-self._log_loss(ages))
        later = np.minimum(ages + self._horizon_years, OLDEST)
        return np.asarray((self._after(ages) - self._after(later)) / alive, dtype=np.float64)

    def _after(self, ages: Array) -> Array:
        """Return the integral from these ages on, in QALYs at birth of those alive then."""
        place = np.minimum(np.searchsorted(self._edges, ages, side="right"), len(self._edges) - 1)
        found: Array = self._between(ages, self._edges[place]) + self._beyond[place]
        return found

    def _between(self, low: Array, high: Array) -> Array:
        """Integrate from `low` to `high`, within a year of age and an interval of the table."""
        half = 0.5 * (high - low)
        at = (low + half)[..., None] + half[..., None] * NODES
        year = np.minimum(np.floor(low), len(self._norm) - 1).astype(np.int64)
        alive = np.exp(-self._log_loss(at)) @ WEIGHTS
        return np.asarray(half * self._norm[year] * alive, dtype=np.float64)

    def _log_loss(self, ages: Array) -> Array:
        """Return the cumulative hazard and discounting from age 0, or from the table's first, on."""
        i = np.maximum(np.searchsorted(self._ages, ages, side="right") - 1, 0)
        years, slope = ages - self._ages[i], self._slopes[i]
        flat = np.abs(slope) < FLAT_SLOPE
        steep = np.where(flat, 1.0, slope)
        lived = np.where(flat, years, np.expm1(steep * years) / steep)
        hazard: Array = self._cumulative[i] + self._hazards[i] * lived
        return hazard + self._force_per_year * ages


class General:
    """The expected QALYs of the general population.

    Parameters
    ----------
    life_tables
        Of men and of women.
    norms
        Utility by attained age and sex.
    discounting, horizon_years
        As in `Expected`.
    """

    def __init__(
        self,
        life_tables: tuple[LifeTable, LifeTable],
        norms: Norms,
        discounting: Discounting,
        horizon_years: float,
    ) -> None:
        men, women = life_tables
        self._men = Expected(men, norms.male, discounting, horizon_years)
        self._women = Expected(women, norms.female, discounting, horizon_years)

    def qalys(self, ages: Array, male: Array) -> Array:
        """Return the expected QALYs of persons of these ages and sexes; all of one shape."""
        return np.where(male > 0.0, self._men(ages), self._women(ages))
