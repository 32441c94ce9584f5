"""Outcomes, costs by category and the full incremental analysis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES
from sim.layout.cells import amount, number
from sim.layout.subgroups import shown_subgroups, subgroup_lines
from sim.layout.table import Row, Table
from sim.layout.text import (
    CLINICAL,
    TOTAL,
    cost_name,
    cost_rows,
    increment_sections,
    outcome_rows,
)
from sim.report.analyses import Analyses
from sim.report.drawing import Drawing
from sim.report.results import Results
from sim.report.words import money, spaced

KINDS: Final = (("", "discounted"), ("_undiscounted", "undiscounted"))
QALYS: Final = "QALYs"
QALY_NAMES: Final = {
    "health_state": "in the health states",
    "toxicity_decrement": "lost to toxicity",
    "gvhd_decrement": "lost to GVHD",
}
CATEGORIES: Final = {each.label: cost_name(each.label) for each in COST_CATEGORIES}


def context(results: Results, analyses: Analyses) -> dict[str, Any]:  # noqa: ARG001
    """Return the context of the section of results."""
    arms = [results.outcomes(name) for name in results.strategies]
    gains = [results.gains(name) for name in results.others]
    return {
        "headings": list(results.labels.values()),
        "clinical": outcome_rows(arms, CLINICAL, 1),
        "kinds": [
            {
                "name": word,
                "effects": [
                    *outcome_rows(arms, _effects(suffix), 3),
                    *(
                        row._replace(strong=True)
                        for row in outcome_rows(arms, [(f"qalys{suffix}", QALYS)], 3)
                    ),
                ],
                "costs": [
                    row._replace(label=f"{TOTAL} cost") if row.label == TOTAL else row
                    for row in cost_rows(arms, results.symbol, suffix)
                ],
                "drawing": f"costs_{word}",
            }
            for suffix, word in KINDS
        ],
        "increments": increment_sections(gains, results.thresholds, results.symbol),
        "others": [results.labels[name] for name in results.others],
        "comparator": results.labels[results.comparator],
        "frontier": [_step(results, row) for row in results.summary["frontier"]],
        "subgroups": list(_subgroups(results)),
        "chosen_by_subgroup": list(
            subgroup_lines(results.question, results.tables, results.labels)
            if results.question.scenario.subgroups
            else ()
        ),
    }


def _subgroups(results: Results) -> Iterator[Table]:
    """Yield the increments by subgroup, each row named with its characteristic."""
    if results.question.scenario.subgroups:
        for table in shown_subgroups(results.question, results.tables, results.labels):
            sections = [
                [row._replace(label=f"{heading.label}: {row.label.strip()}") for row in rows]
                for heading, *rows in table.sections
            ]
            yield table._replace(sections=sections)


def _effects(suffix: str) -> list[tuple[str, str]]:
    """Return the names and labels of life-years and of the categories of QALYs."""
    return [
        (f"life_years{suffix}", "Life-years"),
        *(
            (
                f"qalys{suffix}.{each.label}",
                f"{QALYS} {QALY_NAMES.get(each.label, spaced(each.label))}",
            )
            for each in QALY_CATEGORIES
        ),
    ]


def drawings(results: Results, analyses: Analyses) -> list[Drawing]:  # noqa: ARG001
    """Return the stacked costs, discounted and not."""
    from sim.analyses.run.figure import costs_figure

    ledger = results.tables["ledger.csv"]
    costs = ledger[ledger["account"] == "cost"]
    found = []
    for suffix, word in KINDS:
        title = f"Cost per patient, {word}"

        def make(width: float, word: str = word, title: str = title) -> Any:  # noqa: ANN401
            amounts = costs[["strategy", "category"]].assign(amount=costs[word])
            return costs_figure(
                amounts,
                results.labels,
                CATEGORIES,
                symbol=results.symbol,
                title=title,
                width_mm=width,
            )

        told = [
            f"{label}: {money(results.outcome(name, f'cost{suffix}').mean, results.symbol)}"
            for name, label in results.labels.items()
        ]
        found.append(Drawing(f"costs_{word}", title, f"In all, {'; '.join(told)}.", make))
    return found


def _step(results: Results, row: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the full incremental analysis."""
    interval, against = row.get("icer_interval"), row.get("against")
    ratio = "reference" if row["status"] == "frontier" else row["status"]
    return {
        "cells": Row(
            results.labels[row["name"]],
            [
                amount(results.outcome(row["name"], "cost"), results.symbol),
                number(results.outcome(row["name"], "qalys"), 3),
            ],
        ),
        "ratio": ratio if row["icer"] is None else money(row["icer"], results.symbol),
        "against": results.labels.get(str(against), ""),
        "interval": " to ".join(money(end, results.symbol) for end in interval or ()),
    }
