"""The core engine: blocks of patients through compiled code.

It simulates the same patients as `sim.engine.reference` and gives the same log for each. The draws
of a block are made first (`draws`, `subsets`), then values that most of its patients need are
precomputed (`precompute`), then the patients are simulated one by one (`life`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from sim.clinic.events import Event, EventKind
from sim.clinic.patient import Patient
from sim.engine.compiled.compiler import kernel
from sim.engine.compiled.draw_plan import LINES_AHEAD, keys_ahead
from sim.engine.compiled.draws import draw_ahead
from sim.engine.compiled.life import live, person
from sim.engine.compiled.memory import BLOCK, new_body
from sim.engine.compiled.precompute import precompute_block
from sim.engine.compiled.records import records
from sim.engine.model import Model, Strategy, World
from sim.engine.streams import blocks
from sim.engine.values import Data


def keys_for(model: Model, *, dosed_by_size: bool = True) -> Data:
    """Return the keys of the draws that are made ahead for patients of the model."""
    treated = [bool(strategy.regimens) for strategy in model.strategies]
    lines = max(
        len(each.regimens) if each.later is None else LINES_AHEAD for each in model.strategies
    )
    return keys_ahead(
        model.settings,
        treated=any(treated),
        untreated=not all(treated),
        dosed_by_size=dosed_by_size,
        lines=lines,
    )


def prepare_block(world: Data, bodies: Data, keys: Data, first: int, count: int) -> None:
    """Draw the `count` patients from `first` on, and precompute the values most of them need."""
    body = bodies[0]
    draw_ahead(world.seed, first, count, keys, body, False)
    precompute_block(world, body, keys, first, count, False)


def one_log(world: Data, bodies: Data, number: int, column: int, strategy: int) -> None:
    """Simulate one patient of the block; the log is written into the one body."""
    body = bodies[0]
    body.number = number
    body.column = column
    live(world, body, strategy)


def plain(number: Data) -> Data:
    """Return Python's number for one of numpy."""
    return number.item() if isinstance(number, np.generic) else number


def events_of(body: Data) -> list[Event]:
    """Return the log as the reference engine writes it."""
    log: list[Event] = []
    for row in body["log"][: int(body["events"])]:
        codes = (int(row[name]) for name in ("kind", "line", "cycle", "detail", "grade"))
        kind, line, cycle, detail, grade = codes
        time, value = float(row["time_days"]), float(row["value"])
        log.append(Event(time, EventKind(kind), line, cycle, detail, grade, value))
    return log


@cache
def kernels() -> tuple[Data, Data]:
    """Return the compiled entry points: a block's draws, and the log of one of its patients."""
    return kernel(prepare_block), kernel(one_log)


def simulate(
    model: Model, strategy: Strategy, *, seed: int, patients: int
) -> Iterator[tuple[Patient, list[Event]]]:
    """Simulate `patients` patients under `strategy`; yield each with the log of events, in order.

    The counterpart of `sim.engine.reference.simulate`, patient for patient.
    """
    prepare, log_of_one = kernels()
    compiled = records(model)
    keys = keys_for(model)
    # The array, since a record whose fields overlap cannot be passed to compiled code by itself.
    bodies = new_body(keys)
    body = bodies[0]
    plans: Data = compiled.plans
    world = World(
        compiled.rules[0],
        compiled.regimens[0],
        plans,
        compiled.life_table,
        np.uint64(seed),
    )
    which = model.strategies.index(strategy)
    for first, count in blocks(patients, BLOCK):
        # A number that was not drawn must not be taken from another block.
        body.drawn.fill(np.nan)
        if model.given is not None:
            body.given[:, :count] = model.given(first, count).T
        prepare(world, bodies, keys, first, count)
        for column in range(count):
            log_of_one(world, bodies, first + column, column, which)
            yield Patient(*map(plain, person(body))), events_of(body)
