"""The log of a patient in compiled code: a record a line, with the fields of `Event`."""

from __future__ import annotations

from typing import Final

from sim.clinic.events import Event, Happening
from sim.engine.data import Data

NO_CYCLE: Final = -1


def record(body: Data, kind: int, cycle: int, detail: int, grade: int, value: float) -> None:
    """Write one line of the log at the present time."""
    event = body.log[body.events]
    event.time_days = body.now
    event.value = value
    event.line = body.line
    event.kind = kind
    event.cycle = cycle
    event.detail = detail
    event.grade = grade
    body.events += 1


def events_of(body: Data) -> list[Event]:
    """Return the log as the reference engine writes it."""
    return [
        Event(
            float(row["time_days"]),
            Happening(int(row["kind"])),
            int(row["line"]),
            int(row["cycle"]),
            int(row["detail"]),
            int(row["grade"]),
            float(row["value"]),
        )
        for row in body["log"][: int(body["events"])]
    ]
