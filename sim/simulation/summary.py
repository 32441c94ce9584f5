"""The answer: every reported quantity with its Monte Carlo standard error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sim.catalog.parameter import SCENARIO, STATUSES
from sim.clinic.events import Cause
from sim.clinic.units import DAYS_PER_MONTH
from sim.economics.estimates import (
    NOT_ESTIMABLE,
    Estimate,
    mean,
    median,
    percent,
    survival_percent,
)
from sim.economics.incremental import (
    FrontierRow,
    Increment,
    PatientTotals,
    frontier,
    increment,
    paired_difference,
    previous_on_frontier,
)
from sim.economics.incremental import Strategy as FrontierStrategy
from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES, Account
from sim.engine.outcomes import ALIVE
from sim.simulation.arms import Arm
from sim.simulation.run import Simulation
from sim.simulation.tally import EFS_LANDMARK_MONTHS, OS_LANDMARKS_MONTHS, SHARES
from sim.simulation.tally_estimates import differences, outcomes


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
        comparisons = _compare_arms(simulation)
    else:
        counted = outcomes(simulation.tally, horizon)
        found = [{name: each.at(s) for name, each in counted.items()} for s in range(len(names))]
        comparisons = _compare_counts(simulation, names)
    arms = tuple(
        ArmSummary(name, labels[name], outcomes)
        for name, outcomes in zip(names, found, strict=True)
    )
    return arms, comparisons


def _steps(
    simulation: Simulation, analysis: list[FrontierRow], comparisons: tuple[Comparison, ...]
) -> dict[str, Step]:
    previous = previous_on_frontier(analysis)
    if simulation.arms:
        totals = {arm.strategy.name: _totals(arm) for arm in simulation.arms}
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
        yield (
            f"life_years{suffix}",
            mean(arm.total(Account.LIFE_YEARS, discounted=discounted)),
        )
        yield f"qalys{suffix}", mean(arm.total(Account.QALY, discounted=discounted))
        for category in QALY_CATEGORIES:
            yield (
                f"qalys{suffix}.{category.label}",
                mean(arm.category(category, discounted=discounted)),
            )
        yield f"cost{suffix}", mean(arm.total(Account.COST, discounted=discounted))
        for category in COST_CATEGORIES:
            yield (
                f"cost{suffix}.{category.label}",
                mean(arm.category(category, discounted=discounted)),
            )


def _months(days: Estimate) -> Estimate:
    return Estimate(days.mean / DAYS_PER_MONTH, days.se / DAYS_PER_MONTH)


def _totals(arm: Arm) -> PatientTotals:
    return PatientTotals(
        arm.strategy.name,
        arm.total(Account.COST),
        arm.total(Account.QALY),
        arm.total(Account.LIFE_YEARS),
    )


def _compare_arms(simulation: Simulation) -> tuple[Comparison, ...]:
    question = simulation.question
    comparator = simulation.arm(question.scenario.comparator_name)
    comparisons = []
    for arm in simulation.arms:
        if arm is comparator:
            continue
        gain = increment(_totals(arm), _totals(comparator))
        categories = {
            category.label: paired_difference(arm.category(category), comparator.category(category))
            for category in COST_CATEGORIES
        }
        comparisons.append(_comparison(gain, categories, question.thresholds))
    return tuple(comparisons)


def _compare_counts(simulation: Simulation, names: list[str]) -> tuple[Comparison, ...]:
    comparator, found = simulation.tally.comparator, differences(simulation.tally)
    comparisons = []
    for s, name in enumerate(names):
        if s == comparator:
            continue
        gain = Increment(
            strategy=name,
            comparator=names[comparator],
            cost=found.cost.at(s),
            qalys=found.qalys.at(s),
            life_years=found.life_years.at(s),
            covariance=float(found.covariance[s]),
        )
        categories = {label: each.at(s) for label, each in found.cost_categories.items()}
        comparisons.append(_comparison(gain, categories, simulation.question.thresholds))
    return tuple(comparisons)


def _comparison(
    gain: Increment, categories: Mapping[str, Estimate], thresholds: tuple[float, ...]
) -> Comparison:
    nmb = {threshold: gain.nmb(threshold) for threshold in thresholds}
    return Comparison(increment=gain, cost_categories=categories, nmb=nmb)


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
