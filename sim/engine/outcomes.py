"""A patient's outcome in the vocabulary of trials: one row per patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, NamedTuple

from sim.clinic.events import Event, EventKind
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.clinic.units import NEVER

ALIVE: Final = -1


class Outcome(NamedTuple):
    """Clinical outcome of one patient; days since entry, never where it did not happen.

    Response, MRD and allo-HCT in continuous remission are those of the first line, as trials
    report them; toxicity counts any cycle of any line. A patient who enters with MRD only is in
    complete remission from day 0.
    """

    response: bool
    complete_remission: bool
    mrd_negative: bool
    hct_ever: bool
    hct_in_remission: bool
    severe_crs: bool
    severe_neurotoxicity: bool
    severe_hepatotoxicity: bool
    severe_infection: bool
    cycles_first_line: int
    remission_days: float
    relapse_days: float
    death_days: float
    cause_of_death: int
    horizon_days: float

    @property
    def rfs_days(self) -> float:
        """Time from first remission to relapse or death; NaN without remission."""
        if not self.response:
            return float("nan")
        return min(self.relapse_days, self.death_days) - self.remission_days

    @property
    def efs_days(self) -> float:
        """Time from entry to relapse or death; 0 without remission, as TOWER counted it."""
        return min(self.relapse_days, self.death_days) if self.response else 0.0


FLAGS: Final = 9
"""The first fields of an `Outcome` are yes or no."""
RESPONSE: Final = 1 << Outcome._fields.index("response")
COMPLETE_REMISSION: Final = 1 << Outcome._fields.index("complete_remission")
MRD_NEGATIVE: Final = 1 << Outcome._fields.index("mrd_negative")
HCT_EVER: Final = 1 << Outcome._fields.index("hct_ever")
HCT_IN_REMISSION: Final = 1 << Outcome._fields.index("hct_in_remission")
SEVERE_CRS: Final = 1 << Outcome._fields.index("severe_crs")
"""Of the first kind of `Toxicity`; the others follow."""


@unique
class Mark(IntEnum):
    """What published cohorts count beyond an `Outcome`: bits of `Noted.marks` after the `FLAGS`.

    Toxicity and its consequences are those of the first line.
    """

    SEVERE_FEBRILE_NEUTROPENIA = 9
    CRS_ANY = 10
    NEUROTOXICITY_ANY = 11
    INTERRUPTED = 12
    STOPPED_FOR_TOXICITY = 13
    RESPONSE_IN_FIRST_CYCLE = 14
    NEXT_LINE = 15
    CD19_LOST = 16
    VOD = 17
    ACUTE_GVHD = 18
    CHRONIC_GVHD = 19
    FAILED = 20
    THIRD_CYCLE = 21
    SIXTH_CYCLE = 22


_NEUTROPENIA: Final = 1 << Mark.SEVERE_FEBRILE_NEUTROPENIA
_CRS: Final = 1 << Mark.CRS_ANY
_NEUROTOXICITY: Final = 1 << Mark.NEUROTOXICITY_ANY
_INTERRUPTED: Final = 1 << Mark.INTERRUPTED
_STOPPED: Final = 1 << Mark.STOPPED_FOR_TOXICITY
_FIRST_CYCLE: Final = 1 << Mark.RESPONSE_IN_FIRST_CYCLE
_NEXT_LINE: Final = 1 << Mark.NEXT_LINE
_CD19_LOST: Final = 1 << Mark.CD19_LOST
_VOD: Final = 1 << Mark.VOD
_ACUTE_GVHD: Final = 1 << Mark.ACUTE_GVHD
_CHRONIC_GVHD: Final = 1 << Mark.CHRONIC_GVHD
_FAILED: Final = 1 << Mark.FAILED
_THIRD_CYCLE: Final = 1 << Mark.THIRD_CYCLE
_SIXTH_CYCLE: Final = 1 << Mark.SIXTH_CYCLE
THIRD, SIXTH = 3, 6


@dataclass(slots=True)
class Noted:
    """The outcome of the events so far.

    `marks` holds a bit for each of the `FLAGS` and each `Mark`. Failure is that of the first line.
    """

    marks: int = 0
    cycles: int = 0
    cause: int = ALIVE
    remission_days: float = NEVER
    relapse_days: float = NEVER
    death_days: float = NEVER
    end_days: float = 0.0
    assessed_days: float = NEVER
    transplant_days: float = NEVER
    relapse_after_transplant_days: float = NEVER
    failure_days: float = NEVER
    toxicity_days: float = NEVER


def clear(noted: Noted) -> None:
    """Begin a new life."""
    noted.marks = 0
    noted.cycles = 0
    noted.cause = ALIVE
    noted.remission_days = NEVER
    noted.relapse_days = NEVER
    noted.death_days = NEVER
    noted.end_days = 0.0
    noted.assessed_days = NEVER
    noted.transplant_days = NEVER
    noted.relapse_after_transplant_days = NEVER
    noted.failure_days = NEVER
    noted.toxicity_days = NEVER


def note(
    noted: Noted,
    time_days: float,
    kind: int,
    line: int,
    cycle: int,
    detail: int,
    grade: int,
    value: float,
) -> None:
    """Update the outcome with an event."""
    if kind == EventKind.TOXICITY:
        if grade >= SEVERE and detail < Toxicity.FEBRILE_NEUTROPENIA:
            noted.marks |= SEVERE_CRS << detail
        if line == 0:
            note_first_toxicity(noted, time_days, detail, grade)
    elif kind == EventKind.CYCLE_STARTED:
        noted.cycles += 1 if line == 0 else 0
        noted.marks |= _THIRD_CYCLE if noted.cycles == THIRD else 0
        noted.marks |= _SIXTH_CYCLE if noted.cycles == SIXTH else 0
    elif kind == EventKind.RESPONSE:
        if line == 0:
            noted.remission_days = time_days
            noted.marks |= RESPONSE
            noted.marks |= COMPLETE_REMISSION if detail == 1 else 0
            noted.marks |= MRD_NEGATIVE if value == 1.0 else 0
            noted.marks |= _FIRST_CYCLE if cycle == 0 else 0
    elif kind == EventKind.ENTRY:
        if detail == 1:
            noted.remission_days = time_days
            noted.marks |= RESPONSE | COMPLETE_REMISSION
    elif kind == EventKind.MRD_ASSESSED:
        noted.marks |= MRD_NEGATIVE if value == 1.0 else 0
        noted.assessed_days = time_days
    elif kind == EventKind.NO_RESPONSE:
        note_failure(noted, time_days, line)
    elif kind == EventKind.TRANSPLANT:
        noted.marks |= HCT_EVER
        noted.transplant_days = min(noted.transplant_days, time_days)
        noted.marks |= HCT_IN_REMISSION if line == 0 and detail == 1 else 0
    elif kind == EventKind.RELAPSE:
        noted.relapse_days = min(noted.relapse_days, time_days)
        if noted.transplant_days < NEVER:
            noted.relapse_after_transplant_days = min(
                noted.relapse_after_transplant_days, time_days
            )
        note_failure(noted, time_days, line)
    elif kind == EventKind.DEATH:
        noted.death_days = time_days
        noted.cause = detail
        noted.end_days = time_days
    elif kind == EventKind.HORIZON:
        noted.end_days = time_days
    elif line == 0:
        note_first_line(noted, time_days, kind)
    elif kind == EventKind.LINE_STARTED or kind == EventKind.USUAL_CARE_STARTED:
        noted.marks |= _NEXT_LINE
    else:
        note_complication(noted, kind)


def note_first_line(noted: Noted, time_days: float, kind: int) -> None:
    """Mark an event of the first line that no outcome is read from."""
    if kind == EventKind.INFUSION_STOPPED:
        if time_days == noted.toxicity_days:
            noted.marks |= _INTERRUPTED
    elif kind == EventKind.TREATMENT_STOPPED:
        noted.marks |= _STOPPED
    elif kind == EventKind.CD19_LOSS:
        noted.marks |= _CD19_LOST
    else:
        note_complication(noted, kind)


def note_complication(noted: Noted, kind: int) -> None:
    """Mark a complication of a transplant."""
    if kind == EventKind.TRANSPLANT_VOD:
        noted.marks |= _VOD
    elif kind == EventKind.ACUTE_GVHD:
        noted.marks |= _ACUTE_GVHD
    elif kind == EventKind.CHRONIC_GVHD:
        noted.marks |= _CHRONIC_GVHD


def note_first_toxicity(noted: Noted, time_days: float, kind: int, grade: int) -> None:
    """Update the outcome with a toxicity of the first line."""
    noted.toxicity_days = time_days
    if kind == Toxicity.CRS:
        noted.marks |= _CRS
    elif kind == Toxicity.NEUROTOXICITY:
        noted.marks |= _NEUROTOXICITY
    elif kind == Toxicity.FEBRILE_NEUTROPENIA and grade >= SEVERE:
        noted.marks |= _NEUTROPENIA


def note_failure(noted: Noted, time_days: float, line: int) -> None:
    """Update the outcome with no response to a line, or relapse from its remission."""
    if line == 0:
        noted.marks |= _FAILED
        noted.failure_days = min(noted.failure_days, time_days)


def noted_in(log: Sequence[Event]) -> Noted:
    """Read a patient's log."""
    noted = Noted()
    for event in log:
        note(
            noted,
            event.time_days,
            event.kind,
            event.line,
            event.cycle,
            event.detail,
            event.grade,
            event.value,
        )
    return noted


def outcome(log: Sequence[Event]) -> Outcome:
    """Read the outcome of a patient from the log."""
    noted = noted_in(log)
    flags = [(noted.marks >> flag) & 1 == 1 for flag in range(FLAGS)]
    return Outcome._make(
        (
            *flags,
            noted.cycles,
            noted.remission_days,
            noted.relapse_days,
            noted.death_days,
            noted.cause,
            noted.end_days,
        )
    )
