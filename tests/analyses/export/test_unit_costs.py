"""Costs divided by unit cost: the parts at other unit costs are a run at those."""

from dataclasses import replace

import numpy as np
import pytest

import sim
from sim.analyses.export.unit_costs import PREFIX, cost_parts, is_unit_cost
from sim.analyses.psa.analysis import Work, results
from sim.layout.progress import patients_progress
from tests.support.places import SCENARIOS

DRAWS, PATIENTS, BASE = 6, 30, 300
EXACT = 1e-9
"""Relative: sums of some hundred amounts in another order."""


def drawn(question):
    work = Work(None, False, patients_progress)
    return results(replace(question, patients=PATIENTS), DRAWS, work, base_patients=BASE)


@pytest.fixture(
    params=[
        "first_salvage",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("nhs_first_salvage", "car_t", "ph_positive_tki", "mrd_positive")
        ),
    ]
)
def divided(request):
    """A scenario, its draws (6 of 30 patients; 300 in the base case), and their costs divided."""
    scenario = sim.Scenario.load(SCENARIOS / f"{request.param}.yaml")
    psa = drawn(scenario.question)
    return scenario, psa, cost_parts(scenario, psa, drawn)


def test_other_unit_costs_give_the_costs_of_a_run_at_these(divided):
    """Every unit cost at another value at once, from 0 to 3 times its own."""
    scenario, psa, parts = divided
    factors = np.random.default_rng(7).uniform(0.0, 3.0, len(parts.units))
    changed = {u.name: u.value * f for u, f in zip(parts.units, factors.tolist(), strict=True)}
    base = parts.base_rest + sum(f * u.base for f, u in zip(factors, parts.units, strict=True))
    at_these = drawn(scenario.with_(parameters=changed).question)
    assert base == pytest.approx(at_these.deterministic["cost"].to_numpy(), rel=EXACT)
    # In draws a fixed unit cost takes its new value, as it does in an analysis at that value.
    fixed = [u for u in parts.units if u.name not in psa.parameters]
    assert fixed
    moved = drawn(
        scenario.with_(parameters={u.name: changed[u.name] for u in fixed}).question
    ).values("cost")
    costs = psa.values("cost") + sum((changed[u.name] / u.value - 1.0) * u.drawn for u in fixed)
    assert costs == pytest.approx(moved, rel=EXACT)


def test_parts_of_unchanged_unit_costs_are_the_costs(divided):
    _, psa, parts = divided
    total = parts.drawn_rest + sum(u.drawn for u in parts.units)
    assert total == pytest.approx(psa.values("cost"), rel=EXACT)
    assert all((u.drawn >= -1e-6).all() for u in parts.units)
    assert len({u.name for u in parts.units}) == len(parts.units)


def test_unit_costs_are_prices_that_are_not_zero(divided):
    scenario, _, parts = divided
    question = scenario.question
    for unit in parts.units:
        assert is_unit_cost(question, unit.name)
        assert unit.name.startswith(PREFIX)
        assert unit.value == question.numbers[unit.name] > 0.0
    assert not is_unit_cost(question, "utility.on_treatment")


def test_draws_of_another_version_are_refused():
    scenario = sim.Scenario.load(SCENARIOS / "first_salvage.yaml")
    psa = drawn(scenario.question)
    other = replace(psa, outcomes=psa.outcomes.assign(qalys=psa.outcomes["qalys"] + 1.0))
    with pytest.raises(sim.UserError, match="another version of the program"):
        cost_parts(scenario, other, drawn)
