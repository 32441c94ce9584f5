"""Where and why two lives diverge, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sim.analyses.explain.draws import held, shape, words
from sim.clinic.events import Event
from sim.economics.ledger import Account
from sim.layout.trace import describe
from sim.replay.divergence import (
    Divergence,
    Reason,
    first_change_of_course,
    first_difference,
    first_drawn_difference,
)
from sim.replay.recorder import Draw
from sim.replay.replay import ReplayedLife

SAME: Final = "The two lives are the same, event by event and day by day."
ALIKE: Final = "Nothing else differs: every other event is the same, day by day."
BEFORE: Final = {
    Reason.CHANCE: "One number, two chances",
    Reason.TIME: "One number, two distributions",
    Reason.EARLIER: "It follows from an earlier decision",
}
PLAN: Final = "That is what the strategies ask for; nothing was drawn differently."
ACRONYMS: Final = frozenset({"MRD", "CD19", "CRS", "GVHD", "VOD"})
SCHEDULE: Final = (
    "Every decision behind it falls the same way; the regimens differ in when they are given and "
    "in what stops them."
)


def sentences(life: ReplayedLife, comparator: ReplayedLife) -> Iterator[tuple[str, str]]:
    """Yield sentences about a life and that under the comparator, each with its name."""
    first = first_difference(life, comparator)
    if first is None:
        yield "Nowhere", SAME
        return
    told = [("Treatment" if first.reason == Reason.PLAN else "First event", first)]
    drawn = first_drawn_difference(life, comparator)
    course = first_change_of_course(life, comparator)
    if drawn is not None and drawn.event != first.event:
        told.append(("First event", drawn))
    if course is not None and all(course.event != each.event for _, each in told):
        told.append(("The turn", course))
    for name, divergence in told:
        yield name, f"{_what(divergence)} {_why(divergence)}"
    if drawn is None:
        yield "After that", ALIKE
    yield "The end", _end(life, comparator)


def _what(divergence: Divergence) -> str:
    """Describe the event of one life, and the event in its place in the other."""
    event, instead = divergence.event, divergence.instead
    said = _said(event, divergence.life)
    here = f"Day {event.time_days:,.1f}, under {divergence.life.label}: {said}"
    if instead is None:
        return f"{here}; the life under {divergence.other.label} has ended."
    other = _said(instead, divergence.other)
    there = "also" if other == said else other
    if instead.time_days != event.time_days:
        when = f"on day {instead.time_days:,.1f}"
        there = f"only {when}" if other == said else f"next comes {other}, {when}"
    return f"{here}; under {divergence.other.label}: {there}."


def _said(event: Event, life: ReplayedLife) -> str:
    return describe(event, life.regimens)


def _why(divergence: Divergence) -> str:
    """Name the draw, and its result in either life."""
    if divergence.reason == Reason.PLAN:
        return PLAN
    if divergence.reason == Reason.SCHEDULE or divergence.draw is None:
        return SCHEDULE
    draw, other = divergence.draw, divergence.other_draw
    name = decision_name(draw)
    if other is None:
        return (
            f"It was drawn under {divergence.life.label} alone ({name}: {_account(draw, divergence.life)}"
            f"); the question did not come up under {divergence.other.label}."
        )
    return (
        f"{BEFORE[divergence.reason]}: {name}. Under {divergence.life.label} "
        f"{_account(draw, divergence.life)}. Under {divergence.other.label} "
        f"{_account(other, divergence.other)}."
    )


def decision_name(draw: Draw) -> str:
    """Name a draw with its line and, where there is one, its cycle."""
    cycle = f", cycle {draw.cycle + 1}" if draw.is_of_a_cycle else ""
    words = [word if word in ACRONYMS else word.lower() for word in draw.decision.name.split("_")]
    return f"{' '.join(words)}, line {draw.line + 1}{cycle}"


def _account(draw: Draw, life: ReplayedLife) -> str:
    """Show number, limits, distribution and result."""
    against = shape(draw)
    number = held(draw, "u ")
    return (
        f"{number} ({against}): {words(draw, life)}"
        if against
        else f"{number}: {words(draw, life)}"
    )


def _end(life: ReplayedLife, comparator: ReplayedLife) -> str:
    ends = "; ".join(
        f"under {each.label} {_said(each.log[-1], each)}, day {each.log[-1].time_days:,.1f}"
        for each in (comparator, life)
    )
    years, qalys = (
        life.total(account).discounted - comparator.total(account).discounted
        for account in (Account.LIFE_YEARS, Account.QALY)
    )
    return (
        f"{ends[0].upper()}{ends[1:]}. {life.label} gives {years:+.3f} life-years and {qalys:+.3f} QALYs, discounted, "
        f"against {comparator.label}."
    )
