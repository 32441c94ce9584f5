"""The kinds of event of the log, and the causes of death.

`EVENTS` and `CAUSES` have a row for each, the only description of it: replay and reports derive
their own tables from them. Compiled code reads the members alone, never the rows.
"""

from collections.abc import Mapping
from enum import Flag, IntEnum, auto, unique
from typing import Final, NamedTuple

from sim.clinic.draws import RandomDraw
from sim.clinic.toxicity import DURATION_DECISION, GRADE_DECISION, ONSET_DECISION


@unique
class EventKind(IntEnum):
    """The kind of an event, each with the meaning of its `detail` and `value`."""

    ENTRY = 0  # detail: 1 in remission with MRD only, 0 with overt leukaemia
    LINE_STARTED = 1  # detail: index of the regimen in the strategy
    CYCLE_STARTED = 2
    INFUSION_STARTED = 3  # value: dose, mcg per day
    INFUSION_STOPPED = 4
    TOXICITY = 5  # detail: Toxicity, grade, value: duration in days
    SEIZURE = 6
    TREATMENT_STOPPED = 7  # detail: Toxicity that ended it
    RESPONSE = 8  # detail: 1 CR, 0 CRh/CRi; value: 1.0 MRD-negative, 0.0 MRD-positive
    NO_RESPONSE = 9
    TRANSPLANT = 10  # detail: 1 in the remission of the first line, 0 of a later one
    TRANSPLANT_VOD = 11
    TRANSPLANT_INFECTION = 12  # value: duration in days
    ACUTE_GVHD = 13  # value: duration in days
    CHRONIC_GVHD = 14  # value: duration in days
    RELAPSE = 15
    CD19_LOSS = 16
    LONG_TERM_SURVIVOR = 17
    USUAL_CARE_STARTED = 18
    SUPPORTIVE_CARE_STARTED = 19
    DEATH = 20  # detail: Cause
    HORIZON = 21
    MRD_ASSESSED = 22  # of MRD only, after its first cycle; value: 1.0 negative, 0.0 positive
    LEUKAPHERESIS = 23
    CELLS_INFUSED = 24
    CELLS_NOT_GIVEN = 25  # detail: Cells, the reason


@unique
class Cause(IntEnum):
    """The cause of a death."""

    LEUKAEMIA = 0
    TOXICITY = 1
    TRANSPLANT = 2
    IN_REMISSION = 3
    BACKGROUND = 4


class Event(NamedTuple):
    """One line of a patient's log. Lines and cycles are counted from 0; -1 means none."""

    time_days: float
    kind: EventKind
    line: int = -1
    cycle: int = -1
    detail: int = 0
    grade: int = 0
    value: float = 0.0


class Role(Flag):
    """The role of an event in a patient's history."""

    ASIDE = 0
    """Neither of the course of the disease nor of the delivery of its treatment."""
    COURSE = auto()
    """It belongs to the course of the disease."""
    DELIVERY = auto()
    """It belongs to giving a regimen: follows from the plan and from the toxicity before it."""
    PLANNED = auto()
    """It begins a treatment of the strategy."""
    ENDS_A_TIME = auto()
    """It can be due at the end of a time that was drawn."""
    ENDS_A_CYCLE = auto()
    """No dose of a cycle under way is given after it."""


class CauseFacts(NamedTuple):
    """A row of `CAUSES`: words that follow "dies", and the draws that lead to the death."""

    word: str
    drawn_by: tuple[RandomDraw, ...]


class EventFacts(NamedTuple):
    """A row of `EVENTS`.

    Attributes
    ----------
    word
        For the log, where its details surround it.
    drawn_by
        The draws that lead to the event, the first to differ foremost.
    mark
        Its name on the time line of a patient; empty when it is not marked.
    described_by
        Draws made right before the event that decide its details.
    """

    word: str
    drawn_by: tuple[RandomDraw, ...]
    role: Role
    mark: str = ""
    described_by: tuple[RandomDraw, ...] = ()


