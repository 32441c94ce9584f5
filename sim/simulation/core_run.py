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

from sim.clinic.mortality import LifeTable
from sim.economics.price_records import tariff
from sim.economics.prices import InjectedDrug
from sim.engine.compiled.compiler import first_compilation
from sim.engine.compiled.core import keys_for
from sim.engine.compiled.memory import BLOCK
from sim.engine.compiled.records import Records, records
from sim.engine.data import Data
from sim.engine.model import named_regimens
from sim.engine.streams import blocks
from sim.simulation.arms import Arm, comparator_place, make_arm
from sim.simulation.question import Question
from sim.simulation.tally import (
    CATEGORIES,
    ROW,
    UNIT,
    Counts,
    Sums,
    Tally,
    add,
    new_counts,
    new_sums,
    of_set,
)
from sim.simulation.unit import PatientRows, Room, Sets, new_room, unit_kernel

UNITS_AHEAD = 4
"""Units in work or waiting to be added up, per thread: this bounds the memory."""
Rows = np.ndarray[Any, np.dtype[np.float64]]
Sink = Callable[[int, Rows, Rows], None]
"""Takes the first patient's number, outcome rows and amounts of a unit, units in order."""


class Bound(NamedTuple):
    """A question in the arrays that compiled code takes, as a single parameter set."""

    sets: Sets
    plans: Records
    life_table: LifeTable
    keys: Data
    comparator: int
    strategies: int


@dataclass(frozen=True)
class Unit:
    """The results of a unit of patients: its sums, and its rows when they are stored."""

    patients: int
    sums: Sums
    rows: Rows
    amounts: Rows


def bind(question: Question) -> Bound:
    """Write a question into arrays."""
    compiled = records(question.model)
    prices = tariff(question.accounts, tuple(named_regimens(question.model.strategies)))
    return Bound(
        sets=Sets(compiled.rules, compiled.regimens, prices.common, prices.regimens),
        plans=compiled.plans,
        life_table=compiled.life_table,
        keys=keys_for(question.model, dosed_by_size=dosed_by_size(question)),
        comparator=comparator_place(question),
        strategies=len(question.model.strategies),
    )


def dosed_by_size(question: Question) -> bool:
    """Return whether a dose of some regimen depends on body surface area."""
    regimens = question.accounts.price_list.regimens.values()
    return any(isinstance(regimen.drug, InjectedDrug) for regimen in regimens)


def run_core(
    question: Question,
    *,
    keep_patients: bool,
    threads: int | None,
    progress: Callable[[int], None],
    sink: Sink | None,
) -> tuple[tuple[Arm, ...], Tally]:
    """Simulate on the core engine; the arms are empty unless patients are stored."""
    bound = bind(question)
    total = new_sums(bound.strategies)
    counts = [new_counts(bound.strategies, 1) for _ in range(workers(threads))]
    kept: list[Unit] = []
    done = 0
    for unit in units(question, bound, counts, keep=keep_patients or sink is not None):
        add(total, unit.sums)
        if sink is not None:
            sink(done, unit.rows, unit.amounts)
        done += unit.patients
        progress(unit.patients * bound.strategies)
        if keep_patients:
            kept.append(unit)
    counted = counts[0]
    for others in counts[1:]:
        add(counted, others)
    tally = Tally(question.patients, bound.comparator, total, of_set(counted, 0))
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
    if threads:
        return threads
    # The processors that this program may use, where the system says so.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def units(question: Question, bound: Bound, counts: list[Counts], *, keep: bool) -> Iterator[Unit]:
    """Run the units in a thread for each of the `counts`; yield them in order, never many at once."""
    ready(bound)
    free: SimpleQueue[tuple[Room, Counts]] = SimpleQueue()
    for mine in counts:
        free.put((new_room(bound.keys), mine))

    def work(first: int, count: int) -> Unit:
        room, mine = free.get()
        try:
            return run_unit_in(room, mine, bound, question.seed, first, count, keep=keep)
        finally:
            free.put((room, mine))

    waiting: deque[Future[Unit]] = deque()
    with ThreadPoolExecutor(len(counts)) as pool:
        try:
            for first, count in blocks(question.patients, UNIT):
                waiting.append(pool.submit(work, first, count))
                if len(waiting) >= UNITS_AHEAD * len(counts):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def ready(bound: Bound) -> None:
    """Load the compiled code; report when it has to be compiled first."""
    with first_compilation(sys.stderr):
        counts = new_counts(bound.strategies, 1)
        run_unit_in(new_room(bound.keys), counts, bound, 0, 0, 0, keep=False)


def run_unit_in(
    room: Room, counts: Counts, bound: Bound, seed: int, first: int, count: int, *, keep: bool
) -> Unit:
    """Simulate `count` patients from `first` on; they are added to the `counts`."""
    kept = new_patient_rows(count if keep else 0, bound.strategies)
    sums = new_sums(bound.strategies, 1)
    firsts = np.array([first])
    run_kernel(bound, bound.sets, room, sums, counts, seed, firsts, count, kept)
    return Unit(count, of_set(sums, 0), kept.rows, kept.amounts)


def new_patient_rows(patients: int, strategies: int) -> PatientRows:
    """Allocate the rows of single patients."""
    return PatientRows(
        rows=np.zeros((patients, strategies, len(ROW))),
        amounts=np.zeros((patients, strategies, 2, len(CATEGORIES))),
    )


def run_kernel(
    bound: Bound,
    sets: Sets,
    room: Room,
    sums: Sums,
    counts: Counts,
    seed: int,
    firsts: Data,
    count: int,
    kept: PatientRows,
) -> None:
    """Run `count` patients under each parameter set; see `sim.simulation.unit.run_unit`."""
    unit_kernel()(
        sets,
        bound.plans,
        bound.life_table,
        room,
        sums,
        sums.cells.reshape(*sums.products.shape, -1),
        counts,
        kept,
        bound.keys,
        np.uint64(seed),
        firsts,
        count,
        bound.comparator,
        BLOCK,
    )
