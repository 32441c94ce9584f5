"""What can happen, in the words of the event log."""

from enum import IntEnum, unique
from typing import NamedTuple


@unique
class Happening(IntEnum):
    """The kind of an event. The meaning of `detail` and `value` stands beside each."""

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
    TRANSPLANT = 10  # detail: 1 in continuous remission after the line, 0 after rescue
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


@unique
class Cause(IntEnum):
    """What a patient dies of."""

    LEUKAEMIA = 0
    TOXICITY = 1
    TRANSPLANT = 2
    IN_REMISSION = 3
    BACKGROUND = 4


class Event(NamedTuple):
    """One line of a patient's log. Lines and cycles are counted from 0; -1 means none."""

    time_days: float
    kind: Happening
    line: int = -1
    cycle: int = -1
    detail: int = 0
    grade: int = 0
    value: float = 0.0
