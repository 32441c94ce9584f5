"""Each check of randomness passes on the main scenario and fails under a fault made for it."""

from dataclasses import replace

import numpy as np
import pytest

from sim.analyses.verify import engines
from sim.analyses.verify.check import Subject, checks_of
from sim.economics.ledger import Category
from sim.simulation.question import ask
from tests.support.faulty_lives import (
    examined,
    names_of,
    with_amount,
    with_one_cent_more,
    with_sums,
)
from tests.support.places import SCENARIOS

RANDOMNESS = checks_of(["randomness"])


def never_the_same(patch, subject):
    patch.setattr(subject, "lives", with_one_cent_more(subject.lives))


def the_same_seed_always(patch, subject):
    right = subject.simulated
    patch.setattr(subject, "simulated", lambda question: right(replace(question, seed=1)))


def zero_is_no_seed(patch, subject):
    right = subject.simulated
    patch.setattr(
        subject, "simulated", lambda question: right(replace(question, seed=question.seed or 1))
    )


def threads_matter(patch, subject):
    right = engines.run

    def run(question, *, threads, **named):
        done = right(question, threads=threads, **named)
        done.tally.sums.values[0, 0, 0] += threads * 1e-6
        return done

    patch.setattr(engines, "run", run)


def under_a_change(change):
    """Return a fault in the lives of a changed scenario."""

    def fault(patch, subject):
        right = subject.under
        patch.setattr(
            subject, "under", lambda numbers=None, changes=None: change(right(numbers, changes))
        )

    return fault


def second_strategy_dearer(lives):
    """One patient's drug costs a cent more under the second strategy."""
    return with_amount(lives, Category.DRUG, lambda cost: cost + 0.01, of=(0, 1))


def signs_kept(lives):
    return with_sums(lives, differences=-lives.tally.sums.differences)


def own_luck_for_each_strategy(patch, subject):
    """Under each strategy the years of another patient: no random number is common."""
    lives = subject.lives
    amounts = np.stack([np.roll(lives.amounts[:, s], 17 * s, axis=0) for s in range(2)], axis=1)
    patch.setattr(subject, "lives", replace(lives, amounts=amounts))


def patients_in_pairs(patch, subject):
    lives = subject.lives
    amounts = np.repeat(lives.amounts[::2], 2, axis=0)
    patch.setattr(subject, "lives", replace(lives, amounts=amounts))


def another_generator(patch, subject):
    patch.setattr(engines, "philox4x32", lambda counter, key: counter)


FAULTS = {
    "same_seed": never_the_same,
    "another_seed": the_same_seed_always,
    "seed_of_zero": zero_is_no_seed,
    "any_threads": threads_matter,
    "first_patients": never_the_same,
    "against_itself": under_a_change(second_strategy_dearer),
    "exchanged": under_a_change(signs_kept),
    "any_order": under_a_change(second_strategy_dearer),
    "common_random_numbers": own_luck_for_each_strategy,
    "independent_neighbours": patients_in_pairs,
    "known_answers": another_generator,
}


def test_the_main_scenario_passes(subject):
    assert [c.identifier for c in RANDOMNESS if c.examine(subject).passed is not True] == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_the_check_that_it_was_made_for(name, subject, monkeypatch):
    FAULTS[name](monkeypatch, subject)
    assert examined(RANDOMNESS, name, subject).passed is False


def test_every_check_has_a_fault():
    assert set(FAULTS) == names_of(RANDOMNESS)


def test_a_seed_of_0_that_changes_each_time_is_found(subject, monkeypatch):
    right, seeds = subject.simulated, iter(range(100))
    monkeypatch.setattr(
        subject, "simulated", lambda question: right(replace(question, seed=next(seeds)))
    )
    assert examined(RANDOMNESS, "seed_of_zero", subject).passed is False


def test_patients_who_only_differ_in_a_number_that_is_none_are_the_same():
    """RFS of a patient without remission is no number, which is not equal to itself."""
    rows = np.array([[1.0, np.nan], [2.0, 3.0]])
    assert engines.different(rows, rows.copy()) == 0
    assert engines.different(rows, rows[::-1]) == 2
    assert engines.different(rows, rows[:1]) == 2


def test_a_single_strategy_has_nothing_to_be_compared_with_but_itself(tmp_path):
    path = tmp_path / "single.yaml"
    path.write_text(
        f"title: single\nextends: {SCENARIOS / 'first_salvage.yaml'}\ncomparator: {'x' * 80}\n"
        f"strategies: [{{name: {'x' * 80}, sequence: [inotuzumab], then: supportive_care}}]\n",
        encoding="utf-8",
    )
    single = Subject(ask(path))
    found = {check.name: check.examine(single).passed for check in RANDOMNESS}
    assert {name for name, passed in found.items() if passed is None} == {
        "exchanged",
        "any_order",
        "common_random_numbers",
    }
    assert False not in found.values()
