"""Grade 3 CRS on day 3, rechallenge, remission and relapse, computed by hand.

A woman of 30 with a KMT2A rearrangement, whose first remission lasted six months, in first
salvage. Bags are changed every four days.

On day 3 of cycle 1 she has grade 3 CRS. The pump is stopped, tocilizumab is given, and the
CRS resolves after 10 days, on day 13, in hospital, 6 of them planned days of 9. The first bag held four days at 9 mcg/day; the last of them is lost. Blinatumomab restarts on day
13 at 9 mcg/day for 7 days and goes on at 28 mcg/day from day 20 until 28 days of infusion
have been given: 3 + 7 + 18, to day 38. There she is in incomplete remission (CRi) and
MRD-positive. The 10 days of interruption also postpone cycle 2, to day 52.

No donor is found. MRD-positive remissions last 121.75 days at the median, and KMT2A doubles
the hazard: S(t)^2 = 1/4 at that median, so that she relapses on day 38 + 121.75 = 159.75.
She is not fit for another line: care after failure by the month, until death. Relapsed leukaemia has a median
of 243.5 days, and an early relapse twice the hazard: again S^2 = 1/4 at the median, and she
dies on day 159.75 + 243.5 = 403.25.

Costs are discounted at 3.5 % a year and QALYs at 1.5 %.
"""

from __future__ import annotations

from typing import Final

from sim.analyses.verify.by_hand.scripted import (
    LATER_LINE,
    HandPatient,
    Row,
    Script,
    somebody,
)
from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, Event, EventKind
from sim.clinic.toxicity import Toxicity

WOMAN: Final = somebody(male=False, age_years=30.0, kmt2a=True, first_remission_months=6.0)

