"""One question under many parameter sets, for uncertainty and sensitivity analyses.

A question is bound once, then bound again for one parameter set after another. Model and prices are
made of parts, each of which reads a few named numbers and fills a place in the records that
compiled code reads. A parameter set fills the parts whose numbers it changes, and those that the
set before it in the same row had changed. The result equals, bit for bit, that of
`sim.simulation.core_run.bind` for the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import repeat
from math import prod
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np

from sim.economics.price_records import fill_price_part, fill_regimen_tariff
from sim.economics.prices import Delivered, regimen_prices, unit_costs
from sim.economics.utilities import decrements, population_norms, state_utilities
from sim.engine.compiled.records import fill_field
from sim.engine.model import REGIMEN_PARTS, RULES, RegimenPlan, regimen_plans
from sim.engine.streams import blocks
from sim.engine.values import Data, Values
from sim.scenario.binding import discounting
from sim.simulation.core_run import (
    Bound,
    PatientRows,
    Sets,
    bind,
    new_patient_rows,
    new_room,
    ready,
    run_kernel,
)
from sim.simulation.question import Question, check_values, with_numbers
from sim.simulation.run import Simulation, refuse_impossible
from sim.simulation.tally import UNIT, Tally, add, new_sums, of_set
from sim.spread.order import in_order

JUDGING: Final = ("perspective.threshold", "perspective.severity_")
"""Parameters that judge a result and do not change it."""

Make = Callable[[Values], Any]
Fill = Callable[["Row", Any], None]


class Row(NamedTuple):
    """The records of one parameter set."""

    rules: Data
    regimens: list[Data]
    tariff: Data
    regimen_tariffs: list[Data]


class Part(NamedTuple):
    """A part of the records: how it is made of numbers, and how it is written into a row."""

    make: Make
    fill: Fill


class Rebinder:
    """Rows of records, each with a question under a parameter set.

    Parameters
    ----------
    question
        The question, with which those of the rows differ in nothing but their numbers.
    rows
        How many parameter sets fit in at once.

    Attributes
    ----------
    sets
        The records.

    Raises
    ------
    ValueError
        When the question uses a number that no part reads.
    """

    def __init__(self, question: Question, rows: int) -> None:
        self.question = question
        # Each row has an address of its own, also where numpy would share one.
        self.sets = Sets(
            *(np.repeat(array, rows, axis=0).view(np.recarray) for array in bind(question).sets)
        )
        self._rows = [
            Row(*each)
            for each in zip(
                self.sets.rules,
                map(list, self.sets.regimens),
                self.sets.tariffs,
                map(list, self.sets.regimen_tariffs),
                strict=True,
            )
        ]
        self._parts = tuple(_parts(question))
        self._parts_of: dict[str, set[int]] = {}
        for place, part in enumerate(self._parts):
            values = question.values()
            part.make(values)
            for name in values.used:
                self._parts_of.setdefault(name, set()).add(place)
        unread = {name for name in question.used if not name.startswith(JUDGING)}
        unread -= self._parts_of.keys()
        if unread:
            message = f"no part of the records reads {', '.join(sorted(unread))}"
            raise ValueError(message)
        self._changed: list[frozenset[int]] = [frozenset()] * rows
        self._parts_of_names: dict[tuple[str, ...], frozenset[int]] = {}

    def first(self, rows: int) -> Sets:
        """Return the first rows alone."""
        return Sets(*(array[:rows] for array in self.sets))

    def bind(self, row: int, asked: Question) -> None:
        """Write the question with other numbers into a row."""
        changed = self._parts_changed(asked.numbers)
        values, records = asked.values(), self._rows[row]
        for place in changed | self._changed[row]:
            part = self._parts[place]
            part.fill(records, part.make(values))
        self._changed[row] = changed

    def _parts_changed(self, numbers: Mapping[str, float]) -> frozenset[int]:
        """Return the places of the parts that read a number with another value."""
        before = self.question.numbers
        try:
            names = tuple([name for name, value in numbers.items() if before[name] != value])
        except KeyError:
            # A name may be replaced by its variant in this setting.
            return frozenset(range(len(self._parts)))
        # The sets of an analysis change the same names again and again.
        found = self._parts_of_names.get(names)
        if found is None:
            parts = (self._parts_of.get(name, set()) for name in names)
            found = self._parts_of_names[names] = frozenset().union(*parts)
        return found


def _parts(question: Question) -> Iterator[Part]:
    for name in RULES:
        yield _part_of_rules(question, name)
    deliveries = {each.name: each for each in question.deliveries}
    for place, plan in enumerate(regimen_plans(question.plans)):
        for name in REGIMEN_PARTS:
            yield _part_of_regimen(question, name, place, plan)
        if plan.name in deliveries:
            yield _part_of_prices(question, place, deliveries[plan.name])
    capped = question.scenario.switches.utility_age_cap
    accounts: dict[str, Make] = {
        "prices": unit_costs,
        "utilities": state_utilities,
        "decrements": decrements,
        "norms": lambda values: population_norms(values, capped=capped),
        "discounting": lambda values: discounting(question.scenario, values),
    }
    for name, make in accounts.items():
        yield _part_of_tariff(name, make)


def _part_of_rules(question: Question, name: str) -> Part:
    settings, make = question.settings, RULES[name]
    return Part(
        lambda values: make(values, settings), lambda row, bound: fill_field(row.rules, name, bound)
    )


def _part_of_regimen(question: Question, name: str, place: int, plan: RegimenPlan) -> Part:
    settings, make = question.settings, REGIMEN_PARTS[name]
    return Part(
        lambda values: make(plan, values, settings),
        lambda row, bound: fill_field(row.regimens[place], name, bound),
    )


def _part_of_prices(question: Question, place: int, delivery: Delivered) -> Part:
    def make(values: Values) -> Any:  # noqa: ANN401
        costs, _ = discounting(question.scenario, values)
        return regimen_prices(values, delivery), costs.force_per_day

    return Part(make, lambda row, made: fill_regimen_tariff(row.regimen_tariffs[place], *made))


def _part_of_tariff(name: str, make: Make) -> Part:
    return Part(make, lambda row, numbers: fill_price_part(row.tariff, name, numbers))


MOST_SETS: Final = 16
PATIENTS_OF_A_TASK: Final = 1 << 17
"""A task holds so many parameter sets that they have about as many patients."""

Set = TypeVar("Set")
Result = TypeVar("Result")


class Batch(NamedTuple):
    """A few parameter sets that were simulated together.

    Attributes
    ----------
    questions
        One a set.
    tally
        Its arrays have a first axis of sets.
    """

    questions: tuple[Question, ...]
    tally: Tally

    def simulations(self) -> Iterator[Simulation]:
        """Yield the sets one by one."""
        for k, question in enumerate(self.questions):
            sums, counts = of_set(self.tally.sums, k), of_set(self.tally.counts, k)
            tally = Tally(self.tally.patients, self.tally.comparator, sums, counts)
            yield Simulation(question, arms=(), traces=(), engine="core", tally=tally)


SetSink = Callable[[int, Data, Data], None]
"""Takes the place of a set in its batch, and outcome rows and amounts of a unit of its patients."""


class Desk:
    """A thread's working data for batches of up to `size` parameter sets of a question."""

    def __init__(self, question: Question, bound: Bound, size: int) -> None:
        self.question = question
        self.size = size
        self._bound = bound
        self._room = new_room(bound.keys)
        self._rebinder = Rebinder(question, size)
        self._memory = new_patient_rows(0, 0, 0)

    def simulate(
        self, asked: Sequence[Question], firsts: Sequence[int], sink: SetSink | None = None
    ) -> Batch:
        """Simulate the question with other numbers, set by set.

        Parameters
        ----------
        asked
            The question with the numbers of each set.
        firsts
            Number of the first patient of each set.
        sink
            Takes the single patients, where it is given; the arrays are used again.
        """
        bound, patients = self._bound, self.question.patients
        for row, each in enumerate(asked):
            self._rebinder.bind(row, each)
        sets = self._rebinder.first(len(asked))
        total = new_sums(bound.strategies, len(asked))
        counts = bound.counts(len(asked))
        for start, count in blocks(patients, UNIT):
            # Every unit is summed by itself, as in a run of its own.
            sums = total if count == patients else new_sums(bound.strategies, len(asked))
            kept = self._rows_for(len(asked) if sink else 0, count)
            first = np.array(firsts) + start
            seed = self.question.seed
            run_kernel(bound, sets, self._room, sums, counts, seed, first, count, kept)
            if sums is not total:
                add(total, sums)
            for place, (rows, amounts) in enumerate(zip(*kept, strict=True)):
                assert sink is not None
                sink(place, rows, amounts)
        done = Batch(tuple(asked), Tally(patients, bound.comparator, total, counts))
        if counts.impossible.any():
            for simulation, number in zip(done.simulations(), firsts, strict=True):
                refuse_impossible(simulation.question, simulation.tally, number)
        return done

    def _rows_for(self, sets: int, patients: int) -> PatientRows:
        """Return arrays for single patients in memory that was in use before, where it suffices."""
        strategies = self._bound.strategies
        wanted = [(sets, patients, strategies, *each.shape[3:]) for each in self._memory]
        if any(each.size < prod(shape) for each, shape in zip(self._memory, wanted, strict=True)):
            self._memory = new_patient_rows(sets, patients, strategies)
        return PatientRows(
            *(
                each.reshape(-1)[: prod(shape)].reshape(shape)
                for each, shape in zip(self._memory, wanted, strict=True)
            )
        )


