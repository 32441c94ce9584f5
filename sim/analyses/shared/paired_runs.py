"""Questions simulated in the same patients, one after the other, in threads, and in chunks of sets.

Random numbers are keyed, so patient *i* of one question is patient *i* of every other that has the
same seed: two samples differ by the questions alone, patient by patient.

Each parameter set leaves one row of plain values. Finished chunks of rows are written to a store,
where there is one (`sim.analyses.shared.store`); an interrupted analysis goes on with those that are
missing and ends with the same rows, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import numpy as np
import pandas as pd

from sim.analyses.psa.draws_run import Store
from sim.analyses.shared.outcomes import Lives, Pair, known_columns
from sim.analyses.shared.work import Work, enough_memory
from sim.economics.estimates import Array
from sim.scenario.loading import Loaded
from sim.simulation.comparison import same_money
from sim.simulation.question import Question, prepare, with_numbers
from sim.simulation.tally import COST, DISCOUNTED, QALY
from sim.spread.order import in_order

if TYPE_CHECKING:
    from sim.simulation.parameter_sets import Desk

AHEAD: Final = 2
"""Tasks in work or waiting, per thread: this bounds the memory."""
TOGETHER: Final = 16
"""Questions of a task."""
Rows = np.ndarray[Any, Any]
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
        names = self.question.strategy_names
        ours = names.index(strategy)
        theirs = names.index(self.question.scenario.comparator_name)
        return {name: (kept[:, ours], kept[:, theirs]) for name, kept in self.columns.items()}

    def net_benefits(self, threshold: float) -> Array:
        """Return the mean net monetary benefit of each strategy, in currency."""
        benefits: Array = threshold * self.qalys - self.cost
        return benefits

    def optimal(self, threshold: float) -> str:
        """Return the strategy with the largest net benefit, the first of equals."""
        return self.question.strategy_names[int(np.argmax(self.net_benefits(threshold)))]


def with_values(
    question: Question, values: Mapping[str, float], loaded: Loaded | None = None
) -> Question:
    """Return the question with some parameter values replaced, or of a changed scenario.

    Values that override the scenario's stay in force in the changed one, except amounts where it
    has other money and parameters that it does not use.
    """
    if loaded is None:
        return with_numbers(question, values)
    bound = prepare(loaded)
    in_force = {
        name: value
        for name, value in values.items()
        if name in bound.used
        and (bound.parameters[name].currency is None or same_money(question, bound))
    }
    return replace(with_numbers(bound, in_force), patients=question.patients, seed=question.seed)


def sample(question: Question, columns: Sequence[str]) -> Sample:
    """Simulate the patients of a question on one thread and store their `columns`."""
    with enough_memory(question):
        (found,) = Samples(columns, together=1)([question])
    return found


class Samples:
    """Samples of questions on one thread; those that differ in their numbers alone go together.

    Parameters
    ----------
    columns
        Columns stored of each patient.
    together
        Questions simulated together, at most; by default by the number of their patients.
    """

    def __init__(self, columns: Sequence[str], together: int | None = None) -> None:
        self._readers = {name: known_columns()[name] for name in dict.fromkeys(columns)}
        self._together = together
        self._desk: Desk | None = None

    def __call__(
        self, questions: Sequence[Question], first_patients: Sequence[int] | None = None
    ) -> Iterator[Sample]:
        """Yield the sample of each question, in patients from 0 on or from a number of its own."""
        waiting = list(questions)
        firsts = list(first_patients or [0] * len(waiting))
        while waiting:
            desk = self._desk_for(waiting[0])
            alike = list(takewhile(partial(_alike, desk.question), waiting[: desk.size]))
            yield from self._simulated(desk, alike, firsts[: len(alike)])
            waiting, firsts = waiting[len(alike) :], firsts[len(alike) :]

    def _desk_for(self, question: Question) -> Desk:
        # Imported here: reading results does not need the compiler.
        from sim.simulation.core_run import bind, ready
        from sim.simulation.parameter_sets import Desk, sets_of_a_task

        if self._desk is None or not _alike(self._desk.question, question):
            bound = bind(question)
            ready(bound)
            self._desk = Desk(question, bound, self._together or sets_of_a_task(question))
        return self._desk

    def _simulated(
        self, desk: Desk, questions: Sequence[Question], firsts: Sequence[int]
    ) -> Iterator[Sample]:
        horizon = desk.question.settings.horizon_days
        parts: list[dict[str, list[Array]]] = [
            {name: [] for name in self._readers} for _ in questions
        ]

        def keep(place: int, rows: Rows, amounts: Rows) -> None:
            for name, read in self._readers.items():
                parts[place][name].append(read(Lives(rows, amounts, horizon)))

        batch = desk.simulate(questions, firsts, keep if self._readers else None)
        means = batch.tally.sums.values[:, :, DISCOUNTED] / desk.question.patients
        for question, found, mean in zip(questions, parts, means, strict=True):
            columns = {name: np.concatenate(each) for name, each in found.items()}
            yield Sample(question, columns, mean[:, COST], mean[:, QALY])


def _alike(one: Question, other: Question) -> bool:
    """Whether two questions differ in nothing but their numbers."""
    return (
        one.loaded is other.loaded
        and one.names is other.names
        and one.numbers.keys() == other.numbers.keys()
        and (one.patients, one.seed, one.observables)
        == (other.patients, other.seed, other.observables)
    )


@dataclass(frozen=True)
class QuestionsJob(Generic[Result]):
    """The job of simulating questions and measuring their samples.

    Attributes
    ----------
    ask
        From the place of a question to the question.
    columns
        Columns stored of each patient for `measure`.
    measure
        Called where the question was simulated; its result should be small.
    first_patient
        From the place of a question to the number of its first patient.
    """

    ask: Callable[[int], Question]
    columns: Sequence[str]
    measure: Callable[[Sample], Result]
    first_patient: Callable[[int], int] = field(default=lambda _place: 0)

    def __call__(self) -> Callable[[list[int]], list[Result]]:
        """Return a worker, from places to the results of their questions."""
        return partial(self._measured, Samples(self.columns))

    def _measured(self, samples: Samples, places: list[int]) -> list[Result]:
        found = []
        for start in range(0, len(places), TOGETHER):
            some = places[start : start + TOGETHER]
            firsts = [self.first_patient(place) for place in some]
            asked = [self.ask(place) for place in some]
            found += [self.measure(each) for each in samples(asked, firsts)]
        return found


def each_question(
    places: Iterable[int],
    job: QuestionsJob[Result],
    *,
    threads: int | None = None,
    progress: Progress = lambda _: None,
) -> Iterator[Result]:
    """Simulate the question at each place and yield what the job measures, in their order.

    Parameters
    ----------
    places
        Of the questions.
    job
        The questions, and what is measured.
    threads
        Questions simulated at the same time; by default as many as there are processors.
    progress
        Called with 1 for each question that is finished.
    """
    for done in in_order(job, places, size=TOGETHER, threads=threads, ahead=AHEAD):
        for each in done:
            progress(1)
            yield each


CHUNK_SETS: Final = 16
"""Sets stored together unless an analysis says otherwise."""
Row = Sequence[float | str | None]


@dataclass(frozen=True, kw_only=True)
class Sets:
    """The parameter sets to simulate, and the values read off each sample.

    Attributes
    ----------
    count
        The number of sets.
    ask
        From the place of a set, the first is 0, to its question.
    columns
        Columns that `measure` needs of each patient.
    measure
        From the sample of a set to its row; called in the thread that simulated.
    names
        Of the values of a row.
    chunk
        Sets stored together.
    weight
        From the place of a set to its share of the progress.
    """

    count: int
    ask: Callable[[int], Question]
    columns: tuple[str, ...]
    measure: Callable[[Sample], Row]
    names: tuple[str, ...]
    chunk: int = CHUNK_SETS
    weight: Callable[[int], int] = field(default=lambda _place: 1)

    @property
    def chunks(self) -> int:
        """The number of chunks of the sets."""
        return -(-self.count // self.chunk)

    def left(self, kept: set[int]) -> int:
        """Return the progress that is left without the stored chunks."""
        missing = (i for i in range(self.chunks) if i not in kept)
        return sum(self.weight(place) for i in missing for place in self._members(i))

    def _members(self, chunk: int) -> range:
        return range(chunk * self.chunk, min((chunk + 1) * self.chunk, self.count))

    def rows(
        self,
        *,
        threads: int | None = None,
        progress: Progress = lambda _: None,
        store: Store | None = None,
    ) -> pd.DataFrame:
        """Simulate the sets and return a row for each, in their order.

        Parameters
        ----------
        threads
            Sets simulated at the same time; results do not depend on it.
        progress
            Called with the weight of each set that is finished.
        store
            Stores chunks as they are finished; those that it has are not simulated again.

        Returns
        -------
        DataFrame
            One row per set, with the columns `names`.
        """
        kept = store.done() if store is not None else set()
        missing = [i for i in range(self.chunks) if i not in kept]
        places = (place for i in missing for place in self._members(i))
        job = QuestionsJob(self.ask, self.columns, self.measure)
        found = each_question(places, job, threads=threads)
        tables = {}
        for i in missing:
            rows = []
            for place in self._members(i):
                rows.append(next(found))
                progress(self.weight(place))
            tables[i] = pd.DataFrame(rows, columns=list(self.names))
            if store is not None:
                store.keep(i, tables[i])
        if store is not None:
            tables = {i: store.read(i) for i in range(self.chunks)}
        if not tables:
            return pd.DataFrame(columns=list(self.names))
        return pd.concat(tables.values(), ignore_index=True)


@dataclass(frozen=True, kw_only=True)
class PairedRuns(Sets, Work[Result]):
    """An analysis that follows from its parameter sets, each simulated in the same patients.

    Attributes
    ----------
    question
        The question.
    answer
        From the rows of the sets to the results.
    """

    question: Question
    answer: Callable[[pd.DataFrame], Result]

    def run(
        self,
        *,
        threads: int | None = None,
        progress: Progress = lambda _: None,
        store: Store | None = None,
    ) -> Result:
        """Simulate the sets and return the results; parameters as for `rows`."""
        return self.answer(self.rows(threads=threads, progress=progress, store=store))
