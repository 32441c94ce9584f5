"""The working memory of the core engine: one record a thread, used again for every patient.

Everything is at a fixed place in one record, so that compiled code needs one address for all of it.
Its first part is the record of `sim.engine.life.Life`, which a new life overwrites with the
defaults.
"""

from __future__ import annotations

from dataclasses import fields as dataclass_fields
from typing import Any, Final

import numpy as np

from sim.clinic.patient import EntryDraws, Patient
from sim.clinic.toxicity import Toxicity
from sim.engine.compiled.draw_plan import (
    CYCLES_AHEAD,
    DECISIONS,
    LINES_AHEAD,
    PLACES,
    ROWS,
    TOXIC_CYCLES_AHEAD,
    rows_ahead,
)
from sim.engine.compiled.records import NUMBERS, Records
from sim.engine.life import FILLED_FIRST, Life
from sim.engine.outcomes import Noted
from sim.engine.values import Data

BLOCK: Final = 256
"""Patients whose draws are made at once; results do not depend on it."""
ABREAST: Final = 32
"""Lists are filled up to a multiple of this: loops over them take so many columns at once."""
COLUMNS: Final = BLOCK + 8
"""A few are never used: draws of one patient a power of two apart would share a cache line."""
MOST_STRATEGIES: Final = 20
MOST_KINDS: Final = len(Toxicity)
LONGEST_LOG: Final = 4096

_TRAITS: Final = EntryDraws._fields
AGE: Final = _TRAITS.index("age")
MALE: Final = _TRAITS.index("sex")
WEIGHT: Final = _TRAITS.index("weight")
HEIGHT: Final = _TRAITS.index("height")
SALVAGE_LINE: Final = _TRAITS.index("salvage_line")
PRIOR_HCT: Final = _TRAITS.index("prior_hct")
PHILADELPHIA: Final = _TRAITS.index("philadelphia")
KMT2A: Final = _TRAITS.index("kmt2a")
HIGH_BLASTS: Final = _TRAITS.index("high_blasts")
CNS: Final = _TRAITS.index("cns_disease")
EXTRAMEDULLARY: Final = _TRAITS.index("extramedullary")
PRIMARY_REFRACTORY: Final = _TRAITS.index("primary_refractory")
FIRST_REMISSION: Final = _TRAITS.index("first_remission")
MRD_ONLY: Final = _TRAITS.index("mrd_only")
TRAITS: Final = len(_TRAITS)
BACKGROUND_DEATH_DAYS: Final = TRAITS
REFRACTORY_DAYS: Final = TRAITS + 1
RELAPSED_DAYS: Final = REFRACTORY_DAYS + LINES_AHEAD
RELAPSE_MULTIPLE: Final = RELAPSED_DAYS + LINES_AHEAD
AFTER_TRANSPLANT: Final = RELAPSE_MULTIPLE + LINES_AHEAD
TRANSPLANT_WAIT: Final = AFTER_TRANSPLANT + LINES_AHEAD
PEOPLE_ROWS: Final = TRANSPLANT_WAIT + LINES_AHEAD
"""Rows of a block's patients: baseline, then times that depend on nothing else, line by line.

Time to relapse is a multiple of its median. What was not computed is not a number.
"""

EVENT: Final = np.dtype(
    [
        ("time_days", np.float64),
        ("value", np.float64),
        ("kind", np.int8),
        ("cycle", np.int8),
        ("detail", np.int8),
        ("grade", np.int8),
        ("line", np.int8),
    ],
    align=True,
)
"""A line of the log, with the fields of `sim.clinic.events.Event`.

Those from `kind` to `grade`, which are mostly constants where an event is written, are adjacent, so
that they are one store.
"""


def state_type(state: Life | Noted) -> np.dtype[Any]:
    """Return the record type of a state: a number for a number, a row for a list."""
    fields: list[Any] = []
    for name, value in vars_of(state).items():
        one = value[0] if isinstance(value, list) else value
        shape = ((len(value),),) if isinstance(value, list) else ()
        fields.append((name, NUMBERS[type(one)], *shape))
    return np.dtype(fields, align=True)


def vars_of(state: Life | Noted) -> dict[str, Any]:
    """Return the fields of a state with their values."""
    return {each.name: getattr(state, each.name) for each in dataclass_fields(state)}


