"""A responder who is bridged to allo-HCT and dies in old age, computed by hand.

A woman of 43.5 years relapses for the first time, after two years of remission. Blinatumomab
is her first salvage.

Cycle 1 runs without interruption: 9 mcg/day for a week, then 28 mcg/day; mild CRS on day 1
changes nothing. At its end, on day 28, she is in complete remission and MRD-negative. Cycle 2
follows on day 42 and a first consolidation on day 84, while the donor is made ready: 2 months
(60.875 days) after remission, on day 88.875, the pump is stopped and she is transplanted. The
bag on the pump, hung for seven days, has run for 4.875; the rest of it is lost.

Acute GVHD comes 35.5 days after the transplant and lasts 90, chronic GVHD comes after 153
days and lasts 365. The leukaemia does not come back. Two years after the transplant, on day
819.375, she counts as a long-term survivor, and from then on has four times the mortality of
her age. She dies of something else on her 60th birthday, 16.5 years after the first dose.

Costs and QALYs are discounted at 3 % a year.
"""

from __future__ import annotations

import math
from typing import Final

from sim.analyses.verify.by_hand.scripted import (
    HandPatient,
    Row,
    Script,
    somebody,
)
from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, Event, EventKind
from sim.clinic.toxicity import Toxicity

WOMAN: Final = somebody(male=False, age_years=43.5)

# Mortality a year: -ln(1 - 0.01) to the 50th birthday, -ln(1 - 0.02) after it; four times as
# much from 819.375 days after entry.
TO_SURVIVORSHIP = 819.375 / 365.25
HAZARD_AT_60 = (
    -math.log(0.99) * TO_SURVIVORSHIP
    + 4 * -math.log(0.99) * (50 - 43.5 - TO_SURVIVORSHIP)
    + 4 * -math.log(0.98) * (60 - 50)
)

