"""Outcomes, costs by category and the full incremental analysis."""

from __future__ import annotations

import math
from typing import Any, Final

from sim.economics.estimates import Estimate
from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES
from sim.layout.cells import NOTHING, money, number
from sim.layout.rounding import add_up
from sim.layout.table import Cell
from sim.layout.text import CLINICAL, COST_NAMES
from sim.report.analyses import Analyses
from sim.report.drawing import Drawing
from sim.report.results import Results
from sim.report.words import NOT_REACHED, capital, shown, spaced
from sim.report.words import money as amount

KINDS: Final = (("", "discounted"), ("_undiscounted", "undiscounted"))
QALY_NAMES: Final = {
    "health_state": "in the health states",
    "toxicity_decrement": "lost to toxicity",
    "gvhd_decrement": "lost to GVHD",
}
CATEGORIES: Final = {
    each.label: COST_NAMES.get(each.label, capital(spaced(each.label))) for each in COST_CATEGORIES
}
STATES: Final = "state"
Row = tuple[str, list[Cell]]


def context(results: Results, analyses: Analyses) -> dict[str, Any]:  # noqa: ARG001
    """Return the context of the section of results."""
    return {
        "headings": list(results.labels.values()),
        "clinical": [
            (label, [_clinical(results, s, name) for s in results.strategies])
            for name, label in CLINICAL
        ],
        "kinds": [
            {
                "name": word,
                "effects": _effects(results, suffix),
                "costs": _costs(results, suffix),
                "drawing": f"costs_{word}",
            }
            for suffix, word in KINDS
        ],
        "increments": _increments(results),
        "others": [results.labels[name] for name in results.others],
        "comparator": results.labels[results.comparator],
        "frontier": _frontier(results),
    }


def drawings(results: Results, analyses: Analyses) -> list[Drawing]:  # noqa: ARG001
    """Return the stacked costs, discounted and not."""
    from sim.analyses.run.costs_figure import costs_figure

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
            f"{label}: {amount(results.outcome(name, f'cost{suffix}').mean, results.symbol)}"
            for name, label in results.labels.items()
        ]
        found.append(Drawing(f"costs_{word}", title, f"In all, {'; '.join(told)}.", make))
    return found


def _clinical(results: Results, strategy: str, name: str) -> Cell:
    estimate = results.outcome(strategy, name)
    if name.endswith("median_months") and not math.isfinite(estimate.mean):
        return Cell(NOT_REACHED)
    return shown(number(estimate, 1))


def _effects(results: Results, suffix: str) -> list[Row]:
    rows: list[Row] = [("Life-years", _numbers(results, f"life_years{suffix}"))]
    rows += [
        (
            f"QALYs {QALY_NAMES.get(each.label, spaced(each.label))}",
            _numbers(results, f"qalys{suffix}.{each.label}"),
        )
        for each in QALY_CATEGORIES
    ]
    return [*rows, ("QALYs", _numbers(results, f"qalys{suffix}"))]


def _numbers(results: Results, name: str) -> list[Cell]:
    return [shown(number(results.outcome(s, name), 3)) for s in results.strategies]


def _costs(results: Results, suffix: str) -> list[Row]:
    """Return the categories and the total, rounded so that they add up as printed."""
    columns = []
    for strategy in results.strategies:
        parts = [results.outcome(strategy, f"cost{suffix}.{name}") for name in CATEGORIES]
        if not all(math.isfinite(part.mean) for part in parts):
            columns.append([Cell(NOTHING)] * (len(parts) + 1))
            continue
        rounded = add_up([part.mean for part in parts])
        cells = [
            money(whole, part.se, results.symbol)
            for whole, part in zip(rounded, parts, strict=True)
        ]
        error = results.outcome(strategy, f"cost{suffix}").se
        columns.append([*cells, money(sum(rounded), error, results.symbol)])
    names = [*CATEGORIES.values(), "Total cost"]
    return [
        (name, [shown(cell) for cell in cells])
        for name, cells in zip(names, zip(*columns, strict=True), strict=True)
    ]


def _increments(results: Results) -> list[Row]:
    def cells(name: str, digits: int | None) -> list[Cell]:
        found = [results.gain(s, name) for s in results.others]
        return [_value(each, digits, results.symbol) for each in found]

    rows: list[Row] = [
        ("Life-years", cells("life_years", 3)),
        ("QALYs", cells("qalys", 3)),
        ("Cost", cells("cost", None)),
        ("Cost per QALY (ratio of the differences)", [_icer(results, s) for s in results.others]),
    ]
    rows += [
        (
            f"Net monetary benefit at {amount(threshold, results.symbol)} per QALY",
            cells(f"nmb_at_{threshold:g}", None),
        )
        for threshold in results.thresholds
    ]
    return rows


def _value(estimate: Estimate, digits: int | None, symbol: str) -> Cell:
    if not math.isfinite(estimate.mean):
        return Cell(NOTHING)
    return shown(money(*estimate, symbol) if digits is None else number(estimate, digits))


def _icer(results: Results, strategy: str) -> Cell:
    """Show the ratio where it is the cost of a QALY gained, or the saving of one given up."""
    qalys, cost = results.gain(strategy, "qalys"), results.gain(strategy, "cost")
    ratio = _value(results.gain(strategy, "icer"), None, results.symbol)
    if qalys.mean > 0.0 and cost.mean > 0.0:
        return ratio
    if qalys.mean < 0.0 and cost.mean < 0.0:
        return Cell(ratio.value, f"{ratio.error} saved per QALY given up")
    if qalys.mean == 0.0 and cost.mean == 0.0:
        return Cell("equal")
    return Cell("dominant" if qalys.mean >= 0.0 else "dominated")


def _frontier(results: Results) -> list[dict[str, Any]]:
    rows = []
    for row in results.summary["frontier"]:
        interval = row.get("icer_interval")
        against = row.get("against")
        ratio = row["status"]
        if row["icer"] is not None:
            ratio = amount(row["icer"], results.symbol)
        elif row["status"] == "frontier":
            ratio = "reference"
        rows.append(
            {
                "label": results.labels[row["name"]],
                "cost": _value(results.outcome(row["name"], "cost"), None, results.symbol),
                "qalys": _value(results.outcome(row["name"], "qalys"), 3, results.symbol),
                "ratio": ratio,
                "against": "" if against is None else results.labels[against],
                "interval": ""
                if interval is None
                else " to ".join(amount(end, results.symbol) for end in interval),
            }
        )
    return rows
