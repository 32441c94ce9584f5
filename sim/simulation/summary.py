"""The answer: every reported quantity with its Monte Carlo standard error.

It is estimated from the single patients where they were stored, else from the tally. Estimates from
tallies are computed for all strategies at once and, where the arrays of a tally have a first axis
of parameter sets, for all sets: the last axis of every result is the strategy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.catalog.parameter import SCENARIO, STATUSES
from sim.clinic.events import Cause
from sim.clinic.units import DAYS_PER_MONTH, PERCENT
from sim.economics.estimates import (
    NORMAL_97_5,
    NOT_ESTIMABLE,
    Array,
    Estimate,
    mean,
    median,
    percent,
    survival_percent,
)
from sim.economics.incremental import (
    FrontierRow,
    Increment,
    frontier,
    increment,
    paired_difference,
    previous_on_frontier,
)
from sim.economics.incremental import Strategy as FrontierStrategy
from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES, Account, Category
from sim.engine.outcomes import ALIVE
from sim.simulation.observables import BINS_PER_MONTH
from sim.simulation.run import Arm, Simulation
from sim.simulation.tally import (
    ACCOUNTS,
    CATEGORIES,
    CATEGORY_COLUMNS,
    COST,
    DISCOUNTED,
    EFS_LANDMARK_MONTHS,
    MONTHS,
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
EARLY_MONTHS: Final = max(OS_LANDMARKS_MONTHS)
"""Most medians are reached within these: later months are then not read."""
NOT_REACHED: Final = math.inf
REPORTED: Final = (
    ("life_years", Account.LIFE_YEARS, ()),
    ("qalys", Account.QALY, QALY_CATEGORIES),
    ("cost", Account.COST, COST_CATEGORIES),
)
"""The accounts by the names of their outcomes, with the categories that are reported."""


@dataclass(frozen=True)
class ArmSummary:
    """A strategy's outcomes by name, each an estimate."""

    name: str
    label: str
    outcomes: Mapping[str, Estimate]


@dataclass(frozen=True)
class Comparison:
    """A strategy against the comparator, and the difference of each cost category."""

    increment: Increment
    cost_categories: Mapping[str, Estimate]
    nmb: Mapping[float, Estimate]

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Return every difference by the name of its outcome, as in increments.csv."""
        gain = self.increment
        return {
            "cost": gain.cost,
            "qalys": gain.qalys,
            "life_years": gain.life_years,
            **{f"cost.{name}": value for name, value in self.cost_categories.items()},
            "icer": gain.ratio,
            **{f"nmb_at_{threshold:g}": value for threshold, value in self.nmb.items()},
        }


class Step(NamedTuple):
    """A step along the frontier: the strategy before, and the error and limits of the ICER."""

    against: str
    icer_se: float | None
    icer_interval: tuple[float, float] | None


@dataclass(frozen=True)
class Summary:
    """The whole answer of a run.

    `steps` holds by name the steps along the `frontier`; without single patients, only those over
    the comparator are known.
    """

    arms: tuple[ArmSummary, ...]
    comparisons: tuple[Comparison, ...]
    frontier: tuple[FrontierRow, ...]
    steps: Mapping[str, Step]
    inputs: Mapping[str, int]

    def arm(self, name: str) -> ArmSummary:
        """Return the summary of a strategy."""
        return next(arm for arm in self.arms if arm.name == name)


def summarise(simulation: Simulation) -> Summary:
    """Estimate every reported quantity from the simulated patients."""
    arms, comparisons = estimates(simulation)
    analysis = frontier(
        FrontierStrategy(a.name, a.outcomes["cost"].mean, a.outcomes["qalys"].mean) for a in arms
    )
    steps = _steps(simulation, analysis, comparisons)
    return Summary(arms, comparisons, tuple(analysis), steps, _inputs(simulation))


def estimates(simulation: Simulation) -> tuple[tuple[ArmSummary, ...], tuple[Comparison, ...]]:
    """Estimate the outcomes of each strategy, and its differences from the comparator."""
    question = simulation.question
    labels = {s.name: s.shown_name for s in question.scenario.strategies}
    horizon = question.settings.horizon_days
    names = [strategy.name for strategy in question.scenario.strategies]
    if simulation.arms:
        found = [dict(_outcomes(arm, horizon)) for arm in simulation.arms]
        paired = _paired_arms(simulation)
    else:
        counted = outcomes(simulation.tally, horizon)
        found = [{name: each.at(s) for name, each in counted.items()} for s in range(len(names))]
        paired = _paired_counts(simulation.tally, names)
    arms = tuple(
        ArmSummary(name, labels[name], outcomes)
        for name, outcomes in zip(names, found, strict=True)
    )
    comparisons = tuple(
        Comparison(gain, categories, {each: gain.nmb(each) for each in question.thresholds})
        for gain, categories in paired
    )
    return arms, comparisons


def _steps(
    simulation: Simulation, analysis: list[FrontierRow], comparisons: tuple[Comparison, ...]
) -> dict[str, Step]:
    previous = previous_on_frontier(analysis)
    if simulation.arms:
        totals = {arm.strategy.name: arm.totals for arm in simulation.arms}
        gains = [increment(totals[name], totals[other]) for name, other in previous.items()]
    else:
        pairs = set(previous.items())
        known = (each.increment for each in comparisons)
        gains = [gain for gain in known if (gain.strategy, gain.comparator) in pairs]
    return {
        gain.strategy: Step(gain.comparator, gain.icer_se, gain.icer_interval) for gain in gains
    }


def _outcomes(arm: Arm, horizon_days: float) -> Iterator[tuple[str, Estimate]]:
    death = arm.outcome("death_days")
    for name in SHARES:
        yield f"{name}_percent", percent(arm.outcome(name))
    yield "cycles_mean", mean(arm.outcome("cycles_first_line"))
    yield "cycles_median", median(arm.outcome("cycles_first_line"))
    responders = arm.outcome("response").astype(bool)
    yield "rfs_median_months", _months(median(arm.outcome("rfs_days")[responders]))
    yield "os_median_months", _months(median(death))
    yield (
        f"efs_{EFS_LANDMARK_MONTHS}_months_percent",
        survival_percent(arm.outcome("efs_days"), EFS_LANDMARK_MONTHS * DAYS_PER_MONTH),
    )
    for months in OS_LANDMARKS_MONTHS:
        yield (
            f"os_{months}_months_percent",
            survival_percent(death, months * DAYS_PER_MONTH)
            if months * DAYS_PER_MONTH <= horizon_days
            else NOT_ESTIMABLE,
        )
    causes = arm.outcome("cause_of_death")
    for cause in Cause:
        yield f"death_{cause.name.lower()}_percent", percent(causes == cause)
    yield "alive_at_horizon_percent", percent(causes == ALIVE)
    for suffix, discounted in (("", True), ("_undiscounted", False)):
        for account_name, account, categories in REPORTED:
            name = f"{account_name}{suffix}"
            yield name, mean(arm.total(account, discounted=discounted))
            for category in categories:
                amounts = arm.category(category, discounted=discounted)
                yield f"{name}.{category.label}", mean(amounts)


def _months(days: Estimate) -> Estimate:
    return Estimate(days.mean / DAYS_PER_MONTH, days.se / DAYS_PER_MONTH)


Paired = tuple[Increment, dict[str, Estimate]]
"""A strategy's increment over the comparator, and the difference of each cost category."""


