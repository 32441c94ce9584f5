"""CAR-T cells from leukapheresis to relapse, computed by hand.

A man of 40 in first salvage, without any risk factor. His cells are collected on day 0, and
chemotherapy bridges the 30 days until they are infused. On day 4 after the infusion he has grade 3
CRS for 10 days, which is treated in hospital; the planned stay there is 14 days. After 28 days, on day
58, he is in complete remission and MRD-negative. Immunoglobulin is replaced for 200 days, half of the
patients at 20 a day. No donor is found. MRD-negative remissions last 487 days at the median and
three quarters as long after these cells: he relapses on day 58 + 365.25 = 423.25, and the leukaemia
has lost CD19. He is not fit for another line. Relapsed leukaemia has a median of 243.5 days.

Another man's cells fail in manufacture. His leukaemia, without any response, has a median of 60.875
days from leukapheresis.

Costs are discounted at 3.5 % a year and QALYs at 1.5 %.
"""

import pytest

from sim.clinic.cells import Cells
from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, Event, EventKind
from sim.clinic.toxicity import Toxicity
from tests.support.hand_ledger import LATER_LINE, assert_ledger, assert_log, live, somebody

RATES = {
    "perspective.discount_rate_costs": 0.035,
    "perspective.discount_rate_effects": 0.015,
}
INFUSED = {
    (RandomDraw.CELL_MANUFACTURE, 0): 0.15,  # above 0.1: made
    (RandomDraw.FIT_FOR_CELLS, 0): 0.25,  # above 0.2: infused
    (RandomDraw.RESPONSE, 0): 0.4,  # below 1/2
}
LUCK = {
    **INFUSED,
    (RandomDraw.CRS, 0): 0.35,  # 0.4 severe, 0.4 (1/16 + 1/4) of grade 4 or 5: grade 3
    (RandomDraw.CRS_ONSET, 0): 0.5,  # day 4
    (RandomDraw.CRS_DURATION, 0): 0.5,  # 10 days
    (RandomDraw.RESPONSE_DEPTH, 0): 0.6,  # below 0.75: CR
    (RandomDraw.MRD, 0): 0.6,  # below 0.75: negative
    (RandomDraw.CURE_IN_REMISSION, 0): 0.25,  # above 0.2: not cured
    (RandomDraw.RELAPSE_TIME, 0): 0.5,  # the median
    (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.6,  # above 1/2: no candidate
    (RandomDraw.CD19_LOSS, 0): 0.35,  # below 0.4 for relapse after cells, above 0.1 for all others
    (RandomDraw.NEXT_LINE, LATER_LINE): 0.6,  # above 1/2: not fit
    (RandomDraw.SURVIVAL_AFTER_RELAPSE, 0): 0.5,  # the median
}
LOG = [
    Event(0.0, EventKind.ENTRY, line=0),
    Event(0.0, EventKind.LINE_STARTED, line=0),
    Event(0.0, EventKind.LEUKAPHERESIS, line=0),
    Event(30.0, EventKind.CELLS_INFUSED, line=0, cycle=0),
    Event(30.0, EventKind.CYCLE_STARTED, line=0, cycle=0),
    Event(34.0, EventKind.TOXICITY, 0, 0, detail=Toxicity.CRS, grade=3, value=10.0),
    Event(58.0, EventKind.RESPONSE, line=0, cycle=0, detail=1, value=1.0),
    Event(58 + 365.25, EventKind.RELAPSE, line=0),
    Event(423.25, EventKind.CD19_LOSS, line=0),
    Event(423.25, EventKind.SUPPORTIVE_CARE_STARTED, line=1),
    Event(423.25 + 243.5, EventKind.DEATH, line=1, detail=Cause.LEUKAEMIA),
]
TREATED, REMISSION, RELAPSED = "on_treatment", "complete_remission", "relapsed_refractory"
HOSPITAL = "administration_and_hospital"
LEDGER = [
    (HOSPITAL, TREATED, 0, 0, 0, 2000),  # leukapheresis
    ("drug", TREATED, 0, 0, 0, 0.9 * 5000),  # bridging, the mean over all
    ("drug", TREATED, 0, 30, 30, 700),  # lymphodepletion
    ("drug", TREATED, 0, 30, 30, 400_000),  # the cells
    (HOSPITAL, TREATED, 0, 30, 44, 14 * 100),
    ("toxicity", TREATED, 0, 34, 34, 3000),
    ("toxicity_decrement", TREATED, 0, 34, 44, -0.2 * 10 / 365.25),
    ("follow_up", REMISSION, 0, 58, 423.25, 365.25 * 10),
    ("follow_up", REMISSION, 0, 58, 258, 200 * 0.5 * 20),  # immunoglobulin
    ("later_lines", RELAPSED, 1, 423.25, 666.75, 243.5 * 100),
    ("health_state", TREATED, 0, 0, 58, 0.6 * 58 / 365.25),
    ("health_state", REMISSION, 0, 58, 423.25, 0.9 * 365.25 / 365.25),
    ("health_state", RELAPSED, 0, 423.25, 666.75, 0.4 * 243.5 / 365.25),
    ("life", TREATED, 0, 0, 58, 58 / 365.25),
    ("life", REMISSION, 0, 58, 423.25, 365.25 / 365.25),
    ("life", RELAPSED, 0, 423.25, 666.75, 243.5 / 365.25),
]


def test_a_life_with_cells_is_the_one_written_by_hand():
    lived = live(somebody(), LUCK, RATES, strategy="brexucabtagene")
    assert_log(lived.log, LOG)
    assert_ledger(lived.ledger, LEDGER, costs=0.035, effects=0.015)


def test_a_life_whose_cells_fail_is_the_one_written_by_hand():
    """No cells, no lymphodepletion, no ward and no loss of CD19: only what came before is paid."""
    luck = {
        (RandomDraw.CELL_MANUFACTURE, 0): 0.05,
        (RandomDraw.REFRACTORY_SURVIVAL, 0): 0.5,
        (RandomDraw.NEXT_LINE, LATER_LINE): 0.6,
    }
    lived = live(somebody(), luck, RATES, strategy="brexucabtagene")
    assert_log(
        lived.log,
        [
            *LOG[:3],
            Event(30.0, EventKind.CELLS_NOT_GIVEN, line=0, detail=Cells.NOT_MADE),
            Event(30.0, EventKind.NO_RESPONSE, line=0),
            Event(30.0, EventKind.SUPPORTIVE_CARE_STARTED, line=1),
            Event(60.875, EventKind.DEATH, line=1, detail=Cause.LEUKAEMIA),
        ],
    )
    expected = [
        *LEDGER[:2],
        ("later_lines", RELAPSED, 1, 30, 60.875, 30.875 * 100),
        ("health_state", TREATED, 0, 0, 30, 0.6 * 30 / 365.25),
        ("health_state", RELAPSED, 0, 30, 60.875, 0.4 * 30.875 / 365.25),
        ("life", TREATED, 0, 0, 30, 30 / 365.25),
        ("life", RELAPSED, 0, 30, 60.875, 30.875 / 365.25),
    ]
    assert_ledger(lived.ledger, expected, costs=0.035, effects=0.015)


def test_a_patient_who_waits_for_cells_that_never_come_can_die_before():
    """Not fit on day 30; the leukaemia kills at -ln(1 - u) = ln 2 / 4, on day 60.875 / 16."""
    luck = {
        (RandomDraw.CELL_MANUFACTURE, 0): 0.15,
        (RandomDraw.FIT_FOR_CELLS, 0): 0.15,
        (RandomDraw.REFRACTORY_SURVIVAL, 0): 1.0 - 2.0**-0.25,
    }
    lived = live(somebody(), luck, strategy="brexucabtagene")
    last = Event(60.875 / 16, EventKind.DEATH, line=0, detail=Cause.LEUKAEMIA)
    assert_log(lived.log, [*LOG[:3], last])


@pytest.mark.parametrize(
    ("crs", "grade"), [(0.024, 5), (0.026, 4), (0.124, 4), (0.151, 3), (0.41, 2)]
)
def test_severe_toxicity_kills_half_as_often_as_under_blinatumomab(crs, grade):
    """Of 0.4 severe, 1/8 x 1/2 fatal; the rest of 1/8 + 1/4 has grade 4 and stops nothing."""
    lived = live(somebody(), {**INFUSED, (RandomDraw.CRS, 0): crs}, strategy="brexucabtagene")
    (toxicity,) = (event for event in lived.log if event.kind == EventKind.TOXICITY)
    assert toxicity.grade == grade
    assert EventKind.TREATMENT_STOPPED not in [event.kind for event in lived.log]


FAILED_BLINATUMOMAB = {
    (RandomDraw.PROGRESSION_AFTER_FIRST_CYCLE, 0): 0.2,
    (RandomDraw.REFRACTORY_SURVIVAL, 0): 0.99,
    (RandomDraw.NEXT_LINE, LATER_LINE): 0.2,
}


@pytest.mark.parametrize(("response", "responds"), [(0.09, True), (0.11, False)])
def test_cells_work_less_often_after_blinatumomab(response, responds):
    """Odds of 1/3 in later salvage and of 1/3 after blinatumomab, 1/9: one in ten."""
    luck = {
        **FAILED_BLINATUMOMAB,
        (RandomDraw.CELL_MANUFACTURE, LATER_LINE): 0.15,
        (RandomDraw.FIT_FOR_CELLS, LATER_LINE): 0.25,
        (RandomDraw.RESPONSE, LATER_LINE): response,
    }
    lived = live(somebody(), luck, strategy="cells_after_blinatumomab")
    assert (EventKind.RESPONSE in [event.kind for event in lived.log]) == responds


def test_nobody_whose_leukaemia_has_lost_cd19_is_given_cells():
    """The line ends on the day on which it begins, without leukapheresis and its cost."""
    luck = {**FAILED_BLINATUMOMAB, (RandomDraw.CD19_LOSS, 0): 0.05}
    lived = live(somebody(), luck, strategy="cells_after_blinatumomab")
    second = [event for event in lived.log if event.line == 1]
    assert [event.kind for event in second[:3]] == [
        EventKind.LINE_STARTED,
        EventKind.CELLS_NOT_GIVEN,
        EventKind.NO_RESPONSE,
    ]
    assert {event.time_days for event in second[:3]} == {second[0].time_days}
    assert second[1].detail == Cells.NO_TARGET
    costs = [entry.what for entry in lived.ledger if entry.line == 1]
    assert not {"cells", "leukapheresis", "bridging chemotherapy"} & set(costs)


@pytest.mark.parametrize("infused", [True, False])
def test_mrd_alone_stays_in_remission_with_cells_and_without(infused):
    """Without cells MRD stays positive, as without treatment; immunoglobulin only with them."""
    manufacture = {(RandomDraw.CELL_MANUFACTURE, 0): 0.15 if infused else 0.05}
    luck = {(RandomDraw.FIT_FOR_CELLS, 0): 0.25, (RandomDraw.MRD, 0): 0.5} if infused else {}
    lived = live(somebody(mrd_only=True), manufacture | luck, strategy="brexucabtagene")
    kinds = [event.kind for event in lived.log]
    assert EventKind.NO_RESPONSE not in kinds
    assert EventKind.LONG_TERM_SURVIVOR in kinds
    assert (EventKind.MRD_ASSESSED in kinds) == infused
    replaced = [entry for entry in lived.ledger if entry.what == "immunoglobulin"]
    assert [(entry.start_days, entry.end_days) for entry in replaced] == [(30.0, 230.0)] * infused
