"""Counting in compiled code: the counterpart of `sim.study.tally.count_patient`.

While a block of patients is counted, its sums stand on the clerk's desk, beside the amounts.
"""

from __future__ import annotations

from typing import Final

from sim.clinic.units import NEVER
from sim.economics.core_ledger import CATEGORIES, WIDTH
from sim.engine.data import Data
from sim.engine.outcomes import ALIVE
from sim.study.tally import (
    ACCOUNT_OF,
    CAUSE,
    CAUSES,
    COST,
    CYCLES,
    DEATH,
    DISCOUNTED,
    EFS,
    END,
    FLAGS,
    MOST_CYCLES,
    QALY,
    RELAPSE,
    REMISSION,
    RFS,
    VALUES,
    Counts,
    Sums,
    bin_of,
)

ACCOUNT: Final = tuple(int(account) for account in ACCOUNT_OF)
COST_CATEGORIES: Final = ACCOUNT.count(0)
QALY_CATEGORIES: Final = ACCOUNT.count(1)
NOT_A_NUMBER: Final = float("nan")
RESPONSE_MARK: Final = 1


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


def count_amounts(desk: Data, strategies: int, comparator: int) -> None:
    """Add the patient's amounts under each strategy, and their differences, to the sums."""
    for s in range(strategies):
        for kind in range(2):
            amounts = desk.amounts[s, kind]
            cost, qaly = 0.0, 0.0
            for category in range(COST_CATEGORIES):
                cost += amounts[category]
            for category in range(COST_CATEGORIES, COST_CATEGORIES + QALY_CATEGORIES):
                qaly += amounts[category]
            amounts[COST] = cost
            amounts[QALY] = qaly
            amounts[VALUES - 1] = amounts[CATEGORIES - 1]
            for column in range(WIDTH):
                amount = desk.amounts[s, kind, column]
                desk.values[s, kind, column] += amount
                desk.squares[s, kind, column] += amount * amount
    for s in range(strategies):
        if s == comparator:
            continue
        for column in range(WIDTH):
            difference = (
                desk.amounts[s, DISCOUNTED, column] - desk.amounts[comparator, DISCOUNTED, column]
            )
            desk.differences[s, column] += difference
            desk.difference_squares[s, column] += difference * difference
        desk.products[s] += (
            desk.amounts[s, DISCOUNTED, COST] - desk.amounts[comparator, DISCOUNTED, COST]
        ) * (desk.amounts[s, DISCOUNTED, QALY] - desk.amounts[comparator, DISCOUNTED, QALY])


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


def keep_outcome(outcome: Data, row: Data) -> None:
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


def keep_amounts(desk: Data, s: int, amounts: Data) -> None:
    """Copy the patient's amounts under a strategy, element by element: nothing is allocated."""
    for kind in range(2):
        for category in range(CATEGORIES):
            amounts[kind, category] = desk.amounts[s, kind, category]
