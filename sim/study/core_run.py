"""Run a question on the core engine: units in threads, added up in their order."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from sim.economics.price_records import Tariff, tariff
from sim.engine.compiled import first_compilation
from sim.engine.core import keys_for
from sim.engine.records import Compiled, records
from sim.engine.streams import blocks
from sim.study.question import Question
from sim.study.simulation import Arm, comparator_place, make_arm
from sim.study.tally import CATEGORIES, ROW, UNIT, Sums, Tally, add, clear, new_counts, new_sums
from sim.study.unit import Plans, Room, new_room, plans, unit_kernel

UNITS_AHEAD = 4
"""Units in work or waiting to be added up, per thread: what bounds the memory."""
Rows = np.ndarray[Any, np.dtype[np.float64]]
Sink = Callable[[int, Rows, Rows], None]
"""Takes the first patient's number, outcome rows and amounts of a unit, units in order."""


class Bound(NamedTuple):
    """A question in the arrays that compiled code takes."""

    compiled: Compiled
    plan: Plans
    tariff: Tariff
    keys: Any
    comparator: int
    strategies: int


@dataclass(frozen=True)
class Unit:
    """What a unit of patients gives: its sums, and the patients when they are kept."""

    patients: int
    sums: Sums
    rows: Rows
    amounts: Rows


def bind(question: Question) -> Bound:
    """Write a question into arrays."""
    compiled = records(question.model)
    named = dict.fromkeys(
        regimen.name for arm in question.model.strategies for regimen in arm.regimens
    )
    return Bound(
        compiled=compiled,
        plan=plans(compiled),
        tariff=tariff(question.accounts, tuple(named)),
        keys=keys_for(question.model),
        comparator=comparator_place(question),
        strategies=len(question.model.strategies),
    )


def run_core(
    question: Question,
    *,
    keep_patients: bool,
    threads: int | None,
    progress: Callable[[int], None],
    sink: Sink | None,
) -> tuple[tuple[Arm, ...], Tally]:
    """Simulate on the core engine; the arms are empty unless patients are kept."""
    bound = bind(question)
    total = new_sums(bound.strategies)
    rooms = [new_room(bound.strategies, bound.keys) for _ in range(workers(threads))]
    kept: list[Unit] = []
    done = 0
    for unit in units(question, bound, rooms, keep=keep_patients or sink is not None):
        add(total, unit.sums)
        if sink is not None:
            sink(done, unit.rows, unit.amounts)
        done += unit.patients
        progress(unit.patients * bound.strategies)
        if keep_patients:
            kept.append(unit)
    counts = new_counts(bound.strategies)
    for room in rooms:
        add(counts, room.counts)
    tally = Tally(question.patients, bound.comparator, total, counts)
    if not keep_patients:
        return (), tally
    rows = np.concatenate([unit.rows for unit in kept])
    amounts = np.concatenate([unit.amounts for unit in kept])
    arms = tuple(
        make_arm(strategy, rows[:, s], amounts[:, s], total.cells[s])
        for s, strategy in enumerate(question.model.strategies)
    )
    return arms, tally


def workers(threads: int | None) -> int:
    """Return the number of threads to use."""
    return threads or len(os.sched_getaffinity(0))


def units(question: Question, bound: Bound, rooms: list[Room], *, keep: bool) -> Iterator[Unit]:
    """Run the units in threads and yield them in order, never many at once."""
    ready(bound)
    free: SimpleQueue[Room] = SimpleQueue()
    for room in rooms:
        free.put(room)

    def work(first: int, count: int) -> Unit:
        room = free.get()
        try:
            return run_unit_in(room, bound, question.seed, first, count, keep=keep)
        finally:
            free.put(room)

    waiting: deque[Future[Unit]] = deque()
    with ThreadPoolExecutor(len(rooms)) as pool:
        try:
            for first, count in blocks(question.patients, UNIT):
                waiting.append(pool.submit(work, first, count))
                if len(waiting) >= UNITS_AHEAD * len(rooms):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def ready(bound: Bound) -> None:
    """Have the compiled code at hand; say so when it has to be made first."""
    with first_compilation(sys.stderr):
        run_unit_in(new_room(bound.strategies, bound.keys), bound, 0, 0, 0, keep=False)


def run_unit_in(room: Room, bound: Bound, seed: int, first: int, count: int, *, keep: bool) -> Unit:
    """Move `count` patients from `first` on in a room; its counts go on, its sums begin anew."""
    size = count if keep else 0
    rows = np.zeros((size, bound.strategies, len(ROW)))
    amounts = np.zeros((size, bound.strategies, 2, len(CATEGORIES)))
    clear(room.sums)
    unit_kernel()(
        bound.compiled.rules,
        bound.compiled.regimens,
        bound.compiled.tables,
        bound.plan,
        bound.tariff,
        room,
        bound.keys,
        np.uint64(seed),
        first,
        count,
        bound.comparator,
        rows,
        amounts,
    )
    return Unit(count, Sums(*(array.copy() for array in room.sums)), rows, amounts)
