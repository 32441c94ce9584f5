"""Estimates from tallies: every outcome and every paired difference, with its Monte Carlo error.

They are computed for all strategies at once and, where the arrays of a tally have a first axis of
parameter sets, for all sets: the last axis of every result is the strategy.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.clinic.events import Cause
from sim.clinic.units import DAYS_PER_MONTH, PERCENT
from sim.economics.estimates import NORMAL_97_5, Array, Estimate
from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES, Account, Category
from sim.simulation.observables import BINS_PER_MONTH
from sim.simulation.tally import (
    ACCOUNTS,
    CATEGORIES,
    CATEGORY_COLUMNS,
    COST,
    DISCOUNTED,
    EFS_LANDMARK_MONTHS,
    OS_LANDMARKS_MONTHS,
    QALY,
    ROW,
    SHARES,
    UNDISCOUNTED,
    Tally,
)

Whole = npt.NDArray[np.integer[Any]]
LIFE_YEARS: Final = CATEGORY_COLUMNS + ACCOUNTS.index(Account.LIFE_YEARS)
HALF: Final = 0.5
NOT_REACHED: Final = math.inf


class Estimates(NamedTuple):
    """Values and their standard errors, in one shape; see `Estimate`."""

    mean: Array
    se: Array

    def at(self, place: int | tuple[int, ...]) -> Estimate:
        """Return a single estimate."""
        return Estimate(float(self.mean[place]), float(self.se[place]))


class Differences(NamedTuple):
    """Paired differences from the comparator, of discounted values; its own are 0.

    Attributes
    ----------
    cost, qalys, life_years
        In all.
    covariance
        Of the errors of cost and QALYs, ``cov(c, e) / n``.
    cost_categories
        By the label of the category.
    """

    cost: Estimates
    qalys: Estimates
    life_years: Estimates
    covariance: Array
    cost_categories: dict[str, Estimates]


def outcomes(tally: Tally, horizon_days: float) -> dict[str, Estimates]:
    """Return every outcome by name, as in summary.json."""
    counts, n = tally.counts, tally.patients
    found = {f"{name}_percent": share(counts.flags[..., ROW.index(name)], n) for name in SHARES}
    found["cycles_mean"], found["cycles_median"] = cycles(counts.cycles, n)
    found["rfs_median_months"] = median_months(counts.relapses)
    died = by_month(counts.deaths)
    found["os_median_months"] = median_months(counts.deaths, died)
    found[f"efs_{EFS_LANDMARK_MONTHS}_months_percent"] = share(
        survival(counts.failures, EFS_LANDMARK_MONTHS, n), n
    )
    for months in OS_LANDMARKS_MONTHS:
        alive = share(n - died[..., months - 1], n)
        seen = months * DAYS_PER_MONTH <= horizon_days
        found[f"os_{months}_months_percent"] = alive if seen else Estimates(*map(_unknown, alive))
    for cause in Cause:
        found[f"death_{cause.name.lower()}_percent"] = share(counts.causes[..., int(cause)], n)
    found["alive_at_horizon_percent"] = share(counts.causes[..., len(Cause)], n)
    return found | amounts(tally)


def differences(tally: Tally) -> Differences:
    """Return the differences of each strategy from the comparator in the same patients."""
    sums, n = tally.sums, tally.patients
    every = mean_of(sums.differences, sums.difference_squares, n)
    cost, qalys = _column(every, COST), _column(every, QALY)
    covariance = _unknown(cost.mean)
    if n > 1:
        covariance = (sums.products - n * cost.mean * qalys.mean) / (n - 1) / n
    categories = {
        category.label: _column(every, column_of(category)) for category in COST_CATEGORIES
    }
    return Differences(cost, qalys, _column(every, LIFE_YEARS), covariance, categories)


def share(hits: Whole, patients: int) -> Estimates:
    """Estimate percentages with their binomial error."""
    p = hits / patients
    return Estimates(PERCENT * p, PERCENT * np.sqrt(p * (1.0 - p) / patients))


def _unknown(like: Array) -> Array:
    """Return ``nan`` in the shape of other numbers."""
    return np.full(like.shape, math.nan)


def mean_of(total: Array, square: Array, patients: int) -> Estimates:
    """Estimate means from sums and sums of squares."""
    average = total / patients
    if patients == 1:
        return Estimates(average, _unknown(average))
    variance = np.maximum(square - patients * average * average, 0.0) / (patients - 1)
    return Estimates(average, np.sqrt(variance / patients))


def survival(times: Whole, months: int, patients: int) -> Whole:
    """Return how many of the patients, who are all counted, are free of the event after `months`."""
    failed: Whole = times[..., : months * BINS_PER_MONTH].sum(axis=-1)
    return patients - failed


def by_month(times: Whole) -> Whole:
    """Return how many have had the event by the end of each month."""
    months = times[..., :-1].reshape(*times.shape[:-1], -1, BINS_PER_MONTH)
    # Adds whole numbers as `sum` does, in a third of the time.
    return np.cumsum(np.einsum("...i->...", months), axis=-1)


def median_months(times: Whole, until: Whole | None = None) -> Estimates:
    """Estimate medians of counted times, interpolated within their bin.

    Their error is Woodruff's, as in `sim.economics.estimates.median`. Infinite where fewer than
    half have the event within the bins, ``nan`` where nobody is counted. `until` is what `by_month`
    returns for the times, where it is known.
    """
    until = by_month(times) if until is None else until
    total = until[..., -1] + times[..., -1]
    middle = total * HALF
    rank_error = np.sqrt(total) / 2.0
    ranks = np.stack([middle, middle - rank_error, middle + rank_error], axis=-1)
    found = _at_ranks(times, until, ranks)
    middle, low, high = (found[..., place] for place in range(ranks.shape[-1]))
    reached = np.isfinite(high) & (total > 0)
    error = np.where(reached, np.where(reached, high, 0.0) - np.where(reached, low, 0.0), math.nan)
    return Estimates(np.where(total > 0, middle, math.nan), error / 2.0)


def _at_ranks(times: Whole, until: Whole, ranks: npt.NDArray[np.floating[Any]]) -> Array:
    """Return the times in months at which so many patients have had the event; ranks on the last axis."""
    # Counts are whole: the first of at least the rank is the first of at least the whole number above.
    wanted = np.ceil(ranks)
    months = until.shape[-1]
    month = (until[..., np.newaxis, :] < wanted[..., np.newaxis]).sum(axis=-1)
    reached = month < months
    month = np.minimum(month, months - 1)
    before_month = np.where(
        month > 0, np.take_along_axis(until, np.maximum(month - 1, 0), axis=-1), 0
    )
    bins = month[..., np.newaxis] * BINS_PER_MONTH + np.arange(BINS_PER_MONTH)
    flat = np.take_along_axis(times, bins.reshape(*times.shape[:-1], -1), axis=-1)
    within_month = flat.reshape(bins.shape)
    cumulative = before_month[..., np.newaxis] + np.cumsum(within_month, axis=-1)
    earlier = (cumulative < wanted[..., np.newaxis]).sum(axis=-1, keepdims=True)
    place = np.minimum(earlier, BINS_PER_MONTH - 1)
    here = np.take_along_axis(within_month, place, axis=-1)[..., 0]
    before = np.take_along_axis(cumulative, place, axis=-1)[..., 0] - here
    # A rank of 0 is before the first event: there is nobody in its bin.
    part = np.clip((ranks - before) / np.maximum(here, 1), 0.0, 1.0)
    bin_of_rank = month * BINS_PER_MONTH + place[..., 0]
    found = (bin_of_rank + np.where(here > 0, part, 0.0)) / BINS_PER_MONTH
    return np.where(reached, found, NOT_REACHED)


def cycles(hits: Whole, patients: int) -> tuple[Estimates, Estimates]:
    """Estimate mean and median of the number of cycles; see `sim.economics.estimates.median`."""
    numbers = np.arange(hits.shape[-1])
    mean = mean_of(
        (hits * numbers).sum(axis=-1) * 1.0, (hits * numbers**2).sum(axis=-1) * 1.0, patients
    )
    ranks = np.cumsum(hits, axis=-1)
    error = math.sqrt(patients) / 2.0
    low = max(math.floor(patients / 2.0 - NORMAL_97_5 * error), 1)
    high = min(math.ceil(patients / 2.0 + NORMAL_97_5 * error), patients)
    middle, lower, upper = (
        (ranks < rank).sum(axis=-1) * 1.0 for rank in ((patients + 1) // 2, low, high)
    )
    if high == low:
        return mean, Estimates(middle, _unknown(middle))
    return mean, Estimates(middle, error * (upper - lower) / (high - low))


def amounts(tally: Tally) -> dict[str, Estimates]:
    """Return life-years, QALYs and costs by name, in all and by category."""
    every = mean_of(tally.sums.values, tally.sums.squares, tally.patients)
    found: dict[str, Estimates] = {}
    for suffix, kind in (("", DISCOUNTED), ("_undiscounted", UNDISCOUNTED)):
        values = Estimates(every.mean[..., kind, :], every.se[..., kind, :])
        found[f"life_years{suffix}"] = _column(values, LIFE_YEARS)
        for account, column, categories in (
            ("qalys", QALY, QALY_CATEGORIES),
            ("cost", COST, COST_CATEGORIES),
        ):
            found[f"{account}{suffix}"] = _column(values, column)
            for category in categories:
                name = f"{account}{suffix}.{category.label}"
                found[name] = _column(values, column_of(category))
    return found


def column_of(category: Category) -> int:
    """Return the column of a category."""
    return CATEGORIES.index(category)


def _column(values: Estimates, column: int) -> Estimates:
    return Estimates(values.mean[..., column], values.se[..., column])
