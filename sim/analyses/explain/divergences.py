"""Random draws in words: the draw, the number, and the limits or distribution.

Where and why two lives diverge, in sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from sim.clinic.draws import (
    DRAWS,
    Chance,
    Characteristic,
    Duration,
    Grade,
    RandomDraw,
    Time,
)
from sim.clinic.events import Event
from sim.clinic.patient import Patient
from sim.clinic.toxicity import MILD, NONE
from sim.clinic.units import NEVER
from sim.economics.ledger import Account
from sim.layout.trace import SALVAGE, describe
from sim.replay.divergence import (
    Divergence,
    Reason,
    first_change_of_course,
    first_difference,
    first_drawn_difference,
)
from sim.replay.recorder import Draw
from sim.replay.replay import ReplayedLife

DIGITS: Final = 4
MOST_DIGITS: Final = 17
"""Enough to distinguish any two numbers."""
BELOW: Final = "<"
NOT_BELOW: Final = "≥"

Traits = Mapping[RandomDraw, tuple[str, Callable[[Patient], str]]]


def _first_remission(patient: Patient) -> str:
    months = patient.first_remission_months
    return "none" if patient.primary_refractory else f"{months:.1f} months"


SPECIAL: Final[Mapping[RandomDraw, Callable[[Patient], str]]] = {
    RandomDraw.SALVAGE_LINE: lambda patient: SALVAGE[patient.salvage_line],
    RandomDraw.FIRST_REMISSION: _first_remission,
}
"""Characteristics with values in words of their own."""


def _value(facts: Characteristic, patient: Patient) -> str:
    found = getattr(patient, facts.attribute)
    if facts.unit:
        return f"{found:.1f}{facts.unit}"
    return facts.present if found else facts.absent


ENTRY: Final[Traits] = {
    decision: (facts.word, SPECIAL.get(decision, partial(_value, facts)))
    for decision, facts in DRAWS.items()
    if isinstance(facts, Characteristic)
}
"""The characteristics at entry, by the draw behind each."""
DAYS: Final = " days"


def words(draw: Draw, life: ReplayedLife) -> str:
    """Return the result of a draw in words: ``responds``, ``relapse on day 127.4``."""
    match DRAWS[draw.decision]:
        case Grade(word=toxicity):
            return _grade(toxicity, int(draw.result))
        case Duration():
            return f"lasts {draw.result:.1f} days"
        case Time(word=event):
            return _time(event, draw, life)
        case Chance(word=hit, otherwise=miss):
            return hit if draw.verdict[0] else miss
        case facts:
            message = f"{facts.word} is drawn at entry, not in a life"
            raise ValueError(message)


def _grade(name: str, grade: int) -> str:
    if grade == NONE:
        return f"no {name}"
    return f"{name}, grade 1-2" if grade == MILD else f"{name}, grade {grade}"


def _time(event: str, draw: Draw, life: ReplayedLife) -> str:
    """Say on which day it is due, or was: another event may have come first."""
    due = life.due_day(draw)
    if due is None or due == NEVER:
        return f"{event}: never"
    return f"{event} {'on' if life.came_true(draw) else 'due'} day {due:,.1f}"


def held(draw: Draw, name: str = "") -> str:
    """Show the number and the limits on either side of it: ``0.4127 < 0.5031``.

    A `name` comes before the number.
    """
    below = min((each.limit for each in draw.comparisons if each.below), default=None)
    above = max((each.limit for each in draw.comparisons if not each.below), default=None)
    limits = [limit for limit in (above, below) if limit is not None]
    digits = next(
        digits
        for digits in range(DIGITS, MOST_DIGITS + 1)
        if digits == MOST_DIGITS
        or all(f"{limit:.{digits}f}" != f"{draw.uniform:.{digits}f}" for limit in limits)
    )
    number = f"{name}{draw.uniform:.{digits}f}"
    if below is None:
        return number if above is None else f"{number} {NOT_BELOW} {above:.{digits}f}"
    bracket = "" if above is None else f"{above:.{digits}f} ≤ "
    return f"{bracket}{number} {BELOW} {below:.{digits}f}"


def shape(draw: Draw) -> str:
    """Describe the distribution of the value; empty where there was none."""
    found = draw.distribution
    if found is None:
        return ""
    facts = DRAWS[draw.decision]
    unit = facts.unit if isinstance(facts, Characteristic) else DAYS
    known = found.parameters
    shown = {name: f"{value:,.1f}".removesuffix(".0") for name, value in known.items()}
    ratio = known.get("hazard_ratio", 1.0)
    against = "" if ratio == 1.0 else f", HR {ratio:.2f}"
    match found.family:
        case "uniform":
            return f"uniform, {shown['low']} to {shown['high']}{unit}"
        case "piecewise uniform":
            ends = f"minimum {shown['minimum']}, median {shown['median']}"
            return f"{ends}, maximum {shown['maximum']}{unit}"
        case "normal":
            return f"normal, mean {shown['mean']}, SD {shown['sd']}{unit}"
        case "lognormal":
            return f"lognormal, median {shown['median']}{unit}, σ {known['sigma']:.2f}{against}"
        case "exponential":
            mean = f"{1.0 / known['rate']:,.0f}" if known["rate"] > 0.0 else ""
            return f"exponential, mean {mean}{unit}" if mean else "no hazard"
        case "weibull":
            return f"Weibull, median {shown['median']}{unit}, shape {known['shape']:.2f}{against}"
        case "life table":
            text = f"life table from age {known['age_years']:.1f}"
            since = known["ratio_from_days"]
            changes = known["ratio"] != 1.0 and since != NEVER
            return f"{text}, × {known['ratio']:g} from day {since:,.1f}" if changes else text
        case family:
            message = f"there are no words for the distribution {family}"
            raise LookupError(message)


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
