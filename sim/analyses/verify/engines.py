"""Checks of the two engines against each other, and of the sums against the single patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from sim.analyses.verify.check import Finding, Group, equal, none_of
from sim.analyses.verify.subject import LOGS, Subject
from sim.clinic.events import Event
from sim.clinic.units import DAYS_PER_MONTH
from sim.economics.estimates import Array
from sim.engine.outcomes import ALIVE, FLAGS, outcome
from sim.simulation.run import run
from sim.simulation.tally import (
    ACCOUNT_OF,
    ACCOUNTS,
    BIN_DAYS,
    CATEGORIES,
    CATEGORY_COLUMNS,
    CAUSE,
    CAUSES,
    DEATH,
    DISCOUNTED,
    EFS,
    ROW,
    UNDISCOUNTED,
)

ENGINES: Final = Group("engines")
MONEY: Final = 1e-12
"""Relative difference of amounts that both engines add up in another order."""
LANDMARKS_MONTHS: Final = (1, 6, 12, 24, 60, 120, 360)


def logged_rows(subject: Subject) -> Array:
    """Return the outcomes that the event logs of the reference engine say: as `Lives.rows`."""
    rows = np.array([_row(trace.log) for trace in subject.logs], dtype=np.float64)
    return rows.reshape(len(subject.strategies), -1, len(ROW)).swapaxes(0, 1)


def _row(log: Sequence[Event]) -> tuple[float, ...]:
    found = outcome(log)
    return (*found, found.rfs_days, found.efs_days)


def ledger_sums(subject: Subject) -> Array:
    """Return the sums of the ledgers of the reference engine: as `Lives.amounts`."""
    sums = np.zeros((len(subject.logs), 2, len(CATEGORIES)))
    for place, trace in enumerate(subject.logs):
        for entry in trace.ledger:
            column = CATEGORIES.index(entry.category)
            sums[place, UNDISCOUNTED, column] += entry.undiscounted
            sums[place, DISCOUNTED, column] += entry.discounted
    shape = (len(subject.strategies), -1, 2, len(CATEGORIES))
    return sums.reshape(shape).swapaxes(0, 1)


def different_bits(ours: Array, theirs: Array) -> int:
    """Count the numbers that are not the same to the bit."""
    if ours.shape != theirs.shape:
        return max(ours.size, theirs.size, 1)
    mine, other = (np.ascontiguousarray(each, np.float64).view(np.int64) for each in (ours, theirs))
    # The bits of a number that is none carry no meaning.
    return int(np.count_nonzero((mine != other) & ~(np.isnan(ours) & np.isnan(theirs))))


@ENGINES.check(
    "Both engines give each patient the same outcomes, to the bit.",
    standard="TECH-VER; AdViSHE C3; ISPOR-SMDM 7",
    advice="python -m sim explain SCENARIO --patient N shows the first event that differs.",
)
def same_outcomes(subject: Subject) -> Finding:
    """Compare the outcomes of the first patients."""
    theirs = logged_rows(subject)
    ours = subject.lives.rows[: len(theirs)]
    return none_of(different_bits(ours, theirs), theirs.size, "outcomes")


@ENGINES.check(
    "The ledgers of the reference engine add up to the amounts of the core engine, category by "
    "category.",
    standard="TECH-VER; AdViSHE C3; NICE PMG36 4.10",
    advice="Look at the postings of the category in sim.economics.",
)
def same_amounts(subject: Subject) -> Finding:
    """Compare costs, QALYs and life-years of the first patients, discounted and not."""
    theirs = ledger_sums(subject)
    ours = subject.lives.amounts[: len(theirs)]
    scale = np.maximum(np.maximum(np.abs(ours), np.abs(theirs)), 1.0)
    apart = float((np.abs(ours - theirs) / scale).max())
    text = f"largest relative difference of {theirs.size:,} amounts: {apart:.1e}"
    return Finding(text, f"at most {MONEY:.0e}", apart <= MONEY)


@ENGINES.check(
    "The reference engine as a whole, with its own count of patients, gives the core engine's counts.",
    standard="TECH-VER; AdViSHE C4",
    advice="Look at sim.simulation.tally.count_patient and its counterpart in compiled code.",
)
def same_counts(subject: Subject) -> Finding:
    """Compare every count of the first patients: shares, causes, cycles, times in bins."""
    few = replace(subject.question, patients=LOGS)
    theirs = run(few, engine="reference", keep_patients=False).tally.counts
    ours = subject.simulated(few).tally.counts
    pairs = list(zip(ours, theirs, strict=True))
    wrong = sum(int(np.count_nonzero(mine != other)) for mine, other in pairs)
    return none_of(wrong, sum(mine.size for mine, _ in pairs), "counts")


@ENGINES.check(
    "Sums over patients are the sums of the single patients, and accounts those of their categories.",
    standard="TECH-VER; NICE PMG36 4.10",
    advice="Look at count_amounts and count_differences_abreast in sim.simulation.core_run.",
)
def sums_add_up(subject: Subject) -> Finding:
    """Add up amounts, squares and differences from the comparator anew."""
    lives = subject.lives
    values = _with_accounts(lives.amounts)
    gained = values[:, :, DISCOUNTED] - values[:, [lives.tally.comparator], DISCOUNTED]
    sums, n = lives.tally.sums, len(values)
    found = [sums.values, sums.squares, sums.differences, sums.difference_squares]
    expected = [values.sum(axis=0), (values**2).sum(axis=0), gained.sum(axis=0)]
    expected.append((gained**2).sum(axis=0))
    size = np.abs(values).sum(axis=0)[:, DISCOUNTED] / n
    # A difference of large sums is judged by their size.
    scales = [1.0, 1.0, np.maximum(size, 1.0), np.maximum(size, 1.0) ** 2]
    mine, theirs = (
        np.concatenate(
            [(each / n / scale).ravel() for each, scale in zip(all_, scales, strict=True)]
        )
        for all_ in (found, expected)
    )
    return equal(mine, theirs, "sums")


def _with_accounts(amounts: Array) -> Array:
    """Return the amounts followed by their sums by account, as in a tally."""
    totals = [amounts[..., place == ACCOUNT_OF].sum(axis=-1) for place in range(len(ACCOUNTS))]
    found = np.concatenate([amounts, np.stack(totals, axis=-1)], axis=-1)
    assert found.shape[-1] == CATEGORY_COLUMNS + len(ACCOUNTS)
    return found


@ENGINES.check(
    "Counts are those of the single patients: shares, causes of death, and survival by the month.",
    standard="TECH-VER; ISPOR-SMDM 7",
    advice="Look at count_outcome in sim.simulation.core_run.",
)
def counts_add_up(subject: Subject) -> Finding:
    """Count outcomes, causes and times anew."""
    lives = subject.lives
    rows, counts = lives.rows, lives.tally.counts
    causes = rows[:, :, CAUSE].astype(np.int64)
    expected = [(rows[:, :, :FLAGS] > 0.0).sum(axis=0)]
    expected += [(causes == cause).sum(axis=0)[:, None] for cause in (*range(CAUSES), ALIVE)]
    found = [counts.flags, *(counts.causes[:, [place]] for place in range(CAUSES + 1))]
    for column, times in ((DEATH, counts.deaths), (EFS, counts.failures)):
        for months in LANDMARKS_MONTHS:
            days = months * DAYS_PER_MONTH
            expected.append((rows[:, :, column] <= days).sum(axis=0)[:, None])
            found.append(times[:, : round(days / BIN_DAYS)].sum(axis=1)[:, None])
    wrong = sum(
        int(np.count_nonzero(mine != theirs)) for mine, theirs in zip(found, expected, strict=True)
    )
    return none_of(wrong, sum(each.size for each in expected), "counts")
