"""The tables of a run, `sim.layout.run_columns.TABLES`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import pandas as pd

from sim.catalog.parameter import SCENARIO
from sim.clinic.units import PERCENT
from sim.economics.ledger import State
from sim.layout.cells import estimate_row
from sim.layout.run_columns import (
    EVENTS,
    FLOW,
    INCREMENTS,
    INPUTS,
    LEDGER,
    STRATEGIES,
    SURVIVAL,
)
from sim.layout.subgroups import subgroup_tables
from sim.layout.trace import describe
from sim.simulation.comparison import account_unit, outcome_unit
from sim.simulation.flow import Curve, Flow, curves, flow_of
from sim.simulation.question import Question
from sim.simulation.run import Simulation, Trace
from sim.simulation.subgroups import Subgroups, subgroups_of
from sim.simulation.summary import Summary
from sim.simulation.tally import CATEGORIES, DISCOUNTED, UNDISCOUNTED


def run_tables(
    simulation: Simulation,
    summary: Summary,
    flow: Flow | None = None,
    subgroups: Subgroups | None = None,
) -> Tables:
    """Return the tables of the run by file name, each made when it is first asked for.

    `flow` and `subgroups` are needed where the simulation did not store its single patients.
    """
    question = simulation.question
    currency = question.perspective.currency
    makers: dict[str, Callable[[], pd.DataFrame]] = {
        STRATEGIES.file: lambda: _strategies(summary, currency),
        INCREMENTS.file: lambda: _increments(summary, currency),
        SURVIVAL.file: lambda: survival_table(curves(simulation)),
        LEDGER.file: lambda: _ledger(simulation),
        FLOW.file: lambda: FLOW.table((flow or flow_of(simulation)).paths()),
        INPUTS.file: lambda: inputs_table(question),
    }
    if question.scenario.subgroups:
        divided = subgroup_tables(question, subgroups or subgroups_of(simulation))
        makers |= {name: partial(divided.__getitem__, name) for name in divided}
    if simulation.traces:
        makers[EVENTS.file] = lambda: _events(simulation.traces)
    return Tables(makers)


class Tables(Mapping[str, pd.DataFrame]):
    """Tables by name, each made when it is first asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], pd.DataFrame]]) -> None:
        self._makers = makers
        self._made: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a table, made now unless it was before."""
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._makers)

    def __len__(self) -> int:
        """Return the number of tables."""
        return len(self._makers)


def _strategies(summary: Summary, currency: str) -> pd.DataFrame:
    rows = [
        (arm.name, name, *estimate_row(value), outcome_unit(name, currency))
        for arm in summary.arms
        for name, value in arm.outcomes.items()
    ]
    return STRATEGIES.table(rows)


def _increments(summary: Summary, currency: str) -> pd.DataFrame:
    rows: list[tuple[str | float | None, ...]] = []
    for comparison in summary.comparisons:
        names = (comparison.increment.strategy, comparison.increment.comparator)
        rows += [
            (*names, outcome, *estimate_row(value), outcome_unit(outcome, currency))
            for outcome, value in comparison.estimates.items()
        ]
    return INCREMENTS.table(rows)


def survival_table(found: Iterable[Curve]) -> pd.DataFrame:
    """Return the curves in the columns of survival.csv."""
    rows = [
        (
            curve.strategy,
            curve.endpoint,
            months,
            PERCENT * at_risk / curve.patients if curve.patients else math.nan,
            at_risk,
        )
        for curve in found
        for months, at_risk in enumerate(curve.at_risk.tolist())
    ]
    return SURVIVAL.table(rows)


def _ledger(simulation: Simulation) -> pd.DataFrame:
    n, currency = simulation.question.patients, simulation.question.perspective.currency
    rows = [
        (
            strategy.name,
            category.account.value,
            category.label,
            line + 1,
            state.value,
            cell[UNDISCOUNTED] / n,
            cell[DISCOUNTED] / n,
            account_unit(category.account, currency),
        )
        for strategy, cells in zip(
            simulation.question.model.strategies, simulation.tally.sums.cells, strict=True
        )
        for category, by_line in zip(CATEGORIES, cells, strict=True)
        for line, by_state in enumerate(by_line)
        for state, cell in zip(State, by_state, strict=True)
        if cell.any()
    ]
    return LEDGER.table(rows)


def inputs_table(question: Question) -> pd.DataFrame:
    """Return the parameters that the question uses, as inputs.csv."""
    rows = [
        (
            name,
            parameter.label,
            question.numbers[name],
            parameter.unit,
            parameter.status,
            "; ".join(parameter.sources),
            parameter.place,
            parameter.status == SCENARIO or question.numbers[name] != parameter.value,
            parameter.low,
            parameter.high,
            str(parameter.distribution),
            parameter.arithmetic,
            parameter.derivation,
            parameter.note,
            parameter.written_at,
        )
        for name in sorted(question.used)
        for parameter in (question.parameters[name],)
    ]
    return INPUTS.table(rows)


def _events(traces: Sequence[Trace]) -> pd.DataFrame:
    rows = [
        (
            trace.strategy,
            trace.patient.number,
            event.time_days,
            event.kind.name.lower(),
            event.line + 1,
            event.cycle + 1 if event.cycle >= 0 else pd.NA,
            describe(event, trace.regimens),
        )
        for trace in traces
        for event in trace.log
    ]
    return EVENTS.table(rows)
