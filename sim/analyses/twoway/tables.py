"""A two-way analysis as files and as it is printed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.outcomes import DOES_NOT_VARY, outcome_named
from sim.analyses.shared.ranges import Range
from sim.analyses.shared.resumable import Layout
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    against,
    amount,
    money,
    print_heading,
    print_notes,
    strategy_label,
)
from sim.analyses.twoway.analysis import Point, TwoWay
from sim.economics.estimates import Estimate
from sim.layout.cells import number_text
from sim.layout.schema import Schema, flag, number, records, text
from sim.layout.table import Cell, Row, Table, print_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "twoway"
NAMES: Final = names_of(ANALYSIS)
TABLE: Final = Schema(
    f"{ANALYSIS}.csv",
    (
        number("x", "value of the first parameter, in `x_unit`; its name is in twoway.json"),
        number("y", "value of the second, in `y_unit`"),
        text("strategy"),
        number("nmb", "mean net monetary benefit"),
        number("inmb", "that minus the comparator's"),
        number("inmb_se", "its Monte Carlo error, of the compared strategy"),
        flag("optimal", "whether the strategy has the most net benefit there"),
        text("x_unit"),
        text("y_unit"),
        text("currency", "of net benefits"),
    ),
)
"""One row per point of the grid and strategy."""


def two_way_table(result: TwoWay) -> pd.DataFrame:
    """Return the grid as `TABLE`."""
    names = result.strategies
    comparator = names.index(result.question.scenario.comparator_name)
    return TABLE.table(
        (
            point.x,
            point.y,
            name,
            benefit,
            *(point.gain if is_compared else (benefit - point.net_benefits[comparator], None)),
            name == point.optimal,
            result.x.unit,
            result.y.unit,
            result.question.perspective.currency,
        )
        for point in result.points
        for name, benefit in zip(names, point.net_benefits.tolist(), strict=True)
        for is_compared in (name == result.strategy,)
    )


def two_way_summary(result: TwoWay) -> dict[str, Any]:
    """Return the content of twoway.json after its heading."""
    return {
        "outcome": result.outcome.name,
        "strategy": result.strategy,
        "comparator": result.question.scenario.comparator_name,
        "threshold": result.threshold,
        "steps": max(len(result.xs), len(result.ys)),
        "x_values": result.xs.tolist(),
        "y_values": result.ys.tolist(),
        "x": result.x._asdict(),
        "y": result.y._asdict(),
        "grid": records(two_way_table(result)),
    }


def read_two_way(stored: Stored) -> TwoWay:
    """Return the analysis that is stored in a folder.

    Raises
    ------
    UserError
        When a file is missing or broken.
    """
    told, question = stored.summary, stored.question
    table, count = stored.table(TABLE), len(question.scenario.strategies)
    points = []
    for start in range(0, len(table), count):
        rows = table.iloc[start : start + count].set_index("strategy")
        compared = rows.loc[told["strategy"]]
        points.append(
            Point(
                compared["x"],
                compared["y"],
                rows["nmb"].to_numpy(),
                Estimate(compared["inmb"], compared["inmb_se"]),
                str(rows["optimal"].idxmax()),
            )
        )
    currency = question.perspective.currency
    return TwoWay(
        question=question,
        outcome=outcome_named(told["outcome"], threshold=told["threshold"], currency=currency),
        strategy=told["strategy"],
        threshold=told["threshold"],
        x=Range(**told["x"]),
        y=Range(**told["y"]),
        points=tuple(points),
    )


def drawn_two_way(result: TwoWay) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.twoway.figure import two_way_figure
    from sim.layout.style import styled

    with styled():
        return two_way_figure(result)


def print_two_way(console: Console, result: TwoWay) -> None:
    """Print the gain over the grid, the largest y first."""
    question = result.question
    print_heading(
        console,
        question,
        f"{result.outcome.label}: {against(question, result.strategy)}",
    )
    ys = result.ys[::-1].tolist()
    rows = [
        Row(number_text(y), [_cell(result, point) for point in result.points if point.y == y])
        for y in ys
    ]
    headings = [number_text(x) for x in result.xs.tolist()]
    print_table(console, Table("", headings, [rows]))
    print_notes(
        console,
        f"Down: {_named(result.y)}. Across: {_named(result.x)}. {_areas(result)}",
        *([f"{DOES_NOT_VARY.capitalize()} over this grid."] if result.is_constant else []),
        f"{SAME_PATIENTS}{_largest_error(result)}",
    )


def _largest_error(result: TwoWay) -> str:
    largest = max(point.gain.se for point in result.points)
    if not math.isfinite(largest):
        return ""
    return f" None of the gains shown has an error above {money(result.question, largest)}."


def _cell(result: TwoWay, point: Point) -> Cell:
    return amount(result.outcome, point.gain.mean)


def _named(varied: Range) -> str:
    return varied.label if varied.unit in varied.label else f"{varied.label}, {varied.unit}"


def _areas(result: TwoWay) -> str:
    counts = {name: 0 for name in result.strategies}
    for point in result.points:
        counts[point.optimal] += 1
    total = len(result.points)
    shares = [
        f"{strategy_label(result.question, name)} at {count} of {total} points"
        for name, count in counts.items()
        if count
    ]
    worth = money(result.question, result.threshold)
    return f"Optimal at {worth} per QALY: {', '.join(shares)}."


LAYOUT: Final = Layout(
    ANALYSIS, two_way_table, two_way_summary, drawn_two_way, print_two_way, read_two_way
)
