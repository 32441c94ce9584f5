"""Keyed uniforms in compiled code: the same bits as `sim.engine.streams`.

What nearly every patient needs is drawn for a whole block at once, one decision a loop, which
the compiler turns into vector instructions; the rest is drawn when it is asked for.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.clinic.arithmetic import normal_quantile
from sim.clinic.decisions import CYCLES_PER_LINE, Decision, occurrence
from sim.clinic.distributions import standard_exponential
from sim.clinic.patient import ENTRY_DECISIONS
from sim.clinic.toxicity import DURATION_DECISION, GRADE_DECISION, ONSET_DECISION, Toxicity
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
LATER_CYCLES: Final = tuple(range(1, CYCLES_AHEAD))
PLACES: Final = CYCLES_AHEAD + 1
"""Occurrences that may be drawn ahead: the first cycles of line 0, then line 1."""
LINE_1: Final = CYCLES_AHEAD
DECISIONS: Final = max(Decision) + 1

_KINDS: Final = tuple(Toxicity)
_COURSE_OF_TOXICITY: Final = tuple(
    decision for kind in _KINDS for decision in (ONSET_DECISION[kind], DURATION_DECISION[kind])
)
_REMISSION: Final = (
    Decision.CONSOLIDATION,
    Decision.CURE_IN_REMISSION,
    Decision.RELAPSE_TIME,
    Decision.DEATH_IN_REMISSION,
    Decision.SURVIVAL_AFTER_RELAPSE,
)
_LINE: Final = (
    Decision.RESPONSE,
    Decision.RESPONSE_CYCLE,
    Decision.RESPONSE_DEPTH,
    Decision.MRD,
    Decision.PROGRESSION_AFTER_FIRST_CYCLE,
    Decision.REFRACTORY_SURVIVAL,
    Decision.CD19_LOSS,
    *_REMISSION,
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
_LATER: Final = (
    *((GRADE_DECISION[kind], 0, cycle) for cycle in LATER_CYCLES for kind in _KINDS),
    *((decision, 1, 0) for decision in (Decision.NEXT_LINE, *_RESCUE, *_TRANSPLANT)),
)
"""What is drawn ahead beyond the first occurrence: decision, line, cycle."""
ROWS: Final = DECISIONS + len(_LATER)
"""Rows of draws: the first occurrence of each decision by its number, then those of `_LATER`."""

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
    **{DURATION_DECISION[kind]: NORMAL for kind in _KINDS},
}
"""Decisions whose draws ahead are kept as standard exponentials or normals.

The time of relapse is one too, where it is Weibull.
"""


def keys_ahead(settings: Settings, *, treated: bool, untreated: bool) -> Data:
    """Return what is worth drawing ahead: (decision, occurrence, row, form), one row a draw.

    What a scenario cannot ask for is left out: toxicity and transplant when they are switched
    off, lines of treatment unless some strategy has one (`treated`). What is drawn once in a
    first occurrence must be here, but for what `draw_rare` draws; the rest is drawn on demand.
    """
    wanted = [(decision, 0, 0) for decision in ENTRY_DECISIONS]
    if settings.background_mortality:
        wanted.append((Decision.BACKGROUND_DEATH, 0, 0))
    asked: list[Decision] = []
    if treated:
        asked += _LINE
        if settings.toxicity:
            asked += [*(GRADE_DECISION[kind] for kind in _KINDS), *_COURSE_OF_TOXICITY]
    if untreated:
        # Who has MRD only is in remission without any treatment.
        asked += [Decision.REFRACTORY_SURVIVAL, *_REMISSION, *_RESCUE]
    if settings.transplant:
        asked += [*_CANDIDACY, *_TRANSPLANT]
    wanted += [(decision, 0, 0) for decision in dict.fromkeys(asked)]
    wanted += [
        (decision, line, cycle)
        for decision, line, cycle in _LATER
        if (line == 1 or (treated and settings.toxicity))
        and (decision == Decision.NEXT_LINE or line == 0 or settings.transplant)
    ]
    forms = dict(FORMS)
    if settings.weibull_relapse:
        forms[Decision.RELAPSE_TIME] = EXPONENTIAL
    return np.array(
        [
            (
                key[0],
                occurrence(key[1], key[2]),
                DECISIONS + _LATER.index(key) if key in _LATER else key[0],
                forms.get(key[0], UNIFORM),
            )
            for key in wanted
        ],
        dtype=np.int64,
    )


def place(line: int, cycle: int) -> int:
    """Return the place of an occurrence that may be drawn ahead, or -1."""
    if line == 0 and cycle < CYCLES_AHEAD:
        return cycle
    if line == 1 and cycle == 0:
        return LINE_1
    return -1


def rows_ahead(keys: Data) -> Data:
    """Return the row by decision and place of what `keys` draw ahead, or -1."""
    rows = np.full((DECISIONS, PLACES), -1, dtype=np.int64)
    for decision, repeat, row, _ in keys:
        rows[decision, place(*divmod(int(repeat), CYCLES_PER_LINE))] = row
    return rows


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
    """Fill ``drawn[row, column]`` for the `count` patients from `first` on."""
    for i in range(keys.shape[0]):
        decision, repeat, form = keys[i, 0], keys[i, 1], keys[i, 3]
        row = drawn[keys[i, 2]]
        for column in range(count):
            row[column] = keyed_uniform(seed, first + column, decision, repeat)
        if form == EXPONENTIAL:
            for column in range(count):
                row[column] = standard_exponential(row[column])
        elif form == NORMAL:
            for column in range(count):
                row[column] = normal_quantile(row[column])


def draw_rare(body: Data, seed: Data, decision: int, line: int, cycle: int) -> float:
    """Return the patient's uniform for a decision that is never drawn ahead."""
    return keyed_uniform(seed, body.number, decision, occurrence(line, cycle))


def draw(body: Data, seed: Data, decision: int, line: int, cycle: int) -> float:
    """Return the patient's uniform for a decision, from those drawn ahead where it is one."""
    if line == 0 and cycle == 0:
        return body.drawn[decision, body.column]
    where = place(line, cycle)
    if where >= 0:
        row = body.rows[decision, where]
        if row >= 0:
            return body.drawn[row, body.column]
    return keyed_uniform(seed, body.number, decision, occurrence(line, cycle))


def exponential(body: Data, seed: Data, decision: int, line: int, cycle: int) -> float:
    """Return the standard exponential of a decision that is drawn as one."""
    if line == 0 and cycle == 0:
        return body.drawn[decision, body.column]
    where = place(line, cycle)
    if where >= 0:
        row = body.rows[decision, where]
        if row >= 0:
            return body.drawn[row, body.column]
    return standard_exponential(keyed_uniform(seed, body.number, decision, occurrence(line, cycle)))


def normal(body: Data, seed: Data, decision: int, line: int, cycle: int) -> float:
    """Return the standard normal of a decision that is drawn as one."""
    if line == 0 and cycle == 0:
        return body.drawn[decision, body.column]
    where = place(line, cycle)
    if where >= 0:
        row = body.rows[decision, where]
        if row >= 0:
            return body.drawn[row, body.column]
    return normal_quantile(keyed_uniform(seed, body.number, decision, occurrence(line, cycle)))