LUCK: Final[Script] = {
    (RandomDraw.BACKGROUND_DEATH, 0): 1 - math.exp(-HAZARD_AT_60),
    (RandomDraw.CRS, 0): 0.2,  # from 0.08 to 0.48: grade 1-2
    (RandomDraw.CRS_ONSET, 0): 0.125,  # 8 x 0.125: day 1
    (RandomDraw.CRS_DURATION, 0): 0.5,  # median, 10 days
    (RandomDraw.RESPONSE, 0): 0.4,  # below 1/2
    (RandomDraw.RESPONSE_CYCLE, 0): 0.5,  # below 0.8: the first cycle
    (RandomDraw.RESPONSE_DEPTH, 0): 0.5,  # below 0.75: CR
    (RandomDraw.MRD, 0): 0.5,  # below 0.75: negative
    (RandomDraw.CURE_IN_REMISSION, 0): 0.9,  # above 0.2: would relapse
    (RandomDraw.RELAPSE_TIME, 0): 0.5,  # after the median of 487 days, had there been no transplant
    (RandomDraw.CONSOLIDATION, 0): 0.1,
    (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.4,  # below 1/2
    (RandomDraw.TRANSPLANT_TIME, 0): 0.5,  # median, 60.875 days
    (RandomDraw.ACUTE_GVHD, 0): 0.1,  # below 0.3
    (RandomDraw.ACUTE_GVHD_ONSET, 0): 0.25,  # 14 + 0.25 x 86 = 35.5 days
    (RandomDraw.CHRONIC_GVHD, 0): 0.1,  # below 0.2
    (RandomDraw.CHRONIC_GVHD_ONSET, 0): 0.2,  # 100 + 0.2 x 265 = 153 days
    (RandomDraw.CURE_AFTER_TRANSPLANT, 0): 0.2,  # below 0.5: cured
}

HCT = 88.875
BIRTHDAY_45, BIRTHDAY_55, DEATH = 1.5 * 365.25, 11.5 * 365.25, 16.5 * 365.25

LOG: Final = (
    Event(0.0, EventKind.ENTRY, line=0),
    Event(0.0, EventKind.LINE_STARTED, line=0),
    Event(0.0, EventKind.CYCLE_STARTED, line=0, cycle=0),
    Event(0.0, EventKind.INFUSION_STARTED, line=0, cycle=0, value=9.0),
    Event(1.0, EventKind.TOXICITY, 0, 0, detail=Toxicity.CRS, grade=2, value=10.0),
    Event(7.0, EventKind.INFUSION_STARTED, line=0, cycle=0, value=28.0),
    Event(28.0, EventKind.INFUSION_STOPPED, line=0, cycle=0),
    Event(28.0, EventKind.RESPONSE, line=0, cycle=0, detail=1, value=1.0),
    Event(42.0, EventKind.CYCLE_STARTED, line=0, cycle=1),
    Event(42.0, EventKind.INFUSION_STARTED, line=0, cycle=1, value=28.0),
    Event(70.0, EventKind.INFUSION_STOPPED, line=0, cycle=1),
    Event(84.0, EventKind.CYCLE_STARTED, line=0, cycle=2),
    Event(84.0, EventKind.INFUSION_STARTED, line=0, cycle=2, value=28.0),
    Event(28 + 60.875, EventKind.INFUSION_STOPPED, line=0, cycle=2),
    Event(28 + 60.875, EventKind.TRANSPLANT, line=0, detail=1),
    Event(HCT + 35.5, EventKind.ACUTE_GVHD, line=0, value=90.0),
    Event(HCT + 153, EventKind.CHRONIC_GVHD, line=0, value=365.0),
    Event(HCT + 2 * 365.25, EventKind.LONG_TERM_SURVIVOR, line=0),
    Event(6026.625, EventKind.DEATH, line=0, detail=Cause.BACKGROUND),
)

TREATED, REMISSION = "on_treatment", "complete_remission"
HCT_YEAR, AFTER_HCT = "transplant_first_year", "after_transplant"
HOSPITAL = "administration_and_hospital"

LEDGER: Final[tuple[Row, ...]] = (
    # Cycle 1, bags of 7 days: 63 mcg are 1.8 vials, 196 mcg are 5.6 vials of 35 mcg.
    ("drug", TREATED, 0, 0, 0, 2 * 1000),
    ("drug", TREATED, 0, 7, 7, 6 * 1000),
    ("drug", TREATED, 0, 14, 14, 6 * 1000),
    ("drug", TREATED, 0, 21, 21, 6 * 1000),
    (HOSPITAL, TREATED, 0, 0, 9, 9 * 100),
    (HOSPITAL, TREATED, 0, 0, 0, 10),  # premedication before the step dose
    (HOSPITAL, TREATED, 0, 7, 7, 10),  # and before the full dose
    (HOSPITAL, TREATED, 0, 14, 14, 50),  # bag changes at home
    (HOSPITAL, TREATED, 0, 21, 21, 50),
    (HOSPITAL, TREATED, 0, 0, 7, 7 * 4),  # pump
    (HOSPITAL, TREATED, 0, 7, 28, 21 * 4),
    ("toxicity", TREATED, 0, 1, 1, 200),  # CRS, grade 1-2
    # Cycle 2, in remission.
    ("drug", REMISSION, 0, 42, 42, 6 * 1000),
    ("drug", REMISSION, 0, 49, 49, 6 * 1000),
    ("drug", REMISSION, 0, 56, 56, 6 * 1000),
    ("drug", REMISSION, 0, 63, 63, 6 * 1000),
    (HOSPITAL, REMISSION, 0, 42, 44, 2 * 100),
    (HOSPITAL, REMISSION, 0, 42, 42, 10),
    (HOSPITAL, REMISSION, 0, 49, 49, 50),
    (HOSPITAL, REMISSION, 0, 56, 56, 50),
    (HOSPITAL, REMISSION, 0, 63, 63, 50),
    (HOSPITAL, REMISSION, 0, 42, 70, 28 * 4),
    # Cycle 3, at home, cut short: the bag for 7 days was made up and is paid for in full.
    ("drug", REMISSION, 0, 84, 84, 6 * 1000),
    (HOSPITAL, REMISSION, 0, 84, 84, 10),
    (HOSPITAL, REMISSION, 0, 84, 84, 50),
    (HOSPITAL, REMISSION, 0, 84, HCT, 4.875 * 4),
    ("follow_up", REMISSION, 0, 28, HCT, 60.875 * 10),
    # Transplant: package for 100 days, the rest of the first year, the second year.
    ("transplant", HCT_YEAR, 0, HCT, HCT, 100000),
    ("transplant", HCT_YEAR, 0, HCT + 100, HCT + 365.25, 26525),
    ("transplant", AFTER_HCT, 0, HCT + 365.25, HCT + 730.5, 7305),
    ("transplant", HCT_YEAR, 0, HCT + 35.5, HCT + 35.5, 15000),  # acute GVHD
    ("transplant", HCT_YEAR, 0, HCT + 153, HCT + 153 + 365, 365 * 100),  # chronic GVHD
    ("gvhd_decrement", HCT_YEAR, 0, HCT + 35.5, HCT + 125.5, -0.3 * 90 / 365.25),
    ("gvhd_decrement", HCT_YEAR, 0, HCT + 153, HCT + 518, -0.25 * 365 / 365.25),
    # Her health states; from 45 on nobody is better off than 0.80, from 55 on than 0.75.
    ("health_state", TREATED, 0, 0, 28, 0.6 * 28 / 365.25),
    ("health_state", REMISSION, 0, 28, HCT, 0.9 * 60.875 / 365.25),
    ("health_state", HCT_YEAR, 0, HCT, HCT + 365.25, 0.65),
    ("health_state", AFTER_HCT, 0, HCT + 365.25, BIRTHDAY_45, 0.85 * (547.875 - 454.125) / 365.25),
    ("health_state", AFTER_HCT, 0, BIRTHDAY_45, BIRTHDAY_55, 0.80 * 10),
    ("health_state", AFTER_HCT, 0, BIRTHDAY_55, DEATH, 0.75 * 5),
    ("life", TREATED, 0, 0, 28, 28 / 365.25),
    ("life", REMISSION, 0, 28, HCT, 60.875 / 365.25),
    ("life", HCT_YEAR, 0, HCT, HCT + 365.25, 1.0),
    ("life", AFTER_HCT, 0, HCT + 365.25, DEATH, 16.5 - 454.125 / 365.25),
)

PATIENT: Final = HandPatient(
    "transplanted", WOMAN, LUCK, LOG, LEDGER, costs=0.03, effects=0.03, numbers={}
)
