"""The what-ifs of a scenario side by side, all in the same patients.

Every what-if is the scenario with some keys changed. Its increments are compared with those of
the scenario as it stands, patient by patient, so that the change has an error of its own, smaller
than those of the two answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

from sim.economics.estimates import Estimate
from sim.economics.incremental import Increment, PatientTotals, increment
from sim.errors import UserError
from sim.scenario.loading import what_if
from sim.study.question import Question
from sim.uncertainty.one_way import middle_threshold
from sim.uncertainty.outcomes import COST, NMB, QALYS, change, outcome_named
from sim.uncertainty.same_patients import (
    Progress,
    Sample,
    each_question,
    sample,
    strategy_names,
    with_values,
)
from sim.uncertainty.switches import given_values

LIFE_YEARS: Final = "life_years"
COLUMNS: Final = (COST, QALYS, LIFE_YEARS)
NOT_IN_MONEY: Final = (QALYS, LIFE_YEARS)
CHANGES: Final = (COST, *NOT_IN_MONEY, NMB)
"""Outcomes whose changes are reported; those in money only where it is the same money."""
AS_IT_STANDS: Final = "base"


class Gain(NamedTuple):
    """What a strategy adds to the comparator.

    Attributes
    ----------
    increment
        In cost, QALYs and life-years.
    nmb
        The incremental net benefit at the threshold of the scenario's perspective.
    changes
        By outcome, from the scenario as it stands; those in money are left out where the
        currency or its year is another, and all of them in the scenario as it stands.
    """

    increment: Increment
    nmb: Estimate
    changes: dict[str, Estimate]


@dataclass(frozen=True)
class Column:
    """A what-if, or the scenario as it stands.

    Attributes
    ----------
    optimal
        The strategy with the most net benefit at `threshold`.
    gains
        One for each strategy beside the comparator.
    """

    name: str
    label: str
    currency: str
    price_year: int
    threshold: float
    optimal: str
    gains: tuple[Gain, ...]


@dataclass(frozen=True)
class ScenarioMatrix:
    """The scenario as it stands, then its what-ifs in their order."""

    question: Question
    columns: tuple[Column, ...]

    @property
    def base(self) -> Column:
        """The scenario as it stands."""
        return self.columns[0]


def scenario_matrix(
    question: Question,
    *,
    threshold: float | None = None,
    threads: int | None = None,
    progress: Progress = lambda _: None,
) -> ScenarioMatrix:
    """Simulate the scenario and each of its what-ifs.

    Parameters
    ----------
    question
        What is asked.
    threshold
        In currency per QALY, for what-ifs of the scenario's perspective too; by default the
        middle one of each perspective.
    threads
        What-ifs simulated at the same time; results do not depend on it.
    progress
        Called with 1 for each what-if that is finished.

    Raises
    ------
    UserError
        When the scenario has no what-ifs or no strategy beside the comparator.
    """
    scenario, file = question.scenario, question.loaded.file
    if not scenario.what_ifs:
        raise UserError("has no what-ifs", file=file, key="what_ifs")
    if len(scenario.strategies) == 1:
        raise UserError("needs a strategy beside the comparator", file=file, key="strategies")
    first = sample(question, COLUMNS)
    asked = {name: partial(_asked, question, name) for name in scenario.what_ifs}
    # Each thread compares its sample with the first.
    measure = partial(_column, threshold, first)
    found = each_question(asked.values(), COLUMNS, measure, threads=threads, progress=progress)
    labels = {
        name: each.label or name.replace("_", " ") for name, each in scenario.what_ifs.items()
    }
    what_ifs = (
        replace(column, name=name, label=labels[name])
        for name, column in zip(asked, found, strict=True)
    )
    return ScenarioMatrix(question, (_column(threshold, None, first), *what_ifs))


def _asked(question: Question, name: str) -> Question:
    changes = question.scenario.what_ifs[name]
    own = {*(changes.parameters or {}), *changes.factors, *changes.shifts}
    kept = {key: value for key, value in given_values(question).items() if key not in own}
    return with_values(question, kept, what_if(question.loaded, name, question.catalogue))


def _column(threshold: float | None, base: Sample | None, found: Sample) -> Column:
    question = found.question
    perspective = question.perspective
    worth = middle_threshold(question)
    if threshold is not None and (base is None or _same_money(base, found)):
        worth = threshold
    comparator = question.scenario.comparator_name
    others = [name for name in strategy_names(question) if name != comparator]
    return Column(
        name=AS_IT_STANDS,
        label="As it stands",
        currency=perspective.currency,
        price_year=perspective.price_year,
        threshold=worth,
        optimal=found.optimal(worth),
        gains=tuple(_gain(found, base, name, worth, threshold) for name in others),
    )


def _gain(
    found: Sample, base: Sample | None, strategy: str, worth: float, threshold: float | None
) -> Gain:
    comparator = found.question.scenario.comparator_name
    pair = found.pair(strategy)
    totals = [
        PatientTotals(name, pair[COST][side], pair[QALYS][side], pair[LIFE_YEARS][side])
        for side, name in enumerate((strategy, comparator))
    ]
    gain = increment(*totals)
    changes = {}
    if base is not None:
        there = base.pair(strategy)
        before = middle_threshold(base.question) if threshold is None else threshold
        for name in CHANGES if _same_money(base, found) else NOT_IN_MONEY:
            outcomes = [
                outcome_named(name, threshold=at, currency=found.question.perspective.currency)
                for at in (worth, before)
            ]
            changes[name] = change(outcomes[0].read(pair), outcomes[1].read(there))
    return Gain(gain, gain.nmb(worth), changes)


def _same_money(one: Sample, other: Sample) -> bool:
    first, second = one.question.perspective, other.question.perspective
    return (first.currency, first.price_year) == (second.currency, second.price_year)
