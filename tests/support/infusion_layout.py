"""The infusion of a cycle around its toxicities, as tuples that are easy to read and compare."""

from typing import NamedTuple

from sim.clinic.infusion import MOST_SEGMENTS, Schedule, lay_segments
from sim.clinic.toxicity import Action, Toxicity

BLINATUMOMAB = Schedule(
    first_cycle_days=42.0,
    cycle_days=42.0,
    maintenance_cycle_days=84.0,
    infusion_days=28.0,
    step_days=7.0,
    step_dose_mcg_per_day=9.0,
    full_dose_mcg_per_day=28.0,
    induction_cycles=2.0,
    consolidation_cycles=3.0,
    maintenance_cycles=4.0,
    consolidation_probability=0.7,
    maintenance_probability=0.4,
)


class Episode(NamedTuple):
    """One toxicity in one cycle; times in days since the start of the cycle."""

    kind: Toxicity
    grade: int
    onset_day: float
    duration_days: float
    seizure: bool
    action: Action
    resume_day: float


class Segment(NamedTuple):
    """A stretch of infusion at one dose; days since the start of the cycle."""

    start_day: float
    end_day: float
    dose_mcg_per_day: float


def segments(schedule, episodes, *, step_up):
    """Lay the infusion of a cycle out in time; see `lay_segments` for the rule."""
    starts, ends, doses = ([0.0] * MOST_SEGMENTS for _ in range(3))
    interruptions = [episode for episode in episodes if episode.action != Action.CONTINUE]
    count = lay_segments(
        schedule,
        [episode.onset_day for episode in interruptions],
        [episode.resume_day for episode in interruptions],
        len(interruptions),
        step_up,
        starts,
        ends,
        doses,
    )
    return tuple(Segment(starts[i], ends[i], doses[i]) for i in range(count))
