"""Two-way analysis: two parameters over a grid of values, all else at the base."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.shared.outcomes import NMB, Outcome, is_constant
from sim.analyses.shared.paired_runs import PairedRuns, Row, Sample, with_values
from sim.analyses.shared.ranges import Range
from sim.analyses.shared.target import Target, aimed
from sim.economics.estimates import Array
from sim.errors import UserError
from sim.layout.schema import Schema, flag, number, strategy_name, text
from sim.simulation.question import Question

ANALYSIS: Final = "twoway"
TABLE: Final = Schema(
    f"{ANALYSIS}.csv",
    (
        number("x", "value of the first parameter, in `x_unit`; its name is in twoway.json"),
        number("y", "value of the second, in `y_unit`"),
        strategy_name(),
        number("nmb", "mean net monetary benefit", is_given=True),
        number("inmb", "that minus the comparator's"),
        number("inmb_se", "its Monte Carlo error, of the compared strategy"),
        flag("optimal", "whether the strategy has the most net benefit there"),
        text("x_unit"),
        text("y_unit"),
        text("currency", "of net benefits"),
    ),
    ("y", "x", "strategy"),
)
"""One row per point of the grid and strategy."""


MEASURED: Final = ("nmb", "inmb", "inmb_se", "optimal")


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
    table
        In the columns of `TABLE`: all values of x at the first y, then at the next.
    """

    question: Question
    outcome: Outcome
    strategy: str
    threshold: float
    x: Range
    y: Range
    table: pd.DataFrame

    @property
    def xs(self) -> Array:
        """The values of x, rising."""
        return np.unique(self.table["x"])

    @property
    def ys(self) -> Array:
        """The values of y, rising."""
        return np.unique(self.table["y"])

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in the order of net benefits."""
        return self.question.strategy_names

    @property
    def is_constant(self) -> bool:
        """Whether the gain is the same over the whole grid."""
        return is_constant(self.compared["inmb"])

    @property
    def compared(self) -> pd.DataFrame:
        """The rows of the compared strategy, one for each point."""
        return self.table[self.table["strategy"] == self.strategy]

    def grid(self) -> Array:
        """Return net benefits; shape (y, x, strategy)."""
        return self.table["nmb"].to_numpy().reshape(len(self.ys), len(self.xs), -1)

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
    values = [(at_x, at_y) for at_y, at_x in product(y.values(steps), x.values(steps))]
    names = question.strategy_names

    def ask(place: int) -> Question:
        at_x, at_y = values[place]
        return with_values(question, {x.name: at_x, y.name: at_y})

    def answer(rows: pd.DataFrame) -> TwoWay:
        units = (x.unit, y.unit, question.perspective.currency)
        found = zip(values, rows.itertuples(index=False), strict=True)
        table = TABLE.table(
            (*at, name, *row[place :: len(names)], *units)
            for at, row in found
            for place, name in enumerate(names)
        )
        return TwoWay(question, target.outcome, target.strategy, target.threshold, x, y, table)

    return PairedRuns(
        question=question,
        count=len(values),
        ask=ask,
        columns=target.outcome.columns,
        measure=partial(_measured, target),
        names=tuple(f"{kind}:{name}" for kind in MEASURED for name in names),
        answer=answer,
    )


def _measured(target: Target, found: Sample) -> Row:
    """Return the columns `MEASURED`, each by strategy."""
    reading = target.outcome.read(found.pair(target.strategy))
    names = found.question.strategy_names
    benefits = found.net_benefits(target.threshold)
    gains = benefits - benefits[names.index(found.question.scenario.comparator_name)]
    compared = [name == target.strategy for name in names]
    optimal = found.optimal(target.threshold)
    return [
        *benefits.tolist(),
        *np.where(compared, reading.value, gains).tolist(),
        *np.where(compared, reading.se, math.nan).tolist(),
        *(name == optimal for name in names),
    ]


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
