"""The continuous infusion of one cycle: dose steps, interruptions, restarts."""

from collections.abc import Sequence
from typing import NamedTuple

from sim.clinic.toxicity import Action, Episode
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


class Segment(NamedTuple):
    """A stretch of infusion at one dose; days since the start of the cycle."""

    start_day: float
    end_day: float
    dose_mcg_per_day: float


def segments(
    schedule: Schedule, episodes: Sequence[Episode], *, step_up: bool
) -> tuple[Segment, ...]:
    """Lay the infusion of a cycle out in time.

    Without interruption: the step dose for ``step_days`` when `step_up`, then the full dose,
    ``infusion_days`` in all. An interruption stops the pump at its onset; the infusion restarts
    at the step dose for ``step_days`` and goes on until ``infusion_days`` have been given. A
    stop ends it. `episodes` are ordered by onset.
    """
    laid: list[Segment] = []
    day = 0.0
    given = 0.0
    low_left = schedule.step_days if step_up else 0.0
    for episode in episodes:
        if episode.action == Action.CONTINUE:
            continue
        if episode.onset_day >= day + (schedule.infusion_days - given):
            continue
        if episode.onset_day > day:
            given += _run(laid, schedule, day, given, low_left, until=episode.onset_day)
        if episode.resume_day == NEVER:
            return tuple(laid)
        day = max(day, episode.resume_day)
        low_left = schedule.step_days
    _run(laid, schedule, day, given, low_left, until=NEVER)
    return tuple(laid)


def _run(
    laid: list[Segment],
    schedule: Schedule,
    day: float,
    given: float,
    low_left: float,
    *,
    until: float,
) -> float:
    """Append the segments from `day` until `until` or the end of the infusion; return days given."""
    end = min(until, day + (schedule.infusion_days - given))
    step_end = min(day + low_left, end)
    if step_end > day:
        laid.append(Segment(day, step_end, schedule.step_dose_mcg_per_day))
    if end > step_end:
        laid.append(Segment(step_end, end, schedule.full_dose_mcg_per_day))
    return end - day
