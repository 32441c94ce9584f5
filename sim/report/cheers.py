"""The reporting standard CHEERS 2022: the facts that its items are answered with.

Source: Husereau D et al., Consolidated Health Economic Evaluation Reporting Standards 2022, Value
Health 2022;25:3-9. Topics are those of the standard, the words of the template are ours.
"""

from __future__ import annotations

from typing import Any, Final

from sim.report.analyses import Analyses
from sim.report.question import horizon
from sim.report.results import Results
from sim.report.words import capital, listed, rate, spaced

STANDARD: Final = "CHEERS 2022"


def context(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the checklist."""
    scenario, perspective = results.question.scenario, results.question.perspective
    return {
        "standard": STANDARD,
        "summary": results.summary,
        "description": scenario.description
        or "The title and the strategies say what is to be decided.",
        "population": results.question.catalogue.populations[scenario.population].label,
        "setting": capital(spaced(scenario.setting)),
        "strategies": listed(results.labels.values()),
        "perspective": perspective,
        "horizon": horizon(results),
        "rates": [rate(results.summary[f"discount_rate_{each}"]) for each in ("costs", "effects")],
        "index": None if perspective.price_index is None else spaced(perspective.price_index),
        "inputs": len(results.tables["inputs.csv"]),
        "has_draws": analyses.probabilistic is not None,
        "has_bars": analyses.one_way is not None,
    }
