"""Which keyed uniforms the core engine draws ahead for a whole block of patients, and for whom.

What nearly every patient needs is drawn for everyone. The rest is drawn for those who may ask for
it, which is known once it is known whom toxicity strikes, who responds and who is rescued.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.clinic.decisions import CYCLES_PER_LINE, Decision, occurrence
from sim.clinic.patient import ENTRY_DECISIONS
from sim.clinic.toxicity import DURATION_DECISION, GRADE_DECISION, ONSET_DECISION, Toxicity
from sim.engine.data import Data
from sim.engine.model import Settings

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
_IF_RESPONDING: Final = (
    Decision.RESPONSE_DEPTH,
    Decision.MRD,
    Decision.CONSOLIDATION,
    Decision.CURE_IN_REMISSION,
    Decision.RELAPSE_TIME,
    Decision.DEATH_IN_REMISSION,
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

EVERYONE: Final = 0
RESPONDERS: Final = 1
RESCUED: Final = 2
STRUCK: Final = 3
"""From here on: those whom a kind of toxicity strikes in the first cycle."""
LATER: Final = STRUCK + len(_KINDS) - 1
"""Plus the number of a later cycle: those who may be given it."""
GROUPS: Final = LATER + CYCLES_AHEAD
_SIZE: Final = (Decision.WEIGHT, Decision.HEIGHT)


def keys_ahead(
    settings: Settings, *, treated: bool, untreated: bool, dosed_by_size: bool = True
) -> Data:
    """Return what is worth drawing ahead: (decision, occurrence, row, form, group), a row a draw.

    What a scenario cannot ask for is left out: toxicity and transplant when they are switched
    off, lines of treatment unless some strategy has one (`treated`), weight and height when no
    dose depends on them. What is drawn once in a first occurrence must be here, but for what
    `draw_rare` draws; the rest is drawn on demand.
    """
    wanted = [
        (decision, 0, 0) for decision in ENTRY_DECISIONS if dosed_by_size or decision not in _SIZE
    ]
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
                _group(*key),
            )
            for key in wanted
        ],
        dtype=np.int64,
    )


def _group(decision: Decision, line: int, cycle: int) -> int:
    """Return for whom a decision is drawn ahead when not all are drawn for everyone."""
    if cycle > 0:
        return LATER + cycle
    if line > 0:
        return RESCUED if decision in (*_RESCUE[1:], *_TRANSPLANT) else EVERYONE
    for place, kind in enumerate(_KINDS):
        if decision in (ONSET_DECISION[kind], DURATION_DECISION[kind]):
            return STRUCK + place
    if decision in (*_IF_RESPONDING, *_CANDIDACY, *_TRANSPLANT):
        return RESPONDERS
    return EVERYONE


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
    for decision, repeat, row, *_ in keys:
        rows[decision, place(*divmod(int(repeat), CYCLES_PER_LINE))] = row
    return rows
