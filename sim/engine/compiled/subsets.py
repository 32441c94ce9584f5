"""Draws that only a subset of a block needs, made for the patients listed for them.

The patients who may respond or have a toxicity are known as soon as the draws that
everyone needs have been made. A list may hold patients who never need its draws, and holds all who
do.
"""

from __future__ import annotations

from typing import Final

from sim.clinic import toxicity
from sim.clinic.draws import RandomDraw
from sim.clinic.toxicity import DURATION_DECISION, Toxicity
from sim.engine.compiled.draw_plan import (
    CYCLES_AHEAD,
    LATER,
    RESPONDERS,
    WITH_TOXICITY,
)
from sim.engine.compiled.draws import draw_group, draw_listed
from sim.engine.compiled.memory import MRD_ONLY
from sim.engine.values import Data

duration_days = toxicity.duration_days

KINDS: Final = len(Toxicity)
DURATION: Final = tuple(int(DURATION_DECISION[kind]) for kind in Toxicity)


def draw_for_subsets(
    world: Data,
    body: Data,
    keys: Data,
    first: int,
    count: int,
    untreated: bool,
    most_induction: int,
) -> None:
    """Draw the numbers that only a subset of the block can need.

    Under a strategy without treatment, patients who are not listed may need some of these draws
    too: those are then made for everyone.
    """
    if world.rules.toxicity:
        for kind in range(KINDS):
            some = list_with_toxicity(body, count, kind)
            draw_listed(world.seed, first, keys, WITH_TOXICITY + kind, body.listed, some, body)
            precompute_listed_durations(world, body, kind, some)
    some = count if untreated else list_responders(world, body, count)
    if untreated:
        draw_group(world.seed, first, count, keys, body.drawn, RESPONDERS)
    else:
        draw_listed(world.seed, first, keys, RESPONDERS, body.listed, some, body)
    for cycle in range(1, CYCLES_AHEAD):
        if untreated or cycle < most_induction:
            draw_group(world.seed, first, count, keys, body.drawn, LATER + cycle)
        else:
            draw_listed(world.seed, first, keys, LATER + cycle, body.listed, some, body)


def list_with_toxicity(body: Data, count: int, kind: int) -> int:
    """List the columns with a kind of toxicity in the first cycle of any strategy."""
    listed = 0
    for column in range(count):
        body.listed[listed] = column
        listed += (body.occurring_first[column] >> kind) & 1
    return listed


def list_responders(world: Data, body: Data, count: int) -> int:
    """List the columns that respond to the first line of any strategy, or are in remission."""
    listed = 0
    for column in range(count):
        body.scratch[column] = 1.0 if body.people[MRD_ONLY, column] > 0.0 else 0.0
    for strategy in range(world.plans.shape[0]):
        for column in range(count):
            responds = body.drawn[RandomDraw.RESPONSE, column] < body.chances[strategy, column]
            body.scratch[column] = 1.0 if responds else body.scratch[column]
    for column in range(count):
        body.listed[listed] = column
        listed += 1 if body.scratch[column] > 0.0 else 0
    return listed


def precompute_listed_durations(world: Data, body: Data, kind: int, some: int) -> None:
    """Precompute the duration of a toxicity of the first cycle in the columns listed."""
    course = world.rules.courses[kind]
    for j in range(some):
        body.scratch[j] = body.drawn[DURATION[kind], body.listed[j]]
    for j in range(some):
        body.scratch[j] = duration_days(course, body.scratch[j])
    for j in range(some):
        body.durations[kind, body.listed[j]] = body.scratch[j]
