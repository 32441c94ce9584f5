"""The results of the run: where patients go, survival beside published values, outcomes and costs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES
from sim.layout.cells import NOT_REACHED, amount, money_text, number, number_text, percent, spaced
from sim.layout.run_tables import shown_subgroups, subgroup_lines
from sim.layout.table import Cell, Row, Table
from sim.layout.text import CLINICAL, TOTAL, cost_name, cost_rows, increment_sections, outcome_rows
from sim.report.drawing import Drawing
from sim.report.results import Analyses, Results

if TYPE_CHECKING:
    import pandas as pd

    from sim.evidence.register import Published

FLOW_ROWS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("Remission (CR/CRh/CRi) to the first line", "response", ("mrd_negative", "mrd_positive")),
    ("… MRD-negative", "response", ("mrd_negative",)),
    ("Allo-HCT in continuous first remission", "transplant", ("in_remission",)),
    ("Allo-HCT later", "transplant", ("later",)),
    ("Relapsed from first remission by month {months}", "course", ("relapsed",)),
    ("Died in first remission by month {months}", "course", ("died_in_remission",)),
    ("In first remission at month {months}", "course", ("in_remission",)),
    ("Alive at month {months}", "state", ("alive",)),
)
"""Labels with the column of flow.csv and its words that are counted."""
FLOW_MM: Final = 108.0
"""The least width of a diagram, whose ribbons hold words."""
ENDPOINTS: Final = {"os": "Overall survival", "rfs": "Relapse-free survival of responders"}
ROLES: Final = {"fit": "fitted", "held_out": "held out", "described": "not used"}
_LANDMARK: Final = re.compile(r"os_(\d+)_months_percent")
KINDS: Final = (("", "discounted"), ("_undiscounted", "undiscounted"))
QALYS: Final = "QALYs"
QALY_NAMES: Final = {
    "health_state": "in the health states",
    "toxicity_decrement": "lost to toxicity",
    "gvhd_decrement": "lost to GVHD",
}
CATEGORIES: Final = {each.label: cost_name(each.label) for each in COST_CATEGORIES}


def flow(results: Results) -> dict[str, Any]:
    """Return the context of the section of the flow."""
    table = results.tables["flow.csv"]
    paths = [table[table["strategy"] == name] for name in results.strategies]
    months = f"{table['months'].max():.0f}" if len(table) else ""
    return {
        "months": months,
        "headings": list(results.labels.values()),
        "rows": [
            (label.format(months=months), [_counted(each, column, words) for each in paths])
            for label, column, words in FLOW_ROWS
        ],
    }


def flow_drawings(results: Results) -> Iterator[Drawing]:
    """Yield a flow diagram of each strategy that has patients."""
    from sim.analyses.run.figure import flow_figure

    table = results.tables["flow.csv"]
    for place, (name, label) in enumerate(results.labels.items(), start=1):
        paths = table[table["strategy"] == name]
        if not len(paths):
            continue
        months = f"{paths['months'].max():.0f}"
        parts = [
            f"{text.format(months=months)}: {_counted(paths, column, words)[0]}"
            for text, column, words in FLOW_ROWS
        ]
        yield Drawing(
            f"flow_{place}",
            f"Flow of patients, {label}",
            f"Of the patients under {label}: {'; '.join(parts)}.",
            partial(flow_figure, paths, title=label),
            FLOW_MM,
        )


def _counted(paths: pd.DataFrame, column: str, words: Sequence[str]) -> tuple[str, str]:
    """Return the share of patients and their number."""
    total = int(paths["patients"].sum())
    patients = int(paths[paths[column].isin(words)]["patients"].sum())
    return (percent(patients / total, 1) if total else "", f"{patients:,}")


def survival(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the section of survival."""
    return {
        "headings": list(results.labels.values()),
        "rows": list(_survival_rows(results)),
        "published": [_beside(results, each) for each in analyses.published],
        "sources": list(dict.fromkeys(each.source for each in analyses.published)),
    }


def survival_drawings(results: Results, analyses: Analyses) -> Iterator[Drawing]:
    """Yield the curves of OS and of RFS, with numbers at risk."""
    from sim.analyses.run.figure import survival_figure

    table, drawn = results.tables["survival.csv"], _drawn(analyses.published)
    for endpoint, title in ENDPOINTS.items():
        curves = table[table["endpoint"] == endpoint].dropna(subset="survival_percent")
        if not len(curves):
            continue
        points = [each for each in drawn if each.curve == endpoint]
        told = [
            f"{label}: median {_median(results, name, endpoint).value} months"
            for name, label in results.labels.items()
        ]
        make = partial(survival_figure, curves, points, results.labels, endpoint=endpoint)
        yield Drawing(f"survival_{endpoint}", title, "; ".join(told), make)


def _drawn(known: Sequence[Published]) -> list[Published]:
    """Leave out described results where the same endpoint was fitted or held out."""
    used = {(p.strategy, p.endpoint, p.months) for p in known if p.role != "described"}
    return [
        p for p in known if p.role != "described" or (p.strategy, p.endpoint, p.months) not in used
    ]


