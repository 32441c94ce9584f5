"""The log of a patient in compiled code: three numbers a line.

Kind, line, cycle, detail and grade of an event share one whole number, eight bits each, the
cycle one higher than it is, since -1 stands for none.
"""

from __future__ import annotations

from typing import Final

from sim.clinic.events import Event, Happening
from sim.engine.data import Data

EIGHT_BITS: Final = 0xFF
LINE_SHIFT: Final = 8
CYCLE_SHIFT: Final = 16
DETAIL_SHIFT: Final = 24
GRADE_SHIFT: Final = 32
NO_CYCLE: Final = -1


def record(body: Data, kind: int, cycle: int, detail: int, grade: int, value: float) -> None:
    """Write one line of the log at the present time."""
    event = body.log[body.events]
    event.time_days = body.now
    event.code = (
        kind
        | (body.line << LINE_SHIFT)
        | ((cycle + 1) << CYCLE_SHIFT)
        | (detail << DETAIL_SHIFT)
        | (grade << GRADE_SHIFT)
    )
    event.value = value
    body.events += 1


def kind_of(code: int) -> int:
    """Return the `Happening` of an event."""
    return code & EIGHT_BITS


def line_of(code: int) -> int:
    """Return the line of an event."""
    return (code >> LINE_SHIFT) & EIGHT_BITS


def cycle_of(code: int) -> int:
    """Return the cycle of an event, or -1."""
    return ((code >> CYCLE_SHIFT) & EIGHT_BITS) - 1


def detail_of(code: int) -> int:
    """Return the detail of an event."""
    return (code >> DETAIL_SHIFT) & EIGHT_BITS


def grade_of(code: int) -> int:
    """Return the grade of an event."""
    return (code >> GRADE_SHIFT) & EIGHT_BITS


def events_of(body: Data) -> list[Event]:
    """Return the log as the reference engine writes it."""
    return [
        Event(
            float(row["time_days"]),
            Happening(kind_of(int(row["code"]))),
            line_of(int(row["code"])),
            cycle_of(int(row["code"])),
            detail_of(int(row["code"])),
            grade_of(int(row["code"])),
            float(row["value"]),
        )
        for row in body["log"][: int(body["events"])]
    ]
