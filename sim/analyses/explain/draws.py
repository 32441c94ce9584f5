"""Random draws in words: the draw, the number, and the limits or distribution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from sim.clinic.patient import Patient
from sim.clinic.toxicity import MILD, NONE
from sim.clinic.units import NEVER
from sim.layout.trace import SALVAGE
from sim.replay.recorder import Distribution, Draw
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
    return _DESCRIBED[found.family](found, unit)


def _uniform(found: Distribution, unit: str) -> str:
    return f"uniform, {_number(found, 'low')} to {_number(found, 'high')}{unit}"


def _piecewise(found: Distribution, unit: str) -> str:
    low, median, high = (_number(found, name) for name in ("minimum", "median", "maximum"))
    return f"minimum {low}, median {median}, maximum {high}{unit}"


def _normal(found: Distribution, unit: str) -> str:
    return f"normal, mean {_number(found, 'mean')}, SD {_number(found, 'sd')}{unit}"


def _lognormal(found: Distribution, unit: str) -> str:
    sigma = found.parameters["sigma"]
    return f"lognormal, median {_number(found, 'median')}{unit}, σ {sigma:.2f}{_ratio(found)}"


def _exponential(found: Distribution, unit: str) -> str:
    rate = found.parameters["rate"]
    return f"exponential, mean {1.0 / rate:,.0f}{unit}" if rate > 0.0 else "no hazard"


def _weibull(found: Distribution, unit: str) -> str:
    form = found.parameters["shape"]
    return f"Weibull, median {_number(found, 'median')}{unit}, shape {form:.2f}{_ratio(found)}"


def _life_table(found: Distribution, _: str) -> str:
    text = f"life table from age {found.parameters['age_years']:.1f}"
    ratio, since = found.parameters["ratio"], found.parameters["ratio_from_days"]
    if ratio == 1.0 or since == NEVER:
        return text
    return f"{text}, × {ratio:g} from day {since:,.1f}"


def _ratio(found: Distribution) -> str:
    ratio = found.parameters.get("hazard_ratio", 1.0)
    return "" if ratio == 1.0 else f", HR {ratio:.2f}"


def _number(found: Distribution, name: str) -> str:
    return f"{found.parameters[name]:,.1f}".removesuffix(".0")


_DESCRIBED: Final[Mapping[str, Callable[[Distribution, str], str]]] = {
    "uniform": _uniform,
    "piecewise uniform": _piecewise,
    "normal": _normal,
    "lognormal": _lognormal,
    "exponential": _exponential,
    "weibull": _weibull,
    "life table": _life_table,
}
