"""The continuous infusion of one cycle: dose steps, interruptions, restarts."""

from collections.abc import MutableSequence, Sequence
from typing import Final, NamedTuple, TypeAlias

from sim.clinic.units import NEVER


class Schedule(NamedTuple):
    """How a regimen is given: parameters ``<regimen>.schedule.*``."""

    first_cycle_days: float
    cycle_days: float
    maintenance_cycle_days: float
    infusion_days: float
    step_days: float
    step_dose_mcg_per_day: float
    full_dose_mcg_per_day: float
    induction_cycles: float
    consolidation_cycles: float
    maintenance_cycles: float
    consolidation_probability: float
    maintenance_probability: float


Buffer: TypeAlias = MutableSequence[float]

MOST_SEGMENTS: Final = 12
"""Two at the start and two after each of the five toxicities."""


def lay_segments(
    schedule: Schedule,
    onset_days: Sequence[float],
    resume_days: Sequence[float],
    interruptions: int,
    step_up: bool,
    starts: Buffer,
    ends: Buffer,
    doses: Buffer,
) -> int:
    """Write the segments of a cycle's infusion into `starts`, `ends` and `doses`; return how many.

    Without interruption: the step dose for ``step_days`` when `step_up`, then the full dose,
    ``infusion_days`` in all. An interruption stops the pump at its onset; the infusion restarts
    at the step dose for ``step_days`` and goes on until ``infusion_days`` have been given. It
    ends for good at an onset whose day of resumption is never. Onsets rise.
    """
    count = 0
    day = 0.0
    given = 0.0
    low_left = schedule.step_days if step_up else 0.0
    for i in range(interruptions + 1):
        end = day + (schedule.infusion_days - given)
        if i < interruptions:
            if onset_days[i] >= end:
                continue
            end = max(onset_days[i], day)
        step_end = min(day + low_left, end)
        if step_end > day:
            starts[count], ends[count] = day, step_end
            doses[count] = schedule.step_dose_mcg_per_day
            count += 1
        if end > step_end:
            starts[count], ends[count] = step_end, end
            doses[count] = schedule.full_dose_mcg_per_day
            count += 1
        if i < interruptions:
            if resume_days[i] == NEVER:
                break
            given += end - day
            low_left = schedule.step_days
            day = max(day, resume_days[i])
    return count
