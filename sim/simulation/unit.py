"""One unit of patients through the core engine: lives, books and tally in one compiled loop.

The loop takes any number of parameter sets at once. Sets with the same patients share their
draws, which stay in the fastest memory while a block goes through set after set.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np

from sim.clinic.mortality import LifeTable
from sim.economics.clerk import keep_book
from sim.economics.posting_compiled import DESK, Book
from sim.engine.compiled.compiler import kernel
from sim.engine.compiled.draws import draw_ahead
from sim.engine.compiled.life import live, person
from sim.engine.compiled.memory import new_body
from sim.engine.compiled.precompute import precompute_block
from sim.engine.compiled.records import Records
from sim.engine.data import Data
from sim.engine.model import World
from sim.simulation.core_count import (
    close_accounts,
    count_amounts,
    count_impossible,
    count_outcome,
    lay_out,
    put_away,
    store_amounts,
    store_outcome,
)
from sim.simulation.tally import Counts, Sums

ONCE_A_BLOCK: Final = (draw_ahead, precompute_block, lay_out, count_amounts, put_away)
"""Called once for a block of patients, and compiled as separate functions."""


class Sets(NamedTuple):
    """Parameter sets in records: one row a set, and a column a regimen where it is a regimen's."""

    rules: Data
    regimens: Data
    tariffs: Data
    regimen_tariffs: Data


class Room(NamedTuple):
    """Working memory of one thread, an array of one record each."""

    bodies: Records
    desks: Records


class PatientRows(NamedTuple):
    """Arrays for the single patients: outcome rows and amounts, or of length 0."""

    rows: Data
    amounts: Data


def new_room(keys: Data) -> Room:
    """Make the working memory of a thread."""
    return Room(new_body(keys), np.zeros(1, DESK).view(np.recarray))


def run_unit(
    sets: Sets,
    plans: Data,
    life_table: LifeTable,
    room: Room,
    sums: Sums,
    cells: Data,
    counts: Counts,
    kept: PatientRows,
    keys: Data,
    seed: Data,
    firsts: Data,
    count: int,
    comparator: int,
    most: int,
) -> None:
    """Simulate `count` patients, from ``firsts`` of each parameter set on, under all strategies.

    They are added to the sums and counts of their set, `most` of them at once. Patients of the
    first set are stored when there are arrays for them.
    """
    body, desk = room.bodies[0], room.desks[0]
    sets_here = firsts.shape[0]
    done = 0
    while done < count:
        block = min(most, count - done)
        for k in range(sets_here):
            same_as_before = k > 0 and firsts[k] == firsts[k - 1]
            shared = same_as_before or (k + 1 < sets_here and firsts[k] == firsts[k + 1])
            if not same_as_before:
                # The subset that needs a draw depends on the set: shared draws are made for
                # everyone.
                draw_ahead(seed, firsts[k] + done, block, keys, body.drawn, shared)
            world = World(sets.rules[k], sets.regimens[k], plans, life_table, seed)
            precompute_block(world, body, keys, firsts[k] + done, block, shared)
            lay_out(desk, sums, k)
            for column in range(block):
                body.number = firsts[k] + done + column
                body.column = column
                for s in range(plans.shape[0]):
                    live(world, body, s)
                    book: Data = Book(
                        sets.tariffs[k],
                        sets.regimen_tariffs[k],
                        plans[s],
                        desk,
                        cells[k, s],
                        s,
                        column,
                    )
                    keep_book(book, person(body), body.log[: body.events])
                    close_accounts(desk, s, column)
                    count_outcome(counts, k, s, body.outcome)
                    count_impossible(counts, k, s, desk, column)
                    if kept.rows.shape[0] > 0 and k == 0:
                        store_outcome(body.outcome, kept.rows[done + column, s])
                        store_amounts(desk, s, column, kept.amounts[done + column, s])
            count_amounts(desk, plans.shape[0], comparator, block)
            put_away(desk, sums, k)
        done += block


@cache
def unit_kernel() -> Data:
    """Return the compiled loop over a unit."""
    return kernel(run_unit, called=ONCE_A_BLOCK)
