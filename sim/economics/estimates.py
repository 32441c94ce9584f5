"""Means, shares and medians over simulated patients, each with its Monte Carlo error.

Sums carry their rounding errors along (`exact_sum`), so that a result does not depend on how
the patients were divided among chunks or threads. Arrays are one value per patient.

A quantity that the patients cannot estimate is ``nan`` (the error of a single patient, the mean of
no patients); a median that is not reached is ``inf``. Written as JSON, both are ``null``.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.clinic.units import PERCENT

Array = npt.NDArray[np.float64]

NORMAL_97_5: Final = 1.959963984540054
"""The 97.5th percentile of the standard normal: the half-width of a 95 % interval."""


class Estimate(NamedTuple):
    """A value estimated from simulated patients, and its Monte Carlo standard error.

    Attributes
    ----------
    mean
        The estimate, also where it is a share or a median.
    se
        Its standard error, in the same unit; ``nan`` where it cannot be estimated.
    """

    mean: float
    se: float


NOT_ESTIMABLE: Final = Estimate(math.nan, math.nan)


def exact_sum(values: Array) -> float:
    """Return the sum of finite numbers as if it were formed in twice the precision.

    Neighbours are added in a fixed tree; the rounding error of each addition, which is a floating
    point number itself, is added up beside them. The error is at most 1e-29 of the sum of the
    absolute values for up to 10^9 of them, before the one rounding of the result.

    Source: Ogita T, Rump SM, Oishi S, SIAM J Sci Comput 2005;26:1955-88 (Sum2; TwoSum of Knuth).
    """
    if not len(values):
        return 0.0
    high, low = values, np.zeros_like(values)
    while len(high) > 1:
        odd = len(high) % 2
        half = len(high) // 2
        a, b = high[:half], high[half : 2 * half]
        total = a + b
        added = total - a
        error = (a - (total - added)) + (b - added)
        rest = low[:half] + low[half : 2 * half] + error
        high = np.concatenate([total, high[-1:]]) if odd else total
        low = np.concatenate([rest, low[-1:]]) if odd else rest
    return float(high[0] + low[0])


def average_of(values: npt.ArrayLike) -> float:
    """Return the mean of one value or more, without its error.

    Raises
    ------
    ValueError
        Where a value is infinite or not a number.
    """
    sample = _vector(values)
    if not np.isfinite(sample).all():
        message = "a mean needs finite values"
        raise ValueError(message)
    return exact_sum(sample) / len(sample)


def mean(values: npt.ArrayLike) -> Estimate:
    """Estimate a mean: ``sum(x) / n``, with error ``sqrt(sum((x - mean)^2) / (n (n - 1)))``.

    One patient has no error (``nan``), no patients have neither.

    Raises
    ------
    ValueError
        Where a value is infinite or not a number.
    """
    sample = _vector(values)
    n = len(sample)
    if n == 0:
        return NOT_ESTIMABLE
    average = average_of(sample)
    if n == 1:
        return Estimate(average, math.nan)
    squares = np.square(sample - average)
    return Estimate(average, math.sqrt(exact_sum(squares) / (n - 1) / n))


def percent(hits: npt.ArrayLike) -> Estimate:
    """Estimate the percentage of patients with an event.

    With ``p = hits / n``: ``100 p``, with the binomial error ``100 sqrt(p (1 - p) / n)``. The error
    is 0 where all or none had the event.

    Raises
    ------
    ValueError
        Where a hit is neither true nor false, 1 nor 0.
    """
    given = np.asarray(hits).ravel()
    happened = given.astype(np.bool_)
    if not np.array_equal(given, happened):
        message = "a hit is true or false, 1 or 0"
        raise ValueError(message)
    n = len(happened)
    if n == 0:
        return NOT_ESTIMABLE
    share = int(np.count_nonzero(happened)) / n
    return Estimate(PERCENT * share, PERCENT * math.sqrt(share * (1.0 - share) / n))


def median(values: npt.ArrayLike) -> Estimate:
    """Estimate a median: the smallest value that at least half of the patients do not exceed.

    This is the Kaplan-Meier median of uncensored times, the order statistic of rank
    ``ceil(n / 2)``; an infinite value is an event that never happens, and a median of ``inf``
    is "not reached".

    The error is Woodruff's: the binomial 95 % limits of the rank of the median, read off the
    ordered values, ::

        low = floor(n/2 - z sqrt(n)/2),  high = ceil(n/2 + z sqrt(n)/2),  z = 1.96
        se = sqrt(n)/2 * (x[high] - x[low]) / (high - low)

    where the last factor, the distance per rank, corrects for the rounding of the ranks. The ranks
    are limited to 1 to n; the error is ``nan`` where the upper limit is infinite.

    Source: Woodruff RS, J Am Stat Assoc 1952;47:635-46.

    Raises
    ------
    ValueError
        Where a value is not a number.
    """
    ordered = np.sort(_vector(values))
    n = len(ordered)
    if n == 0:
        return NOT_ESTIMABLE
    if np.isnan(ordered[-1]):
        message = "a median needs values that are numbers"
        raise ValueError(message)
    middle = float(ordered[(n + 1) // 2 - 1])
    # sqrt(n)/2 is the standard deviation of the number of patients below the true median.
    rank_error = math.sqrt(n) / 2.0
    low = max(math.floor(n / 2.0 - NORMAL_97_5 * rank_error), 1)
    high = min(math.ceil(n / 2.0 + NORMAL_97_5 * rank_error), n)
    upper = float(ordered[high - 1])
    if low == high or math.isinf(upper):
        return Estimate(middle, math.nan)
    return Estimate(middle, rank_error * (upper - float(ordered[low - 1])) / (high - low))


def survival_percent(times_days: npt.ArrayLike, at_days: float) -> Estimate:
    """Estimate the percentage still free of the event: those whose time is after `at_days`.

    An event at `at_days` itself has happened by then, as in a Kaplan-Meier curve.
    """
    return percent(_vector(times_days) > at_days)


def restricted_mean(times_days: npt.ArrayLike, horizon_days: float) -> Estimate:
    """Estimate the mean time up to a horizon, ``mean(min(t, horizon))``, in days.

    The area under the survival curve from 0 to the horizon; it is finite where some events
    never happen.

    Source: Royston P, Parmar MKB, BMC Med Res Methodol 2013;13:152.
    """
    return mean(np.minimum(_vector(times_days), horizon_days))


def survival_curve(times_days: npt.ArrayLike, grid_days: npt.ArrayLike) -> Array:
    """Return the share of patients whose time is after each point of a grid.

    ``S(t) = #(T > t) / n``, the Kaplan-Meier curve of uncensored times, in the shape of the
    grid; ``nan`` throughout where there are no patients.
    """
    ordered = np.sort(_vector(times_days))
    grid = np.asarray(grid_days, dtype=np.float64)
    n = len(ordered)
    if n == 0:
        return np.full(grid.shape, math.nan)
    return np.asarray((n - np.searchsorted(ordered, grid, side="right")) / n, dtype=np.float64)


def _vector(values: npt.ArrayLike) -> Array:
    """Return the values as a flat float64 array, in patient order."""
    return np.asarray(values, dtype=np.float64).ravel()
