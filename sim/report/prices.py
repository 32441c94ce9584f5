"""The price that meets a threshold, and sliders for other prices and thresholds.

The sliders work in the browser without a server. A price changes no patient's course, so costs are
a line of each price, and the price of the drug is exact for the patients of the base case. What
other unit costs do is read off the one-way analysis, which is of fewer patients: its Monte Carlo
error is added.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from sim.analyses.price.analysis import PriceAnalysis
from sim.analyses.price.result import LINEAR, NEVER
from sim.analyses.shared.outcomes import NMB, middle_threshold
from sim.analyses.tornado.analysis import PARAMETER, Bar
from sim.economics.estimates import NORMAL_97_5
from sim.layout.cells import money_text, money_with_error, percent
from sim.report.drawing import LEAST_MM, Drawing
from sim.report.results import Analyses, Results
from sim.simulation.question import Question

MOST_UNIT_COSTS: Final = 6
BEYOND: Final = 2.0
"""Sliders end at so many times the value of the scenario or the highest threshold."""
SHOWN_DIGITS: Final = 2
"""Of a unit cost where its slider begins: nobody reads more."""
DAMP: Final = 1e-6
"""Relative difference of two slopes of a line that is rounding."""


def price(results: Results, found: PriceAnalysis) -> dict[str, Any]:
    """Return the context of the section of prices."""
    symbol = results.symbol
    rows = [
        {
            "strategy": results.labels[limit.strategy],
            "threshold": money_text(limit.threshold, symbol),
            "direction": limit.direction,
            "base": money_with_error(limit.base, symbol),
            "change": percent(limit.base.mean / found.price - 1.0)
            if found.price > 0.0 and limit.base.mean >= 0.0
            else "",
            "mean": money_with_error(limit.mean, symbol),
        }
        for limit in found.limits
    ]
    return {
        "drug": results.question.catalogue.regimens[found.regimen].label,
        "price": money_text(found.price, symbol),
        "comparator": results.labels[results.comparator],
        "rows": rows,
        "draws": f"{found.draws:,}",
        "base_patients": f"{found.base_patients:,}",
        "notes": [LINEAR, *([NEVER] if any(r.base.mean < 0.0 for r in found.limits) else [])],
    }


def regimens_with_vials(question: Question) -> list[str]:
    """Name the regimens of a scenario whose drug has a price per vial."""
    return [
        name for name in question.scenario.regimens if f"cost.{name}.vial" in question.parameters
    ]


def price_drawings(results: Results, found: PriceAnalysis) -> Iterator[Drawing]:
    """Yield the probability of being cost-effective against the price."""
    from sim.analyses.price.figure import price_figure

    drug = results.question.catalogue.regimens[found.regimen].label
    told = [
        f"{results.labels[limit.strategy]} meets {money_text(limit.threshold, results.symbol)} per QALY "
        f"at {limit.direction} {money_text(limit.base.mean, results.symbol)} a vial"
        for limit in found.limits
    ]
    shown = (found.curve, found.limits, results.labels)
    yield Drawing(
        "price_curve",
        f"Cost-effectiveness against the price of {drug}",
        "; ".join(told),
        partial(price_figure, *shown, drug=drug, price=found.price, symbol=results.symbol),
        LEAST_MM,
    )


class Slope(NamedTuple):
    """A unit cost and what it adds to the extra cost: per unit of it, with its error."""

    label: str
    unit: str
    base: float
    most: float
    per_unit: float
    se: float


def sliders(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the section, with the numbers that its script computes with."""
    found = analyses.priced
    if found is None:
        message = "there are no sliders without the analysis of the price"
        raise LookupError(message)
    slopes = list(_slopes(results, analyses))
    names = list(dict.fromkeys(found.line["strategy"]))
    threshold = middle_threshold(results.thresholds)
    content = {
        "symbol": results.symbol,
        "price": found.price,
        "threshold": threshold,
        "thresholds": results.thresholds,
        "z": NORMAL_97_5,
        "strategies": [_line(results, found, name) for name in names],
        "slopes": [{"base": each.base, "per": each.per_unit, "se": each.se} for each in slopes],
        "slope_of": analyses.one_way.strategy if analyses.one_way is not None else None,
    }
    return {
        "drug": results.question.catalogue.regimens[found.regimen].label,
        "price": found.price,
        "most_price": BEYOND * max(found.price, 1.0),
        "threshold": threshold,
        "most_threshold": BEYOND * max(results.thresholds),
        "currency": results.summary["currency"],
        "names": [(name, results.labels[name]) for name in names],
        "comparator": results.labels[results.comparator],
        "slopes": slopes,
        "base_patients": f"{found.base_patients:,}",
        "tornado_patients": None
        if analyses.one_way is None
        else f"{analyses.one_way.question.patients:,}",
        "thresholds": [f"{results.symbol}{each:,.0f}" for each in results.thresholds],
        "data": Markup(json.dumps(content).replace("<", "\\u003c")),
    }


def _line(results: Results, found: PriceAnalysis, name: str) -> dict[str, Any]:
    """Return the base case of a strategy at three prices, and its probabilities by price."""
    rows = found.line[found.line["strategy"] == name]
    curves = found.curve[found.curve["strategy"] == name]
    return {
        "name": name,
        **{key: rows[key].tolist() for key in ("price", "cost", "cost_se", "covariance")},
        "qalys": float(rows["qalys"].iloc[0]),
        "qalys_se": float(rows["qalys_se"].iloc[0]),
        "prices": sorted(set(curves["price"].tolist())),
        "probability": [
            curves[curves["threshold"] == each].sort_values("price")["without_noise"].tolist()
            for each in results.thresholds
        ],
    }


def _slopes(results: Results, analyses: Analyses) -> Iterator[Slope]:
    """Yield the unit costs of the one-way analysis that move the cost along a line."""
    tornado, priced = analyses.one_way, analyses.priced
    if tornado is None or priced is None or tornado.outcome.name != NMB:
        return
    found = [
        slope
        for bar in tornado.bars
        if bar.group == PARAMETER and bar.name != priced.parameter
        if (slope := _slope(results, bar)) is not None
    ]
    yield from sorted(found, key=lambda each: -abs(each.per_unit * each.base))[:MOST_UNIT_COSTS]


def _slope(results: Results, bar: Bar) -> Slope | None:
    """Return the slope of a unit cost; None where the bar is of something else, or is no line."""
    question = results.question
    parameter = question.parameters.get(bar.name)
    if parameter is None or parameter.currency is None or len(bar.ends) == 1:
        return None
    base = question.numbers[bar.name]
    slopes = [
        (-end.benefit / (end.value - base), end.change.se / abs(end.value - base))
        for end in bar.ends
        if end.value is not None and end.value != base and math.isfinite(end.benefit)
    ]
    if not slopes or any(abs(each - slopes[0][0]) > DAMP * abs(slopes[0][0]) for each, _ in slopes):
        return None
    (per_unit, error), *_ = slopes
    if per_unit == 0.0:
        return None
    shown = round(base, SHOWN_DIGITS)
    return Slope(bar.label, bar.unit, shown, BEYOND * shown, per_unit, error)
