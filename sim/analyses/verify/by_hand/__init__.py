"""Three patients whose events and amounts were computed by hand, and the comparison of a life with them.

The scenario of round numbers is ``three_patients.yaml``. Nothing here is taken from the program's
own functions for time or money: discounting is done with `math`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

import simpy

from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, Event, EventKind
from sim.clinic.patient import Patient
from sim.clinic.toxicity import Toxicity
from sim.economics.clerk import entries
from sim.economics.ledger import Entry
from sim.engine.reference import lived, new_life
from sim.engine.streams import Luck
from sim.simulation.question import ask

SCENARIO: Final = Path(str(resources.files(__package__) / "three_patients.yaml"))
NOTHING_HAPPENS: Final = 1.0 - 2.0**-53
"""The largest uniform: no event of any probability, and any clock rings as late as it can."""
LATER_LINE, THIRD_LINE, FOURTH_LINE = 64, 128, 192
"""The occurrence of what is drawn once in the second line, in the third and in the fourth."""
PAIRED_DIGITS: Final = 6
"""Digits after the point to which days and amounts are alike where entries are paired."""
CLOSE: Final = 1e-9
"""Relative difference of a number computed by hand in floating point."""
EFFECTS: Final = ("life", "health_state", "toxicity_decrement", "gvhd_decrement")
"""The categories that are no costs."""

Script = Mapping[tuple[int, int], float]
"""Uniform numbers by decision and occurrence."""
Row = tuple[str, str, int, float, float, float]
"""Category, health state, line, first day, last day, undiscounted amount."""


class ScriptedStreams(Luck):
    """Uniform numbers from a script of (decision, occurrence)."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: set[tuple[int, int]] = set()

    def uniform(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the number of the script, or one at which nothing happens."""
        del patient
        self.asked.add((decision, occurrence))
        return self.script.get((decision, occurrence), NOTHING_HAPPENS)


class Lived(NamedTuple):
    """A life as the reference engine simulates it and as the clerk books it."""

    log: Sequence[Event]
    ledger: Sequence[Entry]


@dataclass(frozen=True)
class HandPatient:
    """A patient with the history and the books that were written by hand.

    Attributes
    ----------
    patient, luck
        The baseline, and the random numbers that matter.
    log, ledger
        Every event, and every entry.
    costs, effects
        Annual discount rates.
    numbers
        Parameters that differ from those of the scenario.
    """

    name: str
    patient: Patient
    luck: Script
    log: Sequence[Event]
    ledger: Sequence[Row]
    costs: float = 0.0
    effects: float = 0.0
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def overrides(self) -> dict[str, float]:
        """The parameters that differ, discount rates among them."""
        return {
            **self.numbers,
            "perspective.discount_rate_costs": self.costs,
            "perspective.discount_rate_effects": self.effects,
        }

    def live(self) -> Lived:
        """Return the life as the program has it."""
        return live(self.patient, self.luck, self.overrides)


def somebody(**traits: Any) -> Patient:  # noqa: ANN401 - of any field of a patient
    """Return a man in first salvage after two years of first remission, without any risk factor."""
    plain = Patient(
        number=0,
        age_years=40.0,
        male=True,
        weight_kg=80.0,
        height_cm=180.0,
        salvage_line=1,
        prior_hct=False,
        ph_positive=False,
        kmt2a=False,
        high_blasts=False,
        cns=False,
        extramedullary=False,
        primary_refractory=False,
        first_remission_months=24.0,
        mrd_only=False,
    )
    return plain._replace(**traits)


def live(
    patient: Patient,
    script: Script,
    overrides: Mapping[str, float] | None = None,
    strategy: str = "blinatumomab",
) -> Lived:
    """Let `patient` live under a strategy with the luck of the `script`.

    Raises
    ------
    ValueError
        When the script holds a number that was not asked for.
    """
    question = ask(SCENARIO, overrides=overrides)
    environment, streams = simpy.Environment(), ScriptedStreams(script)
    (plan,) = (each for each in question.model.strategies if each.name == strategy)
    life = new_life(question.model, plan, patient, streams)
    environment.process(lived(environment, question.model.world(), life))
    environment.run()
    unused = set(script) - streams.asked
    if unused:
        message = f"never drawn: {sorted(unused)}"
        raise ValueError(message)
    regimens = tuple(regimen.name for regimen in plan.regimens)
    return Lived(life.log, entries(question.accounts, regimens, patient, life.log))


def wrong_events(log: Sequence[Event], expected: Sequence[Event]) -> list[str]:
    """Return the events that differ from those by hand; times and values within `CLOSE`."""
    wrong = [
        f"{event} instead of {by_hand}"
        for event, by_hand in zip(log, expected, strict=False)
        if event[1:6] != by_hand[1:6]
        or not _close(event.time_days, by_hand.time_days)
        or not _close(event.value, by_hand.value)
    ]
    if len(log) != len(expected):
        wrong.append(f"{len(log)} events instead of {len(expected)}: {log}")
    return wrong


def present_value(row: Row, annual_rate: float) -> float:
    """Discount a row: ``(1 + r)^(-t / 365.25)`` at a point, its mean over an interval."""
    *_, start, end, amount = row
    force = math.log(1.0 + annual_rate) / 365.25
    if force == 0.0:
        return amount
    if start == end:
        return amount * math.exp(-force * start)
    mean = (math.exp(-force * start) - math.exp(-force * end)) / (force * (end - start))
    return amount * mean


def wrong_entries(
    ledger: Iterable[Entry], expected: Iterable[Row], *, costs: float, effects: float
) -> list[str]:
    """Return the entries that differ from the rows written by hand: missing, too many, or of another amount.

    `costs` and `effects` are annual discount rates. Days and amounts within `CLOSE`.
    """
    rows = sorted(expected, key=_rounded)
    booked = sorted(ledger, key=lambda entry: _rounded(_row(entry)))
    by_hand = Counter(map(_rounded, rows))
    by_clerk = Counter(_rounded(_row(entry)) for entry in booked)
    wrong = [f"not booked: {row}" for row in (by_hand - by_clerk).elements()]
    wrong += [f"not in the hand computation: {row}" for row in (by_clerk - by_hand).elements()]
    if wrong:
        return wrong
    for row, entry in zip(rows, booked, strict=True):
        rate = effects if row[0] in EFFECTS else costs
        found = (entry.start_days, entry.end_days, entry.undiscounted, entry.discounted)
        wanted = (*row[3:], present_value(row, rate))
        if not all(map(_close, found, wanted)):
            wrong.append(f"{found} instead of {wanted} in {row}")
    return wrong


def _close(found: float, wanted: float) -> bool:
    return math.isclose(found, wanted, rel_tol=CLOSE)


def _row(e: Entry) -> Row:
    return e.category.label, e.state.value, e.line, e.start_days, e.end_days, e.undiscounted


def _rounded(row: Row) -> Row:
    category, state, line, *numbers = row
    start, end, amount = (round(number, PAIRED_DIGITS) for number in numbers)
    return category, state, line, start, end, amount


# ------------------------------------------------------------------------------ the patients

TREATED, REMISSION, INCOMPLETE = "on_treatment", "complete_remission", "incomplete_remission"
RELAPSED, HCT_YEAR, AFTER_HCT = "relapsed_refractory", "transplant_first_year", "after_transplant"
HOSPITAL = "administration_and_hospital"
STARTED: Final = (
    Event(0.0, EventKind.ENTRY, line=0),
    Event(0.0, EventKind.LINE_STARTED, line=0),
    Event(0.0, EventKind.CYCLE_STARTED, line=0, cycle=0),
    Event(0.0, EventKind.INFUSION_STARTED, line=0, cycle=0, value=9.0),
)
"""The first events of each."""
CYCLE_1: Final[tuple[Row, ...]] = (
    # Bags of 7 days: 63 mcg are 1.8 vials, 196 mcg are 5.6 vials of 35 mcg.
    ("drug", TREATED, 0, 0, 0, 2 * 1000),
    *(("drug", TREATED, 0, day, day, 6 * 1000) for day in (7, 14, 21)),
    (HOSPITAL, TREATED, 0, 0, 9, 9 * 100),
    (HOSPITAL, TREATED, 0, 0, 0, 10),  # premedication before the step dose
    (HOSPITAL, TREATED, 0, 7, 7, 10),  # and before the full dose
    *((HOSPITAL, TREATED, 0, day, day, 50) for day in (14, 21)),  # bag changes at home
    (HOSPITAL, TREATED, 0, 0, 7, 7 * 4),  # pump
    (HOSPITAL, TREATED, 0, 7, 28, 21 * 4),
)
"""A first cycle without interruption."""

# Mortality a year: -ln(1 - 0.01) to the 50th birthday, -ln(1 - 0.02) after it; four times as
# much from 819.375 days after entry.
TO_SURVIVORSHIP = 819.375 / 365.25
HAZARD_AT_60 = (
    -math.log(0.99) * TO_SURVIVORSHIP
    + 4 * -math.log(0.99) * (50 - 43.5 - TO_SURVIVORSHIP)
    + 4 * -math.log(0.98) * (60 - 50)
)
HCT = 88.875
BIRTHDAY_45, BIRTHDAY_55, DEATH = 1.5 * 365.25, 11.5 * 365.25, 16.5 * 365.25
TRANSPLANTED: Final = HandPatient(
    name="transplanted",
    patient=somebody(male=False, age_years=43.5),
    luck={
        (RandomDraw.BACKGROUND_DEATH, 0): 1 - math.exp(-HAZARD_AT_60),
        (RandomDraw.CRS, 0): 0.2,  # from 0.08 to 0.48: grade 1-2
        (RandomDraw.CRS_ONSET, 0): 0.125,  # 8 x 0.125: day 1
        (RandomDraw.CRS_DURATION, 0): 0.5,  # median, 10 days
        (RandomDraw.RESPONSE, 0): 0.4,  # below 1/2
        (RandomDraw.RESPONSE_CYCLE, 0): 0.5,  # below 0.8: the first cycle
        (RandomDraw.RESPONSE_DEPTH, 0): 0.5,  # below 0.75: CR
        (RandomDraw.MRD, 0): 0.5,  # below 0.75: negative
        (RandomDraw.CURE_IN_REMISSION, 0): 0.9,  # above 0.2: would relapse
        (RandomDraw.RELAPSE_TIME, 0): 0.5,  # the median of 487 days, had there been no transplant
        (RandomDraw.CONSOLIDATION, 0): 0.1,
        (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.4,  # below 1/2
        (RandomDraw.TRANSPLANT_TIME, 0): 0.5,  # median, 60.875 days
        (RandomDraw.ACUTE_GVHD, 0): 0.1,  # below 0.3
        (RandomDraw.ACUTE_GVHD_ONSET, 0): 0.25,  # 14 + 0.25 x 86 = 35.5 days
        (RandomDraw.CHRONIC_GVHD, 0): 0.1,  # below 0.2
        (RandomDraw.CHRONIC_GVHD_ONSET, 0): 0.2,  # 100 + 0.2 x 265 = 153 days
        (RandomDraw.CURE_AFTER_TRANSPLANT, 0): 0.2,  # below 0.5: cured
    },
    log=(
        *STARTED,
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
    ),
    ledger=(
        *CYCLE_1,
        ("toxicity", TREATED, 0, 1, 1, 200),  # CRS, grade 1-2
        # Cycle 2, in remission.
        *(("drug", REMISSION, 0, day, day, 6 * 1000) for day in (42, 49, 56, 63)),
        (HOSPITAL, REMISSION, 0, 42, 44, 2 * 100),
        (HOSPITAL, REMISSION, 0, 42, 42, 10),
        *((HOSPITAL, REMISSION, 0, day, day, 50) for day in (49, 56, 63)),
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
        (
            "health_state",
            AFTER_HCT,
            0,
            HCT + 365.25,
            BIRTHDAY_45,
            0.85 * (547.875 - 454.125) / 365.25,
        ),
        ("health_state", AFTER_HCT, 0, BIRTHDAY_45, BIRTHDAY_55, 0.80 * 10),
        ("health_state", AFTER_HCT, 0, BIRTHDAY_55, DEATH, 0.75 * 5),
        ("life", TREATED, 0, 0, 28, 28 / 365.25),
        ("life", REMISSION, 0, 28, HCT, 60.875 / 365.25),
        ("life", HCT_YEAR, 0, HCT, HCT + 365.25, 1.0),
        ("life", AFTER_HCT, 0, HCT + 365.25, DEATH, 16.5 - 454.125 / 365.25),
    ),
    costs=0.03,
    effects=0.03,
)
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

REFRACTORY: Final = HandPatient(
    name="refractory",
    patient=somebody(age_years=60.0, salvage_line=2),
    luck={
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
    },
    log=(
        *STARTED,
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
    ),
    ledger=(
        *CYCLE_1,
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
        ("later_lines", RELAPSED, 1, 84, 327.5, 243.5 * 100),
        ("health_state", TREATED, 0, 0, 70, 0.6 * 70 / 365.25),
        ("health_state", RELAPSED, 0, 70, 126, 0.4 * 56 / 365.25),
        ("health_state", RELAPSED, 1, 126, 327.5, 0.4 * 201.5 / 365.25),
        ("life", TREATED, 0, 0, 70, 70 / 365.25),
        ("life", RELAPSED, 0, 70, 126, 56 / 365.25),
        ("life", RELAPSED, 1, 126, 327.5, 201.5 / 365.25),
    ),
)
"""A non-responder who goes on to usual care and dies of leukaemia, computed by hand.

A man of 60 in second salvage. Blinatumomab does not work: in second salvage the chance of a
remission is 1 in 4 (in first salvage, with the same random numbers, he would have responded).

In cycle 1 he has grade 3 febrile neutropenia from day 15 to day 19, treated in hospital, at the
price of an episode, while the pump runs on. On day 5 of cycle 2 (day 47) grade 3 neurotoxicity
begins, with a first seizure. It lasts 10 days, more than the 7 that the label allows: blinatumomab
is stopped for good after 5 days of the cycle, and two of the seven days in the bag are lost.

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

CRS: Final = HandPatient(
    name="crs",
    patient=somebody(male=False, age_years=30.0, kmt2a=True, first_remission_months=6.0),
    luck={
        (RandomDraw.CRS, 0): 0.05,  # from 0.03 to 0.08: grade 3
        (RandomDraw.CRS_ONSET, 0): 0.375,  # 8 x 0.375: day 3
        (RandomDraw.CRS_DURATION, 0): 0.5,  # median, 10 days
        (RandomDraw.RESPONSE, 0): 0.4,  # below 1/2
        (RandomDraw.RESPONSE_CYCLE, 0): 0.5,  # below 0.8: the first cycle
        (RandomDraw.RESPONSE_DEPTH, 0): 0.9,  # above 0.75: CRh/CRi
        (RandomDraw.MRD, 0): 0.9,  # above 0.75: positive
        (
            RandomDraw.CURE_IN_REMISSION,
            0,
        ): 0.15,  # above 0.1: not cured, though 0.2 cures without MRD
        (RandomDraw.RELAPSE_TIME, 0): 0.75,
        (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.6,  # above 1/2: no candidate
        (RandomDraw.CONSOLIDATION, 0): 0.6,  # above 1/2: two cycles only
        (RandomDraw.NEXT_LINE, LATER_LINE): 0.6,  # above 1/2: not fit
        (RandomDraw.SURVIVAL_AFTER_RELAPSE, 0): 0.75,
    },
    log=(
        *STARTED,
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
    ),
    ledger=(
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
        *(("drug", TREATED, 0, day, day, 4 * 1000) for day in (20, 24, 28, 32)),
        ("drug", TREATED, 0, 36, 36, 2 * 1000),
        (HOSPITAL, TREATED, 0, 20, 20, 10),
        *((HOSPITAL, TREATED, 0, day, day, 50) for day in (20, 24, 28, 32, 36)),
        (HOSPITAL, TREATED, 0, 20, 38, 18 * 4),
        # Cycle 2 in remission: seven bags of 112 mcg, the first of them hung in hospital.
        *(("drug", INCOMPLETE, 0, day, day, 4 * 1000) for day in (52, 56, 60, 64, 68, 72, 76)),
        (HOSPITAL, INCOMPLETE, 0, 52, 54, 2 * 100),
        (HOSPITAL, INCOMPLETE, 0, 52, 52, 10),
        *((HOSPITAL, INCOMPLETE, 0, day, day, 50) for day in (56, 60, 64, 68, 72, 76)),
        (HOSPITAL, INCOMPLETE, 0, 52, 80, 28 * 4),
        ("follow_up", INCOMPLETE, 0, 38, 159.75, 121.75 * 10),
        # After relapse, the end of life included.
        ("later_lines", RELAPSED, 1, 159.75, 403.25, 243.5 * 100),
        ("health_state", TREATED, 0, 0, 38, 0.6 * 38 / 365.25),
        ("health_state", INCOMPLETE, 0, 38, 159.75, 0.7 * 121.75 / 365.25),
        ("health_state", RELAPSED, 0, 159.75, 403.25, 0.4 * 243.5 / 365.25),
        ("life", TREATED, 0, 0, 38, 38 / 365.25),
        ("life", INCOMPLETE, 0, 38, 159.75, 121.75 / 365.25),
        ("life", RELAPSED, 0, 159.75, 403.25, 243.5 / 365.25),
    ),
    costs=0.035,
    effects=0.015,
    numbers={"hospital.blinatumomab.bag_hours": 96.0},
)
"""Grade 3 CRS on day 3, rechallenge, remission and relapse, computed by hand.

A woman of 30 with a KMT2A rearrangement, whose first remission lasted six months, in first
salvage. Bags are changed every four days.

On day 3 of cycle 1 she has grade 3 CRS. The pump is stopped, tocilizumab is given, and the CRS
resolves after 10 days, on day 13, in hospital, 6 of them planned days of 9. The first bag held four
days at 9 mcg/day; the last of them is lost. Blinatumomab restarts on day 13 at 9 mcg/day for 7 days
and goes on at 28 mcg/day from day 20 until 28 days of infusion have been given: 3 + 7 + 18, to day
38. There she is in incomplete remission (CRi) and MRD-positive. The 10 days of interruption also
postpone cycle 2, to day 52.

No donor is found. MRD-positive remissions last 121.75 days at the median, and KMT2A doubles
the hazard: S(t)^2 = 1/4 at that median, so that she relapses on day 38 + 121.75 = 159.75.
She is not fit for another line: care after failure by the month, until death. Relapsed leukaemia has a median
of 243.5 days, and an early relapse twice the hazard: again S^2 = 1/4 at the median, and she
dies on day 159.75 + 243.5 = 403.25.

Costs are discounted at 3.5 % a year and QALYs at 1.5 %.
"""

PATIENTS: Final = (TRANSPLANTED, REFRACTORY, CRS)
