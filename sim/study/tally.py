"""What is counted over patients: sums, squares, paired differences, times in fine bins.

A tally does not grow with the number of patients. It is filled by the unit, a fixed number of
patients in their order, and units are added in their order, so that it does not depend on
threads. Times are counted in bins of 1/256 month, whose edges include every whole month:
landmarks are exact, medians are exact to 1/256 month.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from sim.clinic.events import Cause
from sim.clinic.units import DAYS_PER_MONTH
from sim.economics.ledger import Account, Category
from sim.engine.outcomes import Outcome

UNIT: Final = 4096
"""Patients of a unit."""
BINS_PER_MONTH: Final = 256
MONTHS: Final = 1200
BINS: Final = BINS_PER_MONTH * MONTHS + 1
"""The last bin holds what happens later or never."""
BIN_DAYS: Final = DAYS_PER_MONTH / BINS_PER_MONTH
MOST_CYCLES: Final = 64

ROW: Final = (*Outcome._fields, "rfs_days", "efs_days")
FLAGS: Final = 9
"""The first columns of a row are yes or no."""
CYCLES: Final = ROW.index("cycles_first_line")
REMISSION: Final = ROW.index("remission_days")
RELAPSE: Final = ROW.index("relapse_days")
DEATH: Final = ROW.index("death_days")
CAUSE: Final = ROW.index("cause_of_death")
END: Final = ROW.index("horizon_days")
RFS: Final = ROW.index("rfs_days")
EFS: Final = ROW.index("efs_days")
CAUSES: Final = len(Cause)

CATEGORIES: Final = tuple(Category)
ACCOUNTS: Final = tuple(Account)
ACCOUNT_OF: Final = np.array([ACCOUNTS.index(c.account) for c in CATEGORIES], dtype=np.int64)
CATEGORY_COLUMNS: Final = len(CATEGORIES)
VALUES: Final = CATEGORY_COLUMNS + len(ACCOUNTS)
"""Columns of sums: the categories, then the accounts."""
COST: Final = CATEGORY_COLUMNS + ACCOUNTS.index(Account.COST)
QALY: Final = CATEGORY_COLUMNS + ACCOUNTS.index(Account.QALY)
UNDISCOUNTED: Final = 0
DISCOUNTED: Final = 1


class Tally(NamedTuple):
    """Counts and sums of all strategies; the first axis is the strategy.

    Attributes
    ----------
    sums, squares
        Of each category and account: (strategy, undiscounted or discounted, value).
    differences, difference_squares
        Of the discounted values, strategy minus comparator in the same patient.
    products
        Of the differences in cost and in QALYs.
    flags, causes, cycles
        Patients by outcome, by cause of death (the last: alive), by number of cycles.
    deaths, failures, relapses
        Times of death, of failure (EFS) and, from remission on, of relapse or death (RFS).
    """

    sums: Any
    squares: Any
    differences: Any
    difference_squares: Any
    products: Any
    flags: Any
    causes: Any
    cycles: Any
    deaths: Any
    failures: Any
    relapses: Any

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        for mine, theirs in zip(self, other, strict=True):
            mine += theirs

    def clear(self) -> None:
        """Forget everything."""
        for array in self:
            array.fill(0)


def new_tally(strategies: int) -> Tally:
    """Return an empty tally."""

    def whole(columns: int) -> Any:  # noqa: ANN401
        return np.zeros((strategies, columns), dtype=np.int64)

    return Tally(
        sums=np.zeros((strategies, 2, VALUES)),
        squares=np.zeros((strategies, 2, VALUES)),
        differences=np.zeros((strategies, VALUES)),
        difference_squares=np.zeros((strategies, VALUES)),
        products=np.zeros(strategies),
        flags=whole(FLAGS),
        causes=whole(CAUSES + 1),
        cycles=whole(MOST_CYCLES),
        deaths=whole(BINS),
        failures=whole(BINS),
        relapses=whole(BINS),
    )


def bin_of(days: float) -> int:
    """Return the bin ``(k w, (k + 1) w]`` of a time; what is not above 0 falls into the first."""
    if days >= (BINS - 1) * BIN_DAYS:
        return BINS - 1
    return max(int(math.ceil(days / BIN_DAYS)) - 1, 0)


def count_patient(tally: Tally, rows: Any, amounts: Any, values: Any, comparator: int) -> None:  # noqa: ANN401
    """Add one patient: outcome row and amounts (undiscounted, discounted) by strategy.

    `values` is room for a copy of the amounts followed by their sums by account.
    """
    for s in range(rows.shape[0]):
        row = rows[s]
        for flag in range(FLAGS):
            tally.flags[s, flag] += int(row[flag])
        tally.causes[s, int(row[CAUSE])] += 1
        tally.cycles[s, min(int(row[CYCLES]), MOST_CYCLES - 1)] += 1
        tally.deaths[s, bin_of(row[DEATH])] += 1
        tally.failures[s, bin_of(row[EFS])] += 1
        if row[0] > 0.0:
            tally.relapses[s, bin_of(row[RFS])] += 1
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
                tally.sums[s, kind, column] += amount
                tally.squares[s, kind, column] += amount * amount
    for s in range(rows.shape[0]):
        if s == comparator:
            continue
        ours, theirs = values[s, DISCOUNTED], values[comparator, DISCOUNTED]
        for column in range(VALUES):
            difference = ours[column] - theirs[column]
            tally.differences[s, column] += difference
            tally.difference_squares[s, column] += difference * difference
        tally.products[s] += (ours[COST] - theirs[COST]) * (ours[QALY] - theirs[QALY])