LIFE: Final = state_type(Life())
OUTCOME: Final = state_type(Noted())
LIFE_WORDS: Final = LIFE.itemsize // 8
FRESH_WORDS: Final = LIFE.fields[FILLED_FIRST][1] // 8  # type: ignore[index]
OTHER: Final = np.dtype(
    [
        ("fresh", np.int64, (LIFE_WORDS,)),
        ("number", np.int64),
        ("column", np.int64),
        ("events", np.int64),
        ("outcome", OUTCOME),
        ("rows", np.int64, (DECISIONS, PLACES)),
        ("needless", np.int64, (DECISIONS,)),
        ("drawn", np.float64, (ROWS, COLUMNS)),
        ("people", np.float64, (PEOPLE_ROWS, COLUMNS)),
        ("given", np.float64, (TRAITS, COLUMNS)),
        ("chances", np.float64, (MOST_STRATEGIES * LINES_AHEAD, COLUMNS)),
        ("occurring", np.int64, (MOST_STRATEGIES * CYCLES_AHEAD, COLUMNS)),
        ("intervals", np.int64, (COLUMNS,)),
        ("occurring_any", np.int64, (TOXIC_CYCLES_AHEAD, COLUMNS)),
        ("durations", np.float64, (TOXIC_CYCLES_AHEAD * MOST_KINDS, COLUMNS)),
        ("listed", np.int64, (COLUMNS,)),
        ("scratch", np.float64, (COLUMNS,)),
        ("ratios", np.float64, (COLUMNS,)),
        ("log", EVENT, (LONGEST_LOG,)),
    ],
    align=True,
)


def body_type() -> np.dtype[Any]:
    """Return the type of the working memory: a life, the same as ``words``, and the rest."""
    places: list[tuple[str, Any, int]] = [("words", (np.int64, (LIFE_WORDS,)), 0)]
    for start, part in ((0, LIFE), (LIFE.itemsize, OTHER)):
        fields: Any = part.fields
        places += [(name, each[0], start + each[1]) for name, each in fields.items()]
    names, formats, offsets = (list(column) for column in zip(*places, strict=True))
    size = LIFE.itemsize + OTHER.itemsize
    layout: Any = {"names": names, "formats": formats, "offsets": offsets, "itemsize": size}
    kind: np.dtype[Any] = np.dtype(layout, align=True)
    return kind


BODY: Final = body_type()
"""The current patient, and the draws and precomputed values of a block.

``needless`` flags the draws that are not made (`sim.engine.compiled.needless`).

``words`` is the life as whole numbers of eight bytes and ``fresh`` those of a new life. ``given``
holds the user's own patients in the first rows of ``people``, NaN where they are drawn. ``chances``
holds the probability of response, by strategy and line; ``occurring`` the toxicities of the first
line, a bit each, by strategy and cycle, ``occurring_any`` those of the first cycles under any
strategy, and ``durations`` the duration of each in days. ``listed``, ``scratch`` and ``ratios`` are
the columns of a subset, their draws and their hazard ratios.
"""


def new_body(keys: Data) -> Records:
    """Make the working memory of one thread, an array of one record."""
    bodies = np.zeros(1, BODY).view(np.recarray)
    bodies["rows"][0] = rows_ahead(keys)
    fresh = np.zeros(1, LIFE)
    for name, value in vars_of(Life()).items():
        fresh[name] = value
    bodies["given"].fill(np.nan)
    bodies["fresh"][0] = fresh.view(np.int64)
    return bodies


def person(body: Data) -> Patient:
    """Return the baseline of the patient at hand."""
    return person_in(body, body.column)


def person_in(body: Data, column: int) -> Patient:
    """Return the baseline of the patient in a column; the number is that of the current patient."""
    return Patient(
        body.number,
        body.people[AGE, column],
        body.people[MALE, column] > 0.0,
        body.people[WEIGHT, column],
        body.people[HEIGHT, column],
        int(body.people[SALVAGE_LINE, column]),
        body.people[PRIOR_HCT, column] > 0.0,
        body.people[PHILADELPHIA, column] > 0.0,
        body.people[KMT2A, column] > 0.0,
        body.people[HIGH_BLASTS, column] > 0.0,
        body.people[CNS, column] > 0.0,
        body.people[EXTRAMEDULLARY, column] > 0.0,
        body.people[PRIMARY_REFRACTORY, column] > 0.0,
        body.people[FIRST_REMISSION, column],
        body.people[MRD_ONLY, column] > 0.0,
    )
