"""The simulated patients as a partitioned survival model would value them.

Overall and event-free survival of the patients of each strategy are all that the partition knows.
What the simulation adds, time on treatment, depth of remission, transplant, later lines,
complications and age, is its structure: what each part of it is worth follows from the time in each
state of the ledger, not from the curves. Source: NICE DSU Technical Support Document 19, which asks
for a state-transition model beside a partitioned one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.analyses.verify.draws import once
from sim.analyses.verify.partition_table import (
    AFTER_FAILURE,
    AGE,
    CYCLE,
    DEPTH,
    FOLLOW_UP,
    GVHD,
    LATER_LINES,
    LIFE_YEARS,
    PARTS,
    QALYS,
    QALYS_GAINED,
    STATES_AND_LINES,
    TABLE,
    TOXICITY,
    TRANSPLANT,
    TREATMENT,
    item_of,
)
from sim.analyses.verify.partitioned_survival import Curves, Tariff, Totals, curves, partitioned
from sim.analyses.verify.subject import Lives, Subject
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR
from sim.economics.estimates import Array, Estimate, mean
from sim.economics.ledger import Account, Category, State
from sim.economics.prices import CellDrug
from sim.simulation.tally import CATEGORIES, DISCOUNTED

CYCLE_DAYS: Final = 1.0
"""Of the partition, with a half-cycle correction."""
STATES: Final = tuple(State)
REMISSION: Final = (State.COMPLETE_REMISSION, State.INCOMPLETE_REMISSION)
TRANSPLANTED: Final = (State.TRANSPLANT_FIRST_YEAR, State.AFTER_TRANSPLANT)
WITHOUT_CAP: Final = {"switches": {"utility_age_cap": False}}


@dataclass(frozen=True)
class Compared:
    """A strategy in both models; costs and effects per patient, discounted.

    Attributes
    ----------
    strategy, name
        Its name, and that which is shown.
    life_years, after_failure, follow_up
        Of the simulation, with Monte Carlo errors; the last two are the costs by the month, after
        failure and in remission.
    qalys, beyond
        Of each simulated patient, and how much more that is than in the partition.
    partition
        Of the partition, effects at their rate and costs at theirs.
    first_remission_years
        Of the ledger: before remission of those who respond, and from then on to the event; None
        where no regimen begins the strategy.
    waiting_cost
        Of the care after failure that is paid before a first remission, in the partition.
    structure
        Parts of the difference in QALYs that the curves cannot show: some of `PARTS`.
    grid_qalys
        The largest difference that the cycle of the partition can make.
    """

    strategy: str
    name: str
    life_years: Estimate
    qalys: Array
    beyond: Array
    after_failure: Estimate
    follow_up: Estimate
    partition: Totals
    first_remission_years: float | None
    waiting_cost: float
    structure: Mapping[str, float]
    grid_qalys: float

    @property
    def difference(self) -> float:
        """QALYs of the simulation less those of the partition."""
        return mean(self.qalys).mean - self.partition.qalys

    @property
    def unexplained(self) -> float:
        """The difference in QALYs that is not structure."""
        return self.difference - math.fsum(self.structure.values())


@once
def compared(subject: Subject) -> tuple[Compared, ...]:
    """Return each strategy in both models."""
    return tuple(_compared(subject, place) for place in range(len(subject.strategies)))


def utilities_of(subject: Subject, lives: Lives, place: int) -> tuple[float, float]:
    """Return the partition's utility before the event and after it.

    Before it is that of a remission, complete or not as often as patients respond so.
    """
    states = subject.question.accounts.utilities.states
    responded = lives.outcome("response")[:, place] > 0.0
    complete = lives.outcome("complete_remission")[responded, place]
    share = float(complete.mean()) if complete.size else 1.0
    before = share * states.complete_remission + (1.0 - share) * states.incomplete_remission
    return before, states.relapsed_refractory


def curves_of(lives: Lives, place: int) -> Curves:
    """Return overall and event-free survival of a strategy, up to the end of the last life."""
    return curves(
        days_of(lives),
        lives.outcome("death_days")[:, place],
        lives.outcome("efs_days")[:, place],
    )


def days_of(lives: Lives) -> Array:
    """Return the ends of the partition's cycles."""
    end = float(lives.outcome("horizon_days").max())
    return np.append(np.arange(0.0, end, CYCLE_DAYS), end)


