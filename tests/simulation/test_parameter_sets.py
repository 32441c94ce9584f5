"""Many parameter sets at once: each is bound, and answered, as if it were the only one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.simulation.core_run import bind
from sim.simulation.parameter_sets import JUDGING, Rebinder, run_sets
from sim.simulation.question import with_numbers
from sim.simulation.run import run
from tests.verification.test_engines_agree import bits

ROWS = 3
QUESTIONS = {
    "sequences": ("blinatumomab_then_inotuzumab", {}),
    "England": ("nhs_first_salvage", {}),
    "switched": (
        "real_world",
        {
            "horizon_years": 5,
            "discounting": {"costs": 0.02},
            "switches": {
                "background_mortality": False,
                "benefit_after_stopping": False,
                "survivor_mortality_ratio": False,
                "relapse_distribution": "weibull",
                "toxicity": False,
                "transplant": False,
                "utility_age_cap": False,
            },
        },
    ),
    "nothing given": (
        "first_salvage",
        {"strategies": [{"name": "none", "sequence": [], "then": "usual_care"}]},
    ),
}
every_question = pytest.mark.parametrize("which", QUESTIONS)


@pytest.fixture(scope="module")
def asked(ask):
    return {
        which: ask(name, patients=5000, seed=7, **changes)
        for which, (name, changes) in QUESTIONS.items()
    }


def row_bytes(sets, row):
    return [array[row].tobytes() for array in sets]


def moved(question, names, quantile):
    """Return values of the named parameters away from the question's own."""
    numbers = {}
    for name in names:
        entry = question.parameters[name]
        if entry.distribution.family == "fixed":
            numbers[name] = question.numbers[name] * (0.5 + quantile)
        else:
            numbers[name] = float(entry.distribution.quantile(quantile))
    return numbers


# Four questions; each example binds up to six sets in three rows, so that rows are used again.
@every_question
@settings(max_examples=25)
@given(data=st.data())
def test_a_rebound_question_has_the_bits_of_one_bound_anew(asked, which, data):
    question = asked[which]
    names = st.lists(st.sampled_from(sorted(question.numbers)), max_size=12)
    quantiles = st.floats(0.01, 0.99)
    rebinder = Rebinder(question, ROWS)
    for _ in range(data.draw(st.integers(1, 6))):
        row = data.draw(st.integers(0, ROWS - 1))
        numbers = moved(question, data.draw(names), data.draw(quantiles))
        anew = with_numbers(question, numbers)
        rebinder.bind(row, anew)
        assert row_bytes(rebinder.sets, row) == row_bytes(bind(anew).sets, 0)


@every_question
def test_each_parameter_alone_reaches_the_records_it_should(asked, which):
    """Every used number, one at a time, in the same row: the one before is undone."""
    question = asked[which]
    rebinder = Rebinder(question, 1)
    base = row_bytes(bind(question).sets, 0)
    reached = 0
    for name in sorted(question.used):
        numbers = {name: question.numbers[name] * 0.75 + 0.0625}
        asked_with = with_numbers(question, numbers)
        rebinder.bind(0, asked_with)
        found = row_bytes(rebinder.sets, 0)
        assert found == row_bytes(bind(asked_with).sets, 0), name
        reached += found != base
    thresholds = sum(name.startswith(JUDGING) for name in question.used)
    assert reached >= len(question.used) - thresholds - 5
    rebinder.bind(0, question)
    assert row_bytes(rebinder.sets, 0) == base


def test_what_is_used_does_not_depend_on_values(asked):
    question = asked["sequences"]
    numbers = moved(question, sorted(question.used), 0.9)
    assert with_numbers(question, numbers).used == question.used


def test_a_number_that_no_part_reads_is_noticed(asked):
    from dataclasses import replace

    question = asked["sequences"]
    with pytest.raises(ValueError, match=r"reads relapse\.shape"):
        Rebinder(replace(question, used=question.used | {"relapse.shape"}), 1)


def some_sets(question, number):
    uncertain = [
        name
        for name in sorted(question.used)
        if question.parameters[name].distribution.family != "fixed"
    ]
    generator = np.random.default_rng(5)
    return [
        moved(question, generator.choice(uncertain, 10), float(generator.uniform(0.05, 0.95)))
        for _ in range(number)
    ]


@every_question
def test_each_set_is_answered_as_in_a_run_of_its_own(asked, which):
    """5 sets of 5,000 patients (two units); 1, 2 and 3 threads."""
    question = asked[which]
    sets = [{}, *some_sets(question, 4)]
    alone = [
        bits(run(with_numbers(question, numbers), keep_patients=False, threads=2))
        for numbers in sets
    ]
    for threads in (1, 2, 3):
        together = run_sets(question, sets, threads=threads)
        assert [bits(simulation) for simulation in together] == alone


def test_sets_may_have_patients_of_their_own(asked, ask):
    """3 sets of 700 patients from 0, 0 and 4300 on, against the last 700 of 5,000."""
    question = ask("first_salvage", patients=700, seed=7)
    (numbers,) = some_sets(question, 1)
    found = list(run_sets(question, [numbers] * 3, first_patients=[0, 0, 4300]))
    assert bits(found[0]) == bits(found[1]) != bits(found[2])
    whole = run(with_numbers(ask("first_salvage", patients=5000, seed=7), numbers))
    for s, arm in enumerate(whole.arms):
        deaths = np.isfinite(arm.outcomes["death_days"][4300:])
        assert found[2].tally.counts.causes[s, :-1].sum() == deaths.sum()
        rows = arm.outcomes[4300:]
        assert found[2].tally.counts.flags[s, 0] == rows["response"].sum()


def test_a_set_keeps_what_the_question_overrides(ask):
    """An override of the question stays in force in sets that do not name it."""
    plain = ask("first_salvage", patients=300)
    certain = with_numbers(plain, {"response.baseline_logit": 50.0})
    (found,) = run_sets(certain, [{"cost.end_of_life": 1.0}])
    assert found.question.numbers["response.baseline_logit"] == 50.0
    assert found.tally.counts.flags[1, 0] > 290


def test_progress_counts_every_patient(ask):
    question = ask("first_salvage", patients=100)
    told = []
    list(run_sets(question, [{}] * 40, threads=2, progress=told.append))
    assert sum(told) == 40 * 100 * 2
