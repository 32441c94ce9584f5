"""The tables of a run, `sim.layout.run_columns.TABLES`; its subgroups also as they are shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sim.catalog.parameter import SCENARIO
from sim.clinic.units import PERCENT
from sim.economics.estimates import Estimate
from sim.economics.incremental import quadrant
from sim.economics.ledger import State
from sim.layout.cells import SYMBOLS, amount, error_text, estimate_row, icer, money_text, number
from sim.layout.run_columns import (
    EVENTS,
    FLOW,
    INCREMENTS,
    INPUTS,
    LEDGER,
    STRATEGIES,
    SUBGROUP_VALUES,
    SUBGROUPS,
    SURVIVAL,
)
from sim.layout.table import Cell, Row, Table
from sim.layout.trace import describe
from sim.simulation.comparison import account_unit, outcome_unit
from sim.simulation.flow import Curve, Flow, curves, flow_of
from sim.simulation.question import Question
from sim.simulation.run import Simulation, Trace
from sim.simulation.subgroups import Subgroups, subgroups_of
from sim.simulation.summary import Summary
from sim.simulation.tally import CATEGORIES, DISCOUNTED, UNDISCOUNTED

if TYPE_CHECKING:
    import pandas as pd


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


class Tables(Mapping[str, "pd.DataFrame"]):
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
    import pandas as pd

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


NOT_COMPARED: Final = ""


def subgroup_tables(question: Question, found: Subgroups) -> dict[str, pd.DataFrame]:
    """Return subgroups.csv and subgroup_values.csv by file name."""
    currency = question.perspective.currency
    values = [
        (
            each.characteristic,
            each.threshold,
            each.best_for_all,
            "; ".join(f"{label}: {name}" for label, name in each.best.items()),
            *estimate_row(each.value),
            currency,
        )
        for each in found.values()
    ]
    return {
        SUBGROUPS.file: SUBGROUPS.table(_subgroup_rows(question, found)),
        SUBGROUP_VALUES.file: SUBGROUP_VALUES.table(values),
    }


def _subgroup_rows(question: Question, found: Subgroups) -> Iterator[tuple[object, ...]]:
    currency = question.perspective.currency
    for group in found.groups():
        start = (group.characteristic, group.label, group.patients)
        for strategy, outcomes in group.outcomes.items():
            for name, value in outcomes.items():
                unit = outcome_unit(name, currency)
                yield *start, strategy, NOT_COMPARED, name, *estimate_row(value), unit
        for gain in group.increments:
            gains = {
                "cost": gain.cost,
                "qalys": gain.qalys,
                "life_years": gain.life_years,
                "icer": gain.ratio,
                **{f"nmb_at_{each:g}": gain.nmb(each) for each in question.thresholds},
            }
            for name, value in gains.items():
                unit = outcome_unit(name, currency)
                yield *start, gain.strategy, gain.comparator, name, *estimate_row(value), unit


def shown_subgroups(
    question: Question, tables: Mapping[str, pd.DataFrame], labels: Mapping[str, str]
) -> Iterator[Table]:
    """Yield, for each strategy but the comparator, its increments by subgroup."""
    symbol = SYMBOLS[question.perspective.currency]
    rows = tables[SUBGROUPS.file]
    gains = rows[rows["comparator"] != NOT_COMPARED]
    for strategy, of_strategy in _by(gains, "strategy"):
        (comparator,) = of_strategy["comparator"].unique().tolist()
        sections = [
            [Row(characteristic.replace("_", " ")), *_shown_groups(question, groups, symbol)]
            for characteristic, groups in _by(of_strategy, "characteristic")
        ]
        benefits = [f"NMB at {symbol}{each:,.0f}" for each in question.thresholds]
        yield Table(
            f"{labels[strategy]} minus {labels[comparator]} (standard error)",
            ["Patients", "Cost", "QALYs", "ICER", *benefits],
            sections,
        )


def _shown_groups(question: Question, groups: pd.DataFrame, symbol: str) -> Iterator[Row]:
    for label, group in _by(groups, "subgroup"):
        found: dict[str, Estimate] = {
            name: Estimate(mean, se)
            for name, mean, se in zip(group["outcome"], group["mean"], group["se"], strict=True)
        }
        place = quadrant(found["cost"].mean, found["qalys"].mean)
        cells = [
            Cell(f"{group['patients'].iloc[0]:,}"),
            amount(found["cost"], symbol),
            number(found["qalys"], 3),
            icer(place, found["icer"], symbol),
            *(amount(found[f"nmb_at_{each:g}"], symbol) for each in question.thresholds),
        ]
        yield Row(f"  {label}", cells)


def _by(table: pd.DataFrame, column: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each value of a column, in the order of the rows, with its rows."""
    for value in table[column].unique().tolist():
        yield value, table[table[column] == value]


def subgroup_lines(
    question: Question, tables: Mapping[str, pd.DataFrame], labels: Mapping[str, str]
) -> Iterator[str]:
    """Yield the value of choosing the strategy by each characteristic, at each threshold."""
    symbol = SYMBOLS[question.perspective.currency]
    for characteristic, rows in _by(tables[SUBGROUP_VALUES.file], "characteristic"):
        start = f"Choosing by {characteristic.replace('_', ' ')}"
        for for_all, same in _by(rows[rows["mean"] == 0.0], "best_for_all"):
            prices = [f"{symbol}{each:,.0f}" for each in same["threshold"]]
            yield (
                f"{start} gains nothing at {', '.join(prices)} per QALY: {labels[for_all]} is best "
                "in every subgroup."
            )
        columns: Any = zip(*(rows[name] for name in SUBGROUP_VALUES.names), strict=True)
        for _, threshold, for_all, by_group, mean, se, _ in columns:
            if mean != 0.0:
                yield (
                    f"{start} gains {money_text(mean, symbol)} ({error_text(se, 0)}) per patient at "
                    f"{symbol}{threshold:,.0f} per QALY over {labels[for_all]} for all "
                    f"({_chosen(by_group, labels)})."
                )


def _chosen(by_group: str, labels: Mapping[str, str]) -> str:
    pairs = (each.rpartition(": ") for each in by_group.split("; "))
    return "; ".join(f"{group}: {labels[name]}" for group, _, name in pairs)
