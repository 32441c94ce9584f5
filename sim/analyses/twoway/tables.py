"""A two-way analysis as files and as it is printed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.constant import DOES_NOT_VARY
from sim.analyses.shared.files import analysis_files, names_of, summary_json
from sim.analyses.shared.ranges import Range
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
from sim.layout.cells import number_text
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.values import finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "twoway"
NAMES: Final = names_of(ANALYSIS)
COLUMNS: Final = (
    "x",
    "y",
    "strategy",
    "nmb",
    "inmb",
    "inmb_se",
    "optimal",
    "x_unit",
    "y_unit",
    "currency",
)
"""Of twoway.csv, one row per point of the grid and strategy.

- `x` and `y` are values of the two parameters, whose names are in twoway.json, in `x_unit` and
  `y_unit`; net benefits are in `currency`.
- `nmb` is the mean net monetary benefit of the strategy, `inmb` that minus the comparator's;
  `inmb_se` is given for the compared strategy.
- `optimal` says whether the strategy has the most net benefit there.
"""


def two_way_table(result: TwoWay) -> pd.DataFrame:
    """Return the grid in the columns `COLUMNS`."""
    names = result.strategies
    comparator = names.index(result.question.scenario.comparator_name)
    rows = [
        (
            point.x,
            point.y,
            name,
            benefit,
            benefit - point.net_benefits[comparator],
            finite(point.gain.se) if name == result.strategy else None,
            name == point.optimal,
            result.x.unit,
            result.y.unit,
            result.question.perspective.currency,
        )
        for point in result.points
        for name, benefit in zip(names, point.net_benefits.tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


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
        "points": [
            {
                "x": point.x,
                "y": point.y,
                "inmb": {"mean": point.gain.mean, "se": finite(point.gain.se)},
                "optimal": point.optimal,
            }
            for point in result.points
        ],
    }


def two_way_json(result: TwoWay) -> str:
    """Return the whole analysis as JSON text."""
    return summary_json(result.question, ANALYSIS, two_way_summary(result))


def two_way_files(result: TwoWay) -> dict[str, str | bytes]:
    """Return the files of the analysis by name."""
    table, summary = two_way_table(result), two_way_summary(result)
    return analysis_files(result.question, ANALYSIS, table, summary, drawn_two_way(result))


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
