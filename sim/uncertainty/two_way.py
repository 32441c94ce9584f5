"""Two-way analysis: two parameters over a grid of values, all else at the base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Final, NamedTuple

import numpy as np

from sim.economics.estimates import Array, Estimate
from sim.errors import UserError
from sim.study.question import Question
from sim.uncertainty.one_way import chosen_strategy, middle_threshold
from sim.uncertainty.outcomes import COST, NMB, QALYS, Outcome, outcome_named
from sim.uncertainty.psa import Store
from sim.uncertainty.ranges import Range
from sim.uncertainty.same_patients import (
    Progress,
    Sample,
    sample,
    strategy_names,
    with_values,
)
from sim.uncertainty.sets import Row, Sets, rows_of

BENEFIT: Final = "net benefit:"
GAIN: Final = ("gain", "se")
OPTIMAL: Final = "optimal"
"""Columns of what is kept of each point; the first stands before the name of a strategy."""


class Point(NamedTuple):
    """A point of the grid: the net benefit of each strategy, and of the compared one the gain."""

    x: float
    y: float
    net_benefits: Array
    gain: Estimate
    optimal: str


@dataclass(frozen=True)
class TwoWay:
    """A two-way analysis.

    Attributes
    ----------
    outcome
        The incremental net benefit of `strategy`.
    x, y
        What varies, over which interval; the grid has equal steps.
    points
        Row by row: all values of x at the first y, then at the next.
    """

    question: Question
    outcome: Outcome
    strategy: str
    threshold: float
    x: Range
    y: Range
    points: tuple[Point, ...]

    @property
    def xs(self) -> Array:
        """The values of x, rising."""
        return np.unique([point.x for point in self.points])

    @property
    def ys(self) -> Array:
        """The values of y, rising."""
        return np.unique([point.y for point in self.points])

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in the order of net benefits."""
        return strategy_names(self.question)

    def grid(self) -> Array:
        """Return net benefits; shape (y, x, strategy)."""
        benefits = np.array([point.net_benefits for point in self.points])
        return benefits.reshape(len(self.ys), len(self.xs), -1)

    def refined(self, parts: int) -> tuple[Array, Array, Array]:
        """Return x, y and net benefits with each step in `parts`, by linear interpolation."""
        xs, ys = (_divided(values, parts) for values in (self.xs, self.ys))
        across = np.apply_along_axis(lambda row: np.interp(xs, self.xs, row), 1, self.grid())
        return xs, ys, np.apply_along_axis(lambda row: np.interp(ys, self.ys, row), 0, across)


def two_way(
    question: Question,
    x: Range,
    y: Range,
    *,
    steps: int,
    threshold: float | None = None,
    strategy: str | None = None,
    threads: int | None = None,
    progress: Progress = lambda _: None,
    store: Store | None = None,
) -> TwoWay:
    """Simulate the question at every pair of `steps` values of x and y.

    Parameters
    ----------
    question
        What is asked.
    x, y
        Two different parameters and their intervals.
    steps
        Values of each, ends included, at least 2.
    threshold
        In currency per QALY; by default the middle one of the perspective.
    strategy
        Whose gain over the comparator is reported; by default the best at the base.
    threads
        Sets simulated at the same time; results do not depend on it.
    progress
        Called with 1 for each set that is finished.
    store
        Keeps chunks of sets as they are finished; those that it has are not simulated again.

    Raises
    ------
    UserError
        When x and y are the same, or there is no such strategy.
    """
    if x.name == y.name:
        raise UserError("must be another parameter than --x", key="--y", value=y.name)
    worth = middle_threshold(question) if threshold is None else threshold
    outcome = outcome_named(NMB, threshold=worth, currency=question.perspective.currency)
    name = chosen_strategy(sample(question, ()), worth, strategy)
    values = list(_values(x, y, steps))

    def ask(place: int) -> Question:
        at_x, at_y = values[place]
        return with_values(question, {x.name: at_x, y.name: at_y})

    benefits = [f"{BENEFIT}{each}" for each in strategy_names(question)]
    sets = Sets(
        count=len(values),
        ask=ask,
        columns=(COST, QALYS),
        measure=partial(_measured, outcome, name, worth),
        names=(*benefits, *GAIN, OPTIMAL),
    )
    rows = rows_of(sets, threads=threads, progress=progress, store=store)
    points = tuple(
        Point(at_x, at_y, each, Estimate(*gain), optimal)
        for (at_x, at_y), each, gain, optimal in zip(
            values,
            rows[benefits].to_numpy(),
            rows[list(GAIN)].to_numpy().tolist(),
            rows[OPTIMAL],
            strict=True,
        )
    )
    return TwoWay(question, outcome, name, worth, x, y, points)


def _divided(values: Array, parts: int) -> Array:
    places = np.linspace(0.0, len(values) - 1.0, (len(values) - 1) * parts + 1)
    return np.interp(places, np.arange(len(values)), values)


def _values(x: Range, y: Range, steps: int) -> Iterator[tuple[float, float]]:
    across = np.linspace(x.low, x.high, steps).tolist()
    upwards = np.linspace(y.low, y.high, steps).tolist()
    for at_y, at_x in product(upwards, across):
        yield at_x, at_y


def _measured(outcome: Outcome, strategy: str, threshold: float, found: Sample) -> Row:
    reading = outcome.read(found.pair(strategy))
    benefits = found.net_benefits(threshold).tolist()
    return *benefits, reading.value, reading.se, found.optimal(threshold)
