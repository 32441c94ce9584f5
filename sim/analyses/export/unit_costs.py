"""What each unit cost contributes to the cost of a strategy.

A unit cost changes no patient's course, and every item is charged at one unit cost, so that the cost
of a strategy is linear in all of them (as of the price of a vial, `sim.analyses.price.analysis`)::

    cost = rest + sum over unit costs u of (u / base value of u) * part(u)

The part of a unit cost is what the same patients cost less with that unit cost at 0. Unit costs that
are charged in different categories of the ledger are set to 0 in one run: each part is then read off
its own categories. A draw of an uncertain unit cost moves with its base value in proportion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sim.analyses.psa.draws_run import Psa
from sim.analyses.shared.scenario import Scenario
from sim.economics.estimates import Array
from sim.economics.ledger import COST_CATEGORIES
from sim.errors import UserError
from sim.simulation.question import Question
from sim.simulation.run import run
from sim.simulation.summary import outcomes

PREFIX: Final = "cost."
CATEGORIES: Final = tuple(f"{PREFIX}{category.label}" for category in COST_CATEGORIES)
PILOT_PATIENTS: Final = 2000
"""In whom it is seen in which categories a unit cost is charged."""


@dataclass(frozen=True)
class UnitCost:
    """A unit cost and its part of the costs, in currency per patient, discounted.

    Attributes
    ----------
    name, value
        Of the parameter, and its value in the base case.
    base
        The part in the deterministic run; shape (strategies,).
    drawn
        The part in each draw; shape (draws, strategies).
    """

    name: str
    value: float
    base: Array
    drawn: Array


@dataclass(frozen=True)
class CostParts:
    """The costs of every strategy, divided by unit cost.

    Attributes
    ----------
    units
        Those that are charged for any patient.
    base_rest, drawn_rest
        What depends on none of them, in the shapes of the parts.
    """

    units: tuple[UnitCost, ...]
    base_rest: Array
    drawn_rest: Array


def cost_parts(scenario: Scenario, psa: Psa, results: Callable[[Question], Psa]) -> CostParts:
    """Divide the costs of a probabilistic analysis of the scenario by unit cost.

    `results` simulates the same draws in the same patients of a question.

    Raises
    ------
    UserError
        When the draws are not those that this version of the program simulates.
    """
    question = psa.question
    found: list[UnitCost] = []
    for group in _groups(scenario, question):
        free = results(_without(scenario, question, group))
        if not np.array_equal(free.values("qalys"), psa.values("qalys")):
            problem = "holds draws of another version of the program; run psa again"
            raise UserError(problem, key="--from")
        for name, columns in group.items():
            base = sum(_base(psa, each) - _base(free, each) for each in columns)
            drawn = sum(psa.values(each) - free.values(each) for each in columns)
            found.append(UnitCost(name, question.numbers[name], np.array(base), np.array(drawn)))
    units = tuple(sorted((each for each in found if each.base.any()), key=lambda each: each.name))
    return CostParts(
        units,
        _base(psa, "cost") - sum(each.base for each in units),
        psa.values("cost") - sum(each.drawn for each in units),
    )


def _base(psa: Psa, column: str) -> Array:
    return psa.deterministic[column].to_numpy(dtype=np.float64)


def _without(scenario: Scenario, question: Question, names: Mapping[str, object]) -> Question:
    """Return the question with these unit costs at 0."""
    free = scenario.with_(parameters=dict.fromkeys(names, 0.0)).question
    return replace(free, patients=question.patients, seed=question.seed)


def _groups(scenario: Scenario, question: Question) -> Iterator[dict[str, tuple[str, ...]]]:
    """Yield groups of unit costs that share no category, with the categories of each.

    One that no patient of the pilot was charged is alone, and its category is the whole cost.
    """
    left = _categories(scenario, question)
    while left:
        group: dict[str, tuple[str, ...]] = {}
        taken: set[str] = set()
        for name, columns in left.items():
            used = set(columns) if columns else set(CATEGORIES)
            if taken.isdisjoint(used):
                group[name] = columns or ("cost",)
                taken |= used
        yield group
        left = {name: columns for name, columns in left.items() if name not in group}


def _categories(scenario: Scenario, question: Question) -> dict[str, tuple[str, ...]]:
    """Return the categories of costs in which each unit cost is charged, in a pilot."""
    with_all = _pilot(replace(question, patients=PILOT_PATIENTS))
    found = {}
    for name in sorted(question.used):
        if is_unit_cost(question, name):
            free = _without(scenario, replace(question, patients=PILOT_PATIENTS), {name: 0.0})
            without = _pilot(free)
            changed = (each for each in CATEGORIES if (with_all[each] != without[each]).any())
            found[name] = tuple(changed)
    return found


def is_unit_cost(question: Question, name: str) -> bool:
    """Whether a parameter is a price in the currency of the perspective that is not 0."""
    unit = question.parameters[name].unit
    is_price = unit.split(" ")[0] == question.perspective.currency
    return name.startswith(PREFIX) and is_price and question.numbers[name] > 0.0


def _pilot(question: Question) -> dict[str, Array]:
    simulation = run(question, keep_patients=False)
    found = outcomes(simulation.tally, question.settings.horizon_days)
    return {name: found[name].mean for name in CATEGORIES}
