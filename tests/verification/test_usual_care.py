"""Usual care three times, with a relapse and a transplant, computed by hand.

A man of 40 in first salvage under a strategy that names no regimen, so that usual care is his
first line. It is assessed six weeks after it has begun, and two weeks pass between a failure and
the next line.

The first line, from day 0, does not work. The second, from day 56, brings an incomplete remission
on day 98 with MRD left, in which he is no candidate for a transplant. Such remissions last 60.875
days at the median, half of those under blinatumomab, and later salvage doubles the hazard:
S(t)^2 = 1/4 at that median, so that he relapses on day 158.875. The third line, from day 172.875,
brings a complete remission without MRD on day 214.875; two months (60.875 days) later he is
transplanted, and dies of it after 50 days.

What he is given is paid by the month from the start of the first line after a failure until the
next remission; remissions are followed up. In the books the lines of usual care are one.

Costs and QALYs are discounted at 3 % a year.
"""

import pytest

from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, Event, EventKind
from tests.support.hand_ledger import (
    LATER_LINE,
    THIRD_LINE,
    assert_ledger,
    assert_log,
    live,
    somebody,
)

LUCK = {
    (RandomDraw.RESPONSE, 0): 0.5,  # not below 1/2
    (RandomDraw.NEXT_LINE, LATER_LINE): 0.4,  # below 1/2: fit
    (RandomDraw.RESPONSE, LATER_LINE): 0.2,  # below 1/4, as in all later salvage
    (RandomDraw.RESPONSE_DEPTH, LATER_LINE): 0.6,  # above 1/2: CRh/CRi
    (RandomDraw.MRD, LATER_LINE): 0.6,  # above 1/2: positive
    (RandomDraw.CURE_IN_REMISSION, LATER_LINE): 0.15,  # above 0.1 of MRD-positive
    (RandomDraw.RELAPSE_TIME, LATER_LINE): 0.75,
    (RandomDraw.TRANSPLANT_ELIGIBILITY, LATER_LINE): 0.3,  # above 1/4: no candidate
    (RandomDraw.NEXT_LINE, THIRD_LINE): 0.4,
    (RandomDraw.RESPONSE, THIRD_LINE): 0.2,
    (RandomDraw.RESPONSE_DEPTH, THIRD_LINE): 0.4,  # below 1/2: CR
    (RandomDraw.MRD, THIRD_LINE): 0.4,  # below 1/2: negative
    (RandomDraw.TRANSPLANT_ELIGIBILITY, THIRD_LINE): 0.2,  # below 1/4
    (RandomDraw.TRANSPLANT_TIME, THIRD_LINE): 0.5,  # median, 60.875 days
    (RandomDraw.TRANSPLANT_DEATH, THIRD_LINE): 0.05,  # below 0.1
    (RandomDraw.TRANSPLANT_DEATH_TIME, THIRD_LINE): 0.5,  # day 50 of 100
}

HCT = 214.875 + 60.875

LOG = [
    Event(0.0, EventKind.ENTRY, line=0),
    Event(0.0, EventKind.USUAL_CARE_STARTED, line=0),
    Event(42.0, EventKind.NO_RESPONSE, line=0),
    Event(56.0, EventKind.USUAL_CARE_STARTED, line=1),
    Event(98.0, EventKind.RESPONSE, line=1, cycle=0, detail=0, value=0.0),
    Event(98 + 60.875, EventKind.RELAPSE, line=1),
    Event(172.875, EventKind.USUAL_CARE_STARTED, line=2),
    Event(214.875, EventKind.RESPONSE, line=2, cycle=0, detail=1, value=1.0),
    Event(HCT, EventKind.TRANSPLANT, line=2, detail=0),
    Event(HCT + 50, EventKind.DEATH, line=2, detail=Cause.TRANSPLANT),
]

ACTIVE, HCT_YEAR = "relapsed_refractory", "transplant_first_year"
INCOMPLETE, COMPLETE = "incomplete_remission", "complete_remission"

LEDGER = [
    # By the month, 100 a day, and 10 a day in remission.
    ("later_lines", ACTIVE, 0, 0, 98, 98 * 100),
    ("follow_up", INCOMPLETE, 0, 98, 158.875, 60.875 * 10),
    ("later_lines", ACTIVE, 0, 172.875, 214.875, 42 * 100),
    ("follow_up", COMPLETE, 0, 214.875, HCT, 60.875 * 10),
    ("transplant", HCT_YEAR, 0, HCT, HCT, 100000),
    ("end_of_life", HCT_YEAR, 0, HCT + 50, HCT + 50, 5000),
    ("health_state", ACTIVE, 0, 0, 42, 0.4 * 42 / 365.25),
    ("health_state", ACTIVE, 0, 42, 98, 0.4 * 56 / 365.25),
    ("health_state", INCOMPLETE, 0, 98, 158.875, 0.7 * 60.875 / 365.25),
    ("health_state", ACTIVE, 0, 158.875, 214.875, 0.4 * 56 / 365.25),
    ("health_state", COMPLETE, 0, 214.875, HCT, 0.9 * 60.875 / 365.25),
    ("health_state", HCT_YEAR, 0, HCT, HCT + 50, 0.65 * 50 / 365.25),
    ("life", ACTIVE, 0, 0, 42, 42 / 365.25),
    ("life", ACTIVE, 0, 42, 98, 56 / 365.25),
    ("life", INCOMPLETE, 0, 98, 158.875, 60.875 / 365.25),
    ("life", ACTIVE, 0, 158.875, 214.875, 56 / 365.25),
    ("life", COMPLETE, 0, 214.875, HCT, 60.875 / 365.25),
    ("life", HCT_YEAR, 0, HCT, HCT + 50, 50 / 365.25),
]


@pytest.fixture(scope="module")
def lived():
    rates = {"perspective.discount_rate_costs": 0.03, "perspective.discount_rate_effects": 0.03}
    return live(somebody(), LUCK, rates, strategy="observation")


def test_the_log_is_the_history_written_by_hand(lived):
    assert_log(lived.log, LOG)


def test_the_ledger_holds_every_entry_written_by_hand_and_no_other(lived):
    assert_ledger(lived.ledger, LEDGER, costs=0.03, effects=0.03)


def test_three_lines_of_usual_care_are_one_line_of_the_ledger(lived):
    assert {entry.line for entry in lived.ledger} == {0}
    assert sum(event.kind == EventKind.USUAL_CARE_STARTED for event in lived.log) == 3