LUCK: Final[Script] = {
    (RandomDraw.CRS, 0): 0.05,  # from 0.03 to 0.08: grade 3
    (RandomDraw.CRS_ONSET, 0): 0.375,  # 8 x 0.375: day 3
    (RandomDraw.CRS_DURATION, 0): 0.5,  # median, 10 days
    (RandomDraw.RESPONSE, 0): 0.4,  # below 1/2
    (RandomDraw.RESPONSE_CYCLE, 0): 0.5,  # below 0.8: the first cycle
    (RandomDraw.RESPONSE_DEPTH, 0): 0.9,  # above 0.75: CRh/CRi
    (RandomDraw.MRD, 0): 0.9,  # above 0.75: positive
    (RandomDraw.CURE_IN_REMISSION, 0): 0.15,  # above 0.1: not cured, though 0.2 cures without MRD
    (RandomDraw.RELAPSE_TIME, 0): 0.75,
    (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.6,  # above 1/2: no candidate
    (RandomDraw.CONSOLIDATION, 0): 0.6,  # above 1/2: two cycles only
    (RandomDraw.NEXT_LINE, LATER_LINE): 0.6,  # above 1/2: not fit
    (RandomDraw.SURVIVAL_AFTER_RELAPSE, 0): 0.75,
}

LOG: Final = (
    Event(0.0, EventKind.ENTRY, line=0),
    Event(0.0, EventKind.LINE_STARTED, line=0),
    Event(0.0, EventKind.CYCLE_STARTED, line=0, cycle=0),
    Event(0.0, EventKind.INFUSION_STARTED, line=0, cycle=0, value=9.0),
    Event(3.0, EventKind.TOXICITY, 0, 0, detail=Toxicity.CRS, grade=3, value=10.0),
    Event(3.0, EventKind.INFUSION_STOPPED, line=0, cycle=0),
    Event(13.0, EventKind.INFUSION_STARTED, line=0, cycle=0, value=9.0),
    Event(20.0, EventKind.INFUSION_STARTED, line=0, cycle=0, value=28.0),
    Event(38.0, EventKind.INFUSION_STOPPED, line=0, cycle=0),
    Event(38.0, EventKind.RESPONSE, line=0, cycle=0, detail=0, value=0.0),
    Event(52.0, EventKind.CYCLE_STARTED, line=0, cycle=1),
    Event(52.0, EventKind.INFUSION_STARTED, line=0, cycle=1, value=28.0),
    Event(80.0, EventKind.INFUSION_STOPPED, line=0, cycle=1),
    Event(38 + 121.75, EventKind.RELAPSE, line=0),
    Event(159.75, EventKind.SUPPORTIVE_CARE_STARTED, line=1),
    Event(159.75 + 243.5, EventKind.DEATH, line=1, detail=Cause.LEUKAEMIA),
)

TREATED, REMISSION, RELAPSED = "on_treatment", "incomplete_remission", "relapsed_refractory"
HOSPITAL = "administration_and_hospital"

LEDGER: Final[tuple[Row, ...]] = (
    # Cycle 1 before the CRS: a bag of 4 x 9 = 36 mcg, which is one vial and a little more.
    ("drug", TREATED, 0, 0, 0, 2 * 1000),
    (HOSPITAL, TREATED, 0, 0, 9, 9 * 100),  # the planned stay
    (HOSPITAL, TREATED, 0, 0, 0, 10),  # premedication
    (HOSPITAL, TREATED, 0, 0, 3, 3 * 4),  # pump
    # CRS: tocilizumab and intensive care come on top of the planned stay.
    ("toxicity", TREATED, 0, 3, 3, 3000),
    ("toxicity_decrement", TREATED, 0, 3, 13, -0.2 * 10 / 365.25),
    # Rechallenge at 9 mcg/day: bags of 36 and 27 mcg.
    ("drug", TREATED, 0, 13, 13, 2 * 1000),
    ("drug", TREATED, 0, 17, 17, 1 * 1000),
    (HOSPITAL, TREATED, 0, 13, 13, 10),
    (HOSPITAL, TREATED, 0, 13, 13, 50),  # bag changes at home
    (HOSPITAL, TREATED, 0, 17, 17, 50),
    (HOSPITAL, TREATED, 0, 13, 20, 7 * 4),
    # 18 days at 28 mcg/day: four bags of 112 mcg (3.2 vials) and one of 56 mcg (1.6 vials).
    ("drug", TREATED, 0, 20, 20, 4 * 1000),
    ("drug", TREATED, 0, 24, 24, 4 * 1000),
    ("drug", TREATED, 0, 28, 28, 4 * 1000),
    ("drug", TREATED, 0, 32, 32, 4 * 1000),
    ("drug", TREATED, 0, 36, 36, 2 * 1000),
    (HOSPITAL, TREATED, 0, 20, 20, 10),
    (HOSPITAL, TREATED, 0, 20, 20, 50),
    (HOSPITAL, TREATED, 0, 24, 24, 50),
    (HOSPITAL, TREATED, 0, 28, 28, 50),
    (HOSPITAL, TREATED, 0, 32, 32, 50),
    (HOSPITAL, TREATED, 0, 36, 36, 50),
    (HOSPITAL, TREATED, 0, 20, 38, 18 * 4),
    # Cycle 2 in remission: seven bags of 112 mcg, the first of them hung in hospital.
    ("drug", REMISSION, 0, 52, 52, 4 * 1000),
    ("drug", REMISSION, 0, 56, 56, 4 * 1000),
    ("drug", REMISSION, 0, 60, 60, 4 * 1000),
    ("drug", REMISSION, 0, 64, 64, 4 * 1000),
    ("drug", REMISSION, 0, 68, 68, 4 * 1000),
    ("drug", REMISSION, 0, 72, 72, 4 * 1000),
    ("drug", REMISSION, 0, 76, 76, 4 * 1000),
    (HOSPITAL, REMISSION, 0, 52, 54, 2 * 100),
    (HOSPITAL, REMISSION, 0, 52, 52, 10),
    (HOSPITAL, REMISSION, 0, 56, 56, 50),
    (HOSPITAL, REMISSION, 0, 60, 60, 50),
    (HOSPITAL, REMISSION, 0, 64, 64, 50),
    (HOSPITAL, REMISSION, 0, 68, 68, 50),
    (HOSPITAL, REMISSION, 0, 72, 72, 50),
    (HOSPITAL, REMISSION, 0, 76, 76, 50),
    (HOSPITAL, REMISSION, 0, 52, 80, 28 * 4),
    ("follow_up", REMISSION, 0, 38, 159.75, 121.75 * 10),
    # After relapse, the end of life included.
    ("later_lines", RELAPSED, 1, 159.75, 403.25, 243.5 * 100),
    ("health_state", TREATED, 0, 0, 38, 0.6 * 38 / 365.25),
    ("health_state", REMISSION, 0, 38, 159.75, 0.7 * 121.75 / 365.25),
    ("health_state", RELAPSED, 0, 159.75, 403.25, 0.4 * 243.5 / 365.25),
    ("life", TREATED, 0, 0, 38, 38 / 365.25),
    ("life", REMISSION, 0, 38, 159.75, 121.75 / 365.25),
    ("life", RELAPSED, 0, 159.75, 403.25, 243.5 / 365.25),
)

PATIENT: Final = HandPatient(
    "crs",
    WOMAN,
    LUCK,
    LOG,
    LEDGER,
    costs=0.035,
    effects=0.015,
    numbers={"hospital.blinatumomab.bag_hours": 96.0},
)