def _paired_arms(simulation: Simulation) -> Iterator[Paired]:
    comparator = simulation.arm(simulation.question.scenario.comparator_name)
    for arm in simulation.arms:
        if arm is not comparator:
            yield (
                increment(arm.totals, comparator.totals),
                {
                    each.label: paired_difference(arm.category(each), comparator.category(each))
                    for each in COST_CATEGORIES
                },
            )


def _paired_counts(tally: Tally, names: list[str]) -> Iterator[Paired]:
    found = differences(tally)
    for s, name in enumerate(names):
        if s != tally.comparator:
            gain = Increment(
                strategy=name,
                comparator=names[tally.comparator],
                cost=found.cost.at(s),
                qalys=found.qalys.at(s),
                life_years=found.life_years.at(s),
                covariance=float(found.covariance[s]),
            )
            yield gain, {label: each.at(s) for label, each in found.cost_categories.items()}


def _inputs(simulation: Simulation) -> dict[str, int]:
    question = simulation.question
    used = [question.parameters[name] for name in sorted(question.used)]
    counts = {
        status: sum(1 for parameter in used if parameter.status == status) for status in STATUSES
    }
    changed = sum(
        parameter.status == SCENARIO or question.numbers[parameter.name] != parameter.value
        for parameter in used
    )
    return {"used": len(used), **counts, "changed_by_scenario": changed}


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
    responded = counts.flags[..., ROW.index("response")]
    found["rfs_median_months"] = median_months(counts.relapses, responded)
    died = by_month(counts.deaths, EARLY_MONTHS)
    found["os_median_months"] = median_months(counts.deaths, np.full(died.shape[:-1], n))
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
    categories = {each.label: _of_category(every, each) for each in COST_CATEGORIES}
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


def by_month(times: Whole, months: int = MONTHS) -> Whole:
    """Return how many have had the event by the end of each of the first months."""
    last = min(months * BINS_PER_MONTH, times.shape[-1] - 1)
    bins = times[..., :last].reshape(*times.shape[:-1], -1, BINS_PER_MONTH)
    # Adds whole numbers as `sum` does, in a third of the time.
    return np.cumsum(np.einsum("...i->...", bins), axis=-1)


def median_months(times: Whole, total: Whole | None = None) -> Estimates:
    """Estimate medians of counted times, interpolated within their bin.

    Their error is Woodruff's, as in `sim.economics.estimates.median`. Infinite where fewer than
    half have the event within the bins, ``nan`` where nobody is counted. `total` is the sum of the
    times, where it is known.
    """
    total = times.sum(axis=-1) if total is None else total
    middle = total * HALF
    rank_error = np.sqrt(total) / 2.0
    ranks = np.stack([middle, middle - rank_error, middle + rank_error], axis=-1)
    until = by_month(times, EARLY_MONTHS)
    if (until[..., -1:] < ranks).any():
        until = by_month(times)
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
    average = mean_of(
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
        return average, Estimates(middle, _unknown(middle))
    return average, Estimates(middle, error * (upper - lower) / (high - low))


def amounts(tally: Tally) -> dict[str, Estimates]:
    """Return life-years, QALYs and costs by name, in all and by category."""
    every = mean_of(tally.sums.values, tally.sums.squares, tally.patients)
    found: dict[str, Estimates] = {}
    for suffix, kind in (("", DISCOUNTED), ("_undiscounted", UNDISCOUNTED)):
        values = Estimates(every.mean[..., kind, :], every.se[..., kind, :])
        for account_name, account, categories in REPORTED:
            name = f"{account_name}{suffix}"
            found[name] = _column(values, CATEGORY_COLUMNS + ACCOUNTS.index(account))
            for category in categories:
                found[f"{name}.{category.label}"] = _of_category(values, category)
    return found


def _of_category(values: Estimates, category: Category) -> Estimates:
    return _column(values, CATEGORIES.index(category))


def _column(values: Estimates, column: int) -> Estimates:
    return Estimates(values.mean[..., column], values.se[..., column])
