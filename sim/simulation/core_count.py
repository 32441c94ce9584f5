"""Counting in compiled code: the counterpart of `sim.simulation.tally.count_patient`.

While a block of patients is counted, its sums are on the clerk's desk, next to the amounts.
"""

from __future__ import annotations

from typing import Final

from sim.clinic.units import NEVER
from sim.economics.posting_compiled import CATEGORIES, WIDTH
from sim.engine.data import Data
from sim.engine.outcomes import ALIVE, FLAGS
from sim.simulation.tally import (
    ACCOUNT_OF,
    CAUSE,
    CAUSES,
    COST,
    COST_CATEGORIES,
    CYCLES,
    DEATH,
    DISCOUNTED,
    EFS,
    END,
    MOST_CYCLES,
    QALY,
    RELAPSE,
    REMISSION,
    RFS,
    VALUES,
    Counts,
    Sums,
    bin_of,
    is_impossible,
)

ACCOUNT: Final = tuple(int(account) for account in ACCOUNT_OF)
QALY_CATEGORIES: Final = ACCOUNT.count(1)
NOT_A_NUMBER: Final = float("nan")
RESPONSE_MARK: Final = 1
ABREAST: Final = 4


def lay_out(desk: Data, sums: Sums, k: int) -> None:
    """Put the sums of the parameter set `k` on the desk."""
    for s in range(sums.products.shape[1]):
        for column in range(VALUES):
            for kind in range(2):
                desk.values[s, kind, column] = sums.values[k, s, kind, column]
                desk.squares[s, kind, column] = sums.squares[k, s, kind, column]
            desk.differences[s, column] = sums.differences[k, s, column]
            desk.difference_squares[s, column] = sums.difference_squares[k, s, column]
        desk.products[s] = sums.products[k, s]


def put_away(desk: Data, sums: Sums, k: int) -> None:
    """Take the sums of the parameter set `k` from the desk."""
    for s in range(sums.products.shape[1]):
        for column in range(VALUES):
            for kind in range(2):
                sums.values[k, s, kind, column] = desk.values[s, kind, column]
                sums.squares[k, s, kind, column] = desk.squares[s, kind, column]
            sums.differences[k, s, column] = desk.differences[s, column]
            sums.difference_squares[k, s, column] = desk.difference_squares[s, column]
        sums.products[k, s] = desk.products[s]


def close_accounts(desk: Data, s: int, column: int) -> None:
    """Sum the patient's amounts under a strategy by account, next to the categories."""
    for kind in range(2):
        amounts = desk.amounts[s, column, kind]
        cost, qaly = 0.0, 0.0
        for category in range(COST_CATEGORIES):
            cost += amounts[category]
        for category in range(COST_CATEGORIES, COST_CATEGORIES + QALY_CATEGORIES):
            qaly += amounts[category]
        amounts[COST] = cost
        amounts[QALY] = qaly
        amounts[VALUES - 1] = amounts[CATEGORIES - 1]


def count_amounts(desk: Data, strategies: int, comparator: int, block: int) -> None:
    """Add the amounts of the block's patients, and their differences, to the sums."""
    for s in range(strategies):
        for kind in range(2):
            for first in range(0, WIDTH, ABREAST):
                count_abreast(desk, s, kind, first, block)
        if s != comparator:
            for first in range(0, WIDTH, ABREAST):
                count_differences_abreast(desk, s, comparator, first, block)
            count_products(desk, s, comparator, block)


def count_abreast(desk: Data, s: int, kind: int, first: int, block: int) -> None:
    """Add four neighbouring values of all patients, in their order, and their squares.

    Four sums side by side are one vector instruction; a sum alone would wait for each addition.
    """
    values, squares = desk.values[s, kind], desk.squares[s, kind]
    v0, v1, v2, v3 = values[first], values[first + 1], values[first + 2], values[first + 3]
    q0, q1, q2, q3 = squares[first], squares[first + 1], squares[first + 2], squares[first + 3]
    for column in range(block):
        amounts = desk.amounts[s, column, kind]
        x0, x1 = amounts[first], amounts[first + 1]
        x2, x3 = amounts[first + 2], amounts[first + 3]
        v0, v1, v2, v3 = v0 + x0, v1 + x1, v2 + x2, v3 + x3
        q0, q1, q2, q3 = q0 + x0 * x0, q1 + x1 * x1, q2 + x2 * x2, q3 + x3 * x3
    values[first], values[first + 1], values[first + 2], values[first + 3] = v0, v1, v2, v3
    squares[first], squares[first + 1], squares[first + 2], squares[first + 3] = q0, q1, q2, q3


