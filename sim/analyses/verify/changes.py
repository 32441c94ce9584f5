"""Names and numbers by which several checks change a scenario, and findings that name what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sim.analyses.verify.check import Finding, none_of
from sim.analyses.verify.subject import Subject

NAMED_AT_MOST = 3
"""Of what is wrong, in a finding."""


def used(subject: Subject, numbers: Mapping[str, float]) -> dict[str, float]:
    """Return those numbers whose parameters the scenario uses."""
    return {name: value for name, value in numbers.items() if subject.uses(name)}


def named(subject: Subject, *prefixes: str) -> list[str]:
    """Return the names of the parameters used that begin with one of the prefixes."""
    return sorted(name for name in subject.question.used if name.startswith(prefixes))


def unit_costs(subject: Subject) -> list[str]:
    """Return the names of the unit costs, without the contents of vials."""
    parameters = subject.question.parameters
    return [name for name in named(subject, "cost.") if parameters[name].currency is not None]


def times(subject: Subject, names: Iterable[str], factor: float) -> dict[str, float]:
    """Return the values of parameters multiplied by a factor."""
    return {name: factor * subject.question.numbers[name] for name in names}


def none_of_these(wrong: Iterable[str], looked_at: int, what: str) -> Finding:
    """Return a finding that passes where nothing is wrong, and names the first that are."""
    names = list(wrong)
    found = none_of(len(names), looked_at, what)
    if not names:
        return found
    more = ", …" if len(names) > NAMED_AT_MOST else ""
    return replace(found, why=", ".join(names[:NAMED_AT_MOST]) + more)
