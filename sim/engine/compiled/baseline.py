"""The baseline of many patients at once, as compiled code simulates them."""

from __future__ import annotations

from functools import cache

import numpy as np

from sim.engine.compiled.compiler import kernel
from sim.engine.compiled.draw_plan import keys_at_entry
from sim.engine.compiled.draws import draw_ahead
from sim.engine.compiled.memory import BLOCK, TRAITS, new_body
from sim.engine.compiled.precompute import precompute_baseline
from sim.engine.compiled.records import records
from sim.engine.model import Model, World
from sim.engine.streams import blocks
from sim.engine.values import Data


def write_baselines(
    world: Data, bodies: Data, keys: Data, first: int, count: int, rows: Data
) -> None:
    """Draw the baseline of the `count` patients from `first` on into the rows."""
    body = bodies[0]
    draw_ahead(world.seed, first, count, keys, body, True)
    precompute_baseline(world, body, count)
    for trait in range(TRAITS):
        for column in range(count):
            rows[column, trait] = body.people[trait, column]


@cache
def baseline_kernel() -> Data:
    """Return the compiled entry point."""
    return kernel(write_baselines)


def baselines(model: Model, seed: int, first: int, count: int) -> Data:
    """Return the baseline of the `count` patients from `first` on, as `sim.engine.reference.enrol`.

    Returns
    -------
    array of shape (count, characteristics)
        The fields of `sim.clinic.patient.Given`; yes is 1 and no is 0.
    """
    write, compiled, keys = baseline_kernel(), records(model), keys_at_entry()
    bodies = new_body(keys)
    plans: Data = compiled.plans
    world = World(
        compiled.rules[0],
        compiled.regimens[0],
        plans,
        compiled.life_table,
        np.uint64(seed),
    )
    rows = np.empty((count, TRAITS))
    for start, size in blocks(count, BLOCK):
        if model.given is not None:
            bodies["given"][0][:, :size] = model.given(first + start, size).T
        write(world, bodies, keys, first + start, size, rows[start : start + size])
    return rows
