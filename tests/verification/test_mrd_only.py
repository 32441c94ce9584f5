"""Patients in remission with MRD only: whole lives and books by hand, and shares in closed form.

The scenario of round numbers is ``three_patients.yaml``. There MRD-negative remissions last 487
days in the median and MRD-positive ones 121.75, under a hazard ratio of 1; with the ratio 1/2 of
MRD only, so long when ``(1 - u)^2 = 1/2``.
"""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, Event, EventKind
from sim.clinic.patient import MRD_TREATMENT, salvage_line_at, salvage_lines_failed
from sim.clinic.toxicity import Toxicity
from sim.simulation.run import run
from tests.support.hand_ledger import (
    LATER_LINE,
    THIRD_LINE,
    assert_ledger,
    assert_log,
    live,
    somebody,
)

MONTH = 30.4375
SQUARE_ROOT = 1.0 - math.sqrt(0.5)
"""The number at which a lognormal under a hazard ratio of 1/2 gives its median."""
PATIENT = somebody(mrd_only=True)
REMISSION, REFRACTORY = "complete_remission", "relapsed_refractory"
HOSPITAL = "administration_and_hospital"

# After a relapse usual care follows in two weeks. It does not work, as is found after six more,
# and no line follows. In first salvage 1/4 are alive after four times the median of 60.875 days.
NO_RESPONSE_TO_USUAL_CARE = {
    (RandomDraw.RESPONSE, LATER_LINE): 0.6,  # above 1/2
    (RandomDraw.REFRACTORY_SURVIVAL, LATER_LINE): 0.75,
    (RandomDraw.NEXT_LINE, THIRD_LINE): 0.6,  # above 1/2
}


def usual_care_after(relapse):
    return [
        Event(relapse + 14, EventKind.USUAL_CARE_STARTED, line=1),
        Event(relapse + 56, EventKind.NO_RESPONSE, line=1),
        Event(relapse + 56, EventKind.SUPPORTIVE_CARE_STARTED, line=2),
        Event(relapse + 14 + 243.5, EventKind.DEATH, line=2, detail=Cause.LEUKAEMIA),
    ]


def after_relapse(relapse, line):
    told, death = relapse + 56.0, relapse + 257.5
    return [
        ("later_lines", REFRACTORY, line, relapse + 14, death, 243.5 * 100),
        ("health_state", REFRACTORY, 0, relapse, told, 0.4 * 56 / 365.25),
        ("health_state", REFRACTORY, line, told, death, 0.4 * 201.5 / 365.25),
        ("life", REFRACTORY, 0, relapse, told, 56 / 365.25),
        ("life", REFRACTORY, line, told, death, 201.5 / 365.25),
    ]


def in_remission(relapse):
    return [
        ("follow_up", REMISSION, 0, 0, relapse, relapse * 10),
        ("health_state", REMISSION, 0, 0, relapse, 0.9 * relapse / 365.25),
        ("life", REMISSION, 0, 0, relapse, relapse / 365.25),
    ]


# Treated: MRD is negative after the first cycle, none follows, relapse on day 28 + 487.

TREATED = {
    (RandomDraw.MRD, 0): 0.79,  # below 0.8; of responders 0.74 would be negative
    (RandomDraw.CURE_IN_REMISSION, 0): 0.2,  # not below 0.2: would relapse
    (RandomDraw.RELAPSE_TIME, 0): SQUARE_ROOT,
    **NO_RESPONSE_TO_USUAL_CARE,
}
TREATED_LOG = [
    Event(0.0, EventKind.ENTRY, line=0, detail=1),
    Event(0.0, EventKind.LINE_STARTED, line=0),
    Event(0.0, EventKind.CYCLE_STARTED, line=0, cycle=0),
    Event(0.0, EventKind.INFUSION_STARTED, line=0, cycle=0, value=28.0),
    Event(28.0, EventKind.INFUSION_STOPPED, line=0, cycle=0),
    Event(28.0, EventKind.MRD_ASSESSED, line=0, cycle=0, value=1.0),
    Event(515.0, EventKind.RELAPSE, line=0),
    *usual_care_after(515.0),
]
TREATED_LEDGER = [
    # Four bags of 7 days, 196 mcg are 5.6 vials of 35 mcg.
    *(("drug", REMISSION, 0, day, day, 6 * 1000) for day in (0, 7, 14, 21)),
    (HOSPITAL, REMISSION, 0, 0, 3, 3 * 100),
    (HOSPITAL, REMISSION, 0, 0, 0, 10),  # premedication, once: there is no step dose
    *((HOSPITAL, REMISSION, 0, day, day, 50) for day in (7, 14, 21)),
    (HOSPITAL, REMISSION, 0, 0, 28, 28 * 4),
    *in_remission(515.0),
    *after_relapse(515.0, line=1),
]


