"""The assumptions of the answer that are not inputs, and its limits."""

from __future__ import annotations

from typing import Any

from sim.report.analyses import Analyses
from sim.report.question import horizon
from sim.report.results import Results
from sim.report.words import spaced


def context(results: Results, analyses: Analyses) -> dict[str, Any]:  # noqa: ARG001
    """Return the context of the section of assumptions."""
    statuses = results.tables["inputs.csv"]["status"]
    scenario = results.question.scenario
    return {
        "switches": scenario.switches,
        "relapse": spaced(scenario.switches.relapse_distribution),
        "is_prediction": scenario.study == "new",
        "horizon": horizon(results).lower(),
        "assumed": int((statuses == "assumption").sum()),
        "provisional": int((statuses == "provisional").sum()),
        "total": len(statuses),
    }
