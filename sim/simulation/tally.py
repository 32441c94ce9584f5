"""The tally over patients: sums, squares, paired differences, times in fine bins.

A tally does not grow with the number of patients. Sums are formed by the unit, a fixed number of
patients in their order, and units are added in their order, so that they do not depend on
threads; counts are whole numbers, for which order does not matter. Times are counted in bins of
1/16 month, whose edges include every whole month: landmarks are exact, and a median is
interpolated within its bin, so that it differs from that of the single patients by less than a bin.
`sim.simulation.summary` turns a tally into estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from mmap import mmap
from typing import Final, NamedTuple, TypeVar

import numpy as np

from sim.clinic.events import Cause
from sim.clinic.units import DAYS_PER_MONTH, NEVER
from sim.economics.ledger import Account, Category, State
from sim.engine.compiled.records import LINES
from sim.engine.outcomes import ALIVE, FLAGS, Outcome
from sim.engine.values import Data
from sim.simulation.observables import BINS_PER_MONTH, Observed, new_observed

UNIT: Final = 4096
"""Patients of a unit."""
MONTHS: Final = 1200
BINS: Final = BINS_PER_MONTH * MONTHS + 1
"""The last bin holds events that happen later or never."""
BIN_DAYS: Final = DAYS_PER_MONTH / BINS_PER_MONTH
MOST_CYCLES: Final = 64
TIMES: Final = np.dtype(np.int32)
"""The type of a count of patients in a bin."""

ROW: Final = (*Outcome._fields, "rfs_days", "efs_days")
CYCLES: Final = ROW.index("cycles_first_line")
REMISSION: Final = ROW.index("remission_days")
RELAPSE: Final = ROW.index("relapse_days")
DEATH: Final = ROW.index("death_days")
CAUSE: Final = ROW.index("cause_of_death")
END: Final = ROW.index("horizon_days")
RFS: Final = ROW.index("rfs_days")
EFS: Final = ROW.index("efs_days")
CAUSES: Final = len(Cause)

SHARES: Final = (
    "response",
    "complete_remission",
    "mrd_negative",
    "hct_ever",
    "hct_in_remission",
    "severe_crs",
    "severe_neurotoxicity",
    "severe_hepatotoxicity",
    "severe_infection",
)
"""Outcomes that are a share of the patients."""
OS_LANDMARKS_MONTHS: Final = (6, 12, 24, 36, 60, 120)
EFS_LANDMARK_MONTHS: Final = 6

CATEGORIES: Final = tuple(Category)
ACCOUNTS: Final = tuple(Account)
ACCOUNT_OF: Final = np.array([ACCOUNTS.index(c.account) for c in CATEGORIES], dtype=np.int64)
CATEGORY_COLUMNS: Final = len(CATEGORIES)
VALUES: Final = CATEGORY_COLUMNS + len(ACCOUNTS)
"""Columns of sums: the categories, then the accounts."""
COST_COLUMNS: Final = int(np.sum(ACCOUNT_OF == ACCOUNTS.index(Account.COST)))
ROUNDING_ABOVE_ONE: Final = 1.0 + 1e-9
COST: Final = CATEGORY_COLUMNS + ACCOUNTS.index(Account.COST)
QALY: Final = CATEGORY_COLUMNS + ACCOUNTS.index(Account.QALY)
UNDISCOUNTED: Final = 0
DISCOUNTED: Final = 1


class Sums(NamedTuple):
    """Sums over patients; the first axis is the strategy.

    Attributes
    ----------
    values, squares
        Of each category and account: (strategy, undiscounted or discounted, value).
    differences, difference_squares
        Of the discounted values, strategy minus comparator in the same patient.
    products
        Of the differences in cost and in QALYs.
    cells
        By category, line and state: (..., undiscounted or discounted).
    """

    values: Data
    squares: Data
    differences: Data
    difference_squares: Data
    products: Data
    cells: Data


class Counts(NamedTuple):
    """Numbers of patients; the first axis is the strategy.

    Attributes
    ----------
    flags, causes, cycles
        By outcome, by cause of death (the last: alive), by number of cycles.
    deaths, failures, relapses
        By time of death, of failure (EFS) and, from remission on, of relapse or death (RFS).
    impossible
        Patients whose amounts are impossible, see `is_impossible`.
    seen_patients, seen_hits, seen_events, seen_endings
        Of the question's observables, see `sim.simulation.observables.Observed`.
    """

    flags: Data
    causes: Data
    cycles: Data
    deaths: Data
    failures: Data
    relapses: Data
    impossible: Data
    seen_patients: Data
    seen_hits: Data
    seen_events: Data
    seen_endings: Data

    @property
    def observed(self) -> Observed:
        """The counts of the observables."""
        return Observed(self.seen_patients, self.seen_hits, self.seen_events, self.seen_endings)


Tallied = TypeVar("Tallied", Sums, Counts)


@dataclass
class Tally:
    """Everything that a summary needs, of `patients` patients in the order of strategies.

    The arrays of many parameter sets have a first axis of sets.
    """

    patients: int
    comparator: int
    sums: Sums
    counts: Counts


def add(mine: Sums | Counts, theirs: Sums | Counts) -> None:
    """Add `theirs` to `mine`, array by array."""
    for total, part in zip(mine, theirs, strict=True):
        total += part


def of_set(tally: Tallied, k: int) -> Tallied:
    """Return the part of one parameter set."""
    return type(tally)(*(array[k] for array in tally))


def new_sums(strategies: int, *sets: int) -> Sums:
    """Return empty sums, for a number of parameter sets at once if one is given."""
    shape = (*sets, strategies)
    return Sums(
        values=np.zeros((*shape, 2, VALUES)),
        squares=np.zeros((*shape, 2, VALUES)),
        differences=np.zeros((*shape, VALUES)),
        difference_squares=np.zeros((*shape, VALUES)),
        products=np.zeros(shape),
        cells=np.zeros((*shape, CATEGORY_COLUMNS, LINES, len(State), 2)),
    )


def new_values(strategies: int) -> Data:
    """Return an array for the values of one patient."""
    return np.zeros((strategies, 2, VALUES))


def new_counts(strategies: int, *sets: int, observables: int = 0) -> Counts:
    """Return empty counts, for a number of parameter sets at once if one is given."""
    shape = (*sets, strategies)

    def times() -> Data:
        # Most bins stay empty: memory that is never written to costs nothing.
        size = prod((*shape, BINS))
        room = mmap(-1, max(size, 1) * TIMES.itemsize)
        return np.frombuffer(room, TIMES, size).reshape((*shape, BINS))

    def whole(columns: int) -> Data:
        return np.zeros((*shape, columns), dtype=np.int64)

    seen = new_observed(observables, *shape)._asdict()
    return Counts(
        flags=whole(FLAGS),
        causes=whole(CAUSES + 1),
        cycles=whole(MOST_CYCLES),
        deaths=times(),
        failures=times(),
        relapses=times(),
        impossible=np.zeros(shape, dtype=np.int64),
        **{f"seen_{name}": each for name, each in seen.items()},
    )


def bin_of(days: float) -> int:
    """Return the bin ``(k w, (k + 1) w]`` of a time; a time not above 0 is in the first."""
    if days >= (BINS - 1) * BIN_DAYS:
        return BINS - 1
    return max(ceil(days / BIN_DAYS) - 1, 0)


def is_impossible(amounts: Data, days_in_hospital: float, days_alive: float) -> bool:
    """Return whether the amounts of a patient are impossible.

    Costs are finite and not negative, QALYs are finite and no more than life-years, and days in
    hospital no more than days alive; each but for rounding.

    Parameters
    ----------
    amounts
        By kind, undiscounted and discounted, and category.
    days_in_hospital, days_alive
        Of the patient, undiscounted.
    """
    if not days_in_hospital <= days_alive * ROUNDING_ABOVE_ONE:
        return True
    for kind in range(2):
        for category in range(COST_COLUMNS):
            if not 0.0 <= amounts[kind, category] < NEVER:
                return True
        qalys = 0.0
        for category in range(COST_COLUMNS, CATEGORY_COLUMNS - 1):
            qalys += amounts[kind, category]
        life_years = amounts[kind, CATEGORY_COLUMNS - 1]
        if not (life_years < NEVER and -NEVER < qalys <= life_years * ROUNDING_ABOVE_ONE):
            return True
    return False


def count_patient(
    sums: Sums,
    counts: Counts,
    rows: Data,
    amounts: Data,
    days_in_hospital: Data,
    values: Data,
    comparator: int,
) -> None:
    """Add one patient: outcome row and amounts (undiscounted, discounted) by strategy.

    The counterpart in compiled code is `sim.simulation.core_run`. `values` is room for a copy of
    the amounts followed by their sums by account.
    """
    for s in range(rows.shape[0]):
        row = rows[s]
        for flag in range(FLAGS):
            counts.flags[s, flag] += int(row[flag])
        cause = int(row[CAUSE])
        counts.causes[s, CAUSES if cause == ALIVE else cause] += 1
        counts.cycles[s, min(int(row[CYCLES]), MOST_CYCLES - 1)] += 1
        counts.deaths[s, bin_of(row[DEATH])] += 1
        counts.failures[s, bin_of(row[EFS])] += 1
        if row[0] > 0.0:
            counts.relapses[s, bin_of(row[RFS])] += 1
        counts.impossible[s] += is_impossible(amounts[s], days_in_hospital[s], row[END])
        for kind in range(2):
            value = values[s, kind]
            for account in range(CATEGORY_COLUMNS, VALUES):
                value[account] = 0.0
            for category in range(CATEGORY_COLUMNS):
                amount = amounts[s, kind, category]
                value[category] = amount
                value[CATEGORY_COLUMNS + ACCOUNT_OF[category]] += amount
            for column in range(VALUES):
                amount = value[column]
                sums.values[s, kind, column] += amount
                sums.squares[s, kind, column] += amount * amount
    for s in range(rows.shape[0]):
        if s == comparator:
            continue
        ours, theirs = values[s, DISCOUNTED], values[comparator, DISCOUNTED]
        for column in range(VALUES):
            difference = ours[column] - theirs[column]
            sums.differences[s, column] += difference
            sums.difference_squares[s, column] += difference * difference
        sums.products[s] += (ours[COST] - theirs[COST]) * (ours[QALY] - theirs[QALY])
