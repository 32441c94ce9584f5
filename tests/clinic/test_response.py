"""Response: a logistic sum, the cycle it comes in, and what lost CD19 does to it."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from sim.clinic.draws import RandomDraw
from sim.clinic.events import EventKind
from sim.clinic.response import (
    RegimenResponse,
    Response,
    mrd_conversion_probability,
    response_cycle,
    response_probability,
)
from sim.engine.life import PatientLife, response_chance
from sim.simulation.question import ask
from tests.support.hand_ledger import SCENARIO, ScriptedStreams, live, somebody

RESPONSE = Response(
    baseline_logit=0.96,
    later_salvage_log_odds_ratio=-0.53,
    prior_hct_log_odds_ratio=0.11,
    ph_positive_log_odds_ratio=-0.17,
    kmt2a_log_odds_ratio=0.23,
    high_blasts_log_odds_ratio=-1.0,
    extramedullary_log_odds_ratio=-2.1,
    cns_log_odds_ratio=-0.31,
    real_world_log_odds_ratio=0.51,
    study_log_odds_ratio=0.0,
    mrd_only_conversion_probability=0.78,
)
REGIMEN = RegimenResponse(
    first_cycle_share=0.8,
    complete_share=0.75,
    mrd_negative_probability=0.74,
    progression_after_first_cycle_probability=0.4,
)
TRAITS = ("ph_positive", "kmt2a", "high_blasts", "extramedullary", "cns")


def probability(patient, *, line=1, prior_hct=False, real_world=False, lost=False, regimen=0.0):
    return response_probability(
        RESPONSE,
        regimen,
        patient,
        salvage_line=line,
        prior_hct=prior_hct,
        real_world=real_world,
        target_lost=lost,
    )


def test_log_odds_of_all_characteristics_add_up():
    """Every combination of the eight of them; against scipy, rtol 1e-13."""
    for present in itertools.product([False, True], repeat=8):
        traits = dict(zip(TRAITS, present[:5], strict=True))
        later, prior, real_world = present[5:]
        sizes = (-0.17, 0.23, -1.0, -2.1, -0.31, -0.53, 0.11, 0.51)
        log_odds = 0.96 - 0.87 + sum(itertools.compress(sizes, present))
        found = probability(
            somebody(**traits),
            line=2 if later else 1,
            prior_hct=prior,
            real_world=real_world,
            regimen=-0.87,
        )
        assert found == pytest.approx(expit(log_odds), rel=1e-13)


@pytest.mark.parametrize("regimen", [-2.0, -0.87, 0.0, 0.5])
def test_odds_ratio_of_a_regimen_is_the_same_in_every_patient(regimen):
    """logit p - logit p0; abs 1e-13."""
    for patient in (somebody(), somebody(high_blasts=True), somebody(cns=True, kmt2a=True)):
        shift = logit(probability(patient, regimen=regimen)) - logit(probability(patient))
        assert shift == pytest.approx(regimen, abs=1e-13)


def test_earlier_transplant_counts_as_it_is_now_and_not_as_it_was_at_entry():
    """A patient transplanted since entry has had one, whatever the baseline says."""
    now = probability(somebody(prior_hct=False), prior_hct=True)
    assert now == pytest.approx(expit(0.96 + 0.11), rel=1e-13)


def test_a_transplant_since_entry_moves_the_log_odds_of_the_next_response():
    """By -0.7, the log odds ratio, though there was none at entry."""
    question = ask(SCENARIO, overrides={"response.prior_hct_log_odds_ratio": -0.7})
    world = question.model.world()
    before, after = (
        response_chance(
            world,
            PatientLife(prior_hct=transplanted, patient=somebody(), luck=ScriptedStreams({})),
            world.regimens[0],
        )
        for transplanted in (False, True)
    )
    assert logit(after) - logit(before) == pytest.approx(-0.7, rel=1e-9)


def test_third_salvage_is_like_second():
    second = probability(somebody(), line=2)
    assert probability(somebody(), line=3) == second < probability(somebody(), line=1)


def test_leukaemia_that_has_lost_the_target_cannot_respond():
    assert probability(somebody(), lost=True, regimen=50.0) == 0.0


@pytest.mark.parametrize(("u_cycle", "cycle"), [(0.1, 0), (0.79, 0), (0.8, 1), (0.99, 1)])
def test_four_in_five_responders_respond_in_the_first_cycle(u_cycle, cycle):
    assert response_cycle(REGIMEN, u_cycle) == cycle


@given(st.floats(0.01, 0.99), st.floats(-3.0, 3.0))
def test_odds_of_conversion_are_those_of_blinatumomab_times_the_odds_ratio(p, log_odds_ratio):
    """Odds p / (1 - p) by hand; rtol 1e-10."""
    response = RESPONSE._replace(mrd_only_conversion_probability=p)
    converts = mrd_conversion_probability(response, log_odds_ratio)
    odds = p / (1.0 - p) * math.exp(log_odds_ratio)
    assert converts == pytest.approx(odds / (1.0 + odds), rel=1e-10)


# The same in a life; see three_patients.yaml.


def days(log, kind):
    return [event.time_days for event in log if event.kind == kind]


@pytest.mark.parametrize(("u_cycle", "day"), [(0.79, 28.0), (0.8, 70.0)])
def test_response_is_assessed_at_the_end_of_the_infusion(u_cycle, day):
    script = {(RandomDraw.RESPONSE, 0): 0.4, (RandomDraw.RESPONSE_CYCLE, 0): u_cycle}
    assert days(live(somebody(), script).log, EventKind.RESPONSE) == [day]


@pytest.mark.parametrize(("u", "day"), [(0.39, 28.0), (0.4, 70.0)])
def test_four_in_ten_non_responders_leave_after_the_first_cycle(u, day):
    script = {(RandomDraw.RESPONSE, 0): 0.6, (RandomDraw.PROGRESSION_AFTER_FIRST_CYCLE, 0): u}
    assert days(live(somebody(), script).log, EventKind.NO_RESPONSE) == [day]


@pytest.mark.parametrize(
    ("u_depth", "u_mrd", "complete", "negative"),
    [(0.74, 0.74, 1, 1.0), (0.75, 0.74, 0, 1.0), (0.74, 0.75, 1, 0.0), (0.75, 0.75, 0, 0.0)],
)
def test_depth_of_remission_and_mrd_are_drawn_apart(u_depth, u_mrd, complete, negative):
    script = {
        (RandomDraw.RESPONSE, 0): 0.4,
        (RandomDraw.RESPONSE_CYCLE, 0): 0.5,
        (RandomDraw.RESPONSE_DEPTH, 0): u_depth,
        (RandomDraw.MRD, 0): u_mrd,
    }
    log = live(somebody(), script).log
    (response,) = [event for event in log if event.kind == EventKind.RESPONSE]
    assert (response.detail, response.value) == (complete, negative)


def test_who_is_stopped_before_the_cycle_of_response_does_not_respond():
    """Grade 4 CRS in cycle 1 (0.02 lies between 0.01 and 0.03), response due in cycle 2."""
    script = {
        (RandomDraw.RESPONSE, 0): 0.4,
        (RandomDraw.RESPONSE_CYCLE, 0): 0.9,
        (RandomDraw.CRS, 0): 0.02,
        (RandomDraw.CRS_ONSET, 0): 0.375,
        (RandomDraw.REFRACTORY_SURVIVAL, 0): 0.75,  # 4 x 60.875 days from the failure
    }
    log = live(somebody(), script).log
    assert days(log, EventKind.RESPONSE) == []
    assert days(log, EventKind.NO_RESPONSE) == [28.0]
    assert days(log, EventKind.DEATH) == pytest.approx([28.0 + 4 * 60.875], rel=1e-12)
