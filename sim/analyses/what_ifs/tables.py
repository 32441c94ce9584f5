"""The what-ifs of a scenario as files and as they are printed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.files import analysis_files, names_of, summary_json
from sim.analyses.shared.outcomes import NMB, outcome_named
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    estimate_cell,
    folded,
    print_heading,
    print_notes,
    strategy_label,
)
from sim.analyses.what_ifs.analysis import CHANGES, Column, Gain, ScenarioMatrix
from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.layout.cells import NOTHING, SYMBOLS
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.values import estimate_json, finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "scenarios"
NAMES: Final = names_of(ANALYSIS)
VALUES: Final = ("cost", "qalys", "life_years", "icer", "nmb")
COLUMNS: Final = (
    "what_if",
    "label",
    "strategy",
    "comparator",
    "currency",
    "price_year",
    "threshold",
    "optimal",
    *(f"{name}{suffix}" for name in VALUES for suffix in ("", "_se")),
    "quadrant",
    *(f"change_{name}{suffix}" for name in CHANGES for suffix in ("", "_se")),
    "notes",
)
"""Of scenarios.csv, one row per what-if and strategy; ``base`` is the scenario as it stands.

- `cost` to `nmb` are the strategy minus the comparator, discounted; `nmb` at `threshold`.
- Columns beginning with ``change_`` are the what-if minus the scenario as it stands, with the
  error of that paired difference; those in money are empty where the currency or its year is
  another.
- `notes` names the values that a what-if lacks, since they have no meaning there, and says whether
  it changes nothing that the scenario uses.
"""


def matrix_table(result: ScenarioMatrix) -> pd.DataFrame:
    """Return the what-ifs in the columns `COLUMNS`."""
    rows = [_row(column, gain) for column in result.columns for gain in column.gains]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(column: Column, gain: Gain) -> tuple[Any, ...]:
    found = gain.increment
    icer = Estimate(*(math.nan if each is None else each for each in (found.icer, found.icer_se)))
    values = (found.cost, found.qalys, found.life_years, icer, gain.nmb)
    changes = [gain.changes.get(name, NOT_ESTIMABLE) for name in CHANGES]
    return (
        column.name,
        column.label,
        found.strategy,
        found.comparator,
        column.currency,
        column.price_year,
        column.threshold,
        column.optimal,
        *(finite(number) for value in values for number in value),
        found.quadrant,
        *(finite(number) for change in changes for number in change),
        "; ".join(column.notes),
    )


def matrix_summary(result: ScenarioMatrix) -> dict[str, Any]:
    """Return the content of scenarios.json after its heading."""
    return {
        "comparator": result.question.scenario.comparator_name,
        "what_ifs": [
            {
                "name": column.name,
                "label": column.label,
                "currency": column.currency,
                "price_year": column.price_year,
                "threshold": column.threshold,
                "optimal": column.optimal,
                "increments": [_gain(gain) for gain in column.gains],
                "notes": list(column.notes),
            }
            for column in result.columns
        ],
    }


def _gain(gain: Gain) -> dict[str, Any]:
    found = gain.increment
    return {
        "strategy": found.strategy,
        "cost": estimate_json(found.cost),
        "qalys": estimate_json(found.qalys),
        "life_years": estimate_json(found.life_years),
        "icer": found.icer,
        "icer_se": finite(found.icer_se),
        "quadrant": found.quadrant,
        "nmb": estimate_json(gain.nmb),
        "changes": {name: estimate_json(value) for name, value in gain.changes.items()},
    }


def matrix_json(result: ScenarioMatrix) -> str:
    """Return the whole analysis as JSON text."""
    return summary_json(result.question, ANALYSIS, matrix_summary(result))


def matrix_files(result: ScenarioMatrix) -> dict[str, str | bytes]:
    """Return the files of the analysis by name."""
    table, summary = matrix_table(result), matrix_summary(result)
    return analysis_files(result.question, ANALYSIS, table, summary, drawn_matrix(result))


def drawn_matrix(result: ScenarioMatrix) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.what_ifs.figure import what_ifs_figure
    from sim.layout.style import styled

    with styled():
        return what_ifs_figure(result)


def print_matrix(console: Console, result: ScenarioMatrix) -> None:
    """Print a table of the what-ifs for each strategy but the comparator."""
    question = result.question
    against = strategy_label(question, question.scenario.comparator_name)
    print_heading(console, question, f"{len(result.columns) - 1} what-ifs, against {against}")
    for place, gain in enumerate(result.base.gains):
        label = strategy_label(question, gain.increment.strategy)
        headings = ["Cost", "QALYs", "ICER", "Net benefit", "Its change", "Optimal"]
        rows = [_line(result, column, column.gains[place]) for column in result.columns]
        title = f"{label} against {against} (standard error)"
        print_table(console, Table(title, headings, [rows[:1], rows[1:]]))
    thresholds = {(column.currency, column.threshold) for column in result.columns}
    worth = ", ".join(f"{SYMBOLS[name]}{value:,.0f}" for name, value in sorted(thresholds))
    print_notes(
        console,
        f"Net monetary benefit at {worth} per QALY. The change is from the scenario as it stands, "
        "patient by patient, where the money is the same.",
        SAME_PATIENTS,
        *(f"{column.label}: {note}." for column in result.columns for note in column.notes),
    )


def _line(result: ScenarioMatrix, column: Column, gain: Gain) -> Row:
    def cell(name: str, estimate: Estimate) -> Cell:
        known = outcome_named(name, threshold=column.threshold, currency=column.currency)
        return estimate_cell(known, estimate)

    found = gain.increment
    ratio = Cell(found.quadrant)
    if found.icer is not None and found.icer_se is not None:
        ratio = cell("icer", Estimate(found.icer, found.icer_se))
        if found.quadrant != "more effective and costlier":
            ratio = Cell(found.quadrant)
    change = cell(NMB, gain.changes[NMB]) if NMB in gain.changes else Cell(NOTHING)
    optimal = Cell(strategy_label(result.question, column.optimal))
    values = [cell("cost", found.cost), cell("qalys", found.qalys), ratio, cell(NMB, gain.nmb)]
    return Row(folded(column.label), [*values, change, optimal])
