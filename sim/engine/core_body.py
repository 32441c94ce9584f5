"""The working memory of the core engine: one record a thread, used again for every patient.

Everything stands at a fixed place of one record, so that compiled code needs one address for all
of it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from sim.clinic.infusion import MOST_SEGMENTS
from sim.clinic.mortality import LifeTable
from sim.clinic.patient import EntryUniforms, Patient
from sim.clinic.toxicity import Toxicity
from sim.engine.core_keys import CYCLES_AHEAD, DECISIONS, PLACES, ROWS, rows_ahead
from sim.engine.data import Data
from sim.engine.life import Clock
from sim.engine.records import Records

BLOCK: Final = 256
"""Patients whose draws are made at once; results do not depend on it."""
COLUMNS: Final = BLOCK + 8
"""A few are never used: draws of one patient a power of two apart would share a cache line."""
MOST_STRATEGIES: Final = 20
MOST_KINDS: Final = len(Toxicity)
LONGEST_LOG: Final = 4096
CLOCKS: Final = len(Clock)

_TRAITS: Final = EntryUniforms._fields
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
RELAPSED_DAYS: Final = TRAITS + 2
PEOPLE_ROWS: Final = TRAITS + 3
"""Rows of what a block's patients are: baseline, then times that depend on nothing else."""

EPISODE: Final = np.dtype(
    [
        ("kind", np.int64),
        ("grade", np.int64),
        ("onset", np.float64),
        ("duration", np.float64),
        ("seizure", np.int64),
        ("action", np.int64),
        ("resume", np.float64),
    ],
    align=True,
)
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
"""A line of the log, with the fields of `sim.clinic.events.Event`. Those from `kind` to `grade`, which
are mostly constants where an event is written, lie side by side, so that they are one store."""
OUTCOME: Final = np.dtype(
    [
        ("marks", np.int64),
        ("cycles", np.int64),
        ("cause", np.int64),
        ("remission_days", np.float64),
        ("relapse_days", np.float64),
        ("death_days", np.float64),
        ("end_days", np.float64),
    ],
    align=True,
)
"""What `sim.engine.outcomes` reads from a log; a mark is a bit, in the order of `Outcome`."""
BODY: Final = np.dtype(
    [
        ("now", np.float64),
        ("rings", np.float64),
        ("next_cycle_at", np.float64),
        ("survivor_from", np.float64),
        ("clocks", np.float64, (CLOCKS,)),
        ("number", np.int64),
        ("column", np.int64),
        ("strategy", np.int64),
        ("line", np.int64),
        ("infusing_cycle", np.int64),
        ("seizures", np.int64),
        ("events", np.int64),
        ("treatment_stopped", np.bool_),
        ("prior_hct", np.bool_),
        ("prior_inotuzumab", np.bool_),
        ("cd19_lost", np.bool_),
        ("outcome", OUTCOME),
        ("episodes", EPISODE, (MOST_KINDS + 1,)),
        ("starts", np.float64, (MOST_SEGMENTS,)),
        ("ends", np.float64, (MOST_SEGMENTS,)),
        ("doses", np.float64, (MOST_SEGMENTS,)),
        ("onsets", np.float64, (MOST_KINDS,)),
        ("resumes", np.float64, (MOST_KINDS,)),
        ("rows", np.int64, (DECISIONS, PLACES)),
        ("drawn", np.float64, (ROWS, COLUMNS)),
        ("people", np.float64, (PEOPLE_ROWS, COLUMNS)),
        ("chances", np.float64, (MOST_STRATEGIES, COLUMNS)),
        ("struck", np.int64, (MOST_STRATEGIES * CYCLES_AHEAD, COLUMNS)),
        ("intervals", np.int64, (COLUMNS,)),
        ("struck_first", np.int64, (COLUMNS,)),
        ("durations", np.float64, (MOST_KINDS, COLUMNS)),
        ("rescue_chances", np.float64, (2,)),
        ("listed", np.int64, (COLUMNS,)),
        ("scratch", np.float64, (COLUMNS,)),
        ("log", EVENT, (LONGEST_LOG,)),
    ],
    align=True,
)
"""The patient at hand, room to lay out a cycle, and what is drawn and worked out for a block.

``chances`` holds the probability of response in the first line, by strategy; ``struck`` which
toxicities strike there, a bit each, by strategy and cycle, and ``struck_first`` those of the first
cycle under any strategy, and ``durations`` how long each lasts in days; ``rescue_chances`` is the
probability of rescue without and with an earlier transplant. ``listed`` and ``scratch`` are columns with a common need and their draws.
"""


class World(NamedTuple):
    """What all patients of a block share."""

    rules: Data
    regimens: Records
    plans: Records
    life_table: LifeTable
    seed: Data


def new_body(keys: Data) -> Records:
    """Make the working memory of one thread, an array of one record."""
    bodies = np.zeros(1, BODY).view(np.recarray)
    bodies["rows"][0] = rows_ahead(keys)
    return bodies


def person(body: Data) -> Patient:
    """Return the baseline of the patient at hand."""
    return person_in(body, body.column)


def person_in(body: Data, column: int) -> Patient:
    """Return the baseline of the patient in a column; the number is that of the one at hand."""
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
