"""Keyed uniforms in compiled code: the same bits as `sim.engine.streams`.

What nearly every patient needs is drawn for a whole block at once, one decision a loop, which
the compiler turns into vector instructions; the rest is drawn when it is asked for.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from sim.clinic.decisions import Decision, occurrence
from sim.clinic.patient import ENTRY_DECISIONS

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

FIRST: Final = occurrence(0, 0)
SECOND_CYCLE: Final = occurrence(0, 1)
SECOND_LINE: Final = occurrence(1, 0)
OCCURRENCES: Final = (FIRST, SECOND_CYCLE, SECOND_LINE)
"""Occurrences that are drawn ahead, where they are."""
GRADES: Final = (
    Decision.CRS,
    Decision.NEUROTOXICITY,
    Decision.HEPATOTOXICITY,
    Decision.INFECTION,
    Decision.FEBRILE_NEUTROPENIA,
)
AHEAD: Final = (
    *((decision, FIRST) for decision in ENTRY_DECISIONS),
    (Decision.BACKGROUND_DEATH, FIRST),
    *((decision, FIRST) for decision in GRADES),
    *((decision, SECOND_CYCLE) for decision in GRADES),
    (Decision.RESPONSE, FIRST),
    (Decision.RESPONSE_CYCLE, FIRST),
    (Decision.PROGRESSION_AFTER_FIRST_CYCLE, FIRST),
    (Decision.REFRACTORY_SURVIVAL, FIRST),
    (Decision.CD19_LOSS, FIRST),
    (Decision.NEXT_LINE, SECOND_LINE),
    (Decision.RESCUE, SECOND_LINE),
)
"""What is drawn ahead, by decision and occurrence; the first 13 are those of entry."""
SLOTS: Final = np.full((max(Decision) + 1, len(OCCURRENCES)), -1, dtype=np.int64)
for _slot, (_decision, _occurrence) in enumerate(AHEAD):
    SLOTS[_decision, OCCURRENCES.index(_occurrence)] = _slot
KEYS: Final = np.array(AHEAD, dtype=np.int64)


def philox_round(
    a: Any, b: Any, c: Any, d: Any, k0: Any, k1: Any  # noqa: ANN401 - 32-bit words
) -> tuple[Any, Any, Any, Any]:
    """Apply one round of Philox4x32 (Salmon et al. 2011)."""
    p, q = MULTIPLIER_0 * U64(a), MULTIPLIER_1 * U64(c)
    return U32(U32(q >> WORD) ^ b ^ k0), U32(q), U32(U32(p >> WORD) ^ d ^ k1), U32(p)


def keyed_uniform(seed: Any, number: Any, decision: Any, repeat: Any) -> float:  # noqa: ANN401
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


def draw_ahead(seed: Any, first: int, count: int, keys: Any, drawn: Any) -> None:  # noqa: ANN401
    """Fill ``drawn[slot, column]`` for the `count` patients from `first` on."""
    for slot in range(keys.shape[0]):
        decision, repeat = keys[slot, 0], keys[slot, 1]
        row = drawn[slot]
        for column in range(count):
            row[column] = keyed_uniform(seed, first + column, decision, repeat)


def draw(
    drawn: Any,  # noqa: ANN401
    seed: Any,  # noqa: ANN401
    number: int,
    column: int,
    decision: int,
    line: int,
    cycle: int,
) -> float:
    """Return the patient's uniform for a decision, from those drawn ahead where it is one."""
    slot = -1
    if line == 0:
        if cycle <= 1:
            slot = SLOTS[decision, cycle]
    elif line == 1 and cycle == 0:
        slot = SLOTS[decision, 2]
    if slot >= 0:
        return drawn[slot, column]  # type: ignore[no-any-return]
    return keyed_uniform(seed, number, decision, occurrence(line, cycle))
