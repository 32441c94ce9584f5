"""Results by subgroup: the tables of the files, and those of the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.economics.estimates import Estimate
from sim.economics.incremental import quadrant
from sim.layout.cells import SYMBOLS, amount, error_text, estimate_row, icer, money_text, number
from sim.layout.run_columns import SUBGROUP_VALUES, SUBGROUPS
from sim.layout.table import Cell, Row, Table
from sim.simulation.comparison import outcome_unit

if TYPE_CHECKING:
    import pandas as pd

    from sim.simulation.question import Question
    from sim.simulation.subgroups import Subgroups

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
        SUBGROUPS.file: SUBGROUPS.table(_rows(question, found)),
        SUBGROUP_VALUES.file: SUBGROUP_VALUES.table(values),
    }


def _rows(question: Question, found: Subgroups) -> Iterator[tuple[object, ...]]:
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