CAUSES: Final[Mapping[Cause, CauseFacts]] = {
    Cause.LEUKAEMIA: CauseFacts(
        "of leukaemia", (RandomDraw.REFRACTORY_SURVIVAL, RandomDraw.SURVIVAL_AFTER_RELAPSE)
    ),
    # Those of the fatal toxicity.
    Cause.TOXICITY: CauseFacts("of the treatment", ()),
    Cause.TRANSPLANT: CauseFacts(
        "of the transplant",
        (
            RandomDraw.TRANSPLANT_DEATH,
            RandomDraw.TRANSPLANT_DEATH_TIME,
            RandomDraw.LATE_TRANSPLANT_DEATH,
        ),
    ),
    Cause.IN_REMISSION: CauseFacts("in remission", (RandomDraw.DEATH_IN_REMISSION,)),
    Cause.BACKGROUND: CauseFacts("of another cause", (RandomDraw.BACKGROUND_DEATH,)),
}

END_OF_REMISSION: Final = (
    RandomDraw.TRANSPLANT_ELIGIBILITY,
    RandomDraw.TRANSPLANT_TIME,
    RandomDraw.CURE_IN_REMISSION,
    RandomDraw.RELAPSE_TIME,
    RandomDraw.DEATH_IN_REMISSION,
    # After a transplant those of the line do not apply.
    RandomDraw.CURE_AFTER_TRANSPLANT,
    RandomDraw.RELAPSE_AFTER_TRANSPLANT,
    RandomDraw.TRANSPLANT_DEATH,
    RandomDraw.TRANSPLANT_DEATH_TIME,
    RandomDraw.LATE_TRANSPLANT_DEATH,
)
"""Draws that decide whether and when a remission ends, first without and then after allo-HCT."""
EPISODE: Final = (
    *GRADE_DECISION.values(),
    *ONSET_DECISION.values(),
    *DURATION_DECISION.values(),
)
"""Draws of the toxicities of a cycle; an event has those of its own toxicity."""

