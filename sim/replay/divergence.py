"""The divergence of two lives of one patient, and the random draw behind it.

Both lives compare the same random numbers with their own probabilities. They diverge where a
strategy gives something else, where a number is on different sides of two probabilities, or where
it gives different times in two distributions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from itertools import zip_longest
from typing import Final

from sim.clinic.draws import DRAWS, Once, RandomDraw
from sim.clinic.events import CAUSES, EVENTS, Cause, Event, EventKind, Role, events_with
from sim.clinic.toxicity import DURATION_DECISION, FATAL, GRADE_DECISION, ONSET_DECISION, Toxicity
from sim.replay.recorder import Draw
from sim.replay.replay import ReplayedLife

DELIVERY: Final = events_with(Role.DELIVERY)
COURSE: Final = events_with(Role.COURSE)
PLANNED: Final = events_with(Role.PLANNED)
NO_EVENT: Final = (None, None)


@unique
class Reason(StrEnum):
    """Why an event happened in one life and not, or differently, in the other."""

    PLAN = "plan"
    """The strategies give different treatments."""
    CHANCE = "chance"
    """One number, on different sides of two probabilities."""
    TIME = "time"
    """One number, and two distributions of a time."""
    EARLIER = "earlier"
    """The draw was not made in the other life, which an earlier one had changed."""
    SCHEDULE = "schedule"
    """No draw gave another result; the regimens are given or stopped by other rules."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """A first difference between two lives.

    Attributes
    ----------
    life, other
        The life in which the event happens, and the one in which it does not, or differently.
    event
        The earlier of the two events that differ.
    instead
        The event in its place in the other life; None when that has ended.
    reason
        Why.
    draw, other_draw
        The draw behind it in either life, where there is one.
    """

    life: ReplayedLife
    other: ReplayedLife
    event: Event
    instead: Event | None
    reason: Reason
    draw: Draw | None = None
    other_draw: Draw | None = None


def first_difference(life: ReplayedLife, comparator: ReplayedLife) -> Divergence | None:
    """Return the first event that differs, be it only in its day; None when there is none.

    How treatment is delivered does not count; that other treatment begins does.
    """
    return _divergence(life, comparator, _identified(life), _identified(comparator))


def first_drawn_difference(life: ReplayedLife, comparator: ReplayedLife) -> Divergence | None:
    """Return the first difference that is not the treatment itself."""
    events, other = (
        [item for item in _identified(each) if item[0].kind != EventKind.LINE_STARTED]
        for each in (life, comparator)
    )
    return _divergence(life, comparator, events, other)


def first_change_of_course(life: ReplayedLife, comparator: ReplayedLife) -> Divergence | None:
    """Return the first difference in the course of the disease.

    Event kinds and details are compared first; days count only where the whole course is the same.
    """
    courses = [
        [item for item in _identified(each) if item[0].kind in COURSE]
        for each in (life, comparator)
    ]
    without_days = [[(event, identity[1:]) for event, identity in course] for course in courses]
    return _divergence(life, comparator, *without_days) or _divergence(life, comparator, *courses)


Identified = Sequence[tuple[Event, tuple[object, ...]]]


def _identified(life: ReplayedLife) -> Identified:
    """Return the events to compare, each with the values that identify it; its day comes first."""
    return [
        (event, (*event[:2], life.regimens[event.detail]))
        if event.kind == EventKind.LINE_STARTED
        else (event, (*event[:2], event.cycle, event.detail, event.grade, event.value))
        for event in life.log
        if event.kind not in DELIVERY
    ]


def _divergence(
    life: ReplayedLife, other: ReplayedLife, events: Identified, other_events: Identified
) -> Divergence | None:
    """Return the first difference between the events of two lives; one may have no more."""
    for (ours, mine), (theirs, another) in zip_longest(events, other_events, fillvalue=NO_EVENT):
        if mine == another:
            continue
        if ours is None or (theirs is not None and theirs.time_days < ours.time_days):
            life, other, ours, theirs = other, life, theirs, ours
        assert ours is not None
        return Divergence(life, other, ours, theirs, *_reason(life, other, ours, theirs))
    return None


def _reason(
    life: ReplayedLife, other: ReplayedLife, event: Event, instead: Event | None
) -> tuple[Reason, Draw | None, Draw | None]:
    kinds = {event.kind} if instead is None else {event.kind, instead.kind}
    theirs = {draw.key: draw for draw in other.draws}
    pairs = [(draw, theirs.get(draw.key)) for draw in behind(life, event)]
    for draw, found in pairs:
        if found is not None and draw.verdict != found.verdict:
            return Reason.CHANCE, draw, found
    if kinds & PLANNED and life.regimens != other.regimens:
        return Reason.PLAN, None, None
    for draw, found in pairs:
        one, another = draw.distribution, None if found is None else found.distribution
        if one is not None and another is not None and one.value != another.value:
            return Reason.TIME, draw, found
    for draw, found in pairs:
        if found is None or not found.used:
            return _earlier(life, other, draw)
    return Reason.SCHEDULE, None, None


def _earlier(
    life: ReplayedLife, other: ReplayedLife, missing: Draw
) -> tuple[Reason, Draw | None, Draw | None]:
    """Go back to the first draw with another result before one that was not made.

    Toxicity is left out: most of it changes nothing but costs and comfort.
    """
    theirs = {draw.key: draw for draw in reversed(other.draws) if draw.used}
    for draw in life.draws:
        if draw is missing:
            break
        found = theirs.get(draw.key)
        if found is None or draw.is_of_a_cycle or not draw.used:
            continue
        if draw.verdict != found.verdict:
            return Reason.EARLIER, draw, found
    return Reason.EARLIER, missing, None


def behind(life: ReplayedLife, event: Event) -> list[Draw]:
    """Return the draws that led to an event, in the order in which its row lists them."""
    place = life.log.index(event)
    before = life.log[:place]
    if event.kind == EventKind.DEATH:
        if event.detail == Cause.TOXICITY:
            fatal = next(each for each in reversed(before) if each.grade == FATAL)
            return behind(life, fatal)
        return _behind_death(life, event)
    of_line = [each for each in before if each.line == event.line]
    stops = [each for each in of_line if each.kind == EventKind.TREATMENT_STOPPED]
    ended_by = behind(life, stops[-1]) if event.kind == EventKind.NO_RESPONSE and stops else []
    wanted = _decisions(before, event)
    is_of_a_cycle = any(DRAWS[draw].once == Once.CYCLE for draw in wanted)
    cycle = event.cycle if is_of_a_cycle else 0
    latest = {
        draw.key: draw
        for draw in life.draws
        if draw.used
        and draw.position <= place
        and draw.decision in wanted
        and (draw.line, draw.cycle) == (event.line, cycle)
    }
    found = sorted(latest.values(), key=lambda draw: wanted.index(draw.decision))
    return [*found, *ended_by]


def _behind_death(life: ReplayedLife, event: Event) -> list[Draw]:
    """Return the draw of the time, and the probability draw before it in the same line."""
    wanted = CAUSES[Cause(event.detail)].drawn_by
    times = [
        draw
        for draw in life.draws
        if draw.decision in wanted and life.due_day(draw) == event.time_days
    ]
    last = times[-1:]
    chances = [
        draw
        for draw in life.draws
        if draw.decision == RandomDraw.TRANSPLANT_DEATH
        and any(time.line == draw.line and time.decision in wanted for time in last)
        and RandomDraw.TRANSPLANT_DEATH in wanted
    ]
    return [*chances, *last]


def _decisions(before: Sequence[Event], event: Event) -> tuple[RandomDraw, ...]:
    """Return the draws behind a kind of event, of those only that apply in its circumstances."""
    drawn_by = EVENTS[event.kind].drawn_by
    if event.kind in (EventKind.TOXICITY, EventKind.SEIZURE, EventKind.TREATMENT_STOPPED):
        kind = Toxicity(event.detail)
        episode = GRADE_DECISION[kind], ONSET_DECISION[kind], DURATION_DECISION[kind]
        return tuple(draw for draw in drawn_by if draw in (*episode, RandomDraw.SEIZURE))
    if event.kind in (EventKind.RELAPSE, EventKind.LONG_TERM_SURVIVOR):
        transplanted = any(
            each.kind == EventKind.TRANSPLANT and each.line == event.line for each in before
        )
        return tuple(
            draw for draw in drawn_by if (DRAWS[draw].once == Once.TRANSPLANT) == transplanted
        )
    return drawn_by
