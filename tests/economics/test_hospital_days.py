"""Resources are intervals: a day in hospital is paid once, whoever orders it.

So are complications: at any moment only the largest decrement counts, and GVHD ends with relapse.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clinic.events import Cause, EventKind
from sim.clinic.toxicity import SEVERE
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.clerk import PACKAGE_DAYS, entries
from sim.economics.ledger import IN_HOSPITAL, Category, days_in_hospital
from sim.economics.utilities import Decrement, added_decrement
from sim.engine.reference import simulate
from sim.simulation.question import with_numbers
from tests.conftest import BASES

PATIENTS = 1100
LOSSES = (Category.QALY_TOXICITY, Category.QALY_GVHD)


@pytest.fixture(scope="module")
def lives(ask):
    """Log and ledger of patients under chemotherapy in first salvage."""
    return told(ask("first_salvage", patients=PATIENTS, seed=1), 0)


def told(question, place):
    strategy = question.model.strategies[place]
    names = tuple(regimen.name for regimen in strategy.regimens)
    lives = simulate(question.model, strategy, seed=question.seed, patients=question.patients)
    return [(log, entries(question.accounts, names, patient, log)) for patient, log in lives]


CARES = (EventKind.USUAL_CARE_STARTED, EventKind.SUPPORTIVE_CARE_STARTED)
ENDS_OF_CARE = (
    EventKind.RESPONSE,
    EventKind.TRANSPLANT,
    EventKind.RELAPSE,
    EventKind.DEATH,
    EventKind.HORIZON,
)


def out_of_hospital(log):
    """Return the day on which the last stay for a severe toxicity of the first line would end."""
    severe = [e for e in log if e.kind == EventKind.TOXICITY and e.grade >= SEVERE]
    return max((event.time_days + event.value for event in severe), default=0.0)


def stays(ledger):
    return [each for each in ledger if each.what.startswith(IN_HOSPITAL)]


def test_a_toxicity_that_lasts_into_later_care_is_paid_once(lives):
    """In hospital beyond the start of care after failure, which pays from then to its end."""
    found = 0
    for log, ledger in lives:
        cares = [event for event in log if event.kind in CARES]
        over = out_of_hospital(log)
        if not cares or cares[0].time_days >= over:
            continue
        end = next(e.time_days for e in log[log.index(cares[0]) :] if e.kind in ENDS_OF_CARE)
        if end > over:
            found += 1
            later = [e for e in ledger if e.category == Category.LATER_LINES]
            assert (later[0].start_days, later[0].end_days) == (over, end)
    assert found > 20


def test_who_dies_in_hospital_before_care_after_failure_begins_is_paid_the_end_of_life(lives):
    """Failed, and dead of leukaemia before the stay for a toxicity is over."""
    found = 0
    for log, ledger in lives:
        death = log[-1]
        failed = any(event.kind == EventKind.NO_RESPONSE for event in log)
        of_leukaemia = (death.kind, death.detail) == (EventKind.DEATH, Cause.LEUKAEMIA)
        if failed and of_leukaemia and out_of_hospital(log) > death.time_days:
            found += 1
            assert not any(each.category == Category.LATER_LINES for each in ledger)
            (end,) = (each for each in ledger if each.category == Category.END_OF_LIFE)
            assert end.start_days == death.time_days
    assert found > 5


def test_the_end_of_life_is_part_of_care_after_failure(lives):
    """Where care by the month goes on until death, nothing is added at death."""
    both = cared = 0
    for log, ledger in lives:
        last = log[-1].time_days
        until_death = any(
            each.category == Category.LATER_LINES and each.end_days == last for each in ledger
        )
        cared += until_death
        both += until_death and any(each.category == Category.END_OF_LIFE for each in ledger)
    assert cared > 500
    assert both == 0


@pytest.mark.parametrize("name", BASES)
def test_no_two_stays_of_a_patient_overlap_and_none_outlasts_the_patient(ask, name):
    """200 patients under each strategy: union equals sum."""
    question = ask(name, patients=200)
    for place in range(len(question.model.strategies)):
        for log, ledger in told(question, place):
            ordered = sorted(stays(ledger), key=lambda each: each.start_days)
            assert all(one.end_days <= other.start_days for one, other in pairwise(ordered))
            assert days_in_hospital(ledger) <= log[-1].time_days * (1 + 1e-12)


def test_no_day_in_hospital_is_paid_beside_the_package_of_a_transplant(ask):
    question = ask("blinatumomab_then_inotuzumab", patients=400)
    found = 0
    for place in range(len(question.model.strategies)):
        for log, ledger in told(question, place):
            days = [event.time_days for event in log if event.kind == EventKind.TRANSPLANT]
            for day in days:
                found += 1
                for each in stays(ledger):
                    assert each.end_days <= day or each.start_days >= day + PACKAGE_DAYS
    assert found > 100


def test_a_stay_is_no_longer_than_its_cycle(ask):
    """Drawn or varied, a stay beyond the cycle of 28 days is charged for 28; planned are 12.9."""
    question = ask("first_salvage", patients=5)
    prices = question.accounts.price_list.regimens["salvage_chemotherapy"]
    assert prices.stay.first_cycle_days == pytest.approx(12.889, abs=0.001)
    longer = with_numbers(question, {"hospital.salvage_chemotherapy.first_cycle_days": 34.0})
    assert longer.accounts.price_list.regimens["salvage_chemotherapy"].stay[0] == 28.0


def test_three_severe_toxicities_at_once_take_one_decrement(lives):
    """A utility of 0.5 - 0.199 and not of 0.5 - 3 x 0.199 = -0.098."""
    found = 0
    for log, ledger in lives:
        severe = [e for e in log if e.kind == EventKind.TOXICITY and e.grade >= SEVERE]
        moments = [
            moment
            for moment in (event.time_days for event in severe)
            if sum(e.time_days <= moment < e.time_days + e.value for e in severe) == 3
        ]
        for moment in moments:
            if moment == log[-1].time_days:
                continue
            found += 1
            taken = [
                -each.undiscounted / (each.end_days - each.start_days) * DAYS_PER_YEAR
                for each in ledger
                if each.category in LOSSES and each.start_days <= moment < each.end_days
            ]
            assert sum(taken) == pytest.approx((91 * 0.218 + 72 * 0.176) / 163)
    assert found > 0


def test_gvhd_costs_and_hurts_no_more_after_relapse(lives):
    found = 0
    for log, ledger in lives:
        relapses = [event.time_days for event in log if event.kind == EventKind.RELAPSE]
        for event in log:
            if event.kind not in (EventKind.ACUTE_GVHD, EventKind.CHRONIC_GVHD):
                continue
            ends = [
                day for day in relapses if event.time_days < day < event.time_days + event.value
            ]
            for day in ends[:1]:
                found += 1
                words = event.kind.name.lower().replace("_gvhd", " GVHD")
                # A second transplant, after the relapse, may bring GVHD of its own.
                of_this = [e for e in ledger if e.what == words and e.start_days < day]
                again = [e for e in ledger if e.what == words and e.start_days >= day]
                assert of_this
                assert all(each.end_days <= day for each in of_this)
                transplants = [e.time_days for e in log if e.kind == EventKind.TRANSPLANT]
                assert not again or transplants[-1] > day
    assert found > 5


DECREMENTS = (0.2, 0.5, 0.3)
TIMES = st.integers(0, 20).map(float)


@given(st.lists(st.tuples(TIMES, TIMES, st.sampled_from(Decrement)), max_size=8))
def test_joint_decrements_are_the_largest_at_any_moment(episodes):
    """Days as whole numbers, so that the sum over days is exact; begun in order of time."""
    until = [0.0] * len(Decrement)
    taken = [0.0] * 50
    for start, length, kind in sorted(episodes):
        over = start + length
        begin = start
        while begin < over:
            end, more = added_decrement(DECREMENTS, until, kind, begin, over)
            for day in range(int(begin), int(end)):
                taken[day] += more
            begin = end
        until[kind] = max(until[kind], over)
    for day, found in enumerate(taken):
        present = [
            DECREMENTS[kind] for start, length, kind in episodes if start <= day < start + length
        ]
        assert found == pytest.approx(max(present, default=0.0))
