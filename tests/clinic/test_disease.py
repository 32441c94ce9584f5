"""Leukaemia that is not in remission, against scipy's Weibull distribution; the lines after it."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.clinic.disease import (
    Disease,
    disease_hazard_ratio,
    refractory_survival_days,
    relapsed_survival_days,
    under_hazard_ratio,
)
from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, Event, EventKind
from sim.engine.life import PatientLife, age_now
from tests.support.hand_ledger import (
    FOURTH_LINE,
    LATER_LINE,
    THIRD_LINE,
    ScriptedStreams,
    assert_log,
    live,
    somebody,
)

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


# A further hazard ratio


@pytest.mark.parametrize("shape", [0.5, 0.89, 1.0, 2.0])
@pytest.mark.parametrize("hazard_ratio", [0.4, 1.0, 1.7])
def test_a_further_hazard_ratio_raises_survival_to_its_power(shape, hazard_ratio):
    """S(t)^r = 1 - u at the moved t, S from scipy; n = 999, rtol 1e-9."""
    expected = weibull(5.6, shape)
    for k in range(1, 1000):
        u = k / 1000
        day = under_hazard_ratio(expected.ppf(u), shape, hazard_ratio)
        assert expected.sf(day) ** hazard_ratio == pytest.approx(1.0 - u, rel=1e-9)


@given(st.floats(0.001, 0.999), st.floats(0.3, 3.0), st.floats(0.3, 3.0))
def test_hazard_ratios_one_after_the_other_are_their_product(u, first, further):
    at_once = refractory_survival_days(DISEASE, first * further, exponential(u))
    in_turn = under_hazard_ratio(
        refractory_survival_days(DISEASE, first, exponential(u)), DISEASE.refractory_shape, further
    )
    assert in_turn == pytest.approx(at_once, rel=1e-12)


def test_a_further_hazard_ratio_of_one_changes_no_digit():
    assert under_hazard_ratio(123.456, 0.89, 1.0) == 123.456


# The lines after a failure. No response by day 70; see three_patients.yaml. Usual care begins 14
# days later and is assessed after 42; in second salvage one in four responds, and hazards double.

FIT = {(RandomDraw.NEXT_LINE, LATER_LINE): 0.4}
REFRACTORY = {(RandomDraw.REFRACTORY_SURVIVAL, 0): 0.75}  # (t / 60.875)^(1/2) = 2: day 243.5
RESPONDS_TO_USUAL_CARE = FIT | {(RandomDraw.RESPONSE, LATER_LINE): 0.24}
MRD_NEGATIVE = {(RandomDraw.MRD, LATER_LINE): 0.49}
TRANSPLANT = {
    (RandomDraw.TRANSPLANT_ELIGIBILITY, LATER_LINE): 0.24,
    (RandomDraw.TRANSPLANT_TIME, LATER_LINE): 0.5,
}
BOTH_KINDS_OF_CARE = (EventKind.USUAL_CARE_STARTED, EventKind.SUPPORTIVE_CARE_STARTED)


def happened(log):
    return {event.kind: event for event in log}


def from_usual_care(log):
    """Return the log from the first line of usual care on."""
    (place, *_) = (i for i, e in enumerate(log) if e.kind == EventKind.USUAL_CARE_STARTED)
    return log[place:]


def cares(log):
    """Return the day, kind and line of each beginning of usual or supportive care."""
    return [(e.time_days, e.kind, e.line) for e in log if e.kind in BOTH_KINDS_OF_CARE]


def test_non_responder_dies_of_leukaemia_as_drawn():
    unfit = {(RandomDraw.NEXT_LINE, LATER_LINE): 0.5}
    log = live(somebody(), REFRACTORY | unfit).log
    assert (log[-1].kind, log[-1].detail) == (EventKind.DEATH, Cause.LEUKAEMIA)
    assert log[-1].time_days == pytest.approx(243.5, rel=1e-12)


@pytest.mark.parametrize(("day", "treated"), [(83.0, False), (85.0, True)])
def test_who_dies_before_the_next_line_begins_does_not_begin_it(day, treated):
    """Fit for it he is; the leukaemia kills the day before day 84, or would the day after it."""
    u = 1.0 - 2.0 ** -math.sqrt(day / 60.875)
    log = live(somebody(), FIT | {(RandomDraw.REFRACTORY_SURVIVAL, 0): u}).log
    assert (EventKind.USUAL_CARE_STARTED in happened(log)) == treated
    if not treated:
        assert log[-1].time_days == pytest.approx(day, rel=1e-9)


def test_usual_care_is_a_line_with_a_remission_and_a_relapse_of_its_own():
    """487 x 1/2 days under twice the hazard, then 243.5 days: each by a number with S^2 = 1/4."""
    script = RESPONDS_TO_USUAL_CARE | {
        (RandomDraw.RESPONSE_DEPTH, LATER_LINE): 0.49,  # below 1/2: CR
        (RandomDraw.MRD, LATER_LINE): 0.49,  # below 1/2: negative
        (RandomDraw.CURE_IN_REMISSION, LATER_LINE): 0.2,  # not below 0.2
        (RandomDraw.RELAPSE_TIME, LATER_LINE): 0.75,
        (RandomDraw.TRANSPLANT_ELIGIBILITY, LATER_LINE): 0.25,  # not below 1/4
        (RandomDraw.SURVIVAL_AFTER_RELAPSE, LATER_LINE): 0.75,
        (RandomDraw.NEXT_LINE, THIRD_LINE): 0.5,
    }
    log = live(somebody(), script).log
    assert happened(log)[EventKind.NO_RESPONSE].time_days == 70.0
    assert_log(
        from_usual_care(log),
        [
            Event(84.0, EventKind.USUAL_CARE_STARTED, line=1),
            Event(126.0, EventKind.RESPONSE, line=1, cycle=0, detail=1, value=1.0),
            Event(126 + 243.5, EventKind.RELAPSE, line=1),
            Event(369.5, EventKind.SUPPORTIVE_CARE_STARTED, line=2),
            Event(369.5 + 243.5, EventKind.DEATH, line=2, detail=Cause.LEUKAEMIA),
        ],
    )


def test_a_response_to_usual_care_saves_from_the_death_that_was_to_come():
    """On day 243.5, had there been no next line; MRD-negative, he is in remission on day 731.

    Of that remission so many last 605 days: S^2 with S lognormal, 243.5 days at the median.
    """
    script = REFRACTORY | RESPONDS_TO_USUAL_CARE | MRD_NEGATIVE
    free = stats.lognorm(1.0, scale=243.5).sf(605.0) ** 2
    script |= {
        (RandomDraw.CURE_IN_REMISSION, LATER_LINE): 0.5,
        (RandomDraw.RELAPSE_TIME, LATER_LINE): 1.0 - free,
    }
    events = happened(live(somebody(), script).log)
    assert events[EventKind.RELAPSE].time_days == pytest.approx(731.0, rel=1e-9)


def test_leukaemia_that_does_not_respond_to_usual_care_kills_as_drawn_for_that_line():
    """S^2 = 1/16 four medians after day 84, when he had been dead for long by the first line."""
    script = REFRACTORY | FIT | {(RandomDraw.REFRACTORY_SURVIVAL, LATER_LINE): 1.0 - 1.0 / 16.0}
    log = live(somebody(), script).log
    assert (log[-1].kind, log[-1].detail) == (EventKind.DEATH, Cause.LEUKAEMIA)
    assert log[-1].time_days == pytest.approx(84.0 + 243.5, rel=1e-12)


def test_usual_care_is_given_again_as_long_as_he_is_fit_for_it():
    """Six weeks to its assessment and two to the next line; third salvage responds as second."""
    script = FIT | {
        (RandomDraw.RESPONSE, LATER_LINE): 0.26,
        (RandomDraw.NEXT_LINE, THIRD_LINE): 0.4,
        (RandomDraw.RESPONSE, THIRD_LINE): 0.26,
        (RandomDraw.NEXT_LINE, FOURTH_LINE): 0.6,
    }
    assert cares(live(somebody(), script).log) == [
        (84.0, EventKind.USUAL_CARE_STARTED, 1),
        (140.0, EventKind.USUAL_CARE_STARTED, 2),
        (182.0, EventKind.SUPPORTIVE_CARE_STARTED, 3),
    ]
    again = script | {(RandomDraw.RESPONSE, THIRD_LINE): 0.24}
    del again[RandomDraw.NEXT_LINE, FOURTH_LINE]
    log = live(somebody(), again).log
    assert [(e.time_days, e.line) for e in log if e.kind == EventKind.RESPONSE] == [(182.0, 2)]


def test_who_is_not_fit_for_another_line_receives_supportive_care_only():
    log = live(somebody(), REFRACTORY | {(RandomDraw.NEXT_LINE, LATER_LINE): 0.5}).log
    assert cares(log) == [(70.0, EventKind.SUPPORTIVE_CARE_STARTED, 1)]


def test_a_named_second_line_begins_when_usual_care_would():
    """Fit for it by the same number; the third line is usual care."""
    log = live(somebody(), FIT, strategy="tki_second").log
    (second,) = [e for e in log if e.kind == EventKind.LINE_STARTED and e.line == 1]
    assert second.time_days == 84.0
    unfit = {(RandomDraw.NEXT_LINE, LATER_LINE): 0.5}
    assert cares(live(somebody(), unfit, strategy="tki_second").log) == [
        (70.0, EventKind.SUPPORTIVE_CARE_STARTED, 1)
    ]


@pytest.mark.parametrize(("u", "lost"), [(0.099, True), (0.1, False)])
def test_leukaemia_that_fails_may_have_lost_cd19(u, lost):
    log = live(somebody(), {(RandomDraw.CD19_LOSS, 0): u}).log
    assert (EventKind.CD19_LOSS in happened(log)) == lost


# Remission and transplant under usual care


@pytest.mark.parametrize(("u", "relapses"), [(0.49, False), (0.5, True)])
def test_half_of_the_responders_to_usual_care_are_mrd_negative_and_have_the_better_chance_of_cure(
    u, relapses
):
    """0.15 cures below 0.2 and not above 0.1."""
    script = RESPONDS_TO_USUAL_CARE | {
        (RandomDraw.MRD, LATER_LINE): u,
        (RandomDraw.CURE_IN_REMISSION, LATER_LINE): 0.15,
        (RandomDraw.RELAPSE_TIME, LATER_LINE): 0.5,
    }
    assert (EventKind.RELAPSE in happened(live(somebody(), script).log)) == relapses


@pytest.mark.parametrize(("u", "relapses"), [(0.49, False), (0.5, True)])
def test_so_it_is_after_a_transplant_in_that_remission(u, relapses):
    """0.4 cures below 0.5 and not above 0.3."""
    script = RESPONDS_TO_USUAL_CARE | TRANSPLANT
    script |= {
        (RandomDraw.MRD, LATER_LINE): u,
        (RandomDraw.CURE_AFTER_TRANSPLANT, LATER_LINE): 0.4,
        (RandomDraw.RELAPSE_AFTER_TRANSPLANT, LATER_LINE): 0.5,
    }
    events = happened(live(somebody(), script).log)
    assert events[EventKind.TRANSPLANT].time_days == pytest.approx(126.0 + 60.875, rel=1e-12)
    assert (events[EventKind.TRANSPLANT].line, events[EventKind.TRANSPLANT].detail) == (1, 0)
    assert (EventKind.RELAPSE in events) == relapses
    if relapses:
        days = events[EventKind.RELAPSE].time_days - events[EventKind.TRANSPLANT].time_days
        assert days == pytest.approx(182.625, rel=1e-12)


def test_who_passes_the_age_limit_before_the_remission_is_not_transplanted():
    """It begins on day 126; the birthday is a quarter of an hour after it or before."""
    limit = {"candidacy.maximum_age_years": 72.0}
    script = RESPONDS_TO_USUAL_CARE | MRD_NEGATIVE
    younger = somebody(age_years=72.0 - 126.01 / 365.25)
    older = somebody(age_years=72.0 - 125.99 / 365.25)
    assert EventKind.TRANSPLANT in happened(live(younger, script | TRANSPLANT, limit).log)
    assert EventKind.TRANSPLANT not in happened(live(older, script, limit).log)


def test_age_rises_with_time():
    life = PatientLife(now=2.5 * 365.25, patient=somebody(age_years=70.2), luck=ScriptedStreams({}))
    assert age_now(life) == pytest.approx(72.7, rel=1e-12)


@pytest.mark.parametrize(
    ("log_odds_ratio", "u", "transplanted"),
    [
        (math.log(3.0), 0.49, True),
        (math.log(3.0), 0.51, False),
        (0.0, 0.49, False),
    ],
)
def test_candidacy_under_usual_care_has_a_ratio_of_its_own(log_odds_ratio, u, transplanted):
    """One in four of later salvage are candidates, odds 1/3; with a ratio of 3 every second."""
    script = RESPONDS_TO_USUAL_CARE | TRANSPLANT
    script[RandomDraw.TRANSPLANT_ELIGIBILITY, LATER_LINE] = u
    if not transplanted:
        del script[RandomDraw.TRANSPLANT_TIME, LATER_LINE]
    ratio = {"usual_care.transplant_log_odds_ratio": log_odds_ratio}
    log = live(somebody(), script, ratio).log
    assert (EventKind.TRANSPLANT in happened(log)) == transplanted


@pytest.mark.parametrize(
    ("log_odds_ratio", "u", "responds"),
    [(math.log(3.0), 0.49, True), (math.log(3.0), 0.51, False), (0.0, 0.49, False)],
)
def test_response_to_usual_care_has_a_ratio_of_its_own(log_odds_ratio, u, responds):
    """In second salvage, odds 1/3 with none."""
    script = FIT | {(RandomDraw.RESPONSE, LATER_LINE): u}
    ratio = {"usual_care.response.log_odds_ratio": log_odds_ratio}
    log = live(somebody(), script, ratio).log
    assert (EventKind.RESPONSE in happened(log)) == responds


@pytest.mark.parametrize("first_transplanted", [False, True])
def test_a_transplant_of_the_first_line_makes_another_less_likely(first_transplanted):
    """Odds of 1/3 in second salvage, and of 1/21 after a transplant: 0.1 lies between."""
    script = RESPONDS_TO_USUAL_CARE | {
        (RandomDraw.RESPONSE, 0): 0.4,
        (RandomDraw.RESPONSE_CYCLE, 0): 0.5,
        (RandomDraw.MRD, 0): 0.5,
        (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.4 if first_transplanted else 0.6,
        (RandomDraw.TRANSPLANT_TIME, 0 if first_transplanted else LATER_LINE): 0.5,
        (RandomDraw.CURE_IN_REMISSION, 0): 0.5,
        (RandomDraw.RELAPSE_TIME, 0): 0.5,
        (RandomDraw.TRANSPLANT_ELIGIBILITY, LATER_LINE): 0.1,
    }
    if first_transplanted:
        script[RandomDraw.CURE_AFTER_TRANSPLANT, 0] = 0.5
        script[RandomDraw.RELAPSE_AFTER_TRANSPLANT, 0] = 0.5
    log = live(somebody(), script).log
    transplants = [(e.line, e.detail) for e in log if e.kind == EventKind.TRANSPLANT]
    assert transplants == ([(0, 1)] if first_transplanted else [(1, 0)])


# A drug that is given on after its line: a hazard ratio of 1/2 in Ph-positive patients. A time with
# the number 1 - sqrt(1/2) then is the median; without the ratio it comes sooner.

SQUARE_ROOT = 1.0 - math.sqrt(0.5)
POSITIVE = somebody(ph_positive=True)
TKI, NO_TKI = "blinatumomab_tki", "blinatumomab"
RESPONDS = {
    (RandomDraw.RESPONSE, 0): 0.4,
    (RandomDraw.RESPONSE_CYCLE, 0): 0.5,
    (RandomDraw.MRD, 0): 0.5,
}
RELAPSES = RESPONDS | {
    (RandomDraw.CURE_IN_REMISSION, 0): 0.5,
    (RandomDraw.RELAPSE_TIME, 0): SQUARE_ROOT,
    (RandomDraw.SURVIVAL_AFTER_RELAPSE, 0): SQUARE_ROOT,
}
TRANSPLANTED = RESPONDS | {
    (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.4,
    (RandomDraw.TRANSPLANT_TIME, 0): 0.5,
    (RandomDraw.CURE_AFTER_TRANSPLANT, 0): 0.5,
    (RandomDraw.RELAPSE_AFTER_TRANSPLANT, 0): SQUARE_ROOT,
}
with_and_without = pytest.mark.parametrize(
    ("patient", "strategy", "ratio"),
    [(POSITIVE, TKI, 0.5), (somebody(), TKI, 1.0), (POSITIVE, NO_TKI, 1.0)],
    ids=["Ph-positive", "Ph-negative", "Ph-positive without it"],
)


def survival(distribution, days, ratio):
    return distribution.sf(days) ** ratio


@with_and_without
def test_a_tki_given_on_postpones_relapse_and_death_after_it(patient, strategy, ratio):
    """S(t)^r = sqrt(1/2): relapse lognormal, 487 days; death Weibull with shape 2, 243.5 days."""
    events = happened(live(patient, RELAPSES, strategy=strategy).log)
    remission, relapse, death = (
        events[kind].time_days for kind in (EventKind.RESPONSE, EventKind.RELAPSE, EventKind.DEATH)
    )
    free = stats.lognorm(1.0, scale=487.0)
    alive = weibull(8.0, 2.0)
    expected = pytest.approx(math.sqrt(0.5), rel=1e-9)
    assert survival(free, relapse - remission, ratio) == expected
    assert survival(alive, death - relapse, ratio) == expected
    assert events[EventKind.DEATH].detail == Cause.LEUKAEMIA
    if ratio == 0.5:
        assert (relapse - remission, death - relapse) == pytest.approx((487.0, 243.5), rel=1e-9)


@with_and_without
def test_a_tki_given_on_postpones_relapse_after_transplant(patient, strategy, ratio):
    """Lognormal with the median of 182.625 days; sigma from the scenario's own rules."""
    events = happened(
        live(patient, TRANSPLANTED, {"transplant.relapse_sigma": 1.0}, strategy=strategy).log
    )
    days = events[EventKind.RELAPSE].time_days - events[EventKind.TRANSPLANT].time_days
    free = stats.lognorm(1.0, scale=182.625)
    assert survival(free, days, ratio) == pytest.approx(math.sqrt(0.5), rel=1e-9)


