"""Hazard ratios are estimated from counts as by Cox's model of single patients.

Partial likelihoods are written out and maximised.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from sim.evidence.observables import FOLLOW_UP_MONTHS, log_hazard_ratio
from sim.simulation.observables import BINS_PER_MONTH
from tests.support.counted_people import (
    Person,
    arm,
    columns,
    endpoint,
    estimated,
    expected,
    of_times,
)


def partial_likelihood(times, group, follow_up):
    """Return minus the log partial likelihood with Breslow's ties, patient by patient."""
    until, seen, marked = times

    def minus(effect):
        risk = np.exp(effect * group)
        return -sum(
            effect * group[i] - math.log(risk[until >= until[i]].sum())
            for i in np.flatnonzero(seen & marked & (until <= follow_up))
        )

    return minus


def maximised(minus):
    return minimize_scalar(minus, bounds=(-4, 4), method="bounded", options={"xatol": 1e-10}).x


def survived(people, *, censored):
    death, hct = columns(people, "death", "hct")
    ending = hct if censored else np.full(len(death), math.inf)
    return np.minimum(death, ending), death <= ending, np.full(len(death), True)


# n = 60 against 50, ties at whole months; both maximise the same function, to 1e-6.
@pytest.mark.parametrize("censored", [False, True])
def test_hazard_ratio_of_arms_maximises_the_partial_likelihood_of_single_patients(censored):
    rng = np.random.default_rng(3)
    mine, theirs = arm(rng, 9.0, 60), arm(rng, 5.0, 50)
    group = np.repeat([1.0, 0.0], [60, 50])
    times = survived([*mine, *theirs], censored=censored)
    found = maximised(partial_likelihood(times, group, FOLLOW_UP_MONTHS))
    one = endpoint("os_hazard_ratio", **({"censored_at": "transplant"} if censored else {}))
    assert estimated(one, mine, theirs) == pytest.approx(found, abs=1e-6)
    assert abs(found) > 0.1


def test_hazard_ratio_of_a_group_maximises_the_partial_likelihood_of_single_patients():
    rng = np.random.default_rng(4)
    people = [*arm(rng, 4.0, 40, ("ph_positive",)), *arm(rng, 9.0, 70)]
    group = np.repeat([1.0, 0.0], [40, 70])
    times = survived(people, censored=False)
    found = maximised(partial_likelihood(times, group, FOLLOW_UP_MONTHS))
    one = endpoint("os_hazard_ratio", among=["ph_positive"])
    assert estimated(one, people) == pytest.approx(found, abs=1e-6)
    other = endpoint("os_hazard_ratio", among=["not_ph_positive"])
    assert estimated(other, people) == pytest.approx(-found, abs=1e-6)


@pytest.mark.parametrize("follow_up", [12.0, 4.0])
def test_events_after_the_follow_up_do_not_count(follow_up):
    rng = np.random.default_rng(5)
    mine, theirs = (np.ceil(rng.exponential(mean, 60)) for mean in (9.0, 5.0))
    until = np.concatenate([mine, theirs])
    everyone = np.full(120, True)
    group = np.repeat([1.0, 0.0], 60)
    found = maximised(partial_likelihood((until, everyone, everyone), group, follow_up))
    effect = log_hazard_ratio(*(at_risk(of_times(each)) for each in (mine, theirs)), follow_up)
    assert effect == pytest.approx(found, abs=1e-6)


def at_risk(of):
    return of.events, of.at_risk


# Times in bins of 1/16 month: the ratio of two rates is met to 1e-2 of its logarithm.
@pytest.mark.parametrize("follow_up", [120.0, 24.0, 6.0])
def test_hazard_ratio_of_exponential_times_is_the_ratio_of_their_rates(follow_up):
    effect = log_hazard_ratio(at_risk(expected(8.0)), at_risk(expected(4.0)), follow_up)
    assert effect == pytest.approx(math.log(0.5), rel=1e-2)


def test_hazard_ratio_changes_sign_when_the_arms_are_exchanged():
    one, other = at_risk(expected(7.0, 1e5)), at_risk(expected(5.0, 1e5))
    forth, back = log_hazard_ratio(one, other, 24.0), log_hazard_ratio(other, one, 24.0)
    assert forth == pytest.approx(-back, abs=1e-9)


# Without an event in one group half of one is counted there, over its time at risk.
def test_hazard_ratio_of_a_group_without_events_is_finite():
    none, some = of_times([math.inf] * 10), of_times([6.0, 12.0] + [math.inf] * 8)
    bins = 24 * BINS_PER_MONTH
    rate = 2.0 / (8 * bins + 6 * BINS_PER_MONTH + 12 * BINS_PER_MONTH)
    expected_ratio = math.log((0.5 / (10 * bins)) / rate)
    assert log_hazard_ratio(at_risk(none), at_risk(some), 24.0) == pytest.approx(expected_ratio)
    assert log_hazard_ratio(at_risk(some), at_risk(none), 24.0) == pytest.approx(-expected_ratio)


def time_dependent_likelihood(death, hct, follow_up):
    """Return minus the log partial likelihood with allo-HCT as a covariate that changes in time.

    At each death everyone alive is at risk, with the covariate of that day.
    """

    def minus(effect):
        total = 0.0
        for i in np.flatnonzero(death <= follow_up):
            alive = death >= death[i]
            transplanted = hct[alive] < death[i]
            mine = effect * (hct[i] < death[i])
            total += mine - math.log(np.exp(effect * transplanted).sum())
        return -total

    return minus


def with_transplants(seed, size, since=0.0, has=()):
    """Return patients of whom some are transplanted, and die at half the rate after it."""
    rng = np.random.default_rng(seed)
    death = np.ceil(rng.exponential(10.0, size))
    hct = np.where(rng.random(size) < 0.5, np.ceil(rng.exponential(4.0, size)), math.inf)
    later = hct < death
    death = np.where(later, hct + np.ceil(2.0 * np.where(later, death - hct, 1.0)), death)
    return [
        Person(has, remission=since or math.inf, hct=since + t, death=since + d)
        for d, t in zip(death, np.where(later, hct, math.inf), strict=True)
    ]


# n = 250 patients with ties at whole months; both maximise the same function, to 1e-6.
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_transplant_as_it_happens_is_a_time_dependent_covariate(seed):
    people = with_transplants(seed, 250)
    death, hct = columns(people, "death", "hct")
    found = maximised(time_dependent_likelihood(death, hct, FOLLOW_UP_MONTHS))
    assert estimated(endpoint("hct_hazard_ratio"), people) == pytest.approx(found, abs=1e-6)
    # To compare those ever transplanted with the others would favour whoever lives to have one.
    naive = estimated(endpoint("os_hazard_ratio", among=["hct_ever"]), people)
    assert naive < found - 0.2


def test_transplant_as_it_happens_from_remission_is_of_the_responders():
    people = [*with_transplants(4, 200, since=2.0), *(Person(death=3.0) for _ in range(50))]
    death, hct = (each - 2.0 for each in columns(people[:200], "death", "hct"))
    found = maximised(time_dependent_likelihood(death, hct, FOLLOW_UP_MONTHS))
    one = endpoint("hct_hazard_ratio", among=["response"], **{"from": "remission"})
    assert estimated(one, people) == pytest.approx(found, abs=1e-6)
