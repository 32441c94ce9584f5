"""The drug of a regimen, and the name of its price."""

from __future__ import annotations

from sim.economics.prices import InfusionDrug, InjectedDrug
from sim.errors import UserError
from sim.simulation.question import Question


def price_parameter(question: Question, regimen: str) -> str:
    """Return the name of the price of a regimen's vial, which all regimens of its drug share.

    Raises
    ------
    UserError
        When no strategy holds the regimen, its drug does not come in vials, or there is nothing
        to compare it with.
    """
    if len(question.scenario.strategies) == 1:
        raise UserError(
            "needs a strategy to compare with", file=question.loaded.file, key="strategies"
        )
    if regimen not in question.scenario.regimens:
        raise UserError(
            "no strategy of the scenario holds this regimen",
            file=question.loaded.file,
            key="--regimen",
            value=regimen,
            choices=question.scenario.regimens,
        )
    drug = question.accounts.price_list.regimens[regimen].drug
    if not isinstance(drug, InfusionDrug | InjectedDrug):
        raise UserError(
            "is a mixture of generic drugs, priced by the cycle and not by the vial",
            key="--regimen",
            value=regimen,
        )
    return f"cost.{drug_of(question, regimen)}.vial"


def drug_of(question: Question, regimen: str) -> str:
    """Return the regimen that names the vial of the drug."""
    return question.catalogue.regimens[regimen].drug