def _survival_rows(results: Results) -> Iterator[Row]:
    for endpoint, title in ENDPOINTS.items():
        medians = [_median(results, each, endpoint) for each in results.strategies]
        yield Row(f"{title}, median, months", medians)
    names = results.tables["strategies.csv"]["outcome"].unique()
    landmarks = (found for name in names if (found := _LANDMARK.fullmatch(name)))
    for found in sorted(landmarks, key=lambda each: int(each[1])):
        shares = [number(results.outcome(each, found[0]), 1) for each in results.strategies]
        yield Row(f"OS at {found[1]} months, %", shares)


def _median(results: Results, strategy: str, endpoint: str) -> Cell:
    estimate = results.outcome(strategy, f"{endpoint}_median_months")
    return number(estimate, 1) if math.isfinite(estimate.mean) else Cell(NOT_REACHED)


def _beside(results: Results, each: Published) -> dict[str, str]:
    """Return a published value and that of the model, in words."""
    what = "median" if each.months is None else f"at {each.months:g} months"
    unit = "months" if each.months is None else "%"
    word = "duration of remission" if each.endpoint.startswith("dor") else ENDPOINTS[each.curve]
    model = _model(results, each)
    low, high = (NOT_REACHED if end is None else number_text(end) for end in (each.low, each.high))
    return {
        "strategy": results.labels[each.strategy],
        "endpoint": f"{word}, {what}, {unit}",
        "model": number_text(model.mean) if math.isfinite(model.mean) else NOT_REACHED,
        "published": NOT_REACHED if each.value is None else number_text(each.value),
        "interval": "" if each.low is None and each.high is None else f"{low} to {high}",
        "place": each.place,
        "n": "" if each.n is None else f"{each.n:,}",
        "role": ROLES[each.role],
        "definition": each.definition or "",
        "study": f"{each.study.split(': ')[0]}; {each.arm}",
    }


def _model(results: Results, each: Published) -> Estimate:
    """Return the model's estimate of a published value."""
    if each.months is None:
        return results.outcome(each.strategy, f"{each.curve}_median_months")
    table = results.tables["survival.csv"]
    chosen = (table["strategy"] == each.strategy) & (table["endpoint"] == each.curve)
    at = table[chosen & (table["months"] == round(each.months))]
    return Estimate(float(at["survival_percent"].iloc[0]), math.nan) if len(at) else NOT_ESTIMABLE


def outcomes(results: Results) -> dict[str, Any]:
    """Return the context of the section of outcomes, costs by category and differences."""
    arms = [results.outcomes(name) for name in results.strategies]
    gains = [results.gains(name) for name in results.others]
    subgroups = (results.question, results.tables, results.labels)
    has_subgroups = bool(results.question.scenario.subgroups)
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
        "subgroups": [_named(each) for each in shown_subgroups(*subgroups)]
        if has_subgroups
        else [],
        "chosen_by_subgroup": list(subgroup_lines(*subgroups)) if has_subgroups else [],
    }


def _named(table: Table) -> Table:
    """Return increments by subgroup, each row named with its characteristic."""
    sections = [
        [row._replace(label=f"{heading.label}: {row.label.strip()}") for row in rows]
        for heading, *rows in table.sections
    ]
    return table._replace(sections=sections)


def _effects(suffix: str) -> list[tuple[str, str]]:
    """Return the names and labels of life-years and of the categories of QALYs."""
    names = [
        (each.label, QALY_NAMES.get(each.label, spaced(each.label))) for each in QALY_CATEGORIES
    ]
    return [
        (f"life_years{suffix}", "Life-years"),
        *((f"qalys{suffix}.{name}", f"{QALYS} {words}") for name, words in names),
    ]


def outcome_drawings(results: Results) -> Iterator[Drawing]:
    """Yield the stacked costs, discounted and not."""
    from sim.analyses.run.figure import costs_figure

    ledger = results.tables["ledger.csv"]
    costs = ledger[ledger["account"] == "cost"]
    for suffix, word in KINDS:
        title = f"Cost per patient, {word}"
        amounts = costs[["strategy", "category"]].assign(amount=costs[word])
        told = [
            f"{label}: {money_text(results.outcome(name, f'cost{suffix}').mean, results.symbol)}"
            for name, label in results.labels.items()
        ]
        make = partial(
            costs_figure, amounts, results.labels, CATEGORIES, symbol=results.symbol, title=title
        )
        yield Drawing(f"costs_{word}", title, f"In all, {'; '.join(told)}.", make)


def _step(results: Results, row: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the full incremental analysis."""
    ratio = "reference" if row["status"] == "frontier" else row["status"]
    return {
        "cells": Row(
            results.labels[row["name"]],
            [
                amount(results.outcome(row["name"], "cost"), results.symbol),
                number(results.outcome(row["name"], "qalys"), 3),
            ],
        ),
        "ratio": ratio if row["icer"] is None else money_text(row["icer"], results.symbol),
        "against": results.labels.get(str(row.get("against")), ""),
        "interval": " to ".join(
            money_text(end, results.symbol) for end in row.get("icer_interval") or ()
        ),
    }