def waiting_curve(lives: Lives, place: int) -> Curves:
    """Return the share that is alive and waits for a remission that comes: as event-free survival."""
    remission = lives.outcome("remission_days")[:, place]
    responded = lives.outcome("response")[:, place] > 0.0
    until = np.where(responded, remission, 0.0)
    return curves(days_of(lives), lives.outcome("death_days")[:, place], until)


def years_of_states(lives: Lives, place: int) -> Array:
    """Return the mean discounted years by line and state, from the ledgers."""
    cells = lives.tally.sums.cells[place, CATEGORIES.index(Category.LIFE), :, :, DISCOUNTED]
    found: Array = cells / lives.tally.patients
    return found


def event_free_price(subject: Subject, place: int) -> float:
    """Return the price of a month before the event: follow-up, and immunoglobulin after cells."""
    accounts = subject.question.accounts
    price = accounts.prices.follow_up_per_month
    for name in subject.question.scenario.strategies[place].sequence[:1]:
        drug = accounts.price_list.regimens[name].drug
        if isinstance(drug, CellDrug):
            price += drug.immunoglobulin_per_day * DAYS_PER_MONTH
    return price


def _tariff(subject: Subject, place: int, utilities: tuple[float, float], rate: float) -> Tariff:
    prices = subject.question.accounts.prices
    return Tariff(
        utility_event_free=utilities[0],
        utility_after_event=utilities[1],
        cost_per_month_event_free=event_free_price(subject, place),
        event_free_cost_ends_days=math.inf,
        cost_per_month_after_event=prices.after_failure_per_month,
        rate=rate,
    )


def _compared(subject: Subject, place: int) -> Compared:
    lives = subject.lives
    at_costs, at_effects = subject.question.discount_rates
    utilities = utilities_of(subject, lives, place)
    drawn, waiting = curves_of(lives, place), waiting_curve(lives, place)
    effects = _tariff(subject, place, utilities, at_effects)
    costs = _tariff(subject, place, utilities, at_costs)
    priced = partitioned(drawn, costs)
    waited = partitioned(waiting, effects).event_free_years
    strategy = subject.question.scenario.strategies[place]
    qalys = lives.total(Account.QALY)[:, place]
    return Compared(
        strategy=strategy.name,
        name=strategy.shown_name,
        life_years=mean(lives.total(Account.LIFE_YEARS)[:, place]),
        qalys=qalys,
        beyond=qalys - _qalys_of_patients(lives, place, effects),
        after_failure=mean(lives.amount(Category.LATER_LINES)[:, place]),
        follow_up=mean(lives.amount(Category.FOLLOW_UP)[:, place]),
        partition=partitioned(drawn, effects)._replace(
            event_free_cost=priced.event_free_cost, after_event_cost=priced.after_event_cost
        ),
        first_remission_years=_first_remission(subject, place, waited),
        waiting_cost=_after_failure_cost(waiting, costs),
        structure=structure(subject, place, utilities, waited),
        grid_qalys=_grid_qalys(subject, utilities),
    )


def begins_with_a_regimen(subject: Subject, place: int) -> bool:
    """Whether the first line of a strategy is a regimen, so that what follows has other numbers."""
    return bool(subject.question.model.strategies[place].regimens)


def _first_remission(subject: Subject, place: int, waited: float) -> float | None:
    if not begins_with_a_regimen(subject, place):
        return None
    first = years_of_states(subject.lives, place)[0]
    return waited + float(sum(first[STATES.index(state)] for state in (*REMISSION, *TRANSPLANTED)))


def _after_failure_cost(waiting: Curves, tariff: Tariff) -> float:
    """Return the cost of the waiting at the price of care after failure."""
    price = tariff.cost_per_month_after_event
    return partitioned(waiting, tariff._replace(cost_per_month_event_free=price)).event_free_cost


def _qalys_of_patients(lives: Lives, place: int, tariff: Tariff) -> Array:
    """Return each patient's QALYs by the partition's states, without a cycle: for its error alone."""
    force = math.log1p(tariff.rate) / DAYS_PER_YEAR
    until = lives.outcome("horizon_days")[:, place]
    event = np.minimum(lives.outcome("efs_days")[:, place], until)
    alive, free = (
        (-np.expm1(-force * days) / force if force else days) / DAYS_PER_YEAR
        for days in (until, event)
    )
    found: Array = tariff.utility_event_free * free + tariff.utility_after_event * (alive - free)
    return found


