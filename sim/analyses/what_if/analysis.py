"""The what-ifs of a scenario side by side, all in the same patients.

Every what-if is the scenario with some keys changed. Its increments are compared with those of
the scenario as it stands, patient by patient, so that the change has an error of its own, smaller
than those of the two answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.shared.outcomes import COST, NMB, QALYS, change, outcome_named
from sim.analyses.shared.paired_runs import (
    PairedRuns,
    Row,
    Sample,
    middle_threshold,
    sample,
    strategy_names,
    with_values,
)
from sim.analyses.shared.ranges import given_values
from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.economics.incremental import Increment, PatientTotals, increment
from sim.errors import UserError
from sim.scenario import loading
from sim.simulation.comparison import same_money
from sim.simulation.provenance import fingerprint
from sim.simulation.question import Question

LIFE_YEARS: Final = "life_years"
COLUMNS: Final = (COST, QALYS, LIFE_YEARS)
NOT_IN_MONEY: Final = (QALYS, LIFE_YEARS)
CHANGES: Final = (COST, *NOT_IN_MONEY, NMB)
"""Outcomes whose changes are reported; those in money only where it is the same money."""
AS_IT_STANDS: Final = "base"
HEADING: Final = ("currency", "price_year", "threshold", "optimal")
ESTIMATES: Final = (COST, QALYS, LIFE_YEARS, NMB, *(f"change_{name}" for name in CHANGES))
GAIN: Final = ("covariance", *(f"{name}{end}" for name in ESTIMATES for end in ("", "_se")))
"""Columns of a what-if: the heading, and for each strategy these numbers after its name."""


class Gain(NamedTuple):
    """The increments of a strategy over the comparator.

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
        One for each strategy but the comparator.
    notes
        Values that the what-if lacks, or that it changes nothing here, in words.
    """

    name: str
    label: str
    currency: str
    price_year: int
    threshold: float
    optimal: str
    gains: tuple[Gain, ...]
    notes: tuple[str, ...] = ()


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
    question: Question, *, threshold: float | None = None
) -> PairedRuns[ScenarioMatrix]:
    """Return the runs of the what-ifs, beside the scenario as it stands.

    Parameters
    ----------
    question
        The question.
    threshold
        In currency per QALY, for what-ifs of the scenario's perspective too; by default the
        middle one of each perspective.

    Raises
    ------
    UserError
        When the scenario has no what-ifs or no strategy but the comparator.
    """
    scenario, file = question.scenario, question.loaded.file
    if not scenario.what_ifs:
        raise UserError("has no what-ifs", file=file, key="what_ifs")
    if len(scenario.strategies) == 1:
        raise UserError("needs a strategy beside the comparator", file=file, key="strategies")
    first = sample(question, COLUMNS)
    what_ifs = list(scenario.what_ifs)

    def answer(rows: pd.DataFrame) -> ScenarioMatrix:
        columns = [_column(AS_IT_STANDS, "As it stands", question, _row(threshold, None, first))]
        for name, row in zip(what_ifs, rows.itertuples(index=False), strict=True):
            column = _column(name, _label(question, name), question, row)
            columns.append(replace(column, notes=tuple(_notes(question, column))))
        return ScenarioMatrix(question, tuple(columns))

    return PairedRuns(
        question=question,
        count=len(what_ifs),
        ask=lambda place: _asked(question, what_ifs[place]),
        columns=COLUMNS,
        # Each thread compares its sample with the first.
        measure=partial(_row, threshold, first),
        # Those of `_row`.
        names=(*HEADING, *(f"{name}:{value}" for name in _others(question) for value in GAIN)),
        chunk=1,
        answer=answer,
    )


def fingerprints(question: Question) -> dict[str, tuple[str, str]]:
    """Return the label and the fingerprint of each what-if: a hash of its inputs."""
    return {
        name: (_label(question, name), fingerprint(_asked(question, name)))
        for name in question.scenario.what_ifs
    }


def _label(question: Question, name: str) -> str:
    return question.scenario.what_ifs[name].label or name.replace("_", " ")


def _asked(question: Question, name: str) -> Question:
    changes = question.scenario.what_ifs[name]
    own = {*(changes.parameters or {}), *changes.factors, *changes.shifts}
    kept = {key: value for key, value in given_values(question).items() if key not in own}
    return with_values(question, kept, loading.what_if(question.loaded, name, question.catalogue))


def _notes(question: Question, column: Column) -> Iterator[str]:
    """Yield the values that a what-if lacks, and whether it changes nothing, in words."""
    for left_out in loading.what_if(question.loaded, column.name, question.catalogue).left_out:
        yield f"without {left_out}"
    changes = [gain.changes.get(name) for gain in column.gains for name in CHANGES]
    if all(change == Estimate(0.0, 0.0) for change in changes):
        yield "changes nothing in this scenario"


def _others(question: Question) -> list[str]:
    """Name the strategies but the comparator."""
    comparator = question.scenario.comparator_name
    return [name for name in strategy_names(question) if name != comparator]


def _row(threshold: float | None, base: Sample | None, found: Sample) -> Row:
    question = found.question
    perspective = question.perspective
    worth = middle_threshold(question)
    if threshold is not None and (base is None or same_money(base.question, question)):
        worth = threshold
    heading = (perspective.currency, perspective.price_year, worth, found.optimal(worth))
    gains = (_gain(found, base, name, worth, threshold) for name in _others(question))
    return [*heading, *chain.from_iterable(gains)]


def _gain(
    found: Sample, base: Sample | None, strategy: str, worth: float, threshold: float | None
) -> list[float]:
    """Return the numbers of a gain in the order of `GAIN`; no change is ``nan``."""
    comparator = found.question.scenario.comparator_name
    pair = found.pair(strategy)
    totals = [
        PatientTotals(name, pair[COST][side], pair[QALYS][side], pair[LIFE_YEARS][side])
        for side, name in enumerate((strategy, comparator))
    ]
    gain = increment(*totals)
    changes = dict.fromkeys(CHANGES, NOT_ESTIMABLE)
    if base is not None:
        there = base.pair(strategy)
        before = middle_threshold(base.question) if threshold is None else threshold
        for name in CHANGES if same_money(base.question, found.question) else NOT_IN_MONEY:
            outcomes = [
                outcome_named(name, threshold=at, currency=found.question.perspective.currency)
                for at in (worth, before)
            ]
            changes[name] = change(outcomes[0].read(pair), outcomes[1].read(there))
    estimates = (gain.cost, gain.qalys, gain.life_years, gain.nmb(worth), *changes.values())
    return [gain.covariance, *chain.from_iterable(estimates)]


def _column(name: str, label: str, question: Question, row: Iterable[Any]) -> Column:
    currency, price_year, worth, optimal, *numbers = row
    comparator = question.scenario.comparator_name
    gains = []
    for strategy, values in zip(
        _others(question), np.reshape(numbers, (-1, len(GAIN))), strict=True
    ):
        covariance, *rest = map(float, values)
        cost, qalys, life_years, nmb, *changes = map(Estimate, rest[::2], rest[1::2])
        found = Increment(strategy, comparator, cost, qalys, life_years, covariance)
        known = zip(CHANGES, changes, strict=True)
        gains.append(
            Gain(found, nmb, {at: each for at, each in known if not math.isnan(each.mean)})
        )
    return Column(
        name, label, str(currency), int(price_year), float(worth), str(optimal), tuple(gains)
    )
