"""A non-responder who goes on to usual care and dies of leukaemia, computed by hand.

A man of 60 in second salvage. Blinatumomab does not work: in second salvage the chance of a
remission is 1 in 4 (in first salvage, with the same random numbers, he would have responded).

In cycle 1 he has grade 3 febrile neutropenia from day 15 to day 19, treated in hospital, at the
price of an episode, while the pump runs on. On day 5 of cycle 2 (day 47) grade 3 neurotoxicity strikes, with a first
seizure. It lasts 10 days, more than the 7 that the label allows: blinatumomab is stopped for
good after 5 days of the cycle, and two of the seven days in the bag are lost.

On day 70, when cycle 2 would have ended, there is no remission, and the leukaemia has lost
CD19. Of this leukaemia he would die on day 243.5, but he is fit for another line: usual care
begins two weeks later, on day 84, and is paid by the month until death. His leukaemia does not
respond to it either, as is found six weeks later, on day 126. For a third line he is not fit: he
has supportive care from then on, and dies of leukaemia on day 84 + 243.5 = 327.5.

Refractory leukaemia has a median of 60.875 days from the start of a line and shape 1/2, and later
salvage twice the hazard, so that S(t) = 2^-(2 (t / 60.875)^(1/2)); with S = 1/16 = 2^-4 the root
is 2, and that day comes 4 medians after the start.

Nothing is discounted.
"""

from __future__ import annotations

from typing import Final

from sim.analyses.verify.by_hand.scripted import (
    LATER_LINE,
    THIRD_LINE,
    HandPatient,
    Row,
    Script,
    somebody,
)
from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, Event, EventKind
from sim.clinic.toxicity import Toxicity

MAN: Final = somebody(age_years=60.0, salvage_line=2)

LUCK: Final[Script] = {
    (RandomDraw.RESPONSE, 0): 0.3,  # between 1/4 and 1/2
    (RandomDraw.REFRACTORY_SURVIVAL, 0): 1 - 1 / 16,
    (RandomDraw.FEBRILE_NEUTROPENIA, 0): 0.1,  # below 0.2: severe
    (RandomDraw.FEBRILE_NEUTROPENIA_ONSET, 0): 0.55,  # 14 + (2 x 0.55 - 1) x 10 = day 15
    (RandomDraw.FEBRILE_NEUTROPENIA_DURATION, 0): 0.5,  # median, 4 days
    (RandomDraw.NEUROTOXICITY, 1): 0.06,  # half the risk of cycle 1: 0.025 to 0.1 is grade 3
    (RandomDraw.NEUROTOXICITY_ONSET, 1): 0.5,  # 10 x 0.5: day 5
    (RandomDraw.NEUROTOXICITY_DURATION, 1): 0.5,  # median, 10 days
    (RandomDraw.SEIZURE, 1): 0.05,  # below 0.1
    (RandomDraw.CD19_LOSS, 0): 0.05,  # below 0.1
    (RandomDraw.NEXT_LINE, LATER_LINE): 0.4,  # below 1/2: fit for usual care
    (RandomDraw.RESPONSE, LATER_LINE): 0.3,  # above 1/4: no remission
    (RandomDraw.REFRACTORY_SURVIVAL, LATER_LINE): 1 - 1 / 16,
    (RandomDraw.NEXT_LINE, THIRD_LINE): 0.6,  # above 1/2: not fit
}

