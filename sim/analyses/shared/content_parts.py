"""What the JSON files of several analyses have in common: the heading, estimates, and known names."""

from __future__ import annotations

from functools import partial
from typing import Annotated, cast

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo

from sim.analyses.trial.design import OUTCOMES
from sim.files.schema import Part, broken_rule
from sim.simulation.question import Question


def _known(kind: str, value: str, info: ValidationInfo) -> str:
    question = cast("Question", info.context)
    known = {"strategy": strategies_of(question), "outcome of a trial": tuple(OUTCOMES)}
    names = known.get(kind, tuple(question.numbers))
    if value not in names:
        raise broken_rule((), f"no such {kind} in this scenario", value, names)
    return value


def strategies_of(question: Question) -> tuple[str, ...]:
    """Return the names of the strategies of a question."""
    return tuple(each.name for each in question.scenario.strategies)


Strategy = Annotated[str, AfterValidator(partial(_known, "strategy"))]
Parameter = Annotated[str, AfterValidator(partial(_known, "parameter"))]
Reported = Annotated[str, AfterValidator(partial(_known, "outcome of a trial"))]
Number = float | None
"""A number; null where it cannot be estimated."""
Size = Annotated[int, Field(ge=1)]


class Content(Part):
    """A part of a file, in which further keys are allowed."""

    model_config = ConfigDict(extra="ignore")


class Mean(Content):
    """A value and its error."""

    mean: Number
    se: Number


class Amounts(Content):
    """An amount of a life."""

    undiscounted: float
    discounted: float


class Heading(Content):
    """The beginning of every file."""

    title: str
    currency: str
    price_year: int
    patients: Size
    seed: int
