"""Random draws that the core engine makes ahead for a block of patients, and for which subset.

Draws that nearly every patient needs are made for everyone. The others are made for a subset that
may need them, as soon as toxicity and response of the block are known. Both follow from
the rows of `sim.clinic.draws.DRAWS`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.clinic.draws import CYCLES_PER_LINE, DRAWS, Form, Patients, RandomDraw, occurrence
from sim.clinic.patient import ENTRY_DECISIONS
from sim.clinic.toxicity import DURATION_DECISION, ONSET_DECISION, Toxicity
from sim.engine.model import Settings
from sim.engine.values import Data

CYCLES_AHEAD: Final = 5
TOXIC_CYCLES_AHEAD: Final = 2
"""Cycles of the first line of which also onset and duration of toxicities are drawn ahead."""
LATER_CYCLES: Final = tuple(range(1, CYCLES_AHEAD))
LINES_AHEAD: Final = 3
PLACES: Final = CYCLES_AHEAD + LINES_AHEAD - 1
"""Occurrences that may be drawn ahead: the first cycles of line 0, then the next lines."""
DECISIONS: Final = max(RandomDraw) + 1

_KINDS: Final = tuple(Toxicity)


def _draws(patients: Patients) -> tuple[RandomDraw, ...]:
    """Return the draws that any of the patients may need, without those that few need."""
    return tuple(
        decision
        for decision, facts in DRAWS.items()
        if facts.needed_by & patients and not facts.rare
    )


_IN_FIRST_LINE: Final = _draws(
    Patients.TREATED
    | Patients.REFRACTORY
    | Patients.RESPONDERS
    | Patients.IN_REMISSION
    | Patients.RELAPSED
)
_WITHOUT_TREATMENT: Final = _draws(
    # Patients with MRD only are in remission without any treatment.
    Patients.REFRACTORY | Patients.IN_REMISSION | Patients.RELAPSED
)
_AT_TRANSPLANT: Final = _draws(Patients.CANDIDATES | Patients.TRANSPLANTED)
_IF_RESPONDING: Final = frozenset(
    _draws(
        Patients.RESPONDERS | Patients.IN_REMISSION | Patients.CANDIDATES | Patients.TRANSPLANTED
    )
)
_IN_NEXT_LINE: Final = (
    RandomDraw.NEXT_LINE,
    RandomDraw.RESPONSE,
    RandomDraw.REFRACTORY_SURVIVAL,
)
"""Most patients fail, and these draws are made for nearly every one who does."""
_RESPONDING_IN_NEXT_LINE: Final = (
    RandomDraw.RESPONSE_CYCLE,
    RandomDraw.SURVIVAL_AFTER_RELAPSE,
    *sorted(_IF_RESPONDING),
)
_WITH_TOXICITY: Final = _draws(Patients.WITH_TOXICITY)
_LATER: Final = (
    *((grade, 0, cycle) for cycle in LATER_CYCLES for grade in _draws(Patients.IN_CYCLE)),
    *((draw, 0, cycle) for cycle in range(1, TOXIC_CYCLES_AHEAD) for draw in _WITH_TOXICITY),
    *(
        (decision, line, 0)
        for line in range(1, LINES_AHEAD)
        for decision in (*_IN_NEXT_LINE, *_RESPONDING_IN_NEXT_LINE)
    ),
)
"""Draws made ahead beyond the first occurrence: random draw, line, cycle."""
ROWS: Final = DECISIONS + len(_LATER)
"""Rows of draws: the first occurrence of each random draw by its number, then those of `_LATER`."""

UNIFORM: Final = int(Form.UNIFORM)
EXPONENTIAL: Final = int(Form.EXPONENTIAL)
NORMAL: Final = int(Form.NORMAL)

EVERYONE: Final = 0
RESPONDERS: Final = 1
"""Plus the number of a line: the patients who may respond to it."""
WITH_TOXICITY: Final = RESPONDERS + LINES_AHEAD
"""From here on, cycle by cycle: the patients with a kind of toxicity in the cycle."""
LATER: Final = WITH_TOXICITY + TOXIC_CYCLES_AHEAD * len(_KINDS) - 1
"""Plus the number of a later cycle: the patients who may be given it."""
_SIZE: Final = (RandomDraw.WEIGHT, RandomDraw.HEIGHT)


def keys_ahead(
    settings: Settings,
    *,
    treated: bool,
    untreated: bool,
    dosed_by_size: bool = True,
    lines: int = LINES_AHEAD,
) -> Data:
    """Return the draws to make ahead: (decision, occurrence, row, form, group), a row a draw.

    Draws that a scenario cannot need are left out: toxicity and transplant when they are switched
    off, lines of treatment unless some strategy has one (`treated`) or so many (`lines`), weight and
    height when no dose depends on them. Every draw of a first occurrence must be here unless it is rare; rare
    draws and later occurrences are made on demand.
    """
    wanted = [
        (decision, 0, 0) for decision in ENTRY_DECISIONS if dosed_by_size or decision not in _SIZE
    ]
    if settings.background_mortality:
        wanted.append((RandomDraw.BACKGROUND_DEATH, 0, 0))
    asked: list[RandomDraw] = []
    if treated:
        asked += _IN_FIRST_LINE
        if settings.toxicity:
            asked += _draws(Patients.IN_CYCLE | Patients.WITH_TOXICITY)
    if untreated:
        asked += _WITHOUT_TREATMENT
    if settings.transplant:
        asked += _AT_TRANSPLANT
    wanted += [(decision, 0, 0) for decision in dict.fromkeys(asked)]
    wanted += [
        (decision, line, cycle)
        for decision, line, cycle in _LATER
        if (line > 0 or (treated and settings.toxicity))
        and line < lines
        and (settings.transplant or decision not in _AT_TRANSPLANT)
    ]
    forms = {decision: int(facts.form) for decision, facts in DRAWS.items()}
    if settings.weibull_relapse:
        forms[RandomDraw.RELAPSE_TIME] = EXPONENTIAL
    return np.array(
        [
            (
                key[0],
                occurrence(key[1], key[2]),
                DECISIONS + _LATER.index(key) if key in _LATER else key[0],
                forms[key[0]],
                _group(*key),
            )
            for key in wanted
        ],
        dtype=np.int64,
    )


def keys_at_entry() -> Data:
    """Return the draws of the baseline alone, for everyone, as `keys_ahead` does."""
    return np.array(
        [(draw, occurrence(0), draw, int(DRAWS[draw].form), EVERYONE) for draw in ENTRY_DECISIONS],
        dtype=np.int64,
    )


def _group(decision: RandomDraw, line: int, cycle: int) -> int:
    """Return the group of patients for which a draw is made ahead."""
    for place, kind in enumerate(_KINDS):
        if decision in (ONSET_DECISION[kind], DURATION_DECISION[kind]) or (
            decision == RandomDraw.SEIZURE and kind == Toxicity.NEUROTOXICITY
        ):
            return WITH_TOXICITY + cycle * len(_KINDS) + place
    if cycle > 0:
        return LATER + cycle
    if line > 0:
        return EVERYONE if decision in _IN_NEXT_LINE else RESPONDERS + line
    return RESPONDERS if decision in _IF_RESPONDING else EVERYONE


def place(line: int, cycle: int) -> int:
    """Return the place of an occurrence that may be drawn ahead, or -1."""
    if line == 0 and cycle < CYCLES_AHEAD:
        return cycle
    if line < LINES_AHEAD and cycle == 0:
        return CYCLES_AHEAD + line - 1
    return -1


def rows_ahead(keys: Data) -> Data:
    """Return the row of each draw that `keys` make ahead, by draw and place, or -1."""
    rows = np.full((DECISIONS, PLACES), -1, dtype=np.int64)
    for decision, repeat, row, *_ in keys:
        rows[decision, place(*divmod(int(repeat), CYCLES_PER_LINE))] = row
    return rows
