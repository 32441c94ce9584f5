"""One unit of patients through the core engine: lives, books and tally in one compiled loop."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import numpy as np

from sim.clinic.events import Happening
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.clinic.units import NEVER
from sim.economics.core_clerk import keep_book
from sim.economics.core_ledger import CATEGORIES, LINES, Book
from sim.economics.price_records import Tariff
from sim.engine.compiled import kernel
from sim.engine.core import BLOCK, PADDING, enter, new_body
from sim.engine.core_draws import Ahead, draw_ahead, slots_of
from sim.engine.core_life import Body, World, background_death
from sim.engine.core_story import live
from sim.engine.data import Data
from sim.engine.outcomes import ALIVE
from sim.engine.records import Compiled
from sim.study.tally import (
    CAUSE,
    CYCLES,
    DEATH,
    EFS,
    END,
    FLAGS,
    RELAPSE,
    REMISSION,
    RFS,
    ROW,
    Counts,
    Sums,
    count_patient,
    new_counts,
    new_sums,
    new_values,
)

CYCLE_STARTED: Final = int(Happening.CYCLE_STARTED)
TOXIC: Final = int(Happening.TOXICITY)
RESPONDED: Final = int(Happening.RESPONSE)
TRANSPLANTED: Final = int(Happening.TRANSPLANT)
RELAPSED: Final = int(Happening.RELAPSE)
DIED: Final = int(Happening.DEATH)
FEBRILE_NEUTROPENIA: Final = int(Toxicity.FEBRILE_NEUTROPENIA)
RESPONSE_FLAG: Final = ROW.index("response")
COMPLETE_FLAG: Final = ROW.index("complete_remission")
NEGATIVE_FLAG: Final = ROW.index("mrd_negative")
HCT_FLAG: Final = ROW.index("hct_ever")
HCT_IN_REMISSION_FLAG: Final = ROW.index("hct_in_remission")
FIRST_TOXIC_FLAG: Final = ROW.index("severe_crs")
NOT_A_NUMBER: Final = float("nan")
DESK: Final = np.dtype(
    [
        ("state", np.int64),
        ("since", np.float64),
        ("line", np.int64),
        ("home_from", np.float64),
        ("given_days", np.float64),
    ]
)
MOST_LINES: Final = LINES - 1


class Plans(NamedTuple):
    """All strategies: rows of regimens (strategy, line), how many, what follows."""

    regimens: Data
    lines: Data
    usual_care: Data
    maintenance: Data


class Room(NamedTuple):
    """Working arrays of one thread."""

    body: Body
    ahead: Ahead
    rows: Data
    amounts: Data
    values: Data
    desk: Data
    sums: Sums
    counts: Counts


def plans(compiled: Compiled) -> Plans:
    """Write the strategies into arrays."""
    count = len(compiled.plans)
    regimens = np.zeros((count, MOST_LINES), dtype=np.int64)
    for s, plan in enumerate(compiled.plans):
        regimens[s, : len(plan.regimens)] = plan.regimens
    return Plans(
        regimens,
        np.array([len(plan.regimens) for plan in compiled.plans], dtype=np.int64),
        np.array([plan.usual_care for plan in compiled.plans], dtype=np.bool_),
        np.array([plan.maintenance for plan in compiled.plans], dtype=np.bool_),
    )


def new_room(strategies: int, keys: Data) -> Room:
    """Make the working arrays of a thread."""
    return Room(
        body=new_body(),
        ahead=Ahead(np.zeros((len(keys), BLOCK + PADDING)), slots_of(keys)),
        rows=np.zeros((strategies, len(ROW))),
        amounts=np.zeros((strategies, 2, CATEGORIES)),
        values=new_values(strategies),
        desk=np.zeros(1, DESK).view(np.recarray)[0],
        sums=new_sums(strategies),
        counts=new_counts(strategies),
    )


def read_outcome(log: Data, events: int, row: Data) -> None:
    """Fill the outcome row of a patient; the counterpart of `sim.engine.outcomes.outcome`."""
    for flag in range(FLAGS):
        row[flag] = 0.0
    row[CYCLES] = 0.0
    row[REMISSION] = NEVER
    row[RELAPSE] = NEVER
    row[DEATH] = NEVER
    row[CAUSE] = ALIVE
    for i in range(events):
        event = log[i]
        kind = event.kind
        if kind == TOXIC:
            if event.grade >= SEVERE and event.detail < FEBRILE_NEUTROPENIA:
                row[FIRST_TOXIC_FLAG + event.detail] = 1.0
        elif kind == CYCLE_STARTED:
            if event.line == 0:
                row[CYCLES] += 1.0
        elif kind == RESPONDED:
            if event.line == 0:
                row[RESPONSE_FLAG] = 1.0
                row[REMISSION] = event.time_days
                row[COMPLETE_FLAG] = 1.0 if event.detail == 1 else 0.0
                row[NEGATIVE_FLAG] = event.value
        elif kind == TRANSPLANTED:
            row[HCT_FLAG] = 1.0
            if event.line == 0 and event.detail == 1:
                row[HCT_IN_REMISSION_FLAG] = 1.0
        elif kind == RELAPSED:
            row[RELAPSE] = min(row[RELAPSE], event.time_days)
        elif kind == DIED:
            row[DEATH] = event.time_days
            row[CAUSE] = event.detail
    row[END] = log[events - 1].time_days
    failure = min(row[RELAPSE], row[DEATH])
    responded = row[RESPONSE_FLAG] > 0.0
    row[RFS] = failure - row[REMISSION] if responded else NOT_A_NUMBER
    row[EFS] = failure if responded else 0.0


def keep_patient(room: Room, rows: Data, amounts: Data) -> None:
    """Copy the patient at hand, element by element: nothing may be allocated here."""
    for s in range(rows.shape[0]):
        for column in range(rows.shape[1]):
            rows[s, column] = room.rows[s, column]
        for kind in range(2):
            for category in range(CATEGORIES):
                amounts[s, kind, category] = room.amounts[s, kind, category]


def run_unit(
    rules: Data,
    regimens: Data,
    tables: Data,
    plan: Plans,
    tariff: Tariff,
    room: Room,
    keys: Data,
    seed: Data,
    first: int,
    count: int,
    comparator: int,
    keep_rows: Data,
    keep_amounts: Data,
) -> None:
    """Move `count` patients from `first` on through all strategies; add them to the sums and counts.

    Rows and amounts of the patients are kept when there is room for them (length not 0).
    """
    done = 0
    keep = keep_rows.shape[0] > 0
    while done < count:
        block = min(room.ahead.drawn.shape[1] - PADDING, count - done)
        draw_ahead(seed, first + done, block, keys, room.ahead.drawn)
        world = World(rules, regimens, tables, room.ahead, seed)
        for column in range(block):
            number = first + done + column
            patient = enter(world, number, column)
            dies = background_death(world, patient, column, NEVER)
            for s in range(plan.lines.shape[0]):
                chosen = plan.regimens[s, : plan.lines[s]]
                live(
                    world,
                    room.body,
                    patient,
                    column,
                    dies,
                    chosen,
                    plan.usual_care[s],
                    plan.maintenance[s],
                )
                events = room.body.life.events
                read_outcome(room.body.log, events, room.rows[s])
                for kind in range(2):
                    for category in range(CATEGORIES):
                        room.amounts[s, kind, category] = 0.0
                book = Book(room.amounts[s], room.sums.cells[s], tariff, room.desk)
                keep_book(book, patient, room.body.log, events, chosen)
            count_patient(room.sums, room.counts, room.rows, room.amounts, room.values, comparator)
            if keep:
                keep_patient(room, keep_rows[done + column], keep_amounts[done + column])
        done += block


@cache
def unit_kernel() -> Data:
    """Return the compiled loop over a unit."""
    return kernel(run_unit)
