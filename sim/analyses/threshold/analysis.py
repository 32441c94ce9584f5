"""Threshold analysis: the value of a parameter at which the decision flips.

The patients and their random numbers are the same at every value, so the net benefit is a function
of the parameter without noise, and its root can be found to any precision. The root has the Monte
Carlo error of the net benefit there, divided by its slope.

A count has whole values only. The decision then flips from one whole number to the next: a jump,
which has no slope, and no place between the two that could have an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.psa.draws_run import Store
from sim.analyses.shared.outcomes import COST, QALYS, is_constant
from sim.analyses.shared.paired_runs import (
    AHEAD,
    CHUNK_SETS,
    Progress,
    Sets,
    sample,
    with_values,
)
from sim.analyses.shared.ranges import Range
from sim.analyses.shared.work import Work
from sim.economics.estimates import Array, mean
from sim.simulation.question import Question
from sim.spread.order import in_order


class Means(NamedTuple):
    """Mean costs and QALYs of every strategy at a value of the parameter."""

    value: float
    cost: Array
    qalys: Array

    def net_benefits(self, threshold: float) -> Array:
        """Return the net monetary benefit of each strategy."""
        benefits: Array = threshold * self.qalys - self.cost
        return benefits


class Flip(NamedTuple):
    """A value at which the decision changes, from the strategy below it to the one above.

    `se` is the Monte Carlo standard error of the value; `nan` where the net benefit has no slope.
    Of a count, `value` is the first whole number above the flip and `last_below` the one below
    it; else `last_below` is `nan`.
    """

    threshold: float
    value: float
    se: float
    below: str
    above: str
    last_below: float = math.nan

    @property
    def is_jump(self) -> bool:
        """Whether the flip is between two whole numbers."""
        return not math.isnan(self.last_below)

    @property
    def place(self) -> float:
        """Return the value at which the flip is plotted: of a jump, the middle."""
        return 0.5 * (self.last_below + self.value) if self.is_jump else self.value


GRID: Final = 17
"""Values of the grid on which flips are bracketed."""
LINEAR: Final = 1e-9
"""Departure from a straight line, relative to the size of costs and QALYs, that is rounding."""
PRECISION: Final = 1e-6
"""Of the value of a flip, relative to the interval."""
MOST_HALVINGS: Final = 60
SEARCH: Final = 20
"""About as many sets are simulated to find the flips at a threshold."""
SLOPE_WIDTH: Final = 0.05
"""The slope at a flip is taken over this share of the interval to either side."""


class Decision(NamedTuple):
    """The optimal strategy at the low end of the interval, at the base and at the high end."""

    low: str
    base: str
    high: str


@dataclass(frozen=True)
class ThresholdAnalysis:
    """Flips of the decision over an interval of one parameter.

    Attributes
    ----------
    linear
        Whether costs and QALYs are straight lines of the parameter, and the flips exact.
    decisions
        By threshold.
    grid
        Costs and QALYs at the values of the grid, rising.
    flips
        By threshold, then by value.
    """

    question: Question
    varied: Range
    linear: bool
    decisions: dict[float, Decision]
    grid: tuple[Means, ...]
    flips: tuple[Flip, ...]

    @property
    def is_constant(self) -> bool:
        """Whether the parameter changes neither costs nor QALYs of any strategy."""
        amounts = (
            [getattr(means, kind)[place] for means in self.grid]
            for kind in ("cost", "qalys")
            for place in range(len(self.grid[0].cost))
        )
        return all(map(is_constant, amounts))

    def flips_at(self, threshold: float) -> list[Flip]:
        """Return the flips at a threshold, rising."""
        return [flip for flip in self.flips if flip.threshold == threshold]


@dataclass(frozen=True)
class Search(Work[ThresholdAnalysis]):
    """The search for every value in the interval at which another strategy becomes optimal.

    The decision is computed at `GRID` values; between two that differ, the root of the difference
    in net benefit of their strategies is found by the secant and by halving. Two flips between two
    neighbouring values of the grid are missed. Of a count only whole numbers are used: all of them
    where there are `GRID` or fewer.

    Attributes
    ----------
    question
        The question; all its thresholds are analysed.
    varied
        The parameter and its interval.
    """

    question: Question
    varied: Range
    chunk: int = CHUNK_SETS

    @property
    def grid(self) -> Sets:
        """The parameter sets of the grid."""
        values = self.varied.values(GRID)
        names = self.question.strategy_names
        return Sets(
            count=len(values),
            ask=lambda place: self.asking(values[place]),
            columns=(),
            measure=lambda found: [*found.cost.tolist(), *found.qalys.tolist()],
            names=tuple(f"{kind}:{name}" for kind in (COST, QALYS) for name in names),
        )

    @property
    def chunks(self) -> int:
        """The number of chunks: of the grid, and one for the flips at each threshold."""
        return self.grid.chunks + len(self.question.thresholds)

    def left(self, kept: set[int]) -> int:
        """Return the work left without the stored chunks, in sets."""
        searches = range(self.grid.chunks, self.chunks)
        return self.grid.left(kept) + SEARCH * sum(chunk not in kept for chunk in searches)

    def run(
        self,
        *,
        threads: int | None = None,
        progress: Progress = lambda _: None,
        store: Store | None = None,
    ) -> ThresholdAnalysis:
        """Find the flips; parameters as for `Work.run`.

        Progress is 1 for each of the `GRID` sets, and `SEARCH` for the flips at each threshold.
        """
        question, varied = self.question, self.varied
        base = self.means_at(question.numbers[varied.name])
        amounts = self.grid.rows(threads=threads, progress=progress, store=store).to_numpy()
        grid = tuple(
            Means(value, *np.split(row, 2))
            for value, row in zip(varied.values(GRID), amounts, strict=True)
        )
        linear = _is_linear(grid)
        kept = store.done() if store is not None else set()
        thresholds = dict(enumerate(question.thresholds, start=self.grid.chunks))
        missing = [threshold for chunk, threshold in thresholds.items() if chunk not in kept]
        job = SearchJob(self, linear, grid)
        searched = in_order(job, missing, size=1, threads=threads, ahead=AHEAD)
        flips: list[Flip] = []
        for chunk in thresholds:
            if store is not None and chunk in kept:
                flips += [Flip(*row) for row in store.read(chunk).itertuples(index=False)]
                continue
            found = next(searched)
            flips += found
            if store is not None:
                store.keep(chunk, pd.DataFrame(found, columns=list(Flip._fields)))
            progress(SEARCH)
        names = question.strategy_names
        ends = (grid[0], base, grid[-1])
        decisions = {
            threshold: Decision(*(names[_best(means, threshold)] for means in ends))
            for threshold in question.thresholds
        }
        return ThresholdAnalysis(question, varied, linear, decisions, grid, tuple(flips))

    def asking(self, value: float) -> Question:
        """Return the question with the parameter at a value."""
        return with_values(self.question, {self.varied.name: value})

    def means_at(self, value: float) -> Means:
        """Simulate the question with the parameter at a value."""
        found = sample(self.asking(value), ())
        return Means(value, found.cost, found.qalys)


@dataclass(frozen=True)
class SearchJob:
    """The job of finding the flips at thresholds from the values of the grid."""

    search: Search
    linear: bool
    grid: Sequence[Means]

    def __call__(self) -> Callable[[list[float]], list[Flip]]:
        """Return a worker, from thresholds to their flips."""
        return self._found

    def _found(self, thresholds: list[float]) -> list[Flip]:
        return [flip for each in thresholds for flip in self.flips(each)]

    def flips(self, threshold: float) -> Iterator[Flip]:
        """Yield the flips at a threshold, rising."""
        is_whole = self.search.varied.is_whole
        between = self._between_counts if is_whole else self._between
        for low, high in pairwise(self.grid):
            yield from between(low, high, threshold)

    def _between_counts(self, low: Means, high: Means, threshold: float) -> Iterator[Flip]:
        """Halve the whole numbers between two until the decision jumps from one to the next."""
        before, after = (_best(means, threshold) for means in (low, high))
        if before == after:
            return
        if high.value - low.value <= 1.0:
            names = self.search.question.strategy_names
            sides = (names[before], names[after])
            yield Flip(threshold, high.value, math.nan, *sides, last_below=low.value)
            return
        middle = self.search.means_at(math.floor(0.5 * (low.value + high.value)))
        yield from self._between_counts(low, middle, threshold)
        yield from self._between_counts(middle, high, threshold)

    def _between(self, low: Means, high: Means, threshold: float) -> Iterator[Flip]:
        before, after = (_best(means, threshold) for means in (low, high))
        if before == after:
            return
        where = self._root(low, high, threshold, before, after)
        best = _best(where, threshold)
        if best not in (before, after) and _gap(where, threshold, best, before) > 0.0:
            # A third strategy is optimal in between.
            yield from self._between(low, where, threshold)
            yield from self._between(where, high, threshold)
            return
        names = self.search.question.strategy_names
        error = self._error(where.value, threshold, before, after)
        yield Flip(threshold, where.value, error, names[before], names[after])

    def _root(self, low: Means, high: Means, threshold: float, before: int, after: int) -> Means:
        """Return the value from which the later strategy is not worse: the secant, then halving."""
        if self.linear:
            gaps = [_gap(means, threshold, after, before) for means in (low, high)]
            share = -gaps[0] / (gaps[1] - gaps[0])
            return self.search.means_at(low.value + share * (high.value - low.value))
        width = PRECISION * (self.search.varied.high - self.search.varied.low)
        for halvings in range(MOST_HALVINGS):
            if high.value - low.value <= width:
                break
            at = 0.5 * (low.value + high.value)
            if halvings % 2 == 0:
                at = _secant(low, high, threshold, before, after) or at
            middle = self.search.means_at(at)
            if _gap(middle, threshold, after, before) > 0.0:
                high = middle
            else:
                low = middle
        return high

    def _error(self, value: float, threshold: float, before: int, after: int) -> float:
        """Return the error of the net benefit's difference at a flip, divided by its slope."""
        step = SLOPE_WIDTH * (self.search.varied.high - self.search.varied.low)
        low, high = (
            max(value - step, self.search.varied.low),
            min(value + step, self.search.varied.high),
        )
        rise = _gap(self.search.means_at(high), threshold, after, before)
        rise -= _gap(self.search.means_at(low), threshold, after, before)
        found = sample(self.search.asking(value), (COST, QALYS))
        cost, qalys = found.columns[COST], found.columns[QALYS]
        gain = threshold * (qalys[:, after] - qalys[:, before])
        gain -= cost[:, after] - cost[:, before]
        slope = rise / (high - low)
        return mean(gain).se / abs(slope) if slope else math.nan


def _best(means: Means, threshold: float) -> int:
    return int(np.argmax(means.net_benefits(threshold)))


def _gap(means: Means, threshold: float, one: int, other: int) -> float:
    benefits = means.net_benefits(threshold)
    return float(benefits[one] - benefits[other])


def _secant(low: Means, high: Means, threshold: float, before: int, after: int) -> float | None:
    """Return the root of the straight line, when it is well inside the interval."""
    left, right = (_gap(means, threshold, after, before) for means in (low, high))
    if right == left:
        return None
    at = low.value - left * (high.value - low.value) / (right - left)
    margin = SLOPE_WIDTH * (high.value - low.value)
    return at if low.value + margin < at < high.value - margin else None


def _is_linear(grid: Sequence[Means]) -> bool:
    """Whether costs and QALYs are on the straight lines through the ends."""
    values = np.array([means.value for means in grid])
    if values[0] == values[-1]:
        return True
    share = ((values - values[0]) / (values[-1] - values[0]))[:, None]
    for kind in ("cost", "qalys"):
        amounts = np.array([getattr(means, kind) for means in grid])
        line = amounts[0] + share * (amounts[-1] - amounts[0])
        if np.abs(amounts - line).max() > LINEAR * np.abs(amounts).max():
            return False
    return True
