"""The budget impact: what a payer spends year by year with new strategies, and without.

Patients of a calendar year enter at its beginning, so that their first year is that year, or in its
middle, so that their first year is half of one. With m(s, y) the mean undiscounted cost under strategy
s in the y-th calendar year since entry, n(e) the patients who enter in year e, and w(e, s) the shares
of the strategies, a calendar year t costs::

    B(t) = sum over years e up to t and strategies s of n(e) w(e, s) m(s, t - e)

Shares with uptake are the uptake itself and, in the rest of the patients, the current shares::

    w(e, s) = u(e, s) + (1 - sum of u(e)) c(s)

The net budget impact is B with uptake minus B without. It is linear in the means of the same patients,
and its Monte Carlo error follows from their covariances.

The cost up to a time, undiscounted, is the cost under a horizon at that time: the horizon changes
nothing of a life before it. Each patient is therefore simulated up to the end of every year with the
same random numbers, and a year costs the difference between its end and its beginning. The years and
what comes after them add up to the undiscounted cost under the question's own horizon.

Source: Sullivan SD et al., Value Health 2014;17:5-14 (ISPOR good practice for budget impact).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import numpy as np
import pandas as pd

from sim.analyses.psa.noise import Split, split
from sim.analyses.shared.result import OverDraws
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.estimates import Array, Estimate
from sim.economics.ledger import COST_CATEGORIES, Category
from sim.engine.streams import blocks
from sim.errors import UserError
from sim.layout.schema import Schema, count, number, strategy_name, text
from sim.scenario.schema import Budget as Plan
from sim.simulation.core_run import bind, new_patient_rows, new_room, ready, run_kernel
from sim.simulation.parameter_sets import Rebinder
from sim.simulation.question import Question, check_values, with_numbers
from sim.simulation.run import Progress, refuse_impossible
from sim.simulation.tally import CATEGORIES as LEDGER
from sim.simulation.tally import DEATH, UNDISCOUNTED, UNIT, Tally, new_sums, of_set
from sim.spread.order import in_order

COSTS: Final = [LEDGER.index(category) for category in COST_CATEGORIES]
YEARS_ALIVE: Final = LEDGER.index(Category.LIFE)
MEASURES: Final = (*(category.label for category in COST_CATEGORIES), "total", "years", "alive")
"""Of a patient in a year: the cost by category and in total, years lived, alive at its end."""
TOTAL: Final = MEASURES.index("total")
YEARS: Final = MEASURES.index("years")
ALIVE: Final = MEASURES.index("alive")
TASKS_AHEAD: Final = 4
HALF: Final = 0.5


@dataclass(frozen=True)
class Means:
    """Means over patients, and the covariances of the errors of the means.

    Attributes
    ----------
    mean
        By strategy, year since entry and measure; the last year is all that comes after.
    covariance
        By measure: of each pair of (strategy, year), in the order of `mean`.
    """

    mean: Array
    covariance: Array


Numbered = tuple[Mapping[str, float], int]
"""The values of a draw by name, and the number of its first patient."""


class Simulator:
    """Simulates patients of a question up to the end of each year; one for each thread."""

    def __init__(self, question: Question, years: int, *, mid_year: bool) -> None:
        self._question = question
        self._bound = bind(question)
        ready(self._bound)
        self._room = new_room(self._bound.keys)
        first = HALF if mid_year else 1.0
        self._ends = np.array([DAYS_PER_YEAR * (first + year) for year in range(years)])
        self._ends = np.append(self._ends, np.inf).clip(max=question.settings.horizon_days)
        self._rebinder = Rebinder(question, len(self._ends))

    def __call__(self, draws: list[Numbered]) -> list[Means]:
        """Return the means of each draw."""
        return [self._means(*each) for each in draws]

    def _means(self, numbers: Mapping[str, float], first: int) -> Means:
        check_values(self._question, numbers)
        asked, patients = with_numbers(self._question, numbers), self._question.patients
        sets = self._rebinder.sets
        for row, end in enumerate(self._ends):
            self._rebinder.bind(row, asked)
            sets.rules[row].horizon_days = end
        strategies, measures = self._bound.strategies, len(MEASURES)
        wide = strategies * len(self._ends)
        total, products = np.zeros((wide, measures)), np.zeros((measures, wide, wide))
        for start, many in blocks(patients, UNIT):
            values = self._unit(asked, first + start, many).reshape(many, wide, measures)
            total += values.sum(axis=0)
            products += np.einsum("nik,njk->kij", values, values)
        mean = total / patients
        square = products - patients * np.einsum("ik,jk->kij", mean, mean)
        covariance = square / max(patients - 1, 1) / patients
        return Means(mean.reshape(strategies, len(self._ends), measures), covariance)

    def _unit(self, asked: Question, first: int, count: int) -> Array:
        """Return the measures by patient, strategy and year."""
        bound, sets = self._bound, len(self._ends)
        kept = new_patient_rows(sets, count, bound.strategies)
        sums, counts = new_sums(bound.strategies, sets), bound.counts(sets)
        firsts, seed = np.full(sets, first), self._question.seed
        run_kernel(bound, self._rebinder.sets, self._room, sums, counts, seed, firsts, count, kept)
        if counts.impossible.any():
            last = Tally(count, bound.comparator, of_set(sums, -1), of_set(counts, -1))
            refuse_impossible(asked, last, first)
        until = kept.amounts[:, :, :, UNDISCOUNTED]
        costs = np.diff(until[..., COSTS], axis=0, prepend=0.0)
        lived = np.diff(until[..., YEARS_ALIVE], axis=0, prepend=0.0)
        alive = kept.rows[-1, :, :, DEATH] > self._ends[:, None, None]
        columns = [costs, costs.sum(axis=-1)[..., None], lived[..., None], alive[..., None]]
        return np.concatenate(columns, axis=-1).transpose(1, 2, 0, 3)


def yearly_means(
    question: Question,
    years: int,
    parameters: pd.DataFrame | None = None,
    *,
    mid_year: bool = False,
    threads: int | None = None,
    progress: Progress,
) -> Iterator[Means]:
    """Yield the means of the question's patients, or those of each draw, in patients of its own.

    The parameters have a row per draw, the question its patients, which are those of
    `sim.analyses.psa.draws_run`. So many years are told apart, the first of them half a year where
    patients enter in its middle. Results do not depend on threads.
    """
    rows = [{}] if parameters is None else parameters.to_dict("records")
    sets: Iterator[Numbered] = (
        ({str(name): value for name, value in row.items()}, draw * question.patients)
        for draw, row in enumerate(rows)
    )
    job = partial(Simulator, question, years, mid_year=mid_year)
    lives = question.patients * len(question.scenario.strategies)
    for done in in_order(job, sets, size=1, threads=threads, ahead=TASKS_AHEAD):
        for found in done:
            progress(lives)
            yield found


Situation = Literal["current", "with_uptake", "net"]
SITUATIONS: Final[tuple[Situation, ...]] = ("current", "with_uptake", "net")
CATEGORIES: Final = MEASURES[: TOTAL + 1]
LATER: Final = "later"
"""All years after those of the budget."""
TABLE: Final = Schema(
    "budget.csv",
    (
        count("year", "calendar year"),
        text("situation", "``current`` shares, ``with_uptake``, or the ``net`` impact", SITUATIONS),
        text("category", "of the cost, or ``total``", CATEGORIES),
        number("cost", "base case, undiscounted, in `currency`", is_given=True),
        number("se", "its Monte Carlo error"),
        text("currency"),
    ),
    ("year", "situation", "category"),
)
"""Costs of all patients by calendar year."""
PATIENTS: Final = Schema(
    "budget_patients.csv",
    (
        count("year", "calendar year"),
        text("situation", "", SITUATIONS),
        strategy_name(),
        number("treated", "patients who enter in the year and begin the strategy", is_given=True),
        number("years", "lived in the year by all who have entered, base case", is_given=True),
        number("alive", "at the end of the year, of all who have entered", is_given=True),
    ),
    ("year", "situation", "strategy"),
)
SINCE_ENTRY: Final = Schema(
    "budget_since_entry.csv",
    (
        strategy_name(),
        text(
            "year",
            f"since entry, from 1, half of one with mid_year, and ``{LATER}`` for all years after those of the budget",
        ),
        text("category", "of the cost, or ``total``", CATEGORIES),
        number("cost", "per patient, base case, undiscounted, in `currency`", is_given=True),
        number("se", "its Monte Carlo error"),
        text("currency"),
    ),
    ("strategy", "year", "category"),
)
"""The years of a strategy add up to its undiscounted cost over the horizon."""
DRAWS: Final = Schema(
    "budget_draws.csv",
    (
        count("draw"),
        count("year", "calendar year"),
        number("current", "cost of all patients, undiscounted, in `currency`", is_given=True),
        number("with_uptake", "", is_given=True),
        number("net", "budget impact", is_given=True),
        number("net_se", "its Monte Carlo error"),
        text("currency"),
    ),
    ("draw", "year"),
)


@dataclass(frozen=True)
class Budget(OverDraws):
    """A budget impact.

    Attributes
    ----------
    table, patients, since_entry, drawn
        The tables `TABLE`, `PATIENTS`, `SINCE_ENTRY` and `DRAWS`.
    total
        Net impact of all years together in the base case.
    spread
        The net impact over draws, by calendar year and, at the end, of all years together.
    """

    table: pd.DataFrame
    patients: pd.DataFrame
    since_entry: pd.DataFrame
    drawn: pd.DataFrame
    total: Estimate
    spread: tuple[Split, ...]

    @property
    def plan(self) -> Plan:
        """Incidence and uptake."""
        return plan_of(self.question)

    @property
    def years(self) -> list[int]:
        """The calendar years."""
        return [self.plan.first_year + place for place in range(self.plan.years)]

    def cost(self, situation: str, category: str) -> list[Estimate]:
        """Return a cost by calendar year."""
        of_both = (self.table["situation"] == situation) & (self.table["category"] == category)
        rows = self.table[of_both]
        return [Estimate(*pair) for pair in zip(rows["cost"], rows["se"], strict=True)]


def plan_of(question: Question) -> Plan:
    """Return incidence and uptake of a question.

    Raises
    ------
    UserError
        When the scenario does not say them.
    """
    plan = question.scenario.budget
    if plan is None:
        raise UserError(
            "is missing: it says incidence and uptake, as in 'budget: {first_year: 2026, "
            "patients_per_year: 100, uptake: {STRATEGY: [0.2, 0.4, 0.6, 0.7, 0.7]}}'",
            file=question.loaded.file,
            key="budget",
        )
    return plan


def entering(question: Question) -> dict[Situation, Array]:
    """Return the patients who enter, by situation: (calendar year, strategy)."""
    plan, scenario = plan_of(question), question.scenario
    names = [strategy.name for strategy in scenario.strategies]
    today = plan.current or {scenario.comparator_name: 1.0}
    current = np.array([today.get(name, 0.0) for name in names])
    rising = plan.uptakes()
    uptake = np.array([rising.get(name, [0.0] * plan.years) for name in names]).T
    patients = np.array(plan.incidence())[:, None]
    rest = np.maximum(1.0 - uptake.sum(axis=1, keepdims=True), 0.0)
    without, with_uptake = patients * current, patients * (uptake + rest * current)
    return {"current": without, "with_uptake": with_uptake, "net": with_uptake - without}


def weights(entered: Array) -> Array:
    """Return the patients in each year since entry: (calendar year, strategy, year since entry).

    The last year since entry, all that comes after the budget, is in no calendar year.
    """
    years, strategies = entered.shape
    found = np.zeros((years, strategies, years + 1))
    for year in range(years):
        for since in range(year + 1):
            found[year, :, since] = entered[year - since]
    return found


def linear(means: Means, weight: Array, measure: int) -> Estimate:
    """Return a weighted sum of the means of a measure, with its Monte Carlo error.

    The weights are by strategy and year since entry; the measure is a place in `MEASURES`.
    """
    flat = weight.ravel()
    value = float(flat @ means.mean[..., measure].ravel())
    variance = float(flat @ means.covariance[measure] @ flat)
    return Estimate(value, float(np.sqrt(max(variance, 0.0))))


def budget_impact(
    question: Question, base: Means, drawn: Iterable[Means], *, parameters: int, base_patients: int
) -> Budget:
    """Return the budget impact from the means of the base case, and of each draw."""
    entered = entering(question)
    by_year = {situation: weights(each) for situation, each in entered.items()}
    whole = {name: [*weight, weight.sum(axis=0)] for name, weight in by_year.items()}
    # Each draw is reduced to these sums at once: the covariances of all would not fit in memory.
    sums = [
        {name: [linear(each, weight, TOTAL) for weight in many] for name, many in whole.items()}
        for each in drawn
    ]
    values = np.array([[each.mean for each in draw["net"]] for draw in sums])
    noise = np.array([[each.se**2 for each in draw["net"]] for draw in sums])
    return Budget(
        question=question,
        draws=len(sums),
        parameters_drawn=parameters,
        base_patients=base_patients,
        table=TABLE.table(_cost_rows(question, base, by_year)),
        patients=PATIENTS.table(_patient_rows(question, base, entered, by_year)),
        since_entry=SINCE_ENTRY.table(_rows_since_entry(question, base)),
        drawn=DRAWS.table(_draw_rows(question, sums)),
        total=linear(base, whole["net"][-1], TOTAL),
        spread=tuple(split(*pair) for pair in zip(values.T, noise.T, strict=True)),
    )


Rows = Iterator[tuple[object, ...]]


def _cost_rows(question: Question, base: Means, by_year: dict[Situation, Array]) -> Rows:
    first, currency = plan_of(question).first_year, question.perspective.currency
    for place in range(len(by_year["net"])):
        for situation, weight in by_year.items():
            for measure, category in enumerate(CATEGORIES):
                cost = linear(base, weight[place], measure)
                yield first + place, situation, category, *cost, currency


def _patient_rows(
    question: Question,
    base: Means,
    entered: dict[Situation, Array],
    by_year: dict[Situation, Array],
) -> Rows:
    first = plan_of(question).first_year
    for place in range(len(by_year["net"])):
        for situation, weight in by_year.items():
            for s, strategy in enumerate(question.scenario.strategies):
                counted = (
                    float(weight[place, s] @ base.mean[s, :, each]) for each in (YEARS, ALIVE)
                )
                treated = float(entered[situation][place, s])
                yield first + place, situation, strategy.name, treated, *counted


def _rows_since_entry(question: Question, base: Means) -> Rows:
    strategies, years, _ = base.mean.shape
    currency = question.perspective.currency
    for s, strategy in enumerate(question.scenario.strategies):
        for year in range(years):
            weight = np.zeros((strategies, years))
            weight[s, year] = 1.0
            name = LATER if year == years - 1 else str(year + 1)
            for measure, category in enumerate(CATEGORIES):
                yield strategy.name, name, category, *linear(base, weight, measure), currency


def _draw_rows(question: Question, sums: list[dict[Situation, list[Estimate]]]) -> Rows:
    plan, currency = plan_of(question), question.perspective.currency
    for draw, found in enumerate(sums):
        for place in range(plan.years):
            spent = [found[situation][place] for situation in SITUATIONS]
            year, means = plan.first_year + place, [each.mean for each in spent]
            yield draw, year, *means, spent[-1].se, currency
