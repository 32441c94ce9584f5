"""Each check of the engines passes on the main scenario and fails under a fault made for it."""

from dataclasses import replace

import numpy as np
import pytest

from sim.analyses.verify import engines
from sim.analyses.verify.check import checks_of
from sim.economics.ledger import Category
from tests.support.faulty_lives import (
    examined,
    names_of,
    with_amount,
    with_counts,
    with_one_cent_more,
    with_outcome,
    with_sums,
)

ENGINES = checks_of(["engines"])


def one_bit_later(patch, subject):
    later = with_outcome(
        subject.lives, "horizon_days", lambda days: np.nextafter(days, np.inf), of=(5, 1)
    )
    patch.setattr(subject, "lives", later)


def one_cent_more(patch, subject):
    patch.setattr(subject, "lives", with_one_cent_more(subject.lives))


def one_cost_left_out_of_the_sums(patch, subject):
    dearer = with_amount(subject.lives, Category.DRUG, lambda cost: cost + 100.0, of=0)
    patch.setattr(subject, "lives", dearer)


def reference_counts_one_more(patch, subject):
    right = engines.run

    def run(question, **named):
        done = right(question, **named)
        done.tally.counts.flags[0, 0] += 1
        return done

    patch.setattr(engines, "run", run)


def a_death_too_early(patch, subject):
    deaths = subject.lives.tally.counts.deaths.copy()
    last = int(np.flatnonzero(deaths[0])[-1])
    deaths[0, last] -= 1
    deaths[0, 0] += 1
    patch.setattr(subject, "lives", with_counts(subject.lives, deaths=deaths))


FAULTS = {
    "same_outcomes": one_bit_later,
    "same_amounts": one_cent_more,
    "same_counts": reference_counts_one_more,
    "sums_add_up": one_cost_left_out_of_the_sums,
    "counts_add_up": a_death_too_early,
}


def test_the_main_scenario_passes(subject):
    assert [c.identifier for c in ENGINES if c.examine(subject).passed is not True] == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_the_check_that_it_was_made_for(name, subject, monkeypatch):
    FAULTS[name](monkeypatch, subject)
    assert examined(ENGINES, name, subject).passed is False


def test_every_check_has_a_fault():
    assert set(FAULTS) == names_of(ENGINES)


def test_an_entry_left_out_of_a_ledger_is_found(subject, monkeypatch):
    first, *others = subject.logs
    shorter = replace(first, ledger=first.ledger[1:])
    monkeypatch.setattr(subject, "logs", (shorter, *others))
    assert examined(ENGINES, "same_amounts", subject).passed is False


def test_a_wrong_sum_of_differences_is_found(subject, monkeypatch):
    wrong = subject.lives.tally.sums.differences * 1.000001
    monkeypatch.setattr(subject, "lives", with_sums(subject.lives, differences=wrong))
    assert examined(ENGINES, "sums_add_up", subject).passed is False


def test_logs_are_those_of_the_patients_of_each_strategy_in_order(subject):
    rows = engines.logged_rows(subject)
    assert rows.shape == (200, 2, subject.lives.rows.shape[-1])
    assert len({row.tobytes() for row in rows[:, 0]}) == 200


def test_bits_are_compared_and_not_values():
    ours = np.array([0.0, np.nan, 1.0])
    assert engines.different_bits(ours, np.array([0.0, np.nan, 1.0])) == 0
    assert engines.different_bits(ours, np.array([-0.0, np.nan, np.nextafter(1.0, 2.0)])) == 2
    assert engines.different_bits(ours, ours[:2]) == 3
