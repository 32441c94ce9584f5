"""The same patients meet the same random numbers whatever else is asked, so differences are due to treatment.

Every comparison is exact, patient by patient: outcomes and amounts of n = 1000 patients by the
core engine, logs and ledgers by the reference engine.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.engine import reference
from sim.simulation.run import run
from sim.simulation.summary import summarise

OTHER_SEED = 2**64 - 1
CASES = [
    ("first_salvage", 0),
    ("real_world", OTHER_SEED),
    ("tower", 0),
    ("blinatumomab_then_inotuzumab", OTHER_SEED),
    ("nhs_first_salvage", 0),
]
SEQUENCE = {
    "name": "sequence",
    "sequence": ["inotuzumab", "blinatumomab"],
    "then": "usual_care",
    "maintenance": True,
}
CARE = {"name": "care", "sequence": [], "then": "supportive_care"}

every_case = pytest.mark.parametrize(("name", "seed"), CASES)


def strategies_of(question):
    return [strategy.model_dump(mode="json") for strategy in question.scenario.strategies]


def assert_same(arm, other, patients=None):
    """Assert that two arms hold the same outcomes and books; of the first `patients` if given."""
    first = slice(patients)
    assert arm.outcomes[first].reset_index(drop=True).equals(other.outcomes[first])
    assert np.array_equal(arm.discounted[first], other.discounted[first])
    assert np.array_equal(arm.undiscounted[first], other.undiscounted[first])


def estimates_of(comparison):
    gain = comparison.increment
    return [
        gain.cost,
        gain.qalys,
        gain.life_years,
        *comparison.cost_categories.values(),
        *comparison.nmb.values(),
    ]


def histories(simulation):
    """Return patient, log and ledger by strategy and number."""
    return {
        (trace.strategy, trace.patient.number): (trace.patient, trace.log, trace.ledger)
        for trace in simulation.traces
    }


# Between strategies.


@every_case
def test_identical_strategies_differ_by_exactly_nothing(ask, simulated, name, seed):
    original = simulated(name, seed)
    strategies = strategies_of(original.question)
    twins = strategies_of(original.question)
    for twin in twins:
        twin["name"] += ", again"
        twin["label"] = twin["name"]
    question = ask(
        name,
        patients=1000,
        seed=seed,
        strategies=[*strategies, *twins],
        comparator=twins[0]["name"],
    )
    answer = run(question)
    for strategy, twin in zip(strategies, twins, strict=True):
        assert_same(answer.arm(strategy["name"]), answer.arm(twin["name"]))
    against_its_twin = next(
        comparison
        for comparison in summarise(answer).comparisons
        if comparison.increment.strategy == strategies[0]["name"]
    )
    assert {tuple(estimate) for estimate in estimates_of(against_its_twin)} == {(0.0, 0.0)}
    assert against_its_twin.increment.icer is None


@every_case
def test_exchanging_the_strategies_flips_every_increment_exactly(ask, simulated, name, seed):
    original = simulated(name, seed)
    strategies = strategies_of(original.question)
    comparator, last = strategies[0]["name"], strategies[-1]["name"]
    exchanged = run(
        ask(name, patients=1000, seed=seed, strategies=strategies[::-1], comparator=last)
    )
    for strategy in strategies:
        assert_same(original.arm(strategy["name"]), exchanged.arm(strategy["name"]))
    there, back = (
        next(
            comparison
            for comparison in summarise(answer).comparisons
            if comparison.increment.strategy == strategy
        )
        for answer, strategy in ((original, last), (exchanged, comparator))
    )
    assert there.increment.cost.mean != 0.0
    for one, other in zip(estimates_of(there), estimates_of(back), strict=True):
        assert one.mean == -other.mean
        assert one.se == other.se
    assert there.increment.icer == back.increment.icer


@every_case
def test_further_strategies_change_no_patient_of_the_others(ask, simulated, name, seed):
    original = simulated(name, seed)
    strategies = strategies_of(original.question)
    further = run(
        ask(name, patients=1000, seed=seed, strategies=[SEQUENCE, *strategies[:2], CARE]), trace=50
    )
    kept = histories(original)
    for strategy in strategies[:2]:
        assert_same(original.arm(strategy["name"]), further.arm(strategy["name"]))
    shared = [key for key in histories(further) if key in kept]
    assert len(shared) == 100
    assert all(histories(further)[key] == kept[key] for key in shared)


@every_case
def test_every_strategy_treats_the_same_people(simulated, name, seed):
    people = {}
    for trace in simulated(name, seed).traces:
        assert people.setdefault(trace.patient.number, trace.patient) == trace.patient
    assert len({patient.age_years for patient in people.values()}) == 400


@pytest.mark.parametrize("first", ["blinatumomab", "inotuzumab"])
@pytest.mark.parametrize("seed", [0, OTHER_SEED])
def test_what_comes_later_changes_nothing_in_the_first_line(simulated, first, seed):
    """The first line of blinatumomab alone and of blinatumomab before inotuzumab, and conversely."""
    answer = simulated("blinatumomab_then_inotuzumab", seed)
    second = {"blinatumomab": "inotuzumab", "inotuzumab": "blinatumomab"}[first]
    alone, followed = (
        [
            [event for event in trace.log if event.line == 0]
            for trace in answer.traces
            if trace.strategy == strategy
        ]
        for strategy in (first, f"{first}_{second}")
    )
    assert len(alone) == 400
    assert alone == followed
    assert not answer.arm(first).outcomes.equals(answer.arm(f"{first}_{second}").outcomes)


# Between runs.


@every_case
def test_the_first_hundred_patients_are_the_same_among_any_number(ask, simulated, name, seed):
    many = simulated(name, seed)
    few = run(ask(name, patients=100, seed=seed))
    for arm in few.arms:
        assert len(arm.outcomes) == 100
        assert_same(many.arm(arm.strategy.name), arm, patients=100)


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("seed", [0, OTHER_SEED])
def test_size_of_the_blocks_does_not_matter(ask, monkeypatch, size, seed):
    """n = 70 in blocks of 1, 7 and 64 against one block."""
    model = ask("blinatumomab_then_inotuzumab", patients=70).model
    strategy = model.strategies[-1]
    whole = list(reference.simulate(model, strategy, seed=seed, patients=70))
    monkeypatch.setattr(reference, "BLOCK", size)
    assert list(reference.simulate(model, strategy, seed=seed, patients=70)) == whole
    assert len(whole) == 70


def test_the_same_seed_gives_the_same_answer_twice(ask, simulated):
    first = simulated("tower", 0)
    second = run(ask("tower", patients=1000, seed=0), trace=400)
    for arm in first.arms:
        assert_same(arm, second.arm(arm.strategy.name))
        assert arm.cells == second.arm(arm.strategy.name).cells
    assert histories(first) == histories(second)


def test_another_seed_gives_other_patients(simulated):
    one, other = simulated("tower", 0), simulated("tower", OTHER_SEED)
    ages = [{trace.patient.age_years for trace in answer.traces} for answer in (one, other)]
    assert not ages[0] & ages[1]
    for arm in one.arms:
        lives = arm.outcomes["death_days"].to_numpy()
        assert not np.isin(lives, other.arm(arm.strategy.name).outcomes["death_days"]).any()
