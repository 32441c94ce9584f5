"""Costs of patients, and numbers alive, by calendar year since entry.

The cost up to a time, undiscounted, is the cost under a horizon at that time: the horizon changes
nothing of a life before it. Each patient is therefore simulated up to the end of every year with the
same random numbers, and a year costs the difference between its end and its beginning. The years and
what comes after them add up to the undiscounted cost under the question's own horizon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.estimates import Array
from sim.economics.ledger import COST_CATEGORIES, Category
from sim.engine.streams import blocks
from sim.simulation.core_run import bind, new_patient_rows, new_room, ready, run_kernel
from sim.simulation.parameter_sets import Rebinder
from sim.simulation.question import Question, check_values, with_numbers
from sim.simulation.run import Progress, refuse_impossible
from sim.simulation.tally import CATEGORIES, DEATH, UNDISCOUNTED, UNIT, Tally, new_sums, of_set
from sim.spread.order import in_order

COSTS: Final = [CATEGORIES.index(category) for category in COST_CATEGORIES]
YEARS_ALIVE: Final = CATEGORIES.index(Category.LIFE)
MEASURES: Final = (*(category.label for category in COST_CATEGORIES), "total", "years", "alive")
"""Of a patient in a year: the cost by category and in total, years lived, alive at its end."""
TOTAL: Final = MEASURES.index("total")
YEARS: Final = MEASURES.index("years")
ALIVE: Final = MEASURES.index("alive")
TASKS_AHEAD: Final = 4
HALF: Final = 0.5


@dataclass(frozen=True)
class Means:
    """Means over patients, and the covariances of the errors of the means.

    Attributes
    ----------
    mean
        By strategy, year since entry and measure; the last year is all that comes after.
    covariance
        By measure: of each pair of (strategy, year), in the order of `mean`.
    """

    mean: Array
    covariance: Array


class Simulator:
    """Simulates patients of a question up to the end of each year; one for each thread.

    Parameters
    ----------
    question
        The question.
    years
        The number of years that are told apart.
    mid_year
        Whether the first of them is half a year, since patients enter in its middle.
    """

    def __init__(self, question: Question, years: int, *, mid_year: bool = False) -> None:
        self._question = question
        self._bound = bind(question)
        self._room = new_room(self._bound.keys)
        first = HALF if mid_year else 1.0
        self._ends = np.array([DAYS_PER_YEAR * (first + year) for year in range(years)])
        self._ends = np.append(self._ends, np.inf).clip(max=question.settings.horizon_days)
        self._rebinder = Rebinder(question, len(self._ends))

    def means(self, asked: Question, first: int, patients: int) -> Means:
        """Return the means over patients from `first` on, under the numbers of a question."""
        sets = self._rebinder.sets
        for row, end in enumerate(self._ends):
            self._rebinder.bind(row, asked)
            sets.rules[row].horizon_days = end
        strategies, measures = self._bound.strategies, len(MEASURES)
        wide = strategies * len(self._ends)
        total, products = np.zeros((wide, measures)), np.zeros((measures, wide, wide))
        for start, count in blocks(patients, UNIT):
            values = self._unit(asked, first + start, count).reshape(count, wide, measures)
            total += values.sum(axis=0)
            products += np.einsum("nik,njk->kij", values, values)
        mean = total / patients
        square = products - patients * np.einsum("ik,jk->kij", mean, mean)
        covariance = square / max(patients - 1, 1) / patients
        return Means(mean.reshape(strategies, len(self._ends), measures), covariance)

    def _unit(self, asked: Question, first: int, count: int) -> Array:
        """Return the measures by patient, strategy and year."""
        bound, sets = self._bound, len(self._ends)
        kept = new_patient_rows(sets, count, bound.strategies)
        sums, counts = new_sums(bound.strategies, sets), bound.counts(sets)
        firsts, seed = np.full(sets, first), self._question.seed
        run_kernel(bound, self._rebinder.sets, self._room, sums, counts, seed, firsts, count, kept)
        if counts.impossible.any():
            last = Tally(count, bound.comparator, of_set(sums, -1), of_set(counts, -1))
            refuse_impossible(asked, last, first)
        until = kept.amounts[:, :, :, UNDISCOUNTED]
        costs = np.diff(until[..., COSTS], axis=0, prepend=0.0)
        lived = np.diff(until[..., YEARS_ALIVE], axis=0, prepend=0.0)
        alive = kept.rows[-1, :, :, DEATH] > self._ends[:, None, None]
        columns = [costs, costs.sum(axis=-1)[..., None], lived[..., None], alive[..., None]]
        return np.concatenate(columns, axis=-1).transpose(1, 2, 0, 3)


def base_means(
    question: Question,
    years: int,
    *,
    mid_year: bool = False,
    threads: int | None = None,
    progress: Progress,
) -> Means:
    """Return the means of the question's patients.

    Parameters
    ----------
    question
        The question with its number of patients.
    years, mid_year
        As for `Simulator`.
    threads, progress
        As for `sim.simulation.run.run`; results do not depend on threads.
    """
    job = MeansJob(question, years, mid_year)
    return next(_simulated(job, [({}, 0)], threads, progress))


def drawn_means(
    question: Question,
    parameters: pd.DataFrame,
    years: int,
    *,
    mid_year: bool = False,
    threads: int | None = None,
    progress: Progress,
) -> Iterator[Means]:
    """Yield the means of each draw, in patients of its own, as in `sim.analyses.psa.draws_run`.

    Parameters
    ----------
    question
        The question; its patients are those of one draw.
    parameters
        A row per draw, a column per uncertain parameter.
    years, mid_year, threads, progress
        As for `base_means`.
    """
    job = MeansJob(question, years, mid_year)
    rows = parameters.to_dict("records")
    sets = (
        ({str(name): value for name, value in row.items()}, draw * question.patients)
        for draw, row in enumerate(rows)
    )
    yield from _simulated(job, sets, threads, progress)


Numbered = tuple[Mapping[str, float], int]
"""The values of a draw by name, and the number of its first patient."""


@dataclass(frozen=True)
class MeansJob:
    """The job of simulating draws up to the end of each year; see `Simulator`."""

    question: Question
    years: int
    mid_year: bool

    def __call__(self) -> Callable[[list[Numbered]], list[Means]]:
        """Return a worker, from draws to their means."""
        ready(bind(self.question))
        return partial(self._means, Simulator(self.question, self.years, mid_year=self.mid_year))

    def _means(self, simulator: Simulator, draws: list[Numbered]) -> list[Means]:
        found = []
        for numbers, first in draws:
            check_values(self.question, numbers)
            asked = with_numbers(self.question, numbers)
            found.append(simulator.means(asked, first, self.question.patients))
        return found


def _simulated(
    job: MeansJob, sets: Iterable[Numbered], threads: int | None, progress: Progress
) -> Iterator[Means]:
    lives = job.question.patients * len(job.question.scenario.strategies)
    for done in in_order(job, sets, size=1, threads=threads, ahead=TASKS_AHEAD):
        for found in done:
            progress(lives)
            yield found
