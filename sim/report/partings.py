"""Where and why two lives part, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sim.clinic.events import Event
from sim.economics.ledger import Account
from sim.report.decisions import held, shape, words
from sim.report.trace import describe
from sim.study.parting import (
    Parting,
    Reason,
    first_difference,
    first_drawn_difference,
    turn,
)
from sim.study.replay import RetoldLife
from sim.study.witness import Draw

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


def sentences(life: RetoldLife, comparator: RetoldLife) -> Iterator[tuple[str, str]]:
    """Yield what to tell of a life and that under the comparator, each with its name."""
    first = first_difference(life, comparator)
    if first is None:
        yield "Nowhere", SAME
        return
    told = [("Treatment" if first.reason == Reason.PLAN else "First event", first)]
    drawn = first_drawn_difference(life, comparator)
    course = turn(life, comparator)
    if drawn is not None and drawn.event != first.event:
        told.append(("First event", drawn))
    if course is not None and all(course.event != each.event for _, each in told):
        told.append(("The turn", course))
    for name, parting in told:
        yield name, f"{_what(parting)} {_why(parting)}"
    if drawn is None:
        yield "After that", ALIKE
    yield "The end", _end(life, comparator)


def _what(parting: Parting) -> str:
    """Say what happened in the one life, and what came instead in the other."""
    event, instead = parting.event, parting.instead
    said = _said(event, parting.life)
    here = f"Day {event.time_days:,.1f}, under {parting.life.label}: {said}"
    if instead is None:
        return f"{here}; the life under {parting.other.label} has ended."
    other = _said(instead, parting.other)
    there = "also" if other == said else other
    if instead.time_days != event.time_days:
        when = f"on day {instead.time_days:,.1f}"
        there = f"only {when}" if other == said else f"next comes {other}, {when}"
    return f"{here}; under {parting.other.label}: {there}."


def _said(event: Event, life: RetoldLife) -> str:
    return describe(event, life.regimens)


def _why(parting: Parting) -> str:
    """Name the decision, and what became of the number in either life."""
    if parting.reason == Reason.PLAN:
        return PLAN
    if parting.reason == Reason.SCHEDULE or parting.draw is None:
        return SCHEDULE
    draw, other = parting.draw, parting.other_draw
    name = decision_name(draw)
    if other is None:
        return (
            f"It was drawn under {parting.life.label} alone ({name}: {_account(draw, parting.life)}"
            f"); the question did not come up under {parting.other.label}."
        )
    return (
        f"{BEFORE[parting.reason]}: {name}. Under {parting.life.label} "
        f"{_account(draw, parting.life)}. Under {parting.other.label} "
        f"{_account(other, parting.other)}."
    )


def decision_name(draw: Draw) -> str:
    """Name a decision with its line and, where there is one, its cycle."""
    cycle = f", cycle {draw.cycle + 1}" if draw.is_of_a_cycle else ""
    words = [word if word in ACRONYMS else word.lower() for word in draw.decision.name.split("_")]
    return f"{' '.join(words)}, line {draw.line + 1}{cycle}"


def _account(draw: Draw, life: RetoldLife) -> str:
    """Show number, limits, distribution and what they came to."""
    against = shape(draw)
    number = held(draw, "u ")
    return (
        f"{number} ({against}): {words(draw, life)}"
        if against
        else f"{number}: {words(draw, life)}"
    )


def _end(life: RetoldLife, comparator: RetoldLife) -> str:
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