def structure(
    subject: Subject, place: int, utilities: tuple[float, float], waited: float
) -> dict[str, float]:
    """Return what the simulation adds to the partition's QALYs, part by part.

    Age is the effect of the general population's utility as the highest, from lives simulated
    without it; the other parts are those of `in_states` and of complications.

    Parameters
    ----------
    subject, place
        The strategy.
    utilities
        Of the partition, before the event and after it.
    waited
        Mean discounted years on treatment before a remission.
    """
    amounts = subject.lives.amounts[:, place, DISCOUNTED].mean(axis=0)
    capped, uncapped = (
        lives.amount(Category.QALY_STATE)[:, place].mean()
        for lives in (subject.under(), subject.under({}, WITHOUT_CAP))
    )
    return {
        **in_states(subject, place, utilities, waited),
        TOXICITY: float(amounts[CATEGORIES.index(Category.QALY_TOXICITY)]),
        GVHD: float(amounts[CATEGORIES.index(Category.QALY_GVHD)]),
        AGE: float(capped - uncapped),
    }


def in_states(
    subject: Subject, place: int, utilities: tuple[float, float], waited: float
) -> dict[str, float]:
    """Return the discounted time in states times their utility less that of the partition."""
    before, after = utilities
    states = subject.question.accounts.utilities.states
    years = years_of_states(subject.lives, place)
    first = dict(zip(STATES, years[0].tolist(), strict=True))
    later = dict(zip(STATES, years[1:].sum(axis=0).tolist(), strict=True))
    if not begins_with_a_regimen(subject, place):
        drawn = partitioned(
            curves_of(subject.lives, place),
            _tariff(subject, place, utilities, subject.question.discount_rates[1]),
        )
        valued = sum((first[state] + later[state]) * states.of(state) for state in STATES)
        return {STATES_AND_LINES: valued - drawn.qalys}
    failing = first[State.ON_TREATMENT] - waited
    treated = states.on_treatment
    return {
        TREATMENT: waited * (treated - before) + failing * (treated - after),
        DEPTH: sum(first[state] * (states.of(state) - before) for state in REMISSION),
        TRANSPLANT: sum(first[state] * (states.of(state) - before) for state in TRANSPLANTED),
        LATER_LINES: sum(spent * (states.of(state) - after) for state, spent in later.items()),
    }


def half_a_cycle_years() -> float:
    """Return the most that the partition's cycle moves the time of any life under one curve."""
    return CYCLE_DAYS / 2.0 / DAYS_PER_YEAR


def _grid_qalys(subject: Subject, utilities: tuple[float, float]) -> float:
    """Return the most that half a cycle under each curve, and under the waiting, is worth."""
    before, after = utilities
    treated = subject.question.accounts.utilities.states.on_treatment
    curve = abs(after) + 2.0 * abs(before - after) + abs(treated - before) + abs(treated - after)
    return half_a_cycle_years() * curve


def table_of(subject: Subject) -> pd.DataFrame:
    """Return the table `TABLE` of a subject."""
    found = compared(subject)
    reference = found[subject.lives.tally.comparator]
    currency = subject.question.perspective.currency
    return TABLE.table(
        (each.strategy, each.name, *row)
        for each in found
        for row in _rows(each, reference, currency)
    )


def _rows(each: Compared, reference: Compared, currency: str) -> Iterator[tuple[Any, ...]]:
    partition = each.partition
    yield _row(LIFE_YEARS, each.life_years, partition.life_years, "years")
    yield _row(QALYS, mean(each.qalys), partition.qalys, "QALYs", mean(each.beyond).se)
    for part in PARTS:
        if part in each.structure:
            yield _part(part, each.structure[part])
    yield _part(CYCLE, each.unexplained)
    if each is not reference:
        gained = mean(each.qalys - reference.qalys)
        se = mean(each.beyond - reference.beyond).se
        partitioned = partition.qalys - reference.partition.qalys
        yield _row(QALYS_GAINED, gained, partitioned, "QALYs", se, reference.name)
    yield _row(AFTER_FAILURE, each.after_failure, partition.after_event_cost, currency)
    yield _row(FOLLOW_UP, each.follow_up, partition.event_free_cost, currency)


def _row(
    item: str,
    simulated: Estimate,
    partitioned: float,
    unit: str,
    se: float = math.nan,
    comparator: str = "",
) -> tuple[Any, ...]:
    difference = simulated.mean - partitioned
    return (comparator, item, *simulated, partitioned, difference, se, unit)


def _part(part: str, qalys: float) -> tuple[Any, ...]:
    return ("", item_of(part), *(math.nan,) * 3, qalys, math.nan, "QALYs")
