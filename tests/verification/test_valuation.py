"""What a year, a price and a discount rate are worth, at values where the answer is known.

Exact for every patient, n = 1000 per strategy, unless a tolerance is given. Prices, utilities
and rates are put on the same lives: a test that lives differ would fail in `assert_same_lives`.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES, Account, Category
from sim.simulation.question import with_numbers
from sim.simulation.run import run

OTHER_SEED = 2**64 - 1
CASES = [
    ("first_salvage", 0),
    ("real_world", OTHER_SEED),
    ("tower", 0),
    ("blinatumomab_then_inotuzumab", OTHER_SEED),
    ("nhs_first_salvage", 0),
]

every_case = pytest.mark.parametrize(("name", "seed"), CASES)


def assert_same_lives(answer, other):
    for arm in answer.arms:
        assert arm.outcomes.equals(other.arm(arm.strategy.name).outcomes)


def arms_of(answer, other):
    """Pair the arms of two answers about the same lives."""
    assert_same_lives(answer, other)
    return [(arm, other.arm(arm.strategy.name)) for arm in answer.arms]


def named(question, *prefixes):
    return [name for name in question.numbers if name.startswith(prefixes)]


def prices_of(question):
    """Return the amounts of money; ``cost.<regimen>.vial_mg`` is the content of a vial."""
    return [name for name in named(question, "cost.") if not name.endswith(".vial_mg")]


# Utilities.


@every_case
def test_with_every_utility_at_one_qalys_are_life_years(ask, simulated, name, seed):
    question = ask(name, patients=1000, seed=seed, switches={"utility_age_cap": False})
    ones = dict.fromkeys(named(question, "utility."), 1.0)
    nothing_lost = dict.fromkeys(named(question, "decrement."), 0.0)
    assert (len(ones), len(nothing_lost)) == (6, 3)
    answer = run(with_numbers(question, ones | nothing_lost))
    for arm, _ in arms_of(answer, simulated(name, seed)):
        for discounted in (True, False):
            qalys = arm.total(Account.QALY, discounted=discounted)
            years = arm.total(Account.LIFE_YEARS, discounted=discounted)
            assert np.array_equal(qalys, years)
            assert (years > 0.0).all()


@every_case
def test_without_utilities_there_are_no_qalys(ask, simulated, name, seed):
    question = ask(name, patients=1000, seed=seed)
    nothing = dict.fromkeys(named(question, "utility.", "decrement."), 0.0)
    answer = run(with_numbers(question, nothing))
    for arm, original in arms_of(answer, simulated(name, seed)):
        for category in QALY_CATEGORIES:
            assert not arm.category(category).any()
            assert not arm.category(category, discounted=False).any()
        assert np.array_equal(arm.total(Account.COST), original.total(Account.COST))


@every_case
def test_lower_utility_or_larger_decrement_never_adds_qalys(ask, simulated, name, seed):
    """Each of the 9 in turn, by a tenth; it moves its own category alone.

    Complications at one time take the largest decrement: a larger one of a toxicity leaves less to be
    added for GVHD.
    """
    question = ask(name, patients=1000, seed=seed)
    original = simulated(name, seed)
    for changed in named(question, "utility.", "decrement."):
        factor = 0.9 if changed.startswith("utility.") else 1.1
        answer = run(with_numbers(question, {changed: factor * question.numbers[changed]}))
        fallen = 0
        for arm in answer.arms:
            difference = arm.discounted - original.arm(arm.strategy.name).discounted
            moved = {c for i, c in enumerate(Category) if difference[:, i].any()}
            assert len(moved) <= 1 or moved == {Category.QALY_TOXICITY, Category.QALY_GVHD}
            assert (difference.sum(axis=1) <= 1e-12).all()
            fallen += int((difference < 0.0).any())
        assert fallen > 0


@every_case
def test_cap_at_the_general_population_only_ever_lowers_qalys(ask, simulated, name, seed):
    uncapped = run(ask(name, patients=1000, seed=seed, switches={"utility_age_cap": False}))
    lowered = 0
    for capped, free in arms_of(simulated(name, seed), uncapped):
        states = list(Category).index(Category.QALY_STATE)
        # Without a cap a stay is one interval, with it several: sums differ by rounding.
        assert (capped.discounted[:, states] <= free.discounted[:, states] * (1 + 1e-12)).all()
        lowered += int((capped.discounted[:, states] < free.discounted[:, states] - 1e-9).sum())
        others = [i for i in range(len(Category)) if i != states]
        assert np.array_equal(capped.discounted[:, others], free.discounted[:, others])
    assert lowered > 0


# Prices.


@every_case
def test_without_prices_there_are_no_costs(ask, simulated, name, seed):
    question = ask(name, patients=1000, seed=seed)
    answer = run(with_numbers(question, dict.fromkeys(prices_of(question), 0.0)))
    for arm, original in arms_of(answer, simulated(name, seed)):
        for category in COST_CATEGORIES:
            assert not arm.category(category).any()
            assert original.category(category).any()
        assert np.array_equal(arm.total(Account.QALY), original.total(Account.QALY))


@every_case
def test_doubled_prices_double_every_category(ask, simulated, name, seed):
    """Exactly: twice a binary number has the same digits."""
    question = ask(name, patients=1000, seed=seed)
    doubled = {price: 2.0 * question.numbers[price] for price in prices_of(question)}
    answer = run(with_numbers(question, doubled))
    for arm, original in arms_of(answer, simulated(name, seed)):
        for category in COST_CATEGORIES:
            for discounted in (True, False):
                once = original.category(category, discounted=discounted)
                twice = arm.category(category, discounted=discounted)
                assert np.array_equal(twice, 2.0 * once)
        assert np.array_equal(arm.total(Account.COST), 2.0 * original.total(Account.COST))
        assert np.array_equal(arm.total(Account.QALY), original.total(Account.QALY))


@every_case
def test_no_price_lowers_any_cost(ask, simulated, name, seed):
    """Each price in turn, by half."""
    question = ask(name, patients=1000, seed=seed)
    original = simulated(name, seed)
    for price in prices_of(question):
        answer = run(with_numbers(question, {price: 1.5 * question.numbers[price]}))
        for arm in answer.arms:
            before = original.arm(arm.strategy.name)
            assert arm.outcomes.equals(before.outcomes)
            difference = arm.discounted - before.discounted
            costs = [i for i, category in enumerate(Category) if category in COST_CATEGORIES]
            assert (difference[:, costs] >= 0.0).all()
            assert not np.delete(difference, costs, axis=1).any()


def test_price_of_a_drug_concerns_the_drug_costs_of_those_who_get_it(ask, simulated):
    seed = OTHER_SEED
    question = ask("blinatumomab_then_inotuzumab", patients=1000, seed=seed)
    vial = "cost.blinatumomab.vial"
    answer = run(with_numbers(question, {vial: 1.25 * question.numbers[vial]}))
    for arm, original in arms_of(answer, simulated("blinatumomab_then_inotuzumab", seed)):
        difference = arm.discounted - original.discounted
        drug = list(Category).index(Category.DRUG)
        assert not np.delete(difference, drug, axis=1).any()
        name = arm.strategy.name
        if name == "blinatumomab":
            # A patient struck before the first bag is hung cannot be told from one without.
            assert np.allclose(arm.discounted[:, drug], 1.25 * original.discounted[:, drug])
            assert (difference[:, drug] > 0.0).all()
        elif "blinatumomab" in name:
            assert (difference[:, drug] > 0.0).any()
        else:
            assert not difference.any()


@every_case
def test_shared_vials_never_cost_more(ask, simulated, name, seed):
    shared = run(ask(name, patients=1000, seed=seed, switches={"vial_sharing": True}))
    saved = 0
    for arm, whole in arms_of(shared, simulated(name, seed)):
        drug = list(Category).index(Category.DRUG)
        others = [i for i in range(len(Category)) if i != drug]
        assert np.array_equal(arm.discounted[:, others], whole.discounted[:, others])
        # A vial is opened for what exceeds 1e-9 of it.
        assert (arm.discounted[:, drug] <= whole.discounted[:, drug] * (1.0 + 1e-8)).all()
        saved += int((arm.discounted[:, drug] < whole.discounted[:, drug] * 0.99).sum())
    assert saved > 0


# Discounting.


@every_case
def test_at_a_rate_of_zero_discounting_changes_nothing(ask, simulated, name, seed):
    answer = run(ask(name, patients=1000, seed=seed, discounting={"costs": 0, "effects": 0}))
    for arm, original in arms_of(answer, simulated(name, seed)):
        assert np.array_equal(arm.discounted, arm.undiscounted)
        assert np.array_equal(arm.undiscounted, original.undiscounted)
        assert not np.array_equal(original.discounted, original.undiscounted)


@every_case
def test_discounted_is_never_more_than_undiscounted(simulated, name, seed):
    for arm in simulated(name, seed).arms:
        assert (np.abs(arm.discounted) <= np.abs(arm.undiscounted)).all()
        years = arm.total(Account.LIFE_YEARS)
        assert (years < arm.total(Account.LIFE_YEARS, discounted=False)).all()


@every_case
def test_a_higher_rate_lowers_what_it_discounts_and_nothing_else(ask, simulated, name, seed):
    rates = {"costs": 0.06, "effects": 0.06}
    original = simulated(name, seed)
    for discounted in rates:
        answer = run(ask(name, patients=1000, seed=seed, discounting={discounted: 0.06}))
        lower, upper = original.question.discount_rates
        assert max(lower, upper) < 0.06
        for arm, before in arms_of(answer, original):
            costs = arm.total(Account.COST), before.total(Account.COST)
            years = arm.total(Account.LIFE_YEARS), before.total(Account.LIFE_YEARS)
            qalys = arm.total(Account.QALY), before.total(Account.QALY)
            fallen, untouched = (
                ([costs], [years, qalys]) if discounted == "costs" else ([years], [costs])
            )
            assert all((after < then).all() for after, then in fallen)
            assert all(np.array_equal(after, then) for after, then in untouched)
            assert np.array_equal(arm.undiscounted, before.undiscounted)
