"""Observables: what a published cohort reports of its patients, counted while they are simulated.

An observable names patients by what they have in common, the time from which they are followed, the
events that are looked for and those that end follow-up. Its counts are a share and two distributions
of times, from which `sim.evidence.observables` estimates what the publication printed. No patient is
stored.
"""

from __future__ import annotations

from enum import IntEnum, unique
from math import ceil
from typing import Final, NamedTuple

import numpy as np

from sim.clinic.patient import FIRST_SALVAGE, Patient, early_relapse
from sim.clinic.units import DAYS_PER_MONTH, NEVER
from sim.engine.compiled.records import Records, record_type
from sim.engine.outcomes import FLAGS, RESPONSE, Mark, Noted, Outcome
from sim.engine.values import Data

BINS_PER_MONTH: Final = 16
OBSERVED_MONTHS: Final = 120
OBSERVED_BINS: Final = BINS_PER_MONTH * OBSERVED_MONTHS + 1
"""The last bin holds events that happen later or never."""
_BIN_DAYS: Final = DAYS_PER_MONTH / BINS_PER_MONTH


@unique
class Moment(IntEnum):
    """A time in a patient's course, in days since entry."""

    START = 0
    REMISSION = 1
    MRD_ASSESSMENT = 2
    TRANSPLANT = 3
    FAILURE = 4
    RELAPSE = 5
    DEATH = 6
    EVENT = 7
    """Relapse or death; day 0 without response, as TOWER counted event-free survival."""


SECOND_SALVAGE: Final = FIRST_SALVAGE + 1
AGES: Final = (35.0, 55.0, 60.0, 65.0)
"""Ages at entry at which publications divide their patients, in years."""
BASELINE: Final = (
    "ph_positive",
    "prior_hct",
    "first_salvage",
    "second_salvage",
    "kmt2a",
    "high_blasts",
    "extramedullary",
    "cns",
    "primary_refractory",
    "early_relapse",
    "mrd_only",
    "male",
    *(f"age_from_{age:.0f}" for age in AGES),
)
"""Characteristics at entry, in the order of their bits."""
_FIRST_OF_BASELINE: Final = 32
BITS: Final = {
    **{name: 1 << place for place, name in enumerate(Outcome._fields[:FLAGS])},
    **{mark.name.lower(): 1 << mark for mark in Mark},
    **{name: 1 << (_FIRST_OF_BASELINE + place) for place, name in enumerate(BASELINE)},
}
"""The bit of each thing that patients may have in common, by name."""


class Observable(NamedTuple):
    """What is counted; the first three fields are bits of `BITS`, the last two of `Moment`.

    Attributes
    ----------
    required, excluded
        What the patients have, and have not.
    hit
        What is counted among them; 0 for nothing.
    origin
        The `Moment` from which time is counted; patients without it are not.
    events, endings
        The first of `events` is counted, unless one of `endings` comes before.
    """

    required: int
    excluded: int
    hit: int
    origin: int
    events: int
    endings: int


OBSERVABLE: Final = record_type(Observable)


class Observed(NamedTuple):
    """Numbers of patients by strategy and observable.

    Attributes
    ----------
    patients, hits
        How many are followed, and how many of them are hits.
    events, endings
        By the time since the origin; an ending is one without an event before.
    """

    patients: Data
    hits: Data
    events: Data
    endings: Data


def new_observed(observables: int, *shape: int) -> Observed:
    """Return empty counts."""
    whole = (*shape, observables)
    times = (*whole, OBSERVED_BINS)
    return Observed(
        np.zeros(whole, np.int64),
        np.zeros(whole, np.int64),
        np.zeros(times, np.int32),
        np.zeros(times, np.int32),
    )


def records_of(observables: tuple[Observable, ...]) -> Records:
    """Return observables in the form that compiled code reads."""
    table = np.zeros(len(observables), OBSERVABLE).view(np.recarray)
    for place, each in enumerate(observables):
        table[place] = tuple(int(value) for value in each)
    return table


def baseline_bits(patient: Patient) -> int:
    """Return the bits of `BASELINE` that a patient has at entry."""
    line = patient.salvage_line
    age = patient.age_years
    early = early_relapse(patient.primary_refractory, patient.first_remission_months)
    bits = int(patient.ph_positive)
    bits |= int(patient.prior_hct) << 1
    bits |= int(line == FIRST_SALVAGE) << 2
    bits |= int(line == SECOND_SALVAGE) << 3
    bits |= int(patient.kmt2a) << 4
    bits |= int(patient.high_blasts) << 5
    bits |= int(patient.extramedullary) << 6
    bits |= int(patient.cns) << 7
    bits |= int(patient.primary_refractory) << 8
    bits |= int(early) << 9
    bits |= int(patient.mrd_only) << 10
    bits |= int(patient.male) << 11
    bits |= int(age >= AGES[0]) << 12
    bits |= int(age >= AGES[1]) << 13
    bits |= int(age >= AGES[2]) << 14
    bits |= int(age >= AGES[3]) << 15
    return bits << _FIRST_OF_BASELINE


def time_of(noted: Noted, moment: int) -> float:
    """Return the time of a `Moment`, never where it does not come."""
    if moment == Moment.START:
        return 0.0
    if moment == Moment.REMISSION:
        return noted.remission_days
    if moment == Moment.MRD_ASSESSMENT:
        return noted.assessed_days
    if moment == Moment.TRANSPLANT:
        return noted.transplant_days
    if moment == Moment.FAILURE:
        return noted.failure_days
    if moment == Moment.RELAPSE:
        return noted.relapse_days
    if moment == Moment.DEATH:
        return noted.death_days
    if noted.marks & RESPONSE == 0:
        return 0.0
    return min(noted.relapse_days, noted.death_days)


MOMENTS: Final = len(Moment)


def first_of(noted: Noted, moments: int, origin: int) -> float:
    """Return the first of some moments, a bit each; never without one.

    Followed from a transplant, a relapse is one after it.
    """
    first = NEVER
    for moment in range(MOMENTS):
        if (moments >> moment) & 1 == 1:
            if moment == Moment.RELAPSE and origin == Moment.TRANSPLANT:
                first = min(first, noted.relapse_after_transplant_days)
            else:
                first = min(first, time_of(noted, moment))
    return first


def observed_bin(days: float) -> int:
    """Return the bin ``(k w, (k + 1) w]`` of a time; a time not above 0 is in the first."""
    if days >= (OBSERVED_BINS - 1) * _BIN_DAYS:
        return OBSERVED_BINS - 1
    return max(ceil(days / _BIN_DAYS) - 1, 0)


def count_observables(
    observables: Data, observed: Observed, k: int, s: int, noted: Noted, baseline: int
) -> None:
    """Count a patient in each observable, for parameter set `k` and strategy `s`."""
    bits = noted.marks | baseline
    for o in range(len(observables)):
        each = observables[o]
        if (bits & each.required) != each.required or (bits & each.excluded) != 0:
            continue
        origin = time_of(noted, each.origin)
        if origin >= NEVER:
            continue
        observed.patients[k, s, o] += 1
        if (bits & each.hit) == each.hit:
            observed.hits[k, s, o] += 1
        event = first_of(noted, each.events, each.origin)
        ending = first_of(noted, each.endings, each.origin)
        if event <= ending:
            observed.events[k, s, o, observed_bin(event - origin)] += 1
        else:
            observed.endings[k, s, o, observed_bin(ending - origin)] += 1
