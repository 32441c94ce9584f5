"""One question under many parameter sets, for uncertainty and sensitivity analyses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, repeat
from queue import SimpleQueue
from typing import Final, NamedTuple

import numpy as np

from sim.engine.streams import blocks
from sim.simulation.core_run import Bound, bind, new_patient_rows, ready, run_kernel, workers
from sim.simulation.plausibility import refuse_impossible
from sim.simulation.question import Question, check_values
from sim.simulation.rebinding import Rebinder
from sim.simulation.run import Simulation
from sim.simulation.tally import UNIT, Tally, add, new_counts, new_sums, of_set
from sim.simulation.unit import Room, new_room

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
    counts = new_counts(bound.strategies, len(batch))
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
