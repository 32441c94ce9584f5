"""Keyed uniforms in compiled code: the same bits as `sim.engine.streams`.

What nearly every patient needs is drawn for a whole block at once, one decision a loop, which
the compiler turns into vector instructions; the rest is drawn when it is asked for.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from sim.clinic.arithmetic import normal_quantile
from sim.clinic.decisions import Decision, occurrence
from sim.clinic.distributions import standard_exponential
from sim.clinic.patient import ENTRY_DECISIONS
from sim.engine.data import Data
from sim.engine.model import Settings

U32 = np.uint32
U64 = np.uint64
MULTIPLIER_0: Final = U64(0xD2511F53)
MULTIPLIER_1: Final = U64(0xCD9E8D57)
WEYL_0: Final = U32(0x9E3779B9)
WEYL_1: Final = U32(0xBB67AE85)
WORD: Final = U64(32)
LOW_WORD: Final = U64(0xFFFFFFFF)
UNUSED_BITS: Final = U64(12)
SPACING: Final = 2.0**-52
HALF: Final = 0.5

CYCLES_AHEAD: Final = 5
LINE_1_AHEAD: Final = 2
PLACES: Final = CYCLES_AHEAD + LINE_1_AHEAD
"""Occurrences that may be drawn ahead: the first cycles of line 0, then of line 1."""

_GRADES: Final = (
    Decision.CRS,
    Decision.NEUROTOXICITY,
    Decision.HEPATOTOXICITY,
    Decision.INFECTION,
    Decision.FEBRILE_NEUTROPENIA,
)
_COURSE_OF_TOXICITY: Final = tuple(
    Decision[f"{kind.name}_{what}"] for kind in _GRADES for what in ("ONSET", "DURATION")
)
_LINE: Final = (
    Decision.RESPONSE,
    Decision.RESPONSE_CYCLE,
    Decision.RESPONSE_DEPTH,
    Decision.MRD,
    Decision.PROGRESSION_AFTER_FIRST_CYCLE,
    Decision.REFRACTORY_SURVIVAL,
    Decision.CONSOLIDATION,
    Decision.CURE_IN_REMISSION,
    Decision.RELAPSE_TIME,
    Decision.DEATH_IN_REMISSION,
    Decision.CD19_LOSS,
    Decision.SURVIVAL_AFTER_RELAPSE,
)
_CANDIDACY: Final = (Decision.TRANSPLANT_ELIGIBILITY, Decision.TRANSPLANT_TIME)
_RESCUE: Final = (
    Decision.RESCUE,
    Decision.RESCUE_TIME,
    Decision.SURVIVAL_AFTER_RELAPSE,
    Decision.MRD,
)
_TRANSPLANT: Final = (
    Decision.TRANSPLANT_VOD,
    Decision.TRANSPLANT_DEATH,
    Decision.LATE_TRANSPLANT_DEATH,
    Decision.CURE_AFTER_TRANSPLANT,
    Decision.RELAPSE_AFTER_TRANSPLANT,
    Decision.ACUTE_GVHD,
    Decision.ACUTE_GVHD_ONSET,
    Decision.CHRONIC_GVHD,
    Decision.CHRONIC_GVHD_ONSET,
    Decision.TRANSPLANT_INFECTION,
)
ENTRY_SLOTS: Final = len(ENTRY_DECISIONS)
"""The first slots are those of entry, in the order of `EntryUniforms`."""


UNIFORM: Final = 0
EXPONENTIAL: Final = 1
NORMAL: Final = 2
FORMS: Final = {
    Decision.WEIGHT: NORMAL,
    Decision.HEIGHT: NORMAL,
    Decision.FIRST_REMISSION: NORMAL,
    Decision.BACKGROUND_DEATH: EXPONENTIAL,
    Decision.REFRACTORY_SURVIVAL: EXPONENTIAL,
    Decision.SURVIVAL_AFTER_RELAPSE: EXPONENTIAL,
    Decision.DEATH_IN_REMISSION: EXPONENTIAL,
    Decision.TRANSPLANT_TIME: NORMAL,
    **{Decision[f"{kind.name}_DURATION"]: NORMAL for kind in _GRADES},
}
"""Decisions whose draws ahead are kept as standard exponentials or normals.

