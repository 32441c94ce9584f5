"""The price of a drug at which a threshold is met."""

from __future__ import annotations

from typing import Any

from sim.analyses.price.analysis import PriceAnalysis
from sim.analyses.price.result import LINEAR, NEVER
from sim.report.drawing import LEAST_MM, Drawing
from sim.report.results import Results
from sim.report.words import money, money_with_error, percent
from sim.simulation.question import Question


def context(results: Results, found: PriceAnalysis) -> dict[str, Any]:
    """Return the context of the section of prices."""
    symbol, price = results.symbol, found.price
    rows = [
        {
            "strategy": results.labels[limit.strategy],
            "threshold": money(limit.threshold, symbol),
            "direction": limit.direction,
            "base": money_with_error(limit.base, symbol),
            "change": percent(limit.base.mean / price - 1.0)
            if price > 0.0 and limit.base.mean >= 0.0
            else "",
            "mean": money_with_error(limit.mean, symbol),
        }
        for limit in found.limits
    ]
    return {
        "drug": results.question.catalogue.regimens[found.regimen].label,
        "price": money(price, symbol),
        "comparator": results.labels[results.comparator],
        "rows": rows,
        "draws": f"{found.draws:,}",
        "base_patients": f"{found.base_patients:,}",
        "notes": [LINEAR, *([NEVER] if any(r.base.mean < 0.0 for r in found.limits) else [])],
        "drawings": [drawing.name for drawing in drawings(results, found)],
    }


def regimens_with_vials(question: Question) -> list[str]:
    """Name the regimens of a scenario whose drug has a price per vial."""
    return [
        name for name in question.scenario.regimens if f"cost.{name}.vial" in question.parameters
    ]


def drawings(results: Results, found: PriceAnalysis) -> list[Drawing]:
    """Return the probability of being cost-effective against the price."""
    from sim.analyses.price.figure import price_figure

    drug = results.question.catalogue.regimens[found.regimen].label

    def make(width: float) -> Any:  # noqa: ANN401
        return price_figure(
            found.curve,
            found.limits,
            results.labels,
            drug=drug,
            price=found.price,
            symbol=results.symbol,
            width_mm=width,
        )

    told = [
        f"{results.labels[limit.strategy]} meets {money(limit.threshold, results.symbol)} per QALY "
        f"at {limit.direction} {money(limit.base.mean, results.symbol)} a vial"
        for limit in found.limits
    ]
    return [
        Drawing(
            "price_curve",
            f"Cost-effectiveness against the price of {drug}",
            "; ".join(told),
            make,
            LEAST_MM,
        )
    ]
