"""The files of a comparison. Their names and columns are part of the interface; see `COLUMNS`."""

from __future__ import annotations

import json
from typing import Any, Final

import pandas as pd

from sim.analyses.compare import figures
from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.economics.incremental import AnalysedStrategy, Increment
from sim.layout.cells import estimate_json, estimate_row, finite
from sim.layout.citations import citations
from sim.layout.figure_file import figure_files, figure_names
from sim.simulation.comparison import Analysis, Comparison, Side, input_unit, outcome_unit
from sim.simulation.provenance import provenance
from sim.simulation.run import Simulation

INDENT: Final = 2
COLUMNS: Final = {
    "comparison.csv": ("scenario", "strategy", "comparator", "outcome", "mean", "se", "unit"),
    "differences.csv": (
        "scenario",
        "from_scenario",
        "strategy",
        "comparator",
        "outcome",
        "mean",
        "se",
        "unit",
    ),
    "frontier.csv": (
        "analysis",
        "strategy",
        "label",
        "cost",
        "cost_se",
        "qalys",
        "qalys_se",
        "status",
        "against",
        "icer",
        "icer_se",
        "icer_low",
        "icer_high",
        "currency",
    ),
    "net_benefit.csv": (
        "analysis",
        "strategy",
        "reference",
        "threshold",
        "nmb",
        "nmb_se",
        "nhb",
        "nhb_se",
        "currency",
    ),
    "changes.csv": ("kind", "name", "unit", "scenario", "value"),
}
"""Columns of each table.

- Where `comparator` is empty an outcome is the strategy's own, else its difference from the
  comparator's. Outcomes are those of strategies.csv and increments.csv of a run; `unit` is that of
  the row, in which money is in the currency of its scenario.
- In differences.csv `mean` is the outcome in `scenario` minus that in `from_scenario`, with the
  error of the differences within patients.
- frontier.csv and net_benefit.csv hold the strategies as ``scenario: strategy``. `analysis` is
  ``all`` where those of all scenarios are in one full incremental analysis and, where the scenarios
  cannot be pooled, the scenario of the analysis. `icer_low` and `icer_high` are 95 % limits by
  Fieller's theorem, empty where they do not exist; `reference` is the strategy from which net
  benefits are counted. `currency` is that of all money of the row: costs, ICERs, thresholds (per
  QALY) and net monetary benefits; QALYs and net health benefits are in QALYs.
- changes.csv holds the inputs that differ; `unit` is that of `value` in its scenario, and `value`
  is empty where a scenario lacks it.
"""
TEXTS: Final = ("comparison.json", "provenance.json", "citations.txt")
NAMES: Final = (*TEXTS, *COLUMNS, *figure_names(figures.NAMES))