The time of relapse is one too, where it is Weibull.
"""


class Ahead(NamedTuple):
    """Draws ahead by slot and column, and the slot by decision and place (or -1).

    A draw is a uniform, or what `FORMS` says of its decision.
    """

    drawn: Data
    slots: Data


def keys_ahead(settings: Settings, *, treated: bool) -> Data:
    """Return what is worth drawing ahead: (decision, occurrence, place, form), one row a slot.

    What a scenario cannot ask for is left out: toxicity and transplant when they are switched
    off, lines of treatment when no strategy has one. `draw` draws the rest on demand.
    """
    forms = dict(FORMS)
    if settings.weibull_relapse:
        forms[Decision.RELAPSE_TIME] = EXPONENTIAL
    wanted = [(decision, 0, 0) for decision in ENTRY_DECISIONS]
    wanted.append((Decision.BACKGROUND_DEATH, 0, 0))
    if treated:
        wanted += [(decision, 0, 0) for decision in _LINE]
        if settings.transplant:
            wanted += [(decision, 0, 0) for decision in (*_CANDIDACY, *_TRANSPLANT)]
        if settings.toxicity:
            wanted += [(grade, 0, cycle) for cycle in range(CYCLES_AHEAD) for grade in _GRADES]
            wanted += [(decision, 0, 0) for decision in _COURSE_OF_TOXICITY]
    else:
        wanted.append((Decision.REFRACTORY_SURVIVAL, 0, 0))
    wanted.append((Decision.NEXT_LINE, 1, 0))
    if settings.transplant:
        wanted += [(decision, 1, 0) for decision in (*_RESCUE, *_TRANSPLANT)]
    return np.array(
        [
            (decision, occurrence(line, cycle), place(line, cycle), forms.get(decision, UNIFORM))
            for decision, line, cycle in wanted
        ],
        dtype=np.int64,
    )


def place(line: int, cycle: int) -> int:
    """Return the column of an occurrence in the table of slots, or -1."""
    if line == 0 and cycle < CYCLES_AHEAD:
        return cycle
    if line == 1 and cycle < LINE_1_AHEAD:
        return CYCLES_AHEAD + cycle
    return -1


def slots_of(keys: Data) -> Data:
    """Return the table of slots by decision and place for `keys`."""
    slots = np.full((max(Decision) + 1, PLACES), -1, dtype=np.int64)
    for slot in range(keys.shape[0]):
        slots[keys[slot, 0], keys[slot, 2]] = slot
    return slots


def philox_round(
    a: Data,
    b: Data,
    c: Data,
    d: Data,
    k0: Data,
    k1: Data,
) -> tuple[Data, Data, Data, Data]:
    """Apply one round of Philox4x32 (Salmon et al. 2011)."""
    p, q = MULTIPLIER_0 * U64(a), MULTIPLIER_1 * U64(c)
    return U32(U32(q >> WORD) ^ b ^ k0), U32(q), U32(U32(p >> WORD) ^ d ^ k1), U32(p)


def keyed_uniform(seed: Data, number: Data, decision: Data, repeat: Data) -> float:
    """Return the uniform of a key; the ten rounds are written out so that loops vectorize."""
    a, b = U32(U64(number) & LOW_WORD), U32(U64(number) >> WORD)
    c, d = U32(decision), U32(repeat)
    k0, k1 = U32(U64(seed) & LOW_WORD), U32(U64(seed) >> WORD)
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = U32(k0 + WEYL_0), U32(k1 + WEYL_1)
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = U32(k0 + WEYL_0), U32(k1 + WEYL_1)
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = U32(k0 + WEYL_0), U32(k1 + WEYL_1)
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = U32(k0 + WEYL_0), U32(k1 + WEYL_1)
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = U32(k0 + WEYL_0), U32(k1 + WEYL_1)
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = U32(k0 + WEYL_0), U32(k1 + WEYL_1)
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = U32(k0 + WEYL_0), U32(k1 + WEYL_1)
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = U32(k0 + WEYL_0), U32(k1 + WEYL_1)
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = U32(k0 + WEYL_0), U32(k1 + WEYL_1)
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    word = (U64(a) << WORD) | U64(b)
    return (np.float64(np.int64(word >> UNUSED_BITS)) + HALF) * SPACING


def draw_ahead(seed: Data, first: int, count: int, keys: Data, drawn: Data) -> None:
    """Fill ``drawn[slot, column]`` for the `count` patients from `first` on."""
    for slot in range(keys.shape[0]):
        decision, repeat, form = keys[slot, 0], keys[slot, 1], keys[slot, 3]
        row = drawn[slot]
        for column in range(count):
            row[column] = keyed_uniform(seed, first + column, decision, repeat)
        if form == EXPONENTIAL:
            for column in range(count):
                row[column] = standard_exponential(row[column])
        elif form == NORMAL:
            for column in range(count):
                row[column] = normal_quantile(row[column])


def draw(
    ahead: Ahead,
    seed: Data,
    number: int,
    column: int,
    decision: int,
    line: int,
    cycle: int,
) -> float:
    """Return the patient's uniform for a decision, from those drawn ahead where it is one."""
    where = place(line, cycle)
    if where >= 0:
        slot = ahead.slots[decision, where]
        if slot >= 0:
            return ahead.drawn[slot, column]
    return keyed_uniform(seed, number, decision, occurrence(line, cycle))


def exponential(
    ahead: Ahead,
    seed: Data,
    number: int,
    column: int,
    decision: int,
    line: int,
    cycle: int,
) -> float:
    """Return the standard exponential of a decision that `FORMS` lists as one."""
    where = place(line, cycle)
    if where >= 0:
        slot = ahead.slots[decision, where]
        if slot >= 0:
            return ahead.drawn[slot, column]
    return standard_exponential(keyed_uniform(seed, number, decision, occurrence(line, cycle)))


def normal(
    ahead: Ahead,
    seed: Data,
    number: int,
    column: int,
    decision: int,
    line: int,
    cycle: int,
) -> float:
    """Return the standard normal of a decision that `FORMS` lists as one."""
    where = place(line, cycle)
    if where >= 0:
        slot = ahead.slots[decision, where]
        if slot >= 0:
            return ahead.drawn[slot, column]
    return normal_quantile(keyed_uniform(seed, number, decision, occurrence(line, cycle)))
