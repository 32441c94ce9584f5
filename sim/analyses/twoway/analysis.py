"""Two-way analysis: two parameters over a grid of values, all else at the base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.shared.outcomes import NMB, Outcome, is_constant
from sim.analyses.shared.paired_runs import PairedRuns, Row, Sample, strategy_names, with_values
from sim.analyses.shared.ranges import Range
from sim.analyses.shared.target import aimed
from sim.economics.estimates import Array, Estimate
from sim.errors import UserError
from sim.simulation.question import Question

BENEFIT: Final = "net benefit:"
GAIN: Final = ("gain", "se")
OPTIMAL: Final = "optimal"
"""Columns stored of each point; the first is the prefix of a strategy's name."""


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
        The parameters and their intervals; the grid has equal steps, but for counts, of which it
        has whole numbers only.
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

    @property
    def is_constant(self) -> bool:
        """Whether the gain is the same over the whole grid."""
        return is_constant([point.gain.mean for point in self.points])

    def grid(self) -> Array:
        """Return net benefits; shape (y, x, strategy)."""
        benefits = np.array([point.net_benefits for point in self.points])
        return benefits.reshape(len(self.ys), len(self.xs), -1)

    def refined(self, most: int) -> tuple[Array, Array, Array]:
        """Return x, y and net benefits at about `most` values of each.

        Between the points of the grid benefits are linear, but along a count, where they are
        those of the nearest whole number of the grid, half a step beyond its ends.
        """
        across = _refined(self.x, self.xs, most)
        upwards = _refined(self.y, self.ys, most)
        rows = np.apply_along_axis(across.between, 1, self.grid())
        return across.values, upwards.values, np.apply_along_axis(upwards.between, 0, rows)


def two_way(
    question: Question,
    x: Range,
    y: Range,
    *,
    steps: int,
    threshold: float | None = None,
    strategy: str | None = None,
) -> PairedRuns[TwoWay]:
    """Return the runs of the question at every pair of `steps` values of x and y.

    Parameters
    ----------
    question
        The question.
    x, y
        Two different parameters and their intervals.
    steps
        Values of each, ends included, at least 2; of a count, at most so many.
    threshold
        In currency per QALY; by default the middle one of the perspective.
    strategy
        The strategy whose gain over the comparator is reported; by default the best at the base.

    Raises
    ------
    UserError
        When x and y are the same, or there is no such strategy.
    """
    if x.name == y.name:
        raise UserError("must be another parameter than --x", key="--y", value=y.name)
    target, _ = aimed(question, NMB, threshold, strategy)
    outcome, name, worth = target.outcome, target.strategy, target.threshold
    values = [(at_x, at_y) for at_y, at_x in product(y.values(steps), x.values(steps))]
    benefits = [f"{BENEFIT}{each}" for each in strategy_names(question)]

    def ask(place: int) -> Question:
        at_x, at_y = values[place]
        return with_values(question, {x.name: at_x, y.name: at_y})

    def answer(rows: pd.DataFrame) -> TwoWay:
        amounts, gains = rows[benefits].to_numpy(), rows[list(GAIN)].itertuples(index=False)
        found = zip(values, amounts, gains, rows[OPTIMAL], strict=True)
        points = (Point(*at, each, Estimate(*gain), optimal) for at, each, gain, optimal in found)
        return TwoWay(question, outcome, name, worth, x, y, tuple(points))

    return PairedRuns(
        question=question,
        count=len(values),
        ask=ask,
        columns=outcome.columns,
        measure=partial(_measured, outcome, name, worth),
        names=(*benefits, *GAIN, OPTIMAL),
        answer=answer,
    )


def _measured(outcome: Outcome, strategy: str, threshold: float, found: Sample) -> Row:
    reading = outcome.read(found.pair(strategy))
    benefits = found.net_benefits(threshold).tolist()
    return *benefits, reading.value, reading.se, found.optimal(threshold)


class _Refined(NamedTuple):
    values: Array
    between: Callable[[Array], Array]


def _refined(varied: Range, looked_at: Array, most: int) -> _Refined:
    parts = max(1, most // len(looked_at))
    if varied.is_whole:
        half = 0.5
        fine = np.linspace(looked_at[0] - half, looked_at[-1] + half, parts * len(looked_at))
        nearest = np.abs(fine[:, None] - looked_at).argmin(axis=1)
        return _Refined(fine, lambda row: row[nearest])
    places = np.linspace(0.0, len(looked_at) - 1.0, (len(looked_at) - 1) * parts + 1)
    fine = np.interp(places, np.arange(len(looked_at)), looked_at)
    return _Refined(fine, lambda row: np.interp(fine, looked_at, row))