@with_and_without
def test_a_tki_given_on_postpones_death_of_leukaemia_that_does_not_respond(
    patient, strategy, ratio
):
    """Weibull with shape 1/2 and a median of 60.875 days from the start of the line."""
    script = {(RandomDraw.REFRACTORY_SURVIVAL, 0): SQUARE_ROOT}
    end = live(patient, script, strategy=strategy).log[-1]
    assert end.detail == Cause.LEUKAEMIA
    alive = weibull(2.0, 0.5)
    assert survival(alive, end.time_days, ratio) == pytest.approx(math.sqrt(0.5), rel=1e-9)


@with_and_without
def test_a_tki_is_given_on_under_the_lines_that_follow(patient, strategy, ratio):
    """In second salvage the hazards double: S(t)^(2 r) is 1/2 at the median with the ratio."""
    script = RESPONDS_TO_USUAL_CARE | {
        (RandomDraw.MRD, LATER_LINE): 0.49,
        (RandomDraw.CURE_IN_REMISSION, LATER_LINE): 0.5,
        (RandomDraw.RELAPSE_TIME, LATER_LINE): 0.5,
        (RandomDraw.SURVIVAL_AFTER_RELAPSE, LATER_LINE): 0.5,
    }
    events = happened(live(patient, script, strategy=strategy).log)
    remission, relapse, death = (
        events[kind].time_days for kind in (EventKind.RESPONSE, EventKind.RELAPSE, EventKind.DEATH)
    )
    free, alive = stats.lognorm(1.0, scale=243.5), weibull(8.0, 2.0)
    assert survival(free, relapse - remission, 2.0 * ratio) == pytest.approx(0.5, rel=1e-9)
    assert survival(alive, death - relapse, 2.0 * ratio) == pytest.approx(0.5, rel=1e-9)


def test_a_tki_of_the_second_line_says_nothing_of_the_first():
    """Relapse of the first line and survival after it as without; the second line with it."""
    script = RELAPSES | {
        (RandomDraw.NEXT_LINE, LATER_LINE): 0.4,
        (RandomDraw.REFRACTORY_SURVIVAL, LATER_LINE): 0.5,
    }
    script[RandomDraw.SURVIVAL_AFTER_RELAPSE, 0] = 0.9
    days = {}
    for strategy in ("tki_second", NO_TKI):
        log = live(POSITIVE, script, strategy=strategy).log
        begins = next(e for e in log if e.line == 1 and e.kind != EventKind.RELAPSE)
        relapse = happened(log)[EventKind.RELAPSE].time_days
        days[strategy] = relapse, begins.time_days, log[-1].time_days - begins.time_days
    assert days["tki_second"][:2] == days[NO_TKI][:2]
    alive = weibull(2.0, 0.5)
    for strategy, ratio in (("tki_second", 0.5), (NO_TKI, 1.0)):
        # Later salvage doubles the hazard.
        assert survival(alive, days[strategy][2], 2.0 * ratio) == pytest.approx(0.5, rel=1e-9)
