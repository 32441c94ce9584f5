"""Structural choices: the answer of the model under another assumption.

Each is the scenario with some of its keys changed. A choice that the scenario makes already is left
out; another switch of the scenario becomes a choice by a line in `CHOICES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from sim.analyses.shared.paired_runs import with_values
from sim.errors import UserError
from sim.scenario.loading import changed_scenario
from sim.scenario.schema import LIFETIME
from sim.simulation.question import Question

FINITE_HORIZON_YEARS: Final = 10
NO_BACKGROUND_MORTALITY: Final = {"switches": {"background_mortality": False}}


class Choice(NamedTuple):
    """A structural assumption instead of the scenario's."""

    name: str
    label: str
    changes: Mapping[str, Any]


def _switch(name: str, value: object, label: str) -> Choice:
    return Choice(f"switches.{name}", label, {"switches": {name: value}})


def _rate(rate: float) -> Choice:
    label = f"Discount rate {100 * rate:g} %" if rate else "No discounting"
    return Choice("discounting", label, {"discounting": {"costs": rate, "effects": rate}})


CHOICES: Final = (
    _switch("cure_point_years", None, "No point of cure"),
    *(_switch("cure_point_years", n, f"Cured after {n} years in remission") for n in (2, 3, 5)),
    _switch("benefit_after_stopping", False, "No benefit after treatment stops"),
    _switch("benefit_after_stopping", True, "Benefit lasts after treatment stops"),
    Choice(
        "switches.benefit_fades",
        "Benefit fades from 2 to 5 years",
        {"switches": {"benefit_fades_from_years": 2, "benefit_fades_to_years": 5}},
    ),
    _switch("survivor_mortality_ratio", False, "Survivors die as the general population"),
    _switch("survivor_mortality_ratio", True, "Survivors die more often than the population"),
    _switch("relapse_distribution", "weibull", "Weibull time to relapse"),
    _switch("relapse_distribution", "lognormal", "Lognormal time to relapse"),
    _switch("transplant", False, "No allo-HCT"),
    _switch("transplant", True, "Allo-HCT"),
    _switch("toxicity", False, "No toxicity of the regimens"),
    _switch("toxicity", True, "Toxicity of the regimens"),
    _switch("background_mortality", False, "No background mortality"),
    _switch("background_mortality", True, "Background mortality"),
    _switch("utility_age_cap", False, "Utility may exceed that of the age"),
    _switch("utility_age_cap", True, "Utility capped by that of the age"),
    _switch("vial_sharing", True, "Vials shared"),
    _switch("vial_sharing", False, "Vials not shared"),
    *(Choice("horizon_years", f"Horizon {n} years", {"horizon_years": n}) for n in (5, 10)),
    Choice("horizon_years", "Lifetime horizon", {"horizon_years": LIFETIME}),
    *(_rate(rate) for rate in (0.0, 0.015, 0.05)),
)


def alternatives(question: Question) -> Iterator[tuple[Choice, Question]]:
    """Yield the choices that the scenario has not made, and the question under each.

    Without background mortality a cured patient never dies, so where the horizon is a lifetime
    that choice is put together with a horizon of ten years, and says so.
    """
    for choice in CHOICES:
        needed = _with_a_horizon(choice) if _needs_a_horizon(choice, question) else choice
        try:
            loaded = changed_scenario(
                question.loaded, needed.changes, question.catalogue, leave_out=True
            )
        except UserError:
            # The scenario's other choices rule this one out.
            continue
        asked = with_values(question, given_values(question), loaded)
        if _bound(asked) != _bound(question):
            yield needed, asked


def given_values(question: Question) -> dict[str, float]:
    """Return the values that override the scenario's."""
    own = question.scenario.parameters
    return {
        name: value
        for name, value in question.numbers.items()
        if value != own.get(name, question.parameters[name].value)
    }


def _bound(question: Question) -> tuple[object, ...]:
    """Return all inputs of the answer, but for the patients and their random numbers."""
    books = question.accounts
    return (
        question.model,
        books.price_list,
        books.utilities,
        books.vial_sharing,
        question.discount_rates,
    )


def _needs_a_horizon(choice: Choice, question: Question) -> bool:
    lifelong = question.scenario.horizon_years == LIFETIME
    return lifelong and choice.changes == NO_BACKGROUND_MORTALITY


def _with_a_horizon(choice: Choice) -> Choice:
    return Choice(
        choice.name,
        f"{choice.label}, horizon {FINITE_HORIZON_YEARS} years",
        {**choice.changes, "horizon_years": FINITE_HORIZON_YEARS},
    )
