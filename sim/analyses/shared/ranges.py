"""The interval over which a parameter is varied alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import pandas as pd

from sim.catalog import Parameter
from sim.catalog.distribution import LOWER_TAIL, UPPER_TAIL
from sim.catalog.values import UNITS
from sim.errors import UserError
from sim.scenario.domain import allowed_interval, broken_rule
from sim.scenario.loading import unused
from sim.simulation import parameter_draws
from sim.simulation.question import Question

FIXED = "fixed"
MOST_MEANT: Final = 3
"""Parameters that are suggested for one that does not exist."""


class Range(NamedTuple):
    """A parameter and the ends of its interval, in its own unit."""

    name: str
    label: str
    unit: str
    low: float
    high: float

    @property
    def is_whole(self) -> bool:
        """Whether the parameter may only have whole values."""
        return parameter_draws.is_whole(self.unit)

    def values(self, count: int) -> list[float]:
        """Return at most `count` allowed values, ends included, evenly spread."""
        return parameter_draws.values_between(self.unit, self.low, self.high, count)


def uncertain_ranges(question: Question, posterior: pd.DataFrame | None) -> list[Range]:
    """Return the intervals of the uncertain parameters that the question uses, by name.

    An interval is the range that the catalogue states, else from the 2.5 % to the 97.5 % quantile,
    of the draws where a parameter was fitted. A value set by the scenario is its own choice and is
    not varied.
    """
    fitted = set() if posterior is None else set(posterior.columns)
    return [
        range_of(question, name, posterior)
        for name in sorted(question.used - set(question.scenario.parameters))
        if name in fitted or is_uncertain(question.parameters[name])
    ]


def decided(question: Question) -> list[str]:
    """Name the parameters that are varied alone but not drawn: fixed, with a stated range.

    Such as a list price, which is not uncertain but might be another.
    """
    return [
        name
        for name in sorted(question.used - set(question.scenario.parameters))
        for parameter in (question.parameters[name],)
        if parameter.distribution.family == FIXED and parameter.stated_range is not None
    ]


def is_uncertain(parameter: Parameter) -> bool:
    """Whether the catalogue gives the parameter an interval."""
    return parameter.distribution.family != FIXED or parameter.stated_range is not None


def range_of(question: Question, name: str, posterior: pd.DataFrame | None = None) -> Range:
    """Return the interval of a parameter; of one that is fixed, from 0 to twice its value.

    It is limited to the values allowed while all others are as they are.

    Raises
    ------
    UserError
        When it is fixed at 0.
    """
    parameter = question.parameters[name]
    if posterior is not None and name in posterior.columns:
        low, high = (float(posterior[name].quantile(tail)) for tail in (LOWER_TAIL, UPPER_TAIL))
    elif is_uncertain(parameter):
        low, high = parameter.low, parameter.high
    else:
        low, high = _around(question.numbers[name], parameter)
    least, most = allowed_interval(parameter, question.rules, question.numbers)
    ends = min(max(low, least), most), min(max(high, least), most)
    low, high = parameter_draws.within(parameter.unit, *ends)
    return Range(name, shown_label(question, name), parameter.unit, low, high)


def shown_label(question: Question, name: str) -> str:
    """Return the label of a parameter, after that of its regimen where it is a regimen's own."""
    label = question.parameters[name].label
    regimen = question.catalogue.regimens.get(name.partition(".")[0])
    return label if regimen is None else f"{regimen.label}: {label}"


def asked_range(
    question: Question,
    name: str,
    ends: tuple[float, float] | None,
    posterior: pd.DataFrame | None,
    option: str,
) -> Range:
    """Return the interval that the user gave for the parameter of an option, else its own.

    Raises
    ------
    UserError
        When the question uses no such parameter, an end is not a value that it may have, or the
        ends do not rise.
    """
    if name not in question.used:
        raise UserError(
            unused(name, question.used, _speaking_of(question, name.lower())),
            key=option,
            value=name,
        )
    if ends is None:
        return range_of(question, name, posterior)
    key = "--range" if option == "--parameter" else f"{option}-range"
    parameter = question.parameters[name]
    low, high = ends
    for value in ends:
        problem = parameter.check(value)
        if problem is None:
            problem = broken_rule(question.rules, {**question.numbers, name: value}, name)
        if problem is not None:
            raise UserError(f"{name}: {problem}", key=key, value=value)
    if not low < high:
        raise UserError("the second number must be above the first", key=key, value=(low, high))
    return Range(name, shown_label(question, name), parameter.unit, low, high)


def _speaking_of(question: Question, words: str) -> list[str]:
    """Name a few parameters with these words in the name, else the label, else why it is fixed."""
    used = [question.parameters[name] for name in sorted(question.used)]
    texts: list[Callable[[Parameter], str]] = [
        lambda each: each.name,
        lambda each: each.label,
        lambda each: getattr(each.distribution, "why", ""),
    ]
    found = ([each.name for each in used if words in text(each).lower()] for text in texts)
    return next(filter(None, found), [])[:MOST_MEANT]


def _around(value: float, parameter: Parameter) -> tuple[float, float]:
    unit = UNITS[parameter.unit]
    low, high = sorted((0.0, 2.0 * value))
    if unit.low_open and low <= unit.low:
        low = value / 2.0
    high = min(high, unit.high)
    if not low < high:
        raise UserError("is fixed and has no range; give one with --range", key=parameter.name)
    return low, high
