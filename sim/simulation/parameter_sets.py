"""One question under many parameter sets, for uncertainty and sensitivity analyses.

A question is bound once, then bound again for one parameter set after another. Model and prices are
made of parts, each of which reads a few named numbers and fills a place in the records that
compiled code reads. A parameter set fills the parts whose numbers it changes, and those that the
set before it in the same row had changed. The result equals, bit for bit, that of
`sim.simulation.core_run.bind` for the same numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, repeat
from queue import SimpleQueue
from typing import Any, Final, NamedTuple

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
    Room,
    Sets,
    bind,
    new_patient_rows,
    new_room,
    ready,
    run_kernel,
    workers,
)
from sim.simulation.question import Question, check_values, with_numbers
from sim.simulation.run import Simulation, refuse_impossible
from sim.simulation.tally import UNIT, Tally, add, new_sums, of_set

THRESHOLDS: Final = "perspective.threshold"
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
        The question; a set names only the numbers that it changes.
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
        unread = {name for name in question.used if not name.startswith(THRESHOLDS)}
        unread -= self._parts_of.keys()
        if unread:
            message = f"no part of the records reads {', '.join(sorted(unread))}"
            raise ValueError(message)
        self._changed: list[set[int]] = [set() for _ in range(rows)]

    def first(self, rows: int) -> Sets:
        """Return the first rows alone."""
        sets = self.sets
        return Sets(
            sets.rules[:rows],
            sets.regimens[:rows],
            sets.tariffs[:rows],
            sets.regimen_tariffs[:rows],
        )

    def bind(self, row: int, numbers: Mapping[str, float]) -> Question:
        """Write the question with these numbers into a row, and return it."""
        asked = with_numbers(self.question, numbers)
        before = self.question.numbers
        changed: set[int] = set()
        for name, value in numbers.items():
            if name not in before:
                # A name may be replaced by its variant in this setting.
                changed = set(range(len(self._parts)))
                break
            if before[name] != value:
                changed |= self._parts_of.get(name, set())
        values, records = asked.values(), self._rows[row]
        for place in changed | self._changed[row]:
            part = self._parts[place]
            part.fill(records, part.make(values))
        self._changed[row] = changed
        return asked


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
        lambda values: make(values, settings),
        lambda row, bound: fill_field(row.rules, name, bound),
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

    return Part(
        make,
        lambda row, made: fill_regimen_tariff(row.regimen_tariffs[place], *made),
    )


def _part_of_tariff(name: str, make: Make) -> Part:
    return Part(make, lambda row, numbers: fill_price_part(row.tariff, name, numbers))


TASKS_AHEAD: Final = 3
"""Tasks in work or waiting, per thread: this bounds the memory."""
MOST_SETS: Final = 16
PATIENTS_OF_A_TASK: Final = 1 << 17
"""A task holds so many parameter sets that they have about as many patients."""

Numbered = tuple[Mapping[str, float], int]
"""The values of a parameter set by name, and the number of its first patient."""


class Desk(NamedTuple):
    """The working data of a thread."""

    room: Room
    rebinder: Rebinder


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
    bound = bind(question)
    ready(bound)
    number = workers(threads)
    size = min(max(PATIENTS_OF_A_TASK // question.patients, 1), MOST_SETS)
    free = _desks(question, bound, number, size)

    def work(batch: Sequence[Numbered]) -> list[Simulation]:
        desk = free.get()
        try:
            return _simulated(question, bound, desk, batch)
        finally:
            free.put(desk)

    waiting: deque[Future[list[Simulation]]] = deque()

    def next_done() -> Iterator[Simulation]:
        for simulation in waiting.popleft().result():
            progress(question.patients * bound.strategies)
            yield simulation

    with ThreadPoolExecutor(number) as pool:
        try:
            for batch in _batches(zip(sets, first_patients, strict=False), size, number):
                waiting.append(pool.submit(work, batch))
                if len(waiting) >= TASKS_AHEAD * number:
                    yield from next_done()
            while waiting:
                yield from next_done()
        finally:
            for future in waiting:
                future.cancel()


def _desks(question: Question, bound: Bound, number: int, size: int) -> SimpleQueue[Desk]:
    """Return a desk for each thread, for tasks of `size` parameter sets."""
    free: SimpleQueue[Desk] = SimpleQueue()
    for _ in range(number):
        free.put(Desk(new_room(bound.keys), Rebinder(question, size)))
    return free


def _batches(sets: Iterator[Numbered], size: int, threads: int) -> Iterator[list[Numbered]]:
    """Divide the sets into tasks of `size`, or less where that leaves no thread without one."""
    while ahead := list(islice(sets, size * threads)):
        each = -(-len(ahead) // threads)
        for first in range(0, len(ahead), each):
            yield ahead[first : first + each]


def _simulated(
    question: Question, bound: Bound, desk: Desk, batch: Sequence[Numbered]
) -> list[Simulation]:
    """Simulate a few parameter sets together."""
    for numbers, _ in batch:
        check_values(question, numbers)
    asked = [desk.rebinder.bind(row, numbers) for row, (numbers, _) in enumerate(batch)]
    sets = desk.rebinder.first(len(batch))
    firsts = np.array([first for _, first in batch])
    total = new_sums(bound.strategies, len(batch))
    counts = bound.counts(len(batch))
    nobody = new_patient_rows(0, bound.strategies)
    for first, count in blocks(question.patients, UNIT):
        # Every unit is summed by itself, as in a run of its own.
        sums = total if count == question.patients else new_sums(bound.strategies, len(batch))
        run_kernel(
            bound, sets, desk.room, sums, counts, question.seed, firsts + first, count, nobody
        )
        if sums is not total:
            add(total, sums)
    tallies = [
        Tally(question.patients, bound.comparator, of_set(total, row), of_set(counts, row))
        for row in range(len(batch))
    ]
    for each, tally, first_patient in zip(asked, tallies, firsts.tolist(), strict=True):
        refuse_impossible(each, tally, first_patient)
    return [
        Simulation(question=each, arms=(), traces=(), engine="core", tally=tally)
        for each, tally in zip(asked, tallies, strict=True)
    ]
