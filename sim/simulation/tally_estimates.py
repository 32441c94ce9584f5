"""Estimates from a tally, where the single patients were not stored.

The same quantities, by the same names, as `sim.simulation.summary` estimates from single patients;
only medians differ, by less than a bin of 1/16 month.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from sim.clinic.events import Cause
from sim.clinic.units import PERCENT
from sim.economics.estimates import NORMAL_97_5, NOT_ESTIMABLE, Array, Estimate
from sim.economics.incremental import Increment
from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES, Account, Category
from sim.simulation.tally import (
    ACCOUNTS,
    BINS_PER_MONTH,
    CATEGORIES,
    CATEGORY_COLUMNS,
    COST,
    DISCOUNTED,
    QALY,
    ROW,
    UNDISCOUNTED,
    Tally,
)

LIFE_YEARS: Final = CATEGORY_COLUMNS + ACCOUNTS.index(Account.LIFE_YEARS)
HALF: Final = 0.5


def share(hits: int, patients: int) -> Estimate:
    """Estimate a percentage with its binomial error."""
    if patients == 0:
        return NOT_ESTIMABLE
    p = hits / patients
    return Estimate(PERCENT * p, PERCENT * math.sqrt(p * (1.0 - p) / patients))


def mean_of(total: float, square: float, patients: int) -> Estimate:
    """Estimate a mean from a sum and a sum of squares."""
    average = total / patients
    if patients == 1:
        return Estimate(average, math.nan)
    variance = max(square - patients * average * average, 0.0) / (patients - 1)
    return Estimate(average, math.sqrt(variance / patients))


def survival(times: Array, months: int, patients: int) -> int:
    """Return how many of the patients, who are all counted, are free of the event after `months`."""
    return patients - int(times[: months * BINS_PER_MONTH].sum())


def median_months(times: Array) -> Estimate:
    """Estimate the median of counted times, interpolated within its bin.

    Its error is Woodruff's, as in `sim.economics.estimates.median`. Infinite when fewer than
    half have the event within the bins.
    """
    cumulative = np.cumsum(times)
    total = int(cumulative[-1])
    if total == 0:
        return NOT_ESTIMABLE
    rank_error = math.sqrt(total) / 2.0
    middle = _at_rank(times, cumulative, total * HALF)
    low = _at_rank(times, cumulative, total * HALF - rank_error)
    high = _at_rank(times, cumulative, total * HALF + rank_error)
    error = (high - low) / 2.0 if math.isfinite(high) else math.nan
    return Estimate(middle, error)


def _at_rank(times: Array, cumulative: Array, rank: float) -> float:
    # Counts are whole: the first of at least the rank is the first of at least the whole number above.
    place = int(np.searchsorted(cumulative, math.ceil(rank)))
    if place >= len(times) - 1:
        return math.inf
    if times[place] == 0:
        # A rank of 0 is before the first event.
        return float(place / BINS_PER_MONTH)
    before = cumulative[place - 1] if place > 0 else 0
    within = min(max((rank - before) / times[place], 0.0), 1.0)
    return float((place + within) / BINS_PER_MONTH)


def value_of(tally: Tally, s: int, column: int, *, discounted: bool) -> Estimate:
    """Estimate the mean of a category or account."""
    kind = DISCOUNTED if discounted else UNDISCOUNTED
    sums = tally.sums
    return mean_of(
        float(sums.values[s, kind, column]), float(sums.squares[s, kind, column]), tally.patients
    )


def column_of(category: Category) -> int:
    """Return the column of a category."""
    return CATEGORIES.index(category)


def shares(tally: Tally, s: int, names: tuple[str, ...]) -> Iterator[tuple[str, Estimate]]:
    """Yield the percentages of outcomes, by name."""
    for name in names:
        yield f"{name}_percent", share(int(tally.counts.flags[s, ROW.index(name)]), tally.patients)


def cycles(tally: Tally, s: int) -> Iterator[tuple[str, Estimate]]:
    """Yield mean and median of the number of cycles."""
    hits = tally.counts.cycles[s]
    numbers = np.arange(len(hits))
    n = tally.patients
    yield (
        "cycles_mean",
        mean_of(float((hits * numbers).sum()), float((hits * numbers**2).sum()), n),
    )
    ranks = np.cumsum(hits)
    error = math.sqrt(n) / 2.0
    z = NORMAL_97_5
    low = max(math.floor(n / 2.0 - z * error), 1)
    high = min(math.ceil(n / 2.0 + z * error), n)
    at = [float(np.searchsorted(ranks, rank)) for rank in ((n + 1) // 2, low, high)]
    width = error * (at[2] - at[1]) / (high - low) if high > low else math.nan
    yield "cycles_median", Estimate(at[0], width)


def causes(tally: Tally, s: int) -> Iterator[tuple[str, Estimate]]:
    """Yield the percentages of causes of death, and of those alive."""
    counted = tally.counts.causes[s]
    for cause in Cause:
        yield f"death_{cause.name.lower()}_percent", share(int(counted[cause]), tally.patients)
    yield "alive_at_horizon_percent", share(int(counted[len(Cause)]), tally.patients)


def amounts(tally: Tally, s: int) -> Iterator[tuple[str, Estimate]]:
    """Yield life-years, QALYs and costs, in all and by category."""
    for suffix, discounted in (("", True), ("_undiscounted", False)):
        yield f"life_years{suffix}", value_of(tally, s, LIFE_YEARS, discounted=discounted)
        for account, column, categories in (
            ("qalys", QALY, QALY_CATEGORIES),
            ("cost", COST, COST_CATEGORIES),
        ):
            yield f"{account}{suffix}", value_of(tally, s, column, discounted=discounted)
            for category in categories:
                yield (
                    f"{account}{suffix}.{category.label}",
                    value_of(tally, s, column_of(category), discounted=discounted),
                )


def difference(tally: Tally, s: int, column: int) -> Estimate:
    """Estimate the mean paired difference of a discounted value against the comparator."""
    sums = tally.sums
    return mean_of(
        float(sums.differences[s, column]),
        float(sums.difference_squares[s, column]),
        tally.patients,
    )


def counted_increment(tally: Tally, s: int, strategy: str, comparator: str) -> Increment:
    """Compare a strategy with the comparator."""
    cost, qalys = difference(tally, s, COST), difference(tally, s, QALY)
    n = tally.patients
    covariance = math.nan
    if n > 1:
        products = float(tally.sums.products[s]) - n * cost.mean * qalys.mean
        covariance = products / (n - 1) / n
    return Increment(
        strategy=strategy,
        comparator=comparator,
        cost=cost,
        qalys=qalys,
        life_years=difference(tally, s, LIFE_YEARS),
        covariance=covariance,
    )
