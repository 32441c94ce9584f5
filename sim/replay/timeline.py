"""A life as data for a figure: stays in health states, drug given, marks, and cost over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sim.clinic.events import EVENTS, Event, EventKind, Role, events_with
from sim.clinic.toxicity import SEVERE
from sim.economics.ledger import Account, Category, State
from sim.replay.replay import ReplayedLife

ENDS_A_CYCLE: Final = events_with(Role.ENDS_A_CYCLE)
BETWEEN_DAYS: Final = 15.0
"""Days between two points of a cost that runs over time, for scales that are not linear."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay in a health state, in days."""

    state: State
    start_days: float
    end_days: float


@dataclass(frozen=True, slots=True)
class Course:
    """Drug given: a stretch of infusion, or a cycle of a regimen that is given in doses."""

    cycle: int
    start_days: float
    end_days: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """One life; times in days, `paid` the discounted cost up to each of `paid_days`."""

    life: ReplayedLife
    stays: tuple[Stay, ...]
    courses: tuple[Course, ...]
    marks: tuple[Event, ...]
    paid_days: tuple[float, ...]
    paid: tuple[float, ...]

    @property
    def end_days(self) -> float:
        """The last day."""
        return self.life.log[-1].time_days


def timeline(life: ReplayedLife) -> Timeline:
    """Arrange a life for drawing."""
    stays = tuple(
        Stay(each.entry.state, each.entry.start_days, each.entry.end_days)
        for each in life.postings
        if each.entry.category == Category.LIFE
    )
    days, paid = _paid(life)
    return Timeline(
        life, stays, tuple(_courses(life)), tuple(_marks(life)), tuple(days), tuple(paid)
    )


def _marks(life: ReplayedLife) -> Iterator[Event]:
    for event in life.log:
        is_mild = event.kind == EventKind.TOXICITY and event.grade < SEVERE
        if EVENTS[event.kind].mark and not is_mild:
            yield event


def _courses(life: ReplayedLife) -> Iterator[Course]:
    hung: Event | None = None
    for place, event in enumerate(life.log):
        if event.kind == EventKind.INFUSION_STARTED and hung is None:
            hung = event
        elif event.kind == EventKind.INFUSION_STOPPED and hung is not None:
            yield Course(hung.cycle, hung.time_days, event.time_days)
            hung = None
        elif event.kind == EventKind.CYCLE_STARTED:
            regimen = life.strategy.regimens[event.line]
            if not regimen.continuous_infusion:
                schedule = regimen.schedule
                days = schedule.cycle_days if event.cycle else schedule.first_cycle_days
                rest = life.log[place + 1 :]
                ends = next(each.time_days for each in rest if each.kind in ENDS_A_CYCLE)
                yield Course(event.cycle, event.time_days, min(event.time_days + days, ends))


def _paid(life: ReplayedLife) -> tuple[list[float], list[float]]:
    """Return days and the discounted cost up to each; a step has its day twice.

    A cost that runs over time is spread evenly over its days, which discounting alters by less
    than a line is wide.
    """
    costs = [each.entry for each in life.postings if each.entry.category.account == Account.COST]
    end = life.log[-1].time_days
    between = (BETWEEN_DAYS * i for i in range(int(end / BETWEEN_DAYS) + 1))
    edges = sorted(
        {0.0, end, *between, *(e.start_days for e in costs), *(e.end_days for e in costs)}
    )
    days: list[float] = []
    paid: list[float] = []
    for day in edges:
        points = sum(
            e.discounted for e in costs if e.start_days == e.end_days and e.start_days < day
        )
        running = sum(
            e.discounted * min(1.0, (day - e.start_days) / (e.end_days - e.start_days))
            for e in costs
            if e.start_days < day and e.end_days > e.start_days
        )
        at_once = sum(e.discounted for e in costs if e.start_days == e.end_days == day)
        days += [day, day]
        paid += [points + running, points + running + at_once]
    return days, paid
