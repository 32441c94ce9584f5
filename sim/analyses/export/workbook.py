"""The workbook of an export: inputs, results, flow of patients and draws, with live formulas.

Every total is calculated in the workbook: the cost of a strategy from the unit costs, increments, ICER,
net benefit, the full incremental analysis, and over the draws the probability that a strategy is the
best. A reader changes a threshold or a unit cost, and all of it follows. QALYs do not depend on
prices and are numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from sim.analyses.export.book import MIDDLE, MOST_ROWS, NARROW, WIDE, Book, Page
from sim.analyses.export.draws import CITE, DrawTables, noise_note
from sim.analyses.export.sheets import (
    Model,
    acceptability_sheet,
    base_cells,
    draw_sheet,
    frontier_sheet,
    part_sheet,
    results_sheet,
    unit_cost_sheet,
)
from sim.analyses.export.unit_costs import CostParts
from sim.analyses.shared.outcomes import middle_threshold
from sim.errors import UserError
from sim.layout.text import DISCLAIMER, question_lines

TEXTS: Final = 60
"""Width of a column of sentences."""
SHEETS: Final = {
    "Read me": "What this is, and how to read it",
    "Results": "Base case and draws at a threshold; the threshold may be changed",
    "Unit costs": "Every unit cost and what it adds to the cost of each strategy; may be changed",
    "Acceptability": "The probability that each strategy is the best, by threshold",
    "Frontier": "The full incremental analysis",
    "Flow": "The courses of the patients, and how many had each",
    "Outcomes": "Every outcome of every strategy with its Monte Carlo standard error",
    "Inputs": "Every number that the analysis used, with its source",
    "Draws": "QALYs, costs and net benefit of every draw",
    "Cost parts": "The costs of every draw by unit cost",
    "Parameters": "The values of the uncertain inputs in every draw",
}
FROZEN: Final = {
    "Unit costs": 4,
    "Acceptability": 4,
    "Flow": 1,
    "Outcomes": 1,
    "Inputs": 1,
    "Draws": 2,
    "Cost parts": 3,
    "Parameters": 1,
}
"""Rows of each sheet that stay in view."""
COURSE_HEADS: Final = ("Strategy", "Response", "Allo-HCT", "Course", "State", "Months", "Patients")
INPUT_HEADS: Final = {
    "label": "Input",
    "name": "Name",
    "value": "Value",
    "unit": "Unit",
    "low": "Low",
    "high": "High",
    "distribution": "Distribution",
    "status": "Status",
    "source": "Source",
    "place": "Place in the source",
    "derivation": "Derivation",
    "note": "Note",
}


def workbook(draws: DrawTables, parts: CostParts, run_tables: Mapping[str, pd.DataFrame]) -> bytes:
    """Return the workbook of draws and their costs by unit cost.

    The tables are of the run of the same patients: ``flow``, ``strategies`` and ``inputs``.

    Raises
    ------
    UserError
        When there are more draws than a sheet takes.
    """
    most = MOST_ROWS // 2
    if draws.psa.draws > most:
        problem = f"a workbook takes at most {most:,} draws"
        raise UserError(problem, key="--to", value=draws.psa.draws)
    question = draws.psa.question
    book = Book(question.scenario.title)
    wide = [WIDE, *[MIDDLE] * 12]
    widths = {
        "Read me": [MIDDLE, 2 * TEXTS],
        "Unit costs": [WIDE, WIDE, MIDDLE, *[MIDDLE] * 12],
        "Inputs": [TEXTS, WIDE, NARROW, MIDDLE, NARROW, NARROW, WIDE, MIDDLE, WIDE, WIDE, TEXTS],
        "Flow": [WIDE, *[MIDDLE] * 6],
        **{name: wide for name in ("Results", "Acceptability", "Frontier", "Outcomes")},
    }
    pages = {
        name: book.sheet(name, widths.get(name, [MIDDLE] * 14), frozen=FROZEN.get(name, 0))
        for name in SHEETS
    }
    model = Model(draws, parts, middle_threshold(draws.psa.question.thresholds))
    _live(pages, model)
    _read_me(pages["Read me"], draws)
    _flow(pages["Flow"], run_tables["flow"], model)
    _outcomes(pages["Outcomes"], run_tables["strategies"], model)
    _inputs(pages["Inputs"], run_tables["inputs"])
    _parameters(pages["Parameters"], draws.psa.parameters)
    return book.content()


def _live(pages: Mapping[str, Page], model: Model) -> None:
    """Write the sheets that calculate, each after those that it refers to."""
    factors, totals = unit_cost_sheet(pages["Unit costs"], model)
    costs = part_sheet(pages["Cost parts"], model, factors)
    draw_sheet(pages["Draws"], model, costs)
    acceptability_sheet(pages["Acceptability"], model)
    results = pages["Results"]
    steps = frontier_sheet(pages["Frontier"], model, base_cells(results, model))
    results_sheet(results, model, totals, steps)


def _read_me(page: Page, draws: DrawTables) -> None:
    question = draws.psa.question
    page.text(0, 0, question.scenario.title, bold=True)
    warning = noise_note(draws, "excel")
    patients = f"{draws.psa.draws:,} of {question.patients:,} patients each; seed {question.seed}"
    lines = [
        *question_lines(question),
        ("Money", f"{question.perspective.currency} of {question.perspective.price_year}"),
        ("Draws", patients),
        *([("Noise", f"{warning[0].upper()}{warning[1:]}")] if warning else []),
        ("Yellow", "These cells may be changed; everything that follows from them changes."),
        ("Sources", CITE),
        ("Note", DISCLAIMER),
    ]
    for row, (name, text) in enumerate(lines, start=2):
        page.text(row, 0, name, bold=True, valign="top")
        page.paragraph(row, 1, text, 2 * TEXTS)
    for row, (name, text) in enumerate(SHEETS.items(), start=len(lines) + 3):
        page.sheet.write_url(row, 0, f"internal:'{name}'!A1", string=name)
        page.text(row, 1, text)


def _flow(page: Page, table: pd.DataFrame, model: Model) -> None:
    labels = dict(zip(model.draws.psa.strategies, model.labels, strict=True))
    page.heading(0, COURSE_HEADS)
    for row, each in enumerate(table.itertuples(index=False), start=1):
        strategy, *words, months, patients = each
        page.text(row, 0, labels[str(strategy)])
        for column, word in enumerate(words, start=1):
            page.text(row, column, str(word).replace("_", " "))
        page.number(row, 5, float(months))
        page.number(row, 6, float(patients))


def _outcomes(page: Page, table: pd.DataFrame, model: Model) -> None:
    heads = [part for label in model.labels for part in (label, f"{label}: standard error")]
    page.heading(0, ["Outcome", "Unit", *heads])
    names = model.draws.psa.strategies
    for row, (outcome, found) in enumerate(table.groupby("outcome", sort=False), start=1):
        page.text(row, 0, str(outcome))
        page.text(row, 1, str(found["unit"].iloc[0]))
        known = found.set_index("strategy")[["mean", "se"]].loc[names]
        for column, value in enumerate(known.to_numpy(dtype=np.float64).ravel().tolist(), start=2):
            page.number(row, column, value)


def _inputs(page: Page, table: pd.DataFrame) -> None:
    page.heading(0, list(INPUT_HEADS.values()))
    for row, each in enumerate(table.to_dict("records"), start=1):
        for column, name in enumerate(INPUT_HEADS):
            value = each[name]
            if isinstance(value, str):
                page.text(row, column, value)
            else:
                page.number(row, column, float(value))


def _parameters(page: Page, table: pd.DataFrame) -> None:
    page.heading(0, ["Draw", *map(str, table.columns)])
    values = table.to_numpy(dtype=np.float64)
    for k, row in enumerate(values.tolist(), start=1):
        page.number(k, 0, k)
        for column, value in enumerate(row, start=1):
            page.number(k, column, value)
