"""Patients who wait for places: queueing theory, the pathway without a queue, and rules of the queue."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from sim.clinic.draws import CalendarDraw, RandomDraw
from sim.clinic.events import EventKind
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.engine.reference import simulate
from sim.engine.waiting import (
    NO_LIMIT,
    PER_REPLICATION,
    RANK,
    End,
    Hospital,
    Limit,
    Order,
    Place,
    arrivals,
    simulate_hospital,
)
from tests.support.only_a_queue import READY_DAYS, a_queue, rate_per_year, weibull_median

MEAN_DAYS = 30.0
UTILISATION = 0.75
CUSTOMERS = 900
WARM_UP = 200
REPLICATIONS = 24
"""n = 24 replications of 900 patients, of whom the first 200 are not counted; seed 3."""
FREE = Limit(NO_LIMIT, 30.0, 3.0)
NOISE = 1e-6
"""Days by which sums of times may differ by rounding."""
SHARED = ("first_salvage", "mrd_positive", "car_t", "later_salvage")


def hospital(beds=NO_LIMIT, *, median=30.0, shape=3.0, slots=NO_LIMIT, **more):
    limits = (Limit(beds, median, shape), Limit(slots, 40.0, 3.0))
    return Hospital(limits, **more)


def shared(question, place, the_hospital, *, rate=150.0, years=2.0, seed=1, first=0):
    """Return the patients of a calendar under a strategy."""
    return simulate_hospital(
        question.model,
        question.model.strategies[place],
        the_hospital,
        seed=seed,
        first=first,
        entries=arrivals(seed, first, rate, years * DAYS_PER_YEAR),
    )


def waits_of(visitors):
    return [wait for visitor in visitors for wait in visitor.waits]


# Queueing theory


def a_replication(question, beds, shape, number):
    """Return waits and the entries of patients who do nothing but queue."""
    rate = rate_per_year(beds, UTILISATION, MEAN_DAYS)
    first = number * PER_REPLICATION
    median = MEAN_DAYS if math.isinf(shape) else weibull_median(MEAN_DAYS, shape)
    entries = arrivals(3, first, rate, 2.0 * CUSTOMERS / rate * DAYS_PER_YEAR)[:CUSTOMERS]
    assert len(entries) == CUSTOMERS
    visitors = simulate_hospital(
        question.model,
        question.model.strategies[0],
        hospital(beds, median=median, shape=shape),
        seed=3,
        first=first,
        entries=entries,
    )
    return [visitor.waits[0].days for visitor in visitors[WARM_UP:]]


def estimated(question, beds, shape, measure):
    """Return a measure of the waits over replications, and its standard error."""
    found = [measure(a_replication(question, beds, shape, k)) for k in range(REPLICATIONS)]
    return np.mean(found), np.std(found, ddof=1) / math.sqrt(REPLICATIONS)


def erlang_c(beds, load):
    """Return the probability of waiting in M/M/c (Erlang 1917), by its sum."""
    terms = [load**k / math.factorial(k) for k in range(beds)]
    last = load**beds / math.factorial(beds) / (1.0 - load / beds)
    return last / (sum(terms) + last)


def mean_wait_m_m_c(beds):
    return erlang_c(beds, UTILISATION * beds) * MEAN_DAYS / (beds * (1.0 - UTILISATION))


def mean_wait_m_d_c(beds):
    """Return the mean wait in M/D/c by Spitzer's identity.

    With constant stays each bed takes every c-th patient in turn, so that a bed is a queue with
    Erlang(c) arrivals, and ``E[W] = sum over n of E[(n D - G)+] / n`` with G of Gamma(n c).
    """
    rate = UTILISATION * beds / MEAN_DAYS
    n = np.arange(1, 4000)
    spent = rate * MEAN_DAYS * n
    excess = MEAN_DAYS * n * special.gammainc(n * beds, spent)
    excess -= n * beds / rate * special.gammainc(n * beds + 1, spent)
    return float(np.sum(excess / n))


def test_the_formulas_agree_with_each_other_where_both_are_known():
    """M/D/1 by Pollaczek and Khinchine; M/M/1 by hand."""
    rho = UTILISATION
    assert mean_wait_m_d_c(1) == pytest.approx(MEAN_DAYS * rho / (2.0 * (1.0 - rho)), rel=1e-9)
    assert mean_wait_m_m_c(1) == pytest.approx(MEAN_DAYS * rho / (1.0 - rho), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("beds", [1, 3, 8])
@pytest.mark.parametrize(("shape", "exact"), [(1.0, mean_wait_m_m_c), (math.inf, mean_wait_m_d_c)])
def test_mean_waits_are_those_of_queueing_theory(ask, beds, shape, exact):
    """Within 3 standard errors over replications."""
    found, error = estimated(a_queue(ask), beds, shape, np.mean)
    assert abs(found - exact(beds)) < 3.0 * error
    assert error < 0.17 * exact(beds)


@pytest.mark.slow
def test_the_probability_of_waiting_is_that_of_erlang(ask):
    """M/M/3, within 3 standard errors: of having to wait, and of waiting over ten days."""
    question, beds = a_queue(ask), 3
    waits = erlang_c(beds, UTILISATION * beds)
    falls = beds * (1.0 - UTILISATION) / MEAN_DAYS
    for longer, exact in ((0.0, waits), (10.0, waits * math.exp(-10.0 * falls))):
        found, error = estimated(
            question, beds, 1.0, lambda days, at=longer: np.mean(np.array(days) > at)
        )
        assert abs(found - exact) < 3.0 * error


def test_arrivals_are_a_poisson_process():
    """n = 60 calendars of 10 years at 50 a year; Kolmogorov-Smirnov of all gaps, counts by chi-square."""
    counts, gaps = [], []
    for number in range(60):
        days = arrivals(7, number * PER_REPLICATION, 50.0, 10.0 * DAYS_PER_YEAR)
        counts.append(len(days))
        gaps += [b - a for a, b in pairwise([0.0, *days])]
    assert stats.kstest(gaps, stats.expon(scale=DAYS_PER_YEAR / 50.0).cdf).pvalue > 0.01
    dispersion = 59.0 * np.var(counts, ddof=1) / 500.0
    assert 0.01 < stats.chi2(59).cdf(dispersion) < 0.99
    assert abs(np.mean(counts) - 500.0) < 3.0 * math.sqrt(500.0 / 60.0)


def test_arrivals_until_later_begin_with_those_until_sooner():
    long = arrivals(7, 0, 30.0, 4000.0)
    assert arrivals(7, 0, 30.0, 400.0) == [day for day in long if day <= 400.0]
    assert [day / 2.0 for day in long] == pytest.approx(arrivals(7, 0, 60.0, 2000.0))


def in_use(waits, start, stop):
    return sum(
        max(min(wait.taken_until_days, stop) - max(wait.taken_from_days, start), 0.0)
        for wait in waits
        if wait.end == End.TREATED
    )


@pytest.mark.parametrize("beds", [2, 5])
def test_utilisation_times_beds_is_the_offered_load(ask, beds):
    """Nobody leaves: load = rate times mean stay. n = 12 calendars, within 3 standard errors."""
    question, rate = a_queue(ask), rate_per_year(beds, 0.7, MEAN_DAYS)
    loads = []
    for number in range(12):
        visitors = shared(
            question,
            0,
            hospital(beds, median=weibull_median(MEAN_DAYS, 2.0), shape=2.0),
            rate=rate,
            years=9.0,
            first=number * PER_REPLICATION,
        )
        window = (2.0 * DAYS_PER_YEAR, 8.0 * DAYS_PER_YEAR)
        loads.append(in_use(waits_of(visitors), *window) / (window[1] - window[0]))
    error = np.std(loads, ddof=1) / math.sqrt(len(loads))
    assert abs(np.mean(loads) - rate / DAYS_PER_YEAR * MEAN_DAYS) < 3.0 * error


def test_days_in_use_are_the_stays_of_all_whatever_the_beds(ask):
    """Of the same patients: the sum over the whole calendar, to rounding."""
    question = a_queue(ask)
    totals = []
    for beds in (1, 2, 4, NO_LIMIT):
        visitors = shared(question, 0, hospital(beds), rate=30.0)
        totals.append(in_use(waits_of(visitors), 0.0, NEVER))
    assert totals == pytest.approx([totals[-1]] * 4, rel=1e-9)


# Without limit


@pytest.mark.parametrize("scenario", SHARED)
def test_without_limit_every_life_is_that_of_the_reference_engine(ask, scenario):
    """Bit for bit, n = about 300 patients under each strategy; nobody waits."""
    question = ask(scenario, patients=1, seed=1)
    for place, strategy in enumerate(question.model.strategies):
        visitors = shared(question, place, hospital())
        alone = simulate(question.model, strategy, seed=1, patients=len(visitors))
        assert [(visitor.patient, visitor.log) for visitor in visitors] == list(alone)
        assert all(wait.days == 0.0 and wait.end == End.TREATED for wait in waits_of(visitors))
        transplants = [e for v in visitors for e in v.log if e.kind == EventKind.TRANSPLANT]
        beds = [wait for wait in waits_of(visitors) if wait.place == Place.TRANSPLANT_BED]
        assert len(beds) == len(transplants) > 0


def test_as_many_beds_as_patients_are_no_limit(ask):
    question = ask("first_salvage", patients=1, seed=1)
    free = shared(question, 1, hospital())
    many = shared(question, 1, hospital(len(free)))
    assert [(v.log, v.waits) for v in many] == [(v.log, v.waits) for v in free]


def test_who_never_needs_a_bed_has_the_same_life_under_any_number(ask):
    question = ask("first_salvage", patients=1, seed=1)
    free = {v.patient.number: v for v in shared(question, 1, hospital())}
    for visitor in shared(question, 1, hospital(1)):
        if not visitor.has_waited:
            assert visitor.log == free[visitor.patient.number].log
        if not free[visitor.patient.number].waits:
            assert not visitor.waits


def test_patients_of_other_numbers_may_be_left_out_where_they_need_no_bed(ask):
    question = ask("first_salvage", patients=1, seed=1)
    entries = arrivals(1, 0, 150.0, 2.0 * DAYS_PER_YEAR)
    asked = {"seed": 1, "first": 0, "entries": entries}
    strategy = question.model.strategies[1]
    everybody = simulate_hospital(question.model, strategy, hospital(2), **asked)
    needing = frozenset(v.patient.number for v in everybody if v.waits)
    few = simulate_hospital(question.model, strategy, hospital(2), **asked, only=needing)
    kept = [(v.log, v.waits) for v in everybody if v.patient.number in needing]
    assert [(v.log, v.waits) for v in few] == kept


# One bed fewer


@settings(max_examples=25)
@given(
    st.integers(1, 6),
    st.integers(0, 2**32),
    st.floats(0.3, 1.5),
    st.sampled_from([0.7, 1.0, 3.0, math.inf]),
)
def test_one_bed_fewer_shortens_no_wait_where_nobody_leaves(ask, beds, seed, load, shape):
    """First come, first served, the same patients: also where the load is above the beds."""
    question = a_queue(ask)
    rate = rate_per_year(beds, load, 30.0)
    more, fewer = (
        shared(question, 0, hospital(n, shape=shape), rate=rate, years=60.0 / rate, seed=seed)
        for n in (beds + 1, beds)
    )
    for one, other in zip(more, fewer, strict=True):
        (with_more,), (with_fewer,) = one.waits, other.waits
        assert with_fewer.since_days == with_more.since_days == pytest.approx(READY_DAYS, rel=1e-5)
        assert with_fewer.days >= with_more.days - NOISE


def test_where_patients_leave_the_list_a_bed_fewer_can_shorten_a_wait(ask):
    """Who left for want of a bed takes none, and a later patient may be sooner in it than before."""
    question = a_queue(ask)
    more, fewer = (
        shared(question, 0, hospital(n, shape=1.0, longest_wait_days=20.0), rate=60.0, years=4.0)
        for n in (2, 1)
    )
    days = [(a.waits[0].days, b.waits[0].days) for a, b in zip(more, fewer, strict=True)]
    assert sum(with_fewer < with_more - NOISE for with_more, with_fewer in days) > 5


# Rules of the queue


@pytest.fixture(scope="module")
def crowded(ask):
    """Patients under blinatumomab who share two beds: n = about 450."""
    question = ask("first_salvage", patients=1, seed=1)
    return question, shared(question, 1, hospital(2), years=3.0)


def test_no_more_beds_are_in_use_than_there_are(crowded):
    _, visitors = crowded
    treated = [wait for wait in waits_of(visitors) if wait.end == End.TREATED]
    changes = sorted(
        [(wait.taken_from_days, 1) for wait in treated]
        + [(wait.taken_until_days, -1) for wait in treated]
    )
    assert np.cumsum([step for _, step in changes]).max() == 2


def test_a_bed_is_taken_until_the_stay_ends_or_the_patient_dies(crowded):
    _, visitors = crowded
    dead = 0
    for visitor in visitors:
        for wait in visitor.waits:
            if wait.end != End.TREATED:
                assert wait.taken_from_days == wait.taken_until_days == NEVER
                continue
            assert wait.taken_from_days == pytest.approx(visitor.entered_days + wait.until_days)
            number = visitor.life.luck.uniform(
                visitor.patient.number, CalendarDraw.BED_DAYS, 64 * wait.line
            )
            scale = 30.0 / math.log(2.0) ** (1.0 / 3.0)
            planned = stats.weibull_min.ppf(number, 3.0, scale=scale)
            last = visitor.log[-1]
            died = last.time_days - wait.until_days if last.kind == EventKind.DEATH else NEVER
            days = wait.taken_until_days - wait.taken_from_days
            assert days == pytest.approx(min(planned, died), abs=NOISE)
            dead += died < planned
    assert dead > 0


def test_all_ways_out_of_the_queue_happen_and_are_what_the_log_says(crowded):
    _, visitors = crowded
    kinds = {End.TREATED: EventKind.TRANSPLANT, End.RELAPSE: EventKind.RELAPSE}
    kinds[End.DEATH] = EventKind.DEATH
    assert {wait.end for wait in waits_of(visitors)} == set(kinds)
    for visitor in visitors:
        for wait in visitor.waits:
            there = [(e.time_days, e.kind, e.line) for e in visitor.log]
            assert (wait.until_days, kinds[wait.end], wait.line) in there
        given = sum(wait.end == End.TREATED for wait in visitor.waits)
        assert given == sum(event.kind == EventKind.TRANSPLANT for event in visitor.log)


def test_who_gets_no_bed_lives_as_if_there_were_no_transplants(ask, crowded):
    """The clocks of remission run on while a patient waits: the same log, bit for bit."""
    _, visitors = crowded
    without = ask("first_salvage", patients=1, seed=1, switches={"transplant": False})
    lives = list(
        simulate(without.model, without.model.strategies[1], seed=1, patients=len(visitors))
    )
    left = [v for v in visitors if v.waits and all(w.end != End.TREATED for w in v.waits)]
    assert len(left) > 20
    for visitor in left:
        assert visitor.log == lives[visitor.patient.number][1]


@pytest.mark.parametrize("order", Order)
def test_a_free_bed_goes_to_the_first_in_the_order_who_waits(ask, order):
    """No one of a lower rank, or who came later with the same, is taken before."""
    question = ask("first_salvage", patients=1, seed=1)
    visitors = shared(question, 1, hospital(2, order=order))
    stays = [
        (visitor.entered_days + wait.since_days, visitor.entered_days + wait.until_days, wait.end)
        for visitor in visitors
        for wait in visitor.waits
    ]
    ranks = [_rank(order, visitor, wait) for visitor in visitors for wait in visitor.waits]
    overtaken = 0
    for (came, taken, end), rank in zip(stays, ranks, strict=True):
        if end != End.TREATED:
            continue
        for (other_came, other_left, _), other in zip(stays, ranks, strict=True):
            if other_came < taken - NOISE and other_left > taken + NOISE:
                assert (rank, came) <= (other, other_came)
                overtaken += other_came < came
    assert (overtaken > 0) == (order != Order.FIRST_COME)


def _rank(order, visitor, wait):
    """Return the rank as the log gives it."""
    if order == Order.FIRST_COME:
        return 0
    if order == Order.EARLIER_LINE_FIRST:
        return wait.line
    if order == Order.YOUNGER_FIRST:
        return int(DAYS_PER_YEAR * visitor.patient.age_years - visitor.entered_days)
    (negative,) = (
        event.value == 1.0
        for event in visitor.log
        if event.kind == EventKind.RESPONSE and event.line == wait.line
    )
    return int(negative != (order == Order.MRD_NEGATIVE_FIRST))


def test_every_order_has_its_rank():
    assert set(RANK) == set(Order)


def test_after_the_longest_wait_the_transplant_is_not_offered_again_in_the_line(ask):
    question = ask("first_salvage", patients=1, seed=1)
    visitors = shared(question, 1, hospital(1, longest_wait_days=20.0))
    ended = 0
    for visitor in visitors:
        for wait in visitor.waits:
            assert wait.days <= 20.0 + NOISE
            if wait.end == End.WAITED_TOO_LONG:
                ended += 1
                assert wait.days == pytest.approx(20.0, abs=NOISE)
                assert not [
                    event
                    for event in visitor.log
                    if event.kind == EventKind.TRANSPLANT and event.line == wait.line
                ]
    assert ended > 20


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_bridging_prolongs_what_is_left_of_a_remission_while_the_patient_waits(ask, ratio):
    """A relapse that comes ``d`` days into the wait for the only bed comes after ``ratio d``."""
    question = ask("first_salvage", patients=1, seed=1)
    plain, bridged = (
        {
            (visitor.patient.number, wait.line): wait
            for visitor in shared(question, 1, hospital(1, relapse_time_ratio=each))
            for wait in visitor.waits
        }
        for each in (1.0, ratio)
    )
    pairs = [
        (plain[key].days, bridged[key].days)
        for key in plain.keys() & bridged.keys()
        if plain[key].end == bridged[key].end == End.RELAPSE
        and plain[key].since_days == bridged[key].since_days
    ]
    assert len(pairs) > 10
    for days, longer in pairs:
        assert longer == pytest.approx(ratio * days, abs=NOISE)


# Slots for cell therapy


@pytest.mark.parametrize("place", [2, 3])
def test_who_waits_for_cells_waits_with_active_disease(ask, place):
    """Cells in the first line and after another: treated after the wait, or dead of what was due."""
    question = ask("car_t", patients=1, seed=1)
    visitors = shared(question, place, hospital(slots=4), rate=60.0)
    ends = set()
    for visitor in visitors:
        for wait in visitor.waits:
            if wait.place != Place.CELL_THERAPY_SLOT:
                continue
            ends.add(wait.end)
            if wait.end == End.TREATED:
                assert (wait.until_days, EventKind.LINE_STARTED, wait.line) in [
                    (event.time_days, event.kind, event.line) for event in visitor.log
                ]
            else:
                assert visitor.log[-1].kind == EventKind.DEATH
                assert visitor.log[-1].time_days == wait.until_days
    assert ends == {End.TREATED, End.DEATH}


def test_no_more_slots_are_in_use_than_there_are(ask):
    question = ask("car_t", patients=1, seed=1)
    visitors = shared(question, 2, hospital(slots=3), rate=60.0)
    treated = [
        wait
        for wait in waits_of(visitors)
        if wait.place == Place.CELL_THERAPY_SLOT and wait.end == End.TREATED
    ]
    changes = sorted(
        [(wait.taken_from_days, 1) for wait in treated]
        + [(wait.taken_until_days, -1) for wait in treated]
    )
    assert np.cumsum([step for _, step in changes]).max() == 3


def test_after_the_longest_wait_for_cells_care_is_supportive(ask):
    question = ask("car_t", patients=1, seed=1)
    visitors = shared(question, 2, hospital(slots=1, longest_wait_days=10.0), rate=60.0)
    given_up = [
        (visitor, wait)
        for visitor in visitors
        for wait in visitor.waits
        if wait.end == End.WAITED_TOO_LONG
    ]
    assert len(given_up) > 20
    for visitor, wait in given_up:
        assert (wait.until_days, EventKind.SUPPORTIVE_CARE_STARTED) in [
            (event.time_days, event.kind) for event in visitor.log
        ]


# Random numbers


def test_no_draw_of_the_calendar_has_the_number_of_a_draw_of_the_pathway():
    assert not set(map(int, CalendarDraw)) & set(map(int, RandomDraw))