EVENTS: Final[Mapping[EventKind, EventFacts]] = {
    EventKind.ENTRY: EventFacts("enters the model", (), Role.ASIDE),
    EventKind.LINE_STARTED: EventFacts(
        "starts", (RandomDraw.NEXT_LINE,), Role.PLANNED | Role.ENDS_A_CYCLE
    ),
    EventKind.CYCLE_STARTED: EventFacts(
        "starts",
        (RandomDraw.CONSOLIDATION, RandomDraw.MAINTENANCE),
        Role.DELIVERY | Role.ENDS_A_CYCLE,
    ),
    EventKind.INFUSION_STARTED: EventFacts("infusion", EPISODE, Role.DELIVERY),
    EventKind.INFUSION_STOPPED: EventFacts("infusion stops", EPISODE, Role.DELIVERY),
    EventKind.TOXICITY: EventFacts(
        "toxicity", EPISODE, Role.ENDS_A_TIME, "toxicity of grade 3 or more"
    ),
    EventKind.SEIZURE: EventFacts("seizure", (*EPISODE, RandomDraw.SEIZURE), Role.ASIDE),
    EventKind.TREATMENT_STOPPED: EventFacts("stopped for good", EPISODE, Role.ASIDE),
    EventKind.RESPONSE: EventFacts(
        "response",
        (
            RandomDraw.RESPONSE,
            RandomDraw.RESPONSE_CYCLE,
            RandomDraw.RESPONSE_DEPTH,
            RandomDraw.MRD,
        ),
        Role.COURSE,
        "response",
        described_by=(RandomDraw.RESPONSE_DEPTH, RandomDraw.MRD),
    ),
    EventKind.NO_RESPONSE: EventFacts(
        "no response",
        (
            RandomDraw.RESPONSE,
            RandomDraw.RESPONSE_CYCLE,
            RandomDraw.PROGRESSION_AFTER_FIRST_CYCLE,
            RandomDraw.CELL_MANUFACTURE,
            RandomDraw.FIT_FOR_CELLS,
        ),
        Role.COURSE,
        "no response",
    ),
    EventKind.TRANSPLANT: EventFacts(
        "allo-HCT",
        (
            RandomDraw.TRANSPLANT_ELIGIBILITY,
            RandomDraw.TRANSPLANT_TIME,
        ),
        Role.COURSE | Role.ENDS_A_TIME | Role.ENDS_A_CYCLE,
        "allo-HCT",
    ),
    EventKind.TRANSPLANT_VOD: EventFacts(
        "veno-occlusive disease", (RandomDraw.TRANSPLANT_VOD,), Role.ASIDE
    ),
    EventKind.TRANSPLANT_INFECTION: EventFacts(
        "infection after allo-HCT", (RandomDraw.TRANSPLANT_INFECTION,), Role.ASIDE
    ),
    EventKind.ACUTE_GVHD: EventFacts(
        "acute GVHD", (RandomDraw.ACUTE_GVHD, RandomDraw.ACUTE_GVHD_ONSET), Role.ENDS_A_TIME
    ),
    EventKind.CHRONIC_GVHD: EventFacts(
        "chronic GVHD", (RandomDraw.CHRONIC_GVHD, RandomDraw.CHRONIC_GVHD_ONSET), Role.ENDS_A_TIME
    ),
    EventKind.RELAPSE: EventFacts(
        "relapse",
        END_OF_REMISSION,
        Role.COURSE | Role.ENDS_A_TIME | Role.ENDS_A_CYCLE,
        "relapse",
    ),
    EventKind.CD19_LOSS: EventFacts("leukaemia has lost CD19", (RandomDraw.CD19_LOSS,), Role.ASIDE),
    EventKind.LONG_TERM_SURVIVOR: EventFacts(
        "long-term survivor from now on",
        END_OF_REMISSION,
        Role.COURSE,
        "long-term survivor",
        described_by=(RandomDraw.BACKGROUND_DEATH,),
    ),
    EventKind.USUAL_CARE_STARTED: EventFacts(
        "usual care",
        (RandomDraw.NEXT_LINE,),
        Role.COURSE | Role.PLANNED | Role.ENDS_A_CYCLE,
    ),
    EventKind.SUPPORTIVE_CARE_STARTED: EventFacts(
        "supportive care", (RandomDraw.NEXT_LINE,), Role.COURSE | Role.ENDS_A_CYCLE
    ),
    EventKind.DEATH: EventFacts(
        "dies",
        tuple(draw for cause in CAUSES.values() for draw in cause.drawn_by),
        Role.COURSE | Role.ENDS_A_TIME | Role.ENDS_A_CYCLE,
        "death",
    ),
    EventKind.HORIZON: EventFacts(
        "alive at the end of the horizon",
        (),
        Role.COURSE | Role.ENDS_A_CYCLE,
        "alive at the horizon",
    ),
    EventKind.MRD_ASSESSED: EventFacts(
        "MRD", (RandomDraw.MRD,), Role.COURSE, "MRD assessed", described_by=(RandomDraw.MRD,)
    ),
    EventKind.LEUKAPHERESIS: EventFacts("leukapheresis", (RandomDraw.CD19_LOSS,), Role.DELIVERY),
    EventKind.CELLS_INFUSED: EventFacts(
        "cells infused", (RandomDraw.CELL_MANUFACTURE, RandomDraw.FIT_FOR_CELLS), Role.DELIVERY
    ),
    EventKind.CELLS_NOT_GIVEN: EventFacts(
        "no cells infused",
        (RandomDraw.CD19_LOSS, RandomDraw.CELL_MANUFACTURE, RandomDraw.FIT_FOR_CELLS),
        Role.ASIDE,
    ),
}


def events_with(role: Role) -> frozenset[EventKind]:
    """Return the kinds of event that have a role."""
    return frozenset(kind for kind, facts in EVENTS.items() if role in facts.role)
