"""Questions simulated in the same patients, one after the other, in threads.

Random numbers are keyed, so patient *i* of one question is patient *i* of every other that has the
same seed: two samples differ by the questions alone, patient by patient.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from sim.analyses.shared.columns import known_columns
from sim.analyses.shared.outcomes import Pair
from sim.economics.estimates import Array
from sim.scenario.loading import Loaded
from sim.simulation.comparison import same_money
from sim.simulation.question import Question, prepare, with_numbers
from sim.simulation.run import run
from sim.simulation.tally import COST, DISCOUNTED, QALY

AHEAD = 4
"""Questions in work or waiting, per thread: this bounds the memory."""
Result = TypeVar("Result")
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Sample:
    """The stored columns of the patients of one question.

    Attributes
    ----------
    columns
        By name: (patient, strategy), strategies in the order of the scenario.
    cost, qalys
        Means of each strategy, discounted.
    """

    question: Question
    columns: Mapping[str, Array]
    cost: Array
    qalys: Array

    def pair(self, strategy: str) -> Pair:
        """Return each column of the patients under a strategy and under the comparator."""
        names = strategy_names(self.question)
        ours = names.index(strategy)
        theirs = names.index(self.question.scenario.comparator_name)
        return {name: (kept[:, ours], kept[:, theirs]) for name, kept in self.columns.items()}

    def net_benefits(self, threshold: float) -> Array:
        """Return the mean net monetary benefit of each strategy, in currency."""
        benefits: Array = threshold * self.qalys - self.cost
        return benefits

    def optimal(self, threshold: float) -> str:
        """Return the strategy with the largest net benefit, the first of equals."""
        return strategy_names(self.question)[int(np.argmax(self.net_benefits(threshold)))]


def strategy_names(question: Question) -> list[str]:
    """Return the names of the strategies in their order."""
    return [strategy.name for strategy in question.model.strategies]


def with_values(
    question: Question, values: Mapping[str, float], loaded: Loaded | None = None
) -> Question:
    """Return the question with some parameter values replaced, or of a changed scenario.

    Values that override the scenario's stay in force in the changed one, except amounts where it
    has other money and parameters that it does not use.
    """
    if loaded is None:
        return with_numbers(question, values)
    bound = prepare(loaded, question.catalogue, overrides={})
    in_force = {
        name: value
        for name, value in values.items()
        if name in bound.used
        and (bound.parameters[name].currency is None or same_money(question, bound))
    }
    return replace(with_numbers(bound, in_force), patients=question.patients, seed=question.seed)


def sample(question: Question, columns: Sequence[str]) -> Sample:
    """Simulate the patients of a question on one thread and store their `columns`."""
    readers = {name: known_columns()[name] for name in dict.fromkeys(columns)}
    horizon = question.model.settings.horizon_days
    parts: dict[str, list[Array]] = {name: [] for name in readers}

    def keep(first: int, rows: np.ndarray[Any, Any], amounts: np.ndarray[Any, Any]) -> None:
        del first
        for name, read in readers.items():
            parts[name].append(read(rows, amounts, horizon))

    simulation = run(question, keep_patients=False, threads=1, sink=keep if readers else None)
    means = simulation.tally.sums.values[:, DISCOUNTED] / question.patients
    kept = {name: np.concatenate(each) for name, each in parts.items()}
    return Sample(question, kept, means[:, COST], means[:, QALY])


def each_question(
    asked: Iterable[Callable[[], Question]],
    columns: Sequence[str],
    measure: Callable[[Sample], Result],
    *,
    threads: int | None = None,
    progress: Progress = lambda _: None,
) -> Iterator[Result]:
    """Simulate each question and yield the result of `measure` for its sample, in their order.

    Parameters
    ----------
    asked
        Return the questions when called; the compiled code must be loaded, see `sample`.
    columns
        Columns stored of each patient for `measure`.
    measure
        Called in the thread that simulated; its result should be small.
    threads
        Questions simulated at the same time; by default as many as there are processors.
    progress
        Called with 1 for each question that is finished.
    """
    # Imported here: reading results does not need the compiler.
    from sim.simulation.core_run import workers

    number = workers(threads)

    def work(ask: Callable[[], Question]) -> Result:
        return measure(sample(ask(), columns))

    waiting: deque[Future[Result]] = deque()

    def next_done() -> Result:
        done = waiting.popleft().result()
        progress(1)
        return done

    with ThreadPoolExecutor(number) as pool:
        try:
            for ask in asked:
                waiting.append(pool.submit(work, ask))
                if len(waiting) >= AHEAD * number:
                    yield next_done()
            while waiting:
                yield next_done()
        finally:
            for future in waiting:
                future.cancel()
