"""The assumptions of the answer that are not inputs, and its limits."""

from __future__ import annotations

from typing import Any, Final

from sim.report.analyses import Analyses
from sim.report.question import horizon
from sim.report.results import Results

SWITCHES: Final = {
    "background_mortality": (
        (
            "Everyone can die of other causes at the rate of the general population of the same age and "
            "sex, and no hazard of death is ever below that rate."
        ),
        (
            "Background mortality is switched off: nobody dies of causes other than the disease and its "
            "treatment."
        ),
    ),
    "benefit_after_stopping": (
        (
            "What a regimen does for the duration of remissions lasts after it has stopped, as long as the "
            "remission does."
        ),
        (
            "A regimen's benefit in the duration of remissions ends with it: from the last day of treatment "
            "on, remissions last as under the comparator. Remissions, MRD and transplants stay."
        ),
    ),
    "survivor_mortality_ratio": (
        (
            "Long-term survivors die of other causes more often than the general population, by a ratio "
            "among the inputs."
        ),
        "Long-term survivors die of other causes as often as the general population.",
    ),
    "toxicity": (
        (
            "Each regimen has its toxicity, with the management rules of its label: interruption, lower "
            "dose, stop."
        ),
        "The toxicity of the regimens is switched off.",
    ),
    "utility_age_cap": (
        "No health state is better than the general population's health at the same age.",
        "Utilities are not limited by the general population's health at the same age.",
    ),
    "vial_sharing": (
        "What is left in a vial is used for another patient.",
        "What is left in a vial is thrown away, and paid for.",
    ),
}
"""The assumption where a switch of the scenario is on, and where it is off."""


def context(results: Results, analyses: Analyses) -> dict[str, Any]:  # noqa: ARG001
    """Return the context of the section of assumptions."""
    statuses = results.tables["inputs.csv"]["status"]
    return {
        "chosen": _chosen(results),
        "assumed": int((statuses == "assumption").sum()),
        "provisional": int((statuses == "provisional").sum()),
        "total": len(statuses),
    }


def _chosen(results: Results) -> list[str]:
    """Return the structural choices of the scenario."""
    scenario = results.question.scenario
    switches = scenario.switches
    chosen = [texts[0] if getattr(switches, name) else texts[1] for name, texts in SWITCHES.items()]
    point = switches.cure_point_years
    chosen.append(
        "There is no point in time after which relapse is ruled out."
        if point is None
        else f"Who has been in remission for {point:g} years does not relapse any more."
    )
    if scenario.study == "new":
        chosen.append(
            "Results predict a study to come, with the differences between studies in them."
        )
    years = horizon(results)
    chosen.append(f"Costs and effects are counted over this horizon: {years.lower()}.")
    return chosen
