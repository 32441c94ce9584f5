"""One question under many parameter sets: what uncertainty and sensitivity analyses ride on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np

from sim.engine.streams import blocks
from sim.study.core_run import bind, new_kept, ready, run_kernel, workers
from sim.study.question import Question, with_numbers
from sim.study.simulation import Simulation
from sim.study.tally import UNIT, Tally, add, new_counts, new_sums, of_set
from sim.study.unit import Room, new_room

SETS_AHEAD = 4
"""Sets in work or waiting, per thread: what bounds the memory."""


def run_sets(
    question: Question,
    sets: Iterable[Mapping[str, float]],
    *,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Simulation]:
    """Simulate the same patients under each set of parameter values; yield in the order of sets.

    A set names the parameters whose values differ from the question's. Each result holds a tally
    and no single patients; it is the same as that of a run of its own, whatever the threads.

    Parameters
    ----------
    question
        What is asked; its overrides stay in force where a set says nothing.
    sets
        Values by parameter name, set by set.
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
        free.put(new_room(bound.keys))

    def work(numbers: Mapping[str, float]) -> Simulation:
        room = free.get()
        try:
            return _one_set(question, numbers, room)
        finally:
            free.put(room)

    waiting: deque[Future[Simulation]] = deque()

    def next_done() -> Simulation:
        done = waiting.popleft().result()
        progress(question.patients * bound.strategies)
        return done

    with ThreadPoolExecutor(number) as pool:
        try:
            for numbers in sets:
                waiting.append(pool.submit(work, numbers))
                if len(waiting) >= SETS_AHEAD * number:
                    yield next_done()
            while waiting:
                yield next_done()
        finally:
            for future in waiting:
                future.cancel()


def _one_set(question: Question, numbers: Mapping[str, float], room: Room) -> Simulation:
    asked = with_numbers(question, numbers)
    bound = bind(asked)
    total, counts = new_sums(bound.strategies), new_counts(bound.strategies, 1)
    kept = new_kept(0, bound.strategies)
    for first, count in blocks(asked.patients, UNIT):
        sums = new_sums(bound.strategies, 1)
        firsts = np.array([first])
        run_kernel(bound, bound.sets, room, sums, counts, asked.seed, firsts, count, kept)
        add(total, of_set(sums, 0))
    tally = Tally(asked.patients, bound.comparator, total, of_set(counts, 0))
    return Simulation(asked, (), (), "core", tally)