def test_log_of_a_treated_patient_is_the_history_written_by_hand():
    assert_log(live(PATIENT, TREATED, strategy="blinatumomab_mrd").log, TREATED_LOG)


def test_ledger_of_a_treated_patient_holds_every_entry_written_by_hand_and_no_other():
    ledger = live(PATIENT, TREATED, strategy="blinatumomab_mrd").ledger
    assert_ledger(ledger, TREATED_LEDGER, costs=0.03, effects=0.03)


# Treated in vain: MRD stays positive, she stays in remission; two cycles of consolidation, the
# second cut short by an allo-HCT 60.875 days after the assessment; relapse six months after it.

IN_VAIN = {
    (RandomDraw.MRD, 0): 0.8,
    (RandomDraw.CONSOLIDATION, 0): 0.1,
    (
        RandomDraw.TRANSPLANT_ELIGIBILITY,
        0,
    ): 0.7,  # below 3/4, where 1/2 without the ratio of MRD only
    (RandomDraw.TRANSPLANT_TIME, 0): 0.5,
    (RandomDraw.CURE_AFTER_TRANSPLANT, 0): 0.4,  # above 0.3: would relapse; MRD-negative not
    (RandomDraw.RELAPSE_AFTER_TRANSPLANT, 0): SQUARE_ROOT,
    **NO_RESPONSE_TO_USUAL_CARE,
}


def test_log_of_a_patient_treated_in_vain_is_the_history_written_by_hand():
    hct = 28.0 + 60.875
    relapse = hct + 182.625
    expected = [
        *TREATED_LOG[:5],
        Event(28.0, EventKind.MRD_ASSESSED, line=0, cycle=0, value=0.0),
        Event(42.0, EventKind.CYCLE_STARTED, line=0, cycle=1),
        Event(42.0, EventKind.INFUSION_STARTED, line=0, cycle=1, value=28.0),
        Event(70.0, EventKind.INFUSION_STOPPED, line=0, cycle=1),
        Event(84.0, EventKind.CYCLE_STARTED, line=0, cycle=2),
        Event(84.0, EventKind.INFUSION_STARTED, line=0, cycle=2, value=28.0),
        Event(hct, EventKind.INFUSION_STOPPED, line=0, cycle=2),
        Event(hct, EventKind.TRANSPLANT, line=0, detail=1),
        Event(relapse, EventKind.RELAPSE, line=0),
        *usual_care_after(relapse),
    ]
    patient = somebody(mrd_only=True, male=False)
    assert_log(live(patient, IN_VAIN, strategy="blinatumomab_mrd").log, expected)


# Untreated: MRD stays positive, relapse on day 121.75.

UNTREATED = {
    (RandomDraw.CURE_IN_REMISSION, 0): 0.15,  # above 0.1 of MRD-positive, below 0.2 of negative
    (RandomDraw.RELAPSE_TIME, 0): SQUARE_ROOT,
    **NO_RESPONSE_TO_USUAL_CARE,
}


