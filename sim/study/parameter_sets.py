"""One question under many parameter sets: what uncertainty and sensitivity analyses ride on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from queue import SimpleQueue

from sim.engine.streams import blocks
from sim.study.core_run import bind, ready, run_unit_in, workers
from sim.study.question import Question, with_numbers
from sim.study.simulation import Simulation
from sim.study.tally import UNIT, Tally, add, clear, new_counts, new_sums
from sim.study.unit import Room, new_room

SETS_AHEAD = 4
"""Sets in work or waiting, per thread: what bounds the memory."""


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
        What is asked; its overrides stay in force where a set says nothing.
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
    free: SimpleQueue[Room] = SimpleQueue()
    for _ in range(number):
        free.put(new_room(bound.strategies, bound.keys))

    def work(numbers: Mapping[str, float], first: int) -> Simulation:
        room = free.get()
        try:
            return _one_set(question, numbers, first, room)
        finally:
            free.put(room)

    waiting: deque[Future[Simulation]] = deque()

    def next_done() -> Simulation:
        done = waiting.popleft().result()
        progress(question.patients * bound.strategies)
        return done

    with ThreadPoolExecutor(number) as pool:
        try:
            for numbers, first in zip(sets, first_patients, strict=False):
                waiting.append(pool.submit(work, numbers, first))
                if len(waiting) >= SETS_AHEAD * number:
                    yield next_done()
            while waiting:
                yield next_done()
        finally:
            for future in waiting:
                future.cancel()


def _one_set(
    question: Question, numbers: Mapping[str, float], start: int, room: Room
) -> Simulation:
    asked = with_numbers(question, numbers)
    bound = bind(asked)
    total, counts = new_sums(bound.strategies), new_counts(bound.strategies)
    clear(room.counts)
    for first, count in blocks(asked.patients, UNIT):
        add(total, run_unit_in(room, bound, asked.seed, start + first, count, keep=False).sums)
    add(counts, room.counts)
    tally = Tally(asked.patients, bound.comparator, total, counts)
    return Simulation(asked, (), (), "core", tally)
