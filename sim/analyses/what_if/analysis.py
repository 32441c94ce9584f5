"""The what-ifs of a scenario side by side, all in the same patients.

Every what-if is the scenario with some keys changed. Its increments are compared with those of
the scenario as it stands, patient by patient, so that the change has an error of its own, smaller
than those of the two answers.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, cycle
from typing import Any, Final, NamedTuple

import pandas as pd

from sim.analyses.shared.outcomes import COST, NMB, QALYS, change, middle_threshold, outcome_named
from sim.analyses.shared.paired_runs import (
    PairedRuns,
    Row,
    Sample,
    sample,
    with_values,
)
from sim.analyses.shared.ranges import given_values
from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.economics.incremental import Increment, PatientTotals, increment
from sim.errors import UserError
from sim.layout.cells import known, row_estimate
from sim.layout.schema import Schema, count, number, strategy_name, text
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
FILES_OF: Final = "scenarios"
VALUES: Final = (COST, QALYS, LIFE_YEARS, "icer", NMB)
WITH_ERROR: Final = ("", "_se")
TABLE: Final = Schema(
    f"{FILES_OF}.csv",
    (
        text("what_if", "its key in the scenario; ``base`` is the scenario as it stands"),
        text("label"),
        strategy_name(),
        strategy_name("comparator"),
        text("currency"),
        count("price_year"),
        number("threshold", "of `nmb`, in currency per QALY"),
        strategy_name(
            "optimal", "strategy with the most net benefit at the threshold", is_given=False
        ),
        # Strategy minus comparator, discounted.
        *(number(f"{name}{end}") for name in VALUES for end in WITH_ERROR),
        number("covariance", "of the errors of `cost` and `qalys`"),
        text("quadrant"),
        # What-if minus scenario, paired; empty in money where that is other money.
        *(number(f"change_{name}{end}") for name in CHANGES for end in WITH_ERROR),
        text("notes", "values that a what-if lacks, and whether it changes nothing"),
    ),
    ("what_if", "strategy"),
)
"""One row per what-if and strategy."""
HEADING: Final = ("label", "currency", "price_year", "threshold", "optimal")
"""Columns that are the same for all strategies."""
MEASURED: Final = TABLE.names[2:-1]
"""Columns stored of a what-if and strategy, `strategy` first."""


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
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ScenarioMatrix:
    """The scenario as it stands, then its what-ifs in their order.

    Attributes
    ----------
    table
        In the columns of `TABLE`.
    notes
        By name: values that the what-if lacks, or that it changes nothing here, in words.
    """

    question: Question
    table: pd.DataFrame
    notes: Mapping[str, Sequence[str]]

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The scenario and its what-ifs, each with the gains of all strategies."""
        found: dict[str, list[dict[Hashable, Any]]] = {}
        for row in self.table.to_dict("records"):
            found.setdefault(row["what_if"], []).append(row)
        return tuple(
            Column(
                name=name,
                **{key: rows[0][key] for key in HEADING},
                gains=tuple(map(_gain_in, rows)),
                notes=tuple(self.notes[name]),
            )
            for name, rows in found.items()
        )

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
        found = [(AS_IT_STANDS, "As it stands", _row(threshold, None, first))]
        values = rows.itertuples(index=False)
        found += [(name, _label(question, name), next(values)) for name in what_ifs]
        notes = {name: list(_notes(question, name, row)) for name, _, row in found}
        table = TABLE.table(
            (name, label, *row[start : start + len(MEASURED)], "; ".join(notes[name]))
            for name, label, row in found
            for start in range(0, len(row), len(MEASURED))
        )
        return ScenarioMatrix(question, table, notes)

    return PairedRuns(
        question=question,
        count=len(what_ifs),
        ask=lambda place: _asked(question, what_ifs[place]),
        columns=COLUMNS,
        # Each thread compares its sample with the first.
        measure=partial(_row, threshold, first),
        names=tuple(f"{name}:{value}" for name in _others(question) for value in MEASURED),
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


def _notes(question: Question, name: str, row: Row) -> Iterator[str]:
    """Yield the values that a what-if lacks, and whether it changes nothing, in words."""
    if name == AS_IT_STANDS:
        return
    for left_out in loading.what_if(question.loaded, name, question.catalogue).left_out:
        yield f"without {left_out}"
    columns = zip(cycle(MEASURED), row, strict=False)
    if all(value == 0.0 for column, value in columns if column.startswith("change_")):
        yield "changes nothing in this scenario"


def _others(question: Question) -> list[str]:
    """Name the strategies but the comparator."""
    comparator = question.scenario.comparator_name
    return [name for name in question.strategy_names if name != comparator]


def _row(threshold: float | None, base: Sample | None, found: Sample) -> Row:
    """Return the columns `MEASURED`, one strategy after the other."""
    question = found.question
    worth = middle_threshold(question.thresholds)
    if threshold is not None and (base is None or same_money(base.question, question)):
        worth = threshold
    gains = (_gain(found, base, name, worth, threshold) for name in _others(question))
    return list(chain.from_iterable(gains))


def _gain(
    found: Sample, base: Sample | None, strategy: str, worth: float, threshold: float | None
) -> Row:
    """Return the columns `MEASURED` of a strategy; no change is ``nan``."""
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
        before = middle_threshold(base.question.thresholds) if threshold is None else threshold
        for name in CHANGES if same_money(base.question, found.question) else NOT_IN_MONEY:
            outcomes = [
                outcome_named(name, threshold=at, currency=found.question.perspective.currency)
                for at in (worth, before)
            ]
            changes[name] = change(outcomes[0].read(pair), outcomes[1].read(there))
    money = found.question.perspective
    icer = Estimate(known(gain.icer), known(gain.icer_se))
    return [
        *(strategy, comparator, money.currency, money.price_year, worth, found.optimal(worth)),
        *chain(gain.cost, gain.qalys, gain.life_years, icer, gain.nmb(worth)),
        *(gain.covariance, gain.quadrant),
        *chain.from_iterable(changes.values()),
    ]


def _gain_in(row: Mapping[Any, Any]) -> Gain:
    """Return the gain in a row of `TABLE`."""
    cost, qalys, life_years, nmb = (
        row_estimate(row, name) for name in (COST, QALYS, LIFE_YEARS, NMB)
    )
    changes = {name: row_estimate(row, f"change_{name}") for name in CHANGES}
    names = (row["strategy"], row["comparator"])
    return Gain(
        Increment(*names, cost, qalys, life_years, row["covariance"]),
        nmb,
        {name: change for name, change in changes.items() if not math.isnan(change.mean)},
    )