def sets_of_a_task(question: Question) -> int:
    """Return how many parameter sets are simulated together."""
    return min(max(PATIENTS_OF_A_TASK // question.patients, 1), MOST_SETS)


@dataclass(frozen=True)
class SetsJob(Generic[Set, Result]):
    """The job of simulating a question under parameter sets.

    Attributes
    ----------
    question
        The question.
    numbers
        From a set to the values that it changes, by name.
    read
        From sets that were simulated together to their result.
    """

    question: Question
    numbers: Callable[[Set], Mapping[str, float]]
    read: Callable[[Batch], Result]

    @cached_property
    def bound(self) -> Bound:
        """The question in arrays, with the compiled code loaded."""
        return ready(bind(self.question))

    def __call__(self) -> Callable[[list[tuple[Set, int]]], list[tuple[int, Result]]]:
        """Return a worker, from sets and their first patients to results with their numbers of sets."""
        desk = Desk(self.question, self.bound, sets_of_a_task(self.question))
        return partial(self._simulated, desk)

    def _simulated(self, desk: Desk, items: list[tuple[Set, int]]) -> list[tuple[int, Result]]:
        found = []
        for start in range(0, len(items), desk.size):
            some = items[start : start + desk.size]
            asked = [self._asked(each) for each, _ in some]
            batch = desk.simulate(asked, [first for _, first in some])
            found.append((len(some), self.read(batch)))
        return found

    def _asked(self, each: Set) -> Question:
        numbers = self.numbers(each)
        check_values(self.question, numbers)
        return with_numbers(self.question, numbers)


def run_sets(
    question: Question,
    sets: Iterable[Mapping[str, float]],
    *,
    first_patients: Iterable[int] = repeat(0),
    threads: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Simulation]:
    """Simulate patients under each set of parameter values; yield in the order of sets.

    They are the same patients under each set, unless `first_patients` says otherwise.

    A set names the parameters whose values differ from the question's. Each result holds a tally
    and no single patients; it is the same as that of a run of its own, whatever the threads.

    Parameters
    ----------
    question
        The question; its overrides stay in force where a set has no value.
    sets
        Values by parameter name, set by set.
    first_patients
        Number of the first patient of each set; those that follow it are the set's own.
    threads
        Sets simulated at the same time; by default as many as there are processors.
    progress
        Called with the number of patients finished since the last call, strategies counted.
    """
    items = zip(sets, first_patients, strict=False)
    job: SetsJob[Mapping[str, float], Batch] = SetsJob(question, dict, _as_it_is)
    for batch in read_sets(job, items, threads=threads, progress=progress):
        yield from batch.simulations()


def _as_it_is(batch: Batch) -> Batch:
    return batch


def read_sets(
    job: SetsJob[Set, Result],
    sets: Iterable[tuple[Set, int]],
    *,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Result]:
    """Simulate patients under each parameter set; yield what the job reads, in the order of sets.

    Parameters
    ----------
    job
        The question, how a set changes it, and what is read of sets simulated together.
    sets
        With the number of the first patient of each.
    threads, progress
        As for `run_sets`.
    """
    patients = job.question.patients * len(job.question.model.strategies)
    size = sets_of_a_task(job.question)
    for done in in_order(job, sets, size=size, threads=threads):
        for number, result in done:
            progress(number * patients)
            yield result
