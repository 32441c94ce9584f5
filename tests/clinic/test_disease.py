"""Leukaemia that is not in remission, against scipy's Weibull and lognormal distributions."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit

from sim.clinic.disease import (
    Disease,
    UsualCare,
    disease_hazard_ratio,
    refractory_survival_days,
    relapsed_survival_days,
    rescue_days,
    rescue_probability,
)
from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, EventKind
from sim.clinic.units import NEVER
from tests.support.hand_ledger import LATER_LINE, live, somebody

MONTH = 30.4375
DISEASE = Disease(
    refractory_median_months=3.3,
    refractory_shape=0.89,
    relapsed_median_months=5.6,
    relapsed_shape=1.1,
    later_salvage_hazard_ratio=1.95,
    ph_positive_hazard_ratio=0.7,
    early_relapse_hazard_ratio=1.5,
    study_hazard_ratio=1.0,
)
CARE = UsualCare(
    rescue_logit=0.15,
    rescue_prior_hct_log_odds_ratio=-1.0,
    rescue_median_months=4.0,
    rescue_sigma=0.5,
    rescue_mrd_negative_probability=0.5,
)


def weibull(median_months, shape):
    return stats.weibull_min(shape, scale=median_months * MONTH / math.log(2.0) ** (1.0 / shape))


# Survival


def exponential(u):
    return -math.log1p(-u)


@pytest.mark.parametrize(
    ("survival_days", "expected"),
    [
        (refractory_survival_days, weibull(3.3, 0.89)),
        (relapsed_survival_days, weibull(5.6, 1.1)),
    ],
    ids=["refractory", "relapsed"],
)
@pytest.mark.parametrize("hazard_ratio", [0.7, 1.0, 1.95, 1.95 * 1.5])
def test_hazard_ratio_raises_survival_to_a_power(survival_days, expected, hazard_ratio):
    """S(t)^HR = 1 - u at the drawn t; n = 999, rtol 1e-10."""
    for k in range(1, 1000):
        day = survival_days(DISEASE, hazard_ratio, exponential(k / 1000))
        assert expected.sf(day) ** hazard_ratio == pytest.approx(1.0 - k / 1000, rel=1e-10)


def test_half_of_those_without_a_risk_factor_live_to_the_median():
    assert refractory_survival_days(DISEASE, 1.0, math.log(2.0)) == pytest.approx(
        3.3 * MONTH, rel=1e-14
    )
    assert relapsed_survival_days(DISEASE, 1.0, math.log(2.0)) == pytest.approx(
        5.6 * MONTH, rel=1e-14
    )


@given(st.floats(0.001, 0.999), st.floats(0.3, 5.0), st.floats(0.0, 5.0))
def test_a_higher_hazard_never_postpones_death(u, hazard_ratio, more):
    for survival_days in (refractory_survival_days, relapsed_survival_days):
        day = survival_days(DISEASE, hazard_ratio, exponential(u))
        assert survival_days(DISEASE, hazard_ratio + more, exponential(u)) <= day


def test_hazard_ratios_of_all_characteristics_multiply():
    """Every combination of line, Ph and early relapse."""
    for later, ph, early in itertools.product([False, True], repeat=3):
        patient = somebody(ph_positive=ph, first_remission_months=11.9 if early else 12.0)
        expected = 1.95**later * 0.7**ph * 1.5**early
        ratio = disease_hazard_ratio(DISEASE, patient, salvage_line=3 if later else 1)
        assert ratio == pytest.approx(expected, rel=1e-14)


def test_primary_refractory_is_no_early_relapse():
    patient = somebody(primary_refractory=True, first_remission_months=0.0)
    assert disease_hazard_ratio(DISEASE, patient, salvage_line=1) == 1.0


# Rescue


@pytest.mark.parametrize(("prior_hct", "log_odds"), [(False, 0.15), (True, -0.85)])
def test_rescue_is_rarer_after_an_earlier_transplant(prior_hct, log_odds):
    """Those below the probability are rescued, those at it or above are not; 1e-12 either side."""
    probability = expit(log_odds)
    ours = rescue_probability(CARE, prior_hct=prior_hct)
    rescued = rescue_days(CARE, ours, probability - 1e-12, 0.5, fit=True)
    lost = rescue_days(CARE, ours, probability + 1e-12, 0.5, fit=True)
    assert (rescued, lost) == (pytest.approx(4.0 * MONTH, rel=1e-14), NEVER)


def test_time_to_the_rescue_transplant_is_lognormal():
    """Against scipy, rtol 1e-12."""
    expected = stats.lognorm(0.5, scale=4.0 * MONTH)
    for k in range(1, 1000):
        day = rescue_days(CARE, 0.5, 2.0**-53, k / 1000, fit=True)
        assert day == pytest.approx(expected.ppf(k / 1000), rel=1e-12)


def test_who_is_too_old_for_a_transplant_is_not_rescued():
    assert rescue_days(CARE, 0.5, 2.0**-53, 0.5, fit=False) == NEVER


# The same in a life. No response by day 70; see three_patients.yaml.

FIT = {(RandomDraw.NEXT_LINE, LATER_LINE): 0.4}
RESCUED = FIT | {
    (RandomDraw.RESCUE, LATER_LINE): 0.4,
    (RandomDraw.RESCUE_TIME, LATER_LINE): 0.5,
}
REFRACTORY = {(RandomDraw.REFRACTORY_SURVIVAL, 0): 0.75}  # (t / 60.875)^(1/2) = 2: day 243.5
RESCUE_MEDIAN = {"usual_care.rescue_median_months": 8.0}


def happened(log):
    return {event.kind: event for event in log}


def test_non_responder_dies_of_leukaemia_as_drawn():
    log = live(somebody(), REFRACTORY | FIT).log
    assert (log[-1].kind, log[-1].detail) == (EventKind.DEATH, Cause.LEUKAEMIA)
    assert log[-1].time_days == pytest.approx(243.5, rel=1e-12)


def test_rescue_brings_a_transplant_instead_of_that_death():
    """Eight months (243.5 days) after failure, when he would be dead."""
    events = happened(live(somebody(), REFRACTORY | RESCUED, RESCUE_MEDIAN).log)
    assert events[EventKind.TRANSPLANT].time_days == pytest.approx(70.0 + 243.5, rel=1e-12)
    assert events[EventKind.TRANSPLANT].detail == 0
    assert events[EventKind.TRANSPLANT].line == 1
    assert EventKind.DEATH not in events


def test_who_passes_the_age_limit_before_usual_care_is_not_rescued():
    """Usual care begins on day 70; the birthday is a quarter of an hour after it or before."""
    limit = {"candidacy.maximum_age_years": 75.0}
    younger = somebody(age_years=75.0 - 70.01 / 365.25)
    older = somebody(age_years=75.0 - 69.99 / 365.25)
    assert EventKind.TRANSPLANT in happened(live(younger, RESCUED, limit).log)
    assert EventKind.TRANSPLANT not in happened(live(older, RESCUED, limit).log)


@pytest.mark.parametrize(("u", "relapses"), [(0.49, False), (0.5, True)])
def test_half_of_the_rescued_are_mrd_negative_and_have_the_better_chance_of_cure(u, relapses):
    """0.4 cures below 0.5 and not above 0.3."""
    script = RESCUED | {
        (RandomDraw.MRD, LATER_LINE): u,
        (RandomDraw.CURE_AFTER_TRANSPLANT, LATER_LINE): 0.4,
        (RandomDraw.RELAPSE_AFTER_TRANSPLANT, LATER_LINE): 0.5,
    }
    chances = {
        "usual_care.rescue_mrd_negative_probability": 0.5,
        "transplant.cured_probability_mrd_negative": 0.5,
        "transplant.cured_probability_mrd_positive": 0.3,
    }
    assert (EventKind.RELAPSE in happened(live(somebody(), script, chances).log)) == relapses


@pytest.mark.parametrize(("transplanted", "rescued"), [(False, True), (True, False)])
def test_a_transplant_in_remission_makes_a_later_rescue_less_likely(transplanted, rescued):
    """0.4 lies between the chance after an earlier transplant, 0.27, and without one, 0.5."""
    script = RESCUED | {
        (RandomDraw.RESPONSE, 0): 0.4,
        (RandomDraw.RESPONSE_CYCLE, 0): 0.5,
        (RandomDraw.MRD, 0): 0.5,
        (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.4 if transplanted else 0.6,
        (RandomDraw.TRANSPLANT_TIME, 0): 0.5,
        (RandomDraw.CURE_IN_REMISSION, 0): 0.5,
        (RandomDraw.RELAPSE_TIME, 0): 0.5,
    }
    if transplanted:
        script[RandomDraw.CURE_AFTER_TRANSPLANT, 0] = script[
            RandomDraw.RELAPSE_AFTER_TRANSPLANT, 0
        ] = 0.5
    log = live(somebody(), script, {"usual_care.rescue_prior_hct_log_odds_ratio": -1.0}).log
    kinds = [(event.kind, event.detail) for event in log]
    assert ((EventKind.TRANSPLANT, 1) in kinds) == transplanted
    assert ((EventKind.TRANSPLANT, 0) in kinds) == rescued


def test_who_is_not_fit_for_another_line_receives_supportive_care_only():
    log = live(somebody(), REFRACTORY | {(RandomDraw.NEXT_LINE, LATER_LINE): 0.5}).log
    assert EventKind.USUAL_CARE_STARTED not in happened(log)
    assert happened(log)[EventKind.SUPPORTIVE_CARE_STARTED].time_days == 70.0


@pytest.mark.parametrize(("u", "lost"), [(0.099, True), (0.1, False)])
def test_leukaemia_that_fails_may_have_lost_cd19(u, lost):
    log = live(somebody(), {(RandomDraw.CD19_LOSS, 0): u}).log
    assert (EventKind.CD19_LOSS in happened(log)) == lost
