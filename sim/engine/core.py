"""The core engine: blocks of patients through compiled code.

It moves the same patients as `sim.engine.reference` and gives the same log for each; its parts
stand in `core_draws`, `core_life`, `core_cycle` and `core_story`. This module owns the loop over
a block and the arrays that it works in.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np

from sim.clinic.events import Event, Happening
from sim.clinic.infusion import MOST_SEGMENTS
from sim.clinic.patient import EntryUniforms, Patient, baseline_of
from sim.clinic.toxicity import Toxicity
from sim.clinic.units import NEVER
from sim.engine.compiled import kernel
from sim.engine.core_draws import Ahead, draw_ahead, keys_ahead, slots_of
from sim.engine.core_life import CLOCKS, Body, World, background_death
from sim.engine.core_story import live
from sim.engine.data import Data
from sim.engine.model import Model, Strategy
from sim.engine.records import EVENT, LIFE, records
from sim.engine.streams import blocks

BLOCK: Final = 256
"""Patients whose draws are made at once; results do not depend on it."""
PADDING: Final = 8
"""Columns that are never used: draws of one patient a power of two apart would share a cache line."""
LONGEST_LOG: Final = 4096
WEIGHT: Final = EntryUniforms._fields.index("weight")
HEIGHT: Final = EntryUniforms._fields.index("height")
FIRST_REMISSION: Final = EntryUniforms._fields.index("first_remission")
EPISODE: Final = np.dtype(
    [
        ("kind", np.int64),
        ("grade", np.int64),
        ("onset", np.float64),
        ("duration", np.float64),
        ("seizure", np.bool_),
        ("action", np.int64),
        ("resume", np.float64),
    ]
)


def new_body() -> Body:
    """Make the working arrays of one thread."""

    def recarray(size: int, dtype: Data) -> Data:
        return np.zeros(size, dtype).view(np.recarray)

    return Body(
        life=recarray(1, LIFE)[0],
        clocks=np.zeros(CLOCKS),
        log=recarray(LONGEST_LOG, EVENT),
        episodes=recarray(len(Toxicity) + 1, EPISODE),
        starts=np.zeros(MOST_SEGMENTS),
        ends=np.zeros(MOST_SEGMENTS),
        doses=np.zeros(MOST_SEGMENTS),
        onsets=np.zeros(len(Toxicity)),
        resumes=np.zeros(len(Toxicity)),
    )


def keys_for(model: Model) -> Data:
    """Return the keys that patients of the model are drawn with ahead."""
    treated = any(strategy.regimens for strategy in model.strategies)
    return keys_ahead(model.settings, treated=treated)


def enter(world: World, number: int, column: int) -> Patient:
    """Draw the baseline of the patient in a column of the block."""
    u = world.ahead.drawn
    return baseline_of(
        number,
        world.rules.population,
        EntryUniforms(
            u[0, column],
            u[1, column],
            u[2, column],
            u[3, column],
            u[4, column],
            u[5, column],
            u[6, column],
            u[7, column],
            u[8, column],
            u[9, column],
            u[10, column],
            u[11, column],
            u[12, column],
        ),
        u[WEIGHT, column],
        u[HEIGHT, column],
        u[FIRST_REMISSION, column],
    )


def one_log(
    world: World,
    body: Body,
    number: int,
    column: int,
    plan_regimens: Data,
    usual_care: bool,
    maintenance: bool,
) -> Patient:
    """Live one patient; the log is left in `body`."""
    patient = enter(world, number, column)
    dies = background_death(world, patient, column, NEVER)
    live(world, body, patient, column, dies, plan_regimens, usual_care, maintenance)
    return patient


@cache
def kernels() -> tuple[Data, Data]:
    """Return the compiled entry points: draws of a block, log of one patient."""
    return kernel(draw_ahead), kernel(one_log)


def simulate(
    model: Model, strategy: Strategy, *, seed: int, patients: int
) -> Iterator[tuple[Patient, list[Event]]]:
    """Move `patients` patients through `strategy`; yield each with the log of events, in order.

    The counterpart of `sim.engine.reference.simulate`, patient for patient.
    """
    ahead, log_of_one = kernels()
    compiled = records(model)
    plan = compiled.plans[model.strategies.index(strategy)]
    body = new_body()
    keys = keys_for(model)
    slots = slots_of(keys)
    drawn = np.zeros((len(keys), BLOCK + PADDING))
    key = np.uint64(seed)
    for first, count in blocks(patients, BLOCK):
        ahead(key, first, count, keys, drawn)
        world = World(compiled.rules, compiled.regimens, compiled.tables, Ahead(drawn, slots), key)
        for column in range(count):
            patient = log_of_one(
                world,
                body,
                first + column,
                column,
                plan.regimens,
                plan.usual_care,
                plan.maintenance,
            )
            yield Patient(*patient), _events(body)


def _events(body: Body) -> list[Event]:
    return [
        Event(
            float(row["time_days"]),
            Happening(int(row["kind"])),
            int(row["line"]),
            int(row["cycle"]),
            int(row["detail"]),
            int(row["grade"]),
            float(row["value"]),
        )
        for row in body.log[: int(body.life.events)]
    ]