def count_differences_abreast(desk: Data, s: int, comparator: int, first: int, block: int) -> None:
    """Add four neighbouring paired differences of all patients, and their squares."""
    sums, squares = desk.differences[s], desk.difference_squares[s]
    v0, v1, v2, v3 = sums[first], sums[first + 1], sums[first + 2], sums[first + 3]
    q0, q1, q2, q3 = squares[first], squares[first + 1], squares[first + 2], squares[first + 3]
    for column in range(block):
        ours = desk.amounts[s, column, DISCOUNTED]
        theirs = desk.amounts[comparator, column, DISCOUNTED]
        x0, x1 = ours[first] - theirs[first], ours[first + 1] - theirs[first + 1]
        x2, x3 = ours[first + 2] - theirs[first + 2], ours[first + 3] - theirs[first + 3]
        v0, v1, v2, v3 = v0 + x0, v1 + x1, v2 + x2, v3 + x3
        q0, q1, q2, q3 = q0 + x0 * x0, q1 + x1 * x1, q2 + x2 * x2, q3 + x3 * x3
    sums[first], sums[first + 1], sums[first + 2], sums[first + 3] = v0, v1, v2, v3
    squares[first], squares[first + 1], squares[first + 2], squares[first + 3] = q0, q1, q2, q3


def count_products(desk: Data, s: int, comparator: int, block: int) -> None:
    """Add the products of the differences in cost and in QALYs."""
    total = desk.products[s]
    for column in range(block):
        ours = desk.amounts[s, column, DISCOUNTED]
        theirs = desk.amounts[comparator, column, DISCOUNTED]
        total += (ours[COST] - theirs[COST]) * (ours[QALY] - theirs[QALY])
    desk.products[s] = total


def count_outcome(counts: Counts, k: int, s: int, outcome: Data) -> None:
    """Count the outcome of the patient under a strategy."""
    marks = outcome.marks
    if marks != 0:
        for flag in range(FLAGS):
            counts.flags[k, s, flag] += (marks >> flag) & 1
    cause = outcome.cause
    counts.causes[k, s, CAUSES if cause == ALIVE else cause] += 1
    counts.cycles[k, s, min(outcome.cycles, MOST_CYCLES - 1)] += 1
    counts.deaths[k, s, bin_of(outcome.death_days)] += 1
    if marks & RESPONSE_MARK != 0:
        failure = min(outcome.relapse_days, outcome.death_days)
        counts.failures[k, s, bin_of(failure)] += 1
        counts.relapses[k, s, bin_of(failure - outcome.remission_days)] += 1
    else:
        counts.failures[k, s, 0] += 1


def count_impossible(counts: Counts, k: int, s: int, desk: Data, column: int) -> None:
    """Count the patient if amounts under the strategy cannot be."""
    if is_impossible(desk.amounts[s, column], desk.days_in_hospital, desk.end):
        counts.impossible[k, s] += 1


def store_outcome(outcome: Data, row: Data) -> None:
    """Fill the outcome row of a patient; the counterpart of `sim.engine.outcomes.outcome`."""
    for flag in range(FLAGS):
        row[flag] = float((outcome.marks >> flag) & 1)
    row[CYCLES] = outcome.cycles
    row[REMISSION] = outcome.remission_days
    row[RELAPSE] = outcome.relapse_days
    row[DEATH] = outcome.death_days
    row[CAUSE] = outcome.cause
    row[END] = outcome.end_days
    failure = min(outcome.relapse_days, outcome.death_days)
    responded = outcome.remission_days < NEVER
    row[RFS] = failure - outcome.remission_days if responded else NOT_A_NUMBER
    row[EFS] = failure if responded else 0.0


def store_amounts(desk: Data, s: int, column: int, amounts: Data) -> None:
    """Copy the patient's amounts under a strategy, element by element: nothing is allocated."""
    for kind in range(2):
        for category in range(CATEGORIES):
            amounts[kind, category] = desk.amounts[s, column, kind, category]