def comparison_json(comparison: Comparison) -> str:
    """Return the comparison as JSON text; values that cannot be estimated are null."""
    first = comparison.sides[0].question
    content = {
        "patients": first.patients,
        "seed": first.seed,
        "engine": "core",
        "scenarios": [_scenario(side) for side in comparison.sides],
        "changes": [
            {
                "kind": each.kind,
                "name": each.name,
                "unit": each.unit,
                "values": dict(
                    zip([side.name for side in comparison.sides], each.values, strict=True)
                ),
            }
            for each in comparison.inputs
        ],
        "differences": [
            {
                "scenario": each.scenario,
                "strategy": each.strategy,
                "comparator": each.comparator,
                "outcome": each.outcome,
                **estimate_json(each.estimate),
            }
            for each in comparison.differences
        ],
        "frontier": [
            _analysed(analysis, each)
            for analysis in comparison.analyses
            for each in analysis.strategies
        ],
        "no_frontier_because": list(comparison.separate_because),
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def comparison_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Return the tables of the comparison by file name, in the columns `COLUMNS`."""
    tables = {
        "comparison.csv": _outcomes(comparison),
        "differences.csv": _differences(comparison),
        "frontier.csv": _frontier(comparison),
        "net_benefit.csv": _net_benefit(comparison),
        "changes.csv": _changes(comparison),
    }
    return {name: pd.DataFrame(rows, columns=list(COLUMNS[name])) for name, rows in tables.items()}


def comparison_files(comparison: Comparison) -> dict[str, str | bytes]:
    """Return the files of the comparison by name."""
    texts: dict[str, str | bytes] = {
        name: table.to_csv(index=False, lineterminator="\n")
        for name, table in comparison_tables(comparison).items()
    }
    texts["comparison.json"] = comparison_json(comparison)
    origins = [
        {"name": side.name, **provenance(Simulation(side.question, (), (), "core"))}
        for side in comparison.sides
    ]
    texts["provenance.json"] = json.dumps({"scenarios": origins}, indent=INDENT) + "\n"
    texts["citations.txt"] = citations(*(side.question for side in comparison.sides))
    drawn = {name: figures.drawn_comparison(name, comparison) for name in figures.NAMES}
    return texts | figure_files(drawn)


def _outcomes(comparison: Comparison) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for side in comparison.sides:
        currency = side.question.perspective.currency
        for arm in side.summary.arms:
            rows += [
                (side.name, arm.name, None, name, *estimate_row(value))
                + (outcome_unit(name, currency),)
                for name, value in arm.outcomes.items()
            ]
        for each in side.summary.comparisons:
            gain = each.increment
            rows += [
                (side.name, gain.strategy, gain.comparator, name, *estimate_row(value))
                + (outcome_unit(name, currency),)
                for name, value in _gain(gain, each.nmb).items()
            ]
    return rows


def _gain(gain: Increment, nmb: Any) -> dict[str, Estimate]:  # noqa: ANN401
    ratio = NOT_ESTIMABLE
    if gain.icer is not None and gain.icer_se is not None:
        ratio = Estimate(gain.icer, gain.icer_se)
    return {
        "life_years": gain.life_years,
        "qalys": gain.qalys,
        "cost": gain.cost,
        "icer": ratio,
        **{f"nmb_at_{threshold:g}": value for threshold, value in nmb.items()},
    }


def _differences(comparison: Comparison) -> list[tuple[object, ...]]:
    first = comparison.sides[0]
    # Money is subtracted only where it is the same.
    currency = first.question.perspective.currency
    return [
        (
            each.scenario,
            first.name,
            each.strategy,
            each.comparator,
            each.outcome,
            *estimate_row(each.estimate),
            outcome_unit(each.outcome, currency, is_difference=True),
        )
        for each in comparison.differences
    ]


def _frontier(comparison: Comparison) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    found = [(analysis, each) for analysis in comparison.analyses for each in analysis.strategies]
    for analysis, each in found:
        step = each.step
        limits = step.icer_interval if step is not None else None
        rows.append(
            (
                analysis.scenario,
                each.name,
                analysis.labels[each.name],
                *estimate_row(each.cost),
                *estimate_row(each.qalys),
                each.status,
                step.comparator if step is not None else None,
                step.icer if step is not None else None,
                step.icer_se if step is not None else None,
                *(limits or (None, None)),
                analysis.side.question.perspective.currency,
            )
        )
    return rows


def _net_benefit(comparison: Comparison) -> list[tuple[object, ...]]:
    return [
        (
            analysis.scenario,
            each.name,
            each.gain.comparator,
            threshold,
            *estimate_row(each.gain.nmb(threshold)),
            *estimate_row(each.gain.nhb(threshold)),
            analysis.side.question.perspective.currency,
        )
        for analysis in comparison.analyses
        for each in analysis.strategies
        for threshold in analysis.side.question.thresholds
    ]


def _changes(comparison: Comparison) -> list[tuple[object, ...]]:
    return [
        (each.kind, each.name, input_unit(side.question, each.name), side.name, value)
        for each in comparison.inputs
        for side, value in zip(comparison.sides, each.values, strict=True)
    ]


def _scenario(side: Side) -> dict[str, Any]:
    question = side.question
    return {
        "name": side.name,
        "title": question.scenario.title,
        "perspective": question.scenario.perspective,
        "currency": question.perspective.currency,
        "price_year": question.perspective.price_year,
        "thresholds": list(question.thresholds),
        "strategies": [
            {
                "name": arm.name,
                "label": arm.label,
                "outcomes": {name: estimate_json(value) for name, value in arm.outcomes.items()},
            }
            for arm in side.summary.arms
        ],
        "increments": [
            {
                "strategy": each.increment.strategy,
                "comparator": each.increment.comparator,
                **{k: estimate_json(v) for k, v in _gain(each.increment, each.nmb).items()},
                "quadrant": each.increment.quadrant,
            }
            for each in side.summary.comparisons
        ],
    }


def _analysed(analysis: Analysis, each: AnalysedStrategy) -> dict[str, Any]:
    step, thresholds = each.step, analysis.side.question.thresholds
    return {
        "analysis": analysis.scenario,
        "strategy": each.name,
        "label": analysis.labels[each.name],
        "cost": estimate_json(each.cost),
        "qalys": estimate_json(each.qalys),
        "status": each.status,
        "against": None if step is None else step.comparator,
        "icer": None if step is None else step.icer,
        "icer_se": None if step is None else finite(step.icer_se),
        "icer_interval": None if step is None else step.icer_interval,
        "nmb": {f"{t:g}": estimate_json(each.gain.nmb(t)) for t in thresholds},
        "nhb": {f"{t:g}": estimate_json(each.gain.nhb(t)) for t in thresholds},
    }
