"""Which grade a number stands for, when a toxicity strikes, and what the label then asks for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.clinic.arithmetic import normal_quantile
from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, EventKind
from sim.clinic.toxicity import (
    Action,
    Course,
    Risk,
    Toxicity,
    course_action,
    duration_days,
    grade,
    infusion_action,
    onset_day,
    resume_day,
)
from sim.clinic.units import NEVER
from tests.support.hand_ledger import live, somebody

CRS, NEURO, HEPATO = Toxicity.CRS, Toxicity.NEUROTOXICITY, Toxicity.HEPATOTOXICITY
INFECTION, NEUTROPENIA = Toxicity.INFECTION, Toxicity.FEBRILE_NEUTROPENIA
CONTINUE, INTERRUPT, STOP = Action.CONTINUE, Action.INTERRUPT, Action.STOP

RISK = Risk(mild_probability=0.4, severe_probability=0.08, later_cycle_ratio=0.5)
COURSE = Course(
    stop_share=0.25,
    grade_5_share=0.125,
    onset_median_days=7.0,
    latest_onset_days=21.0,
    duration_median_days=5.0,
    duration_sigma=0.6,
)

# Grade: probability in the first cycle. Of 8 % severe, 1/8 are fatal and 1/4 of grade 4.
PROBABILITY = {5: 0.01, 4: 0.02, 3: 0.05, 2: 0.40, 0: 0.52}


def just_below(x):
    return math.nextafter(x, 0.0)


# Grades


@pytest.mark.parametrize(
    ("u", "expected"),
    [
        (2.0**-53, 5),
        (just_below(0.08 * 0.125), 5),
        (0.08 * 0.125, 4),
        (just_below(0.08 * 0.375), 4),
        (0.08 * 0.375, 3),
        (just_below(0.08), 3),
        (0.08, 2),
        (just_below(0.08 + 0.4), 2),
        (0.08 + 0.4, 0),
        (1.0 - 2.0**-53, 0),
    ],
)
def test_the_worst_grades_take_the_lowest_numbers(u, expected):
    assert grade(RISK, COURSE, u, first_cycle=True) == expected


@pytest.mark.parametrize(
    ("u", "expected"), [(0.004, 5), (0.014, 4), (0.039, 3), (0.041, 2), (0.239, 2), (0.241, 0)]
)
def test_a_later_cycle_has_its_share_of_the_risk(u, expected):
    """Half of it: the limits are 0.005, 0.015, 0.04 and 0.24."""
    assert grade(RISK, COURSE, u, first_cycle=False) == expected


def test_frequencies_are_the_probabilities():
    """n = 10,000 evenly spaced numbers; within one of them."""
    n = 10_000
    found = [grade(RISK, COURSE, (k + 0.5) / n, first_cycle=True) for k in range(n)]
    for severity, probability in PROBABILITY.items():
        assert abs(found.count(severity) - n * probability) <= 1


def test_no_risk_is_no_toxicity():
    assert grade(Risk(0.0, 0.0, 1.0), COURSE, 2.0**-53, first_cycle=True) == 0


uniforms = st.floats(2.0**-53, 1.0 - 2.0**-53)
probabilities = st.floats(0.0, 1.0)
small = st.floats(0.0, 0.5)


@given(uniforms, small, small, small, small, probabilities, st.floats(0.0, 1.0), st.booleans())
def test_a_higher_risk_never_makes_the_same_patient_better(
    u, mild, severe, more_mild, more_severe, ratio, more_ratio, first
):
    low = grade(Risk(mild, severe, ratio), COURSE, u, first_cycle=first)
    for worse in (
        Risk(mild + more_mild, severe, ratio),
        Risk(mild, severe + more_severe, ratio),
        Risk(mild, severe, ratio + more_ratio),
    ):
        assert grade(worse, COURSE, u, first_cycle=first) >= low


@given(uniforms, small, small, small, small)
def test_a_worse_course_never_makes_the_same_patient_better(u, four, five, more_four, more_five):
    course = COURSE._replace(stop_share=four, grade_5_share=five)
    low = grade(RISK, course, u, first_cycle=True)
    for worse in (
        course._replace(stop_share=four + more_four),
        course._replace(grade_5_share=five + more_five),
    ):
        assert grade(RISK, worse, u, first_cycle=True) >= low


# Onset and duration


def test_onset_is_uniform_before_and_after_its_median():
    """Density 0.5/7 to day 7 and 0.5/14 from there to day 21; n = 2000, rtol 1e-12."""
    for k in range(2000):
        u = (k + 0.5) / 2000
        day = onset_day(COURSE, u)
        cumulative = 0.5 * min(day, 7.0) / 7.0 + 0.5 * max(day - 7.0, 0.0) / 14.0
        assert cumulative == pytest.approx(u, rel=1e-12)


@given(uniforms)
def test_onset_lies_within_the_window(u):
    assert 0.0 < onset_day(COURSE, u) <= 21.0
    assert (onset_day(COURSE, u) < 7.0) == (u < 0.5) or onset_day(COURSE, u) == 7.0


def test_duration_is_lognormal():
    """Against scipy at n = 999 quantiles, rtol 1e-12."""
    expected = stats.lognorm(0.6, scale=5.0)
    for k in range(1, 1000):
        day = duration_days(COURSE, normal_quantile(k / 1000))
        assert day == pytest.approx(expected.ppf(k / 1000), rel=1e-12)


# The label. Toxicity, grade, duration in days, seizures before, seizure now: action, and the
# days from onset to the restart.
LABEL = [
    (CRS, 2, 5.0, 0, False, CONTINUE, 0.0),
    (CRS, 3, 5.0, 0, False, INTERRUPT, 5.0),
    (CRS, 3, 30.0, 0, False, INTERRUPT, 30.0),
    (CRS, 4, 5.0, 0, False, STOP, NEVER),
    (CRS, 5, 5.0, 0, False, STOP, NEVER),
    (NEURO, 2, 30.0, 0, False, CONTINUE, 0.0),
    (NEURO, 2, 5.0, 0, True, CONTINUE, 0.0),  # a first seizure
    (NEURO, 2, 5.0, 1, True, STOP, NEVER),  # a second one
    (NEURO, 2, 5.0, 1, False, CONTINUE, 0.0),
    (NEURO, 3, 5.0, 0, False, INTERRUPT, 5.0 + 3.0),
    (NEURO, 3, 7.0, 0, False, INTERRUPT, 7.0 + 3.0),
    (NEURO, 3, 7.01, 0, False, STOP, NEVER),
    (NEURO, 3, 5.0, 0, True, INTERRUPT, 5.0 + 3.0),
    (NEURO, 3, 5.0, 1, True, STOP, NEVER),
    (NEURO, 3, 5.0, 2, False, INTERRUPT, 5.0 + 3.0),
    (NEURO, 4, 5.0, 0, False, STOP, NEVER),
    (NEURO, 5, 5.0, 0, False, STOP, NEVER),
    (HEPATO, 2, 5.0, 0, False, CONTINUE, 0.0),
    (HEPATO, 3, 12.0, 0, False, INTERRUPT, 12.0 + 3.0),
    (HEPATO, 4, 5.0, 0, False, STOP, NEVER),
    (INFECTION, 2, 5.0, 0, False, CONTINUE, 0.0),
    (INFECTION, 3, 12.0, 0, False, CONTINUE, 0.0),
    (INFECTION, 4, 12.0, 0, False, STOP, NEVER),
    (NEUTROPENIA, 3, 12.0, 0, False, CONTINUE, 0.0),
    (NEUTROPENIA, 5, 12.0, 0, False, STOP, NEVER),
]


@pytest.mark.parametrize(("kind", "severity", "days", "before", "seizure", "action", "wait"), LABEL)
def test_infusion_is_managed_as_the_label_says(kind, severity, days, before, seizure, action, wait):
    called_for = infusion_action(kind, severity, days, seizures_before=before, seizure=seizure)
    assert called_for == action
    assert resume_day(kind, 4.0, days, called_for) == 4.0 + wait


@pytest.mark.parametrize(
    ("severity", "action"), [(2, CONTINUE), (3, CONTINUE), (4, STOP), (5, STOP)]
)
def test_a_regimen_given_in_doses_is_ended_by_grade_4_only(severity, action):
    assert course_action(severity) == action


# The same in a life

FIRST_SEIZURE = {
    (RandomDraw.NEUROTOXICITY, 0): 0.15,  # between 0.05 and 0.2: grade 3
    (RandomDraw.NEUROTOXICITY_ONSET, 0): 0.3,  # day 3
    (RandomDraw.NEUROTOXICITY_DURATION, 0): 0.2,
    (RandomDraw.SEIZURE, 0): 0.05,
}
RESPONDS = {(RandomDraw.RESPONSE, 0): 0.4, (RandomDraw.RESPONSE_CYCLE, 0): 0.5}


def days(log, kind):
    return [event.time_days for event in log if event.kind == kind]


def test_a_second_seizure_in_another_cycle_ends_treatment_for_good():
    mild = {
        (RandomDraw.NEUROTOXICITY, 1): 0.2,  # above 0.1, half of the severe risk: grade 1-2
        (RandomDraw.NEUROTOXICITY_ONSET, 1): 0.3,
        (RandomDraw.NEUROTOXICITY_DURATION, 1): 0.2,
    }
    start = FIRST_SEIZURE | RESPONDS | {(RandomDraw.CONSOLIDATION, 0): 0.1} | mild
    without = live(somebody(), start | {(RandomDraw.SEIZURE, 1): 0.5}).log
    assert days(without, EventKind.TREATMENT_STOPPED) == []
    assert len(days(without, EventKind.CYCLE_STARTED)) == 5
    second = live(somebody(), start | {(RandomDraw.SEIZURE, 1): 0.05}).log
    begun = days(second, EventKind.CYCLE_STARTED)
    assert len(begun) == 2
    assert days(second, EventKind.TREATMENT_STOPPED) == [begun[1] + 3.0]
    # A cycle with neurotoxicity but no seizure between the two makes no difference.
    between = {(RandomDraw.SEIZURE, 1): 0.5, (RandomDraw.SEIZURE, 2): 0.05}
    again = {(draw, 2): number for (draw, _), number in mild.items()}
    third = live(somebody(), start | again | between).log
    begun = days(third, EventKind.CYCLE_STARTED)
    assert len(begun) == 3
    assert days(third, EventKind.TREATMENT_STOPPED) == [begun[2] + 3.0]


def test_grade_5_ends_in_death_on_its_last_day():
    """CRS on day 3 with u = 0.005, below 0.08/8, and the median duration of 10 days."""
    fatal = {
        (RandomDraw.CRS, 0): 0.005,
        (RandomDraw.CRS_ONSET, 0): 0.375,
        (RandomDraw.CRS_DURATION, 0): 0.5,
    }
    log = live(somebody(), fatal | RESPONDS).log
    assert days(log, EventKind.TREATMENT_STOPPED) == [3.0]
    assert days(log, EventKind.INFUSION_STOPPED) == [3.0]
    assert (log[-1].kind, log[-1].detail) == (EventKind.DEATH, Cause.TOXICITY)
    assert log[-1].time_days == pytest.approx(13.0, rel=1e-12)


def test_nothing_strikes_after_treatment_has_ended_for_good():
    """Grade 4 CRS on day 3 (0.02 lies between 0.01 and 0.03), febrile neutropenia due on day 15."""
    crs = {(RandomDraw.CRS, 0): 0.02, (RandomDraw.CRS_ONSET, 0): 0.375}
    fever = {
        (RandomDraw.FEBRILE_NEUTROPENIA, 0): 0.1,
        (RandomDraw.FEBRILE_NEUTROPENIA_ONSET, 0): 0.55,
    }
    both = live(somebody(), crs | fever | RESPONDS).log
    assert [event.detail for event in both if event.kind == EventKind.TOXICITY] == [CRS]
    alone = live(somebody(), fever | RESPONDS).log
    assert [event.detail for event in alone if event.kind == EventKind.TOXICITY] == [NEUTROPENIA]


def test_the_next_cycle_waits_for_recovery_and_for_the_interruption():
    """Neurotoxicity for 10 x exp(0.7 z(0.2)) days, 3 days of recovery; 42 days a cycle."""
    log = live(somebody(), FIRST_SEIZURE | RESPONDS).log
    interruption = 10.0 * math.exp(0.7 * stats.norm.ppf(0.2)) + 3.0
    assert days(log, EventKind.RESPONSE) == pytest.approx([28.0 + interruption], rel=1e-12)
    assert days(log, EventKind.CYCLE_STARTED) == pytest.approx([0.0, 42.0 + interruption])