def test_without_treatment_she_stays_mrd_positive_in_remission_until_relapse():
    lived = live(PATIENT, UNTREATED, strategy="observation")
    expected = [
        Event(0.0, EventKind.ENTRY, line=0, detail=1),
        Event(121.75, EventKind.RELAPSE, line=0),
        *usual_care_after(121.75),
    ]
    assert_log(lived.log, expected)
    ledger = [*in_remission(121.75), *after_relapse(121.75, line=0)]
    assert_ledger(lived.ledger, ledger, costs=0.03, effects=0.03)


def test_without_treatment_she_can_be_transplanted():
    script = {
        (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.7,
        (RandomDraw.TRANSPLANT_TIME, 0): 0.5,
        (RandomDraw.CURE_AFTER_TRANSPLANT, 0): 0.2,  # below 0.3: cured
    }
    log = live(PATIENT, script, strategy="observation").log
    assert [(e.kind, e.time_days) for e in log[:3]] == [
        (EventKind.ENTRY, 0.0),
        (EventKind.TRANSPLANT, 60.875),
        (EventKind.LONG_TERM_SURVIVOR, 60.875 + 730.5),
    ]


def test_with_overt_leukaemia_usual_care_is_the_first_line():
    script = {
        (RandomDraw.RESPONSE, 0): 0.5,
        (RandomDraw.REFRACTORY_SURVIVAL, 0): 0.75,
        (RandomDraw.NEXT_LINE, LATER_LINE): 0.6,
    }
    expected = [
        Event(0.0, EventKind.ENTRY, line=0),
        Event(0.0, EventKind.USUAL_CARE_STARTED, line=0),
        Event(42.0, EventKind.NO_RESPONSE, line=0),
        Event(42.0, EventKind.SUPPORTIVE_CARE_STARTED, line=1),
        Event(4 * 60.875, EventKind.DEATH, line=1, detail=Cause.LEUKAEMIA),
    ]
    assert_log(live(somebody(), script, strategy="observation").log, expected)


def test_toxicity_of_the_first_cycle_kills_before_mrd_is_assessed():
    """Below 2/116 x 0.125 the CRS is fatal; onset 8 u = day 4, its duration 10 days."""
    script = {
        (RandomDraw.CRS, 0): 0.002,
        (RandomDraw.CRS_ONSET, 0): 0.5,
        (RandomDraw.CRS_DURATION, 0): 0.5,
    }
    log = live(PATIENT, script, strategy="blinatumomab_mrd").log
    assert (log[-1].kind, log[-1].detail) == (EventKind.DEATH, Cause.TOXICITY)
    assert log[-1].time_days == pytest.approx(14.0, rel=1e-12)
    assert EventKind.MRD_ASSESSED not in {event.kind for event in log}


def test_after_an_interruption_the_full_dose_goes_on():
    """Grade 3 neurotoxicity on day 5, for 6 days and 3 more; u between 0.2 x 15/116 and 15/116."""
    script = {
        (RandomDraw.NEUROTOXICITY, 0): 0.1,
        (RandomDraw.NEUROTOXICITY_ONSET, 0): 0.5,
        (RandomDraw.NEUROTOXICITY_DURATION, 0): stats.norm.cdf(math.log(0.6) / 0.7),
    }
    log = live(PATIENT, script, strategy="blinatumomab_mrd").log
    pump = [
        (event.kind, event.value)
        for event in log
        if event.kind in (EventKind.INFUSION_STARTED, EventKind.INFUSION_STOPPED)
    ]
    started, stopped = (EventKind.INFUSION_STARTED, 28.0), (EventKind.INFUSION_STOPPED, 0.0)
    assert pump == [started, stopped, started, stopped]
    (assessed,) = [event for event in log if event.kind == EventKind.MRD_ASSESSED]
    (struck,) = [event for event in log if event.kind == EventKind.TOXICITY]
    assert (struck.detail, struck.grade) == (Toxicity.NEUROTOXICITY, 3)
    assert assessed.time_days == pytest.approx(28.0 + 6.0 + 3.0, rel=1e-9)


# Lines


@pytest.mark.parametrize(
    ("mrd_only", "at_entry", "lines", "failed"),
    [
        (False, 1, [1, 2, 3, 3], [0, 1, 2, 3]),
        (False, 3, [3, 3, 3, 3], [0, 1, 2, 3]),
        (True, 1, [MRD_TREATMENT, 1, 2, 3], [0, 0, 1, 2]),
        (True, 2, [MRD_TREATMENT, 2, 3, 3], [0, 0, 1, 2]),
    ],
)
def test_treatment_of_mrd_is_no_line_of_salvage(mrd_only, at_entry, lines, failed):
    patient = somebody(mrd_only=mrd_only, salvage_line=at_entry)
    assert [salvage_line_at(patient, line) for line in range(4)] == lines
    assert [salvage_lines_failed(patient, line) for line in range(4)] == failed


# Many patients


@pytest.fixture(scope="module")
def many(ask):
    """20,000 patients of the shipped scenario by the core engine, but none with allo-HCT or KMT2A."""
    question = ask(
        "mrd_positive",
        patients=20_000,
        seed=20261120,
        horizon_years=20,
        parameters={"candidacy.maximum_age_years": 0.0, "population.kmt2a_probability": 0.0},
        switches={"background_mortality": False, "toxicity": False},
    )
    return question, run(question)


@pytest.mark.parametrize(("strategy", "start"), [("observation", 0.0), ("blinatumomab_mrd", 28.0)])
def test_relapse_free_survival_is_the_closed_form(many, strategy, start):
    """exp(-d t) (p + (1 - p) S_u(t)^HR), mixed over MRD and remission; 4 standard errors.

    Conversion 88/113; 37 of 110 in second remission, with ratios of their own for cure and relapse.
    """
    question, answer = many
    relapse, numbers = question.model.rules.relapse, question.numbers
    more_cured = numbers["relapse.mrd_only_cured_log_odds_ratio"]
    less_cured = numbers["relapse.mrd_only_later_remission_cured_log_odds_ratio"]
    later = numbers["relapse.later_salvage_hazard_ratio"]
    remissions = ((1.0, more_cured, 73 / 110), (later, more_cured + less_cured, 37 / 110))
    outcomes = answer.arm(strategy).outcomes
    converted = 0.0 if strategy == "observation" else 88 / 113
    for months in (3, 12, 36):
        days = months * MONTH - start
        expected = 0.0
        for negative, share_mrd in ((True, converted), (False, 1.0 - converted)):
            for ratio, log_odds_ratio, share_line in remissions:
                name = "negative" if negative else "positive"
                cured = getattr(relapse, f"cured_probability_mrd_{name}")
                cured = expit(logit(cured) + log_odds_ratio)
                median = getattr(relapse, f"median_months_mrd_{name}") * MONTH
                uncured = stats.lognorm(relapse.sigma, scale=median).sf(days)
                free = cured + (1.0 - cured) * uncured ** (ratio * relapse.mrd_only_hazard_ratio)
                expected += share_mrd * share_line * free
        # Death in remission counts for two years, then long-term survivors have none of it.
        at_risk = min(days, 730.5)
        expected *= math.exp(-relapse.death_rate_per_month * at_risk / MONTH)
        share = np.mean(outcomes["rfs_days"] > months * MONTH)
        assert abs(share - expected) < 4.0 * math.sqrt(expected * (1.0 - expected) / 20_000)


def test_everybody_is_in_remission_from_the_first_day(many):
    for arm in many[1].arms:
        assert arm.outcomes["response"].all()
        assert arm.outcomes["complete_remission"].all()
        assert not arm.outcomes["remission_days"].any()
    assert not many[1].arm("observation").outcomes["mrd_negative"].any()
    share = many[1].arm("blinatumomab_mrd").outcomes["mrd_negative"].mean()
    assert share == pytest.approx(88 / 113, abs=4.0 * math.sqrt(0.78 * 0.22 / 20_000))