LOG: Final = (
    Event(0.0, EventKind.ENTRY, line=0),
    Event(0.0, EventKind.LINE_STARTED, line=0),
    Event(0.0, EventKind.CYCLE_STARTED, line=0, cycle=0),
    Event(0.0, EventKind.INFUSION_STARTED, line=0, cycle=0, value=9.0),
    Event(7.0, EventKind.INFUSION_STARTED, line=0, cycle=0, value=28.0),
    Event(15.0, EventKind.TOXICITY, 0, 0, Toxicity.FEBRILE_NEUTROPENIA, grade=3, value=4.0),
    Event(28.0, EventKind.INFUSION_STOPPED, line=0, cycle=0),
    Event(42.0, EventKind.CYCLE_STARTED, line=0, cycle=1),
    Event(42.0, EventKind.INFUSION_STARTED, line=0, cycle=1, value=28.0),
    Event(47.0, EventKind.TOXICITY, 0, 1, Toxicity.NEUROTOXICITY, grade=3, value=10.0),
    Event(47.0, EventKind.SEIZURE, 0, 1, Toxicity.NEUROTOXICITY, grade=3),
    Event(47.0, EventKind.TREATMENT_STOPPED, 0, 1, Toxicity.NEUROTOXICITY, grade=3),
    Event(47.0, EventKind.INFUSION_STOPPED, line=0, cycle=1),
    Event(70.0, EventKind.NO_RESPONSE, line=0),
    Event(70.0, EventKind.CD19_LOSS, line=0),
    Event(84.0, EventKind.USUAL_CARE_STARTED, line=1),
    Event(126.0, EventKind.NO_RESPONSE, line=1),
    Event(126.0, EventKind.SUPPORTIVE_CARE_STARTED, line=2),
    Event(84 + 4 * 60.875, EventKind.DEATH, line=2, detail=Cause.LEUKAEMIA),
)

TREATED, REFRACTORY = "on_treatment", "relapsed_refractory"
HOSPITAL = "administration_and_hospital"

LEDGER: Final[tuple[Row, ...]] = (
    # Cycle 1, bags of 7 days: 63 mcg are 1.8 vials, 196 mcg are 5.6 vials of 35 mcg.
    ("drug", TREATED, 0, 0, 0, 2 * 1000),
    ("drug", TREATED, 0, 7, 7, 6 * 1000),
    ("drug", TREATED, 0, 14, 14, 6 * 1000),
    ("drug", TREATED, 0, 21, 21, 6 * 1000),
    (HOSPITAL, TREATED, 0, 0, 9, 9 * 100),
    (HOSPITAL, TREATED, 0, 0, 0, 10),  # premedication
    (HOSPITAL, TREATED, 0, 7, 7, 10),
    (HOSPITAL, TREATED, 0, 14, 14, 50),  # bag changes
    (HOSPITAL, TREATED, 0, 21, 21, 50),
    (HOSPITAL, TREATED, 0, 0, 7, 7 * 4),  # pump
    (HOSPITAL, TREATED, 0, 7, 28, 21 * 4),
    ("toxicity", TREATED, 0, 15, 15, 600),  # febrile neutropenia
    ("toxicity_decrement", TREATED, 0, 15, 19, -0.2 * 4 / 365.25),
    # Cycle 2: one bag, 6 vials, of whose 7 days 5 are given.
    ("drug", TREATED, 0, 42, 42, 6 * 1000),
    (HOSPITAL, TREATED, 0, 42, 44, 2 * 100),
    (HOSPITAL, TREATED, 0, 42, 42, 10),
    (HOSPITAL, TREATED, 0, 42, 47, 5 * 4),
    ("toxicity", TREATED, 0, 47, 47, 1500),  # neurotoxicity
    ("toxicity_decrement", TREATED, 0, 47, 57, -0.2 * 10 / 365.25),
    # Usual care and what follows it, the end of life included.
    ("later_lines", REFRACTORY, 1, 84, 327.5, 243.5 * 100),
    ("health_state", TREATED, 0, 0, 70, 0.6 * 70 / 365.25),
    ("health_state", REFRACTORY, 0, 70, 126, 0.4 * 56 / 365.25),
    ("health_state", REFRACTORY, 1, 126, 327.5, 0.4 * 201.5 / 365.25),
    ("life", TREATED, 0, 0, 70, 70 / 365.25),
    ("life", REFRACTORY, 0, 70, 126, 56 / 365.25),
    ("life", REFRACTORY, 1, 126, 327.5, 201.5 / 365.25),
)

PATIENT: Final = HandPatient(
    "refractory", MAN, LUCK, LOG, LEDGER, costs=0.0, effects=0.0, numbers={}
)
