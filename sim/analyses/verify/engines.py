"""Checks of the random numbers and the engines: the same numbers again, to the bit, by either engine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from sim.analyses.verify.check import (
    LOGS,
    MOST_STANDARD_ERRORS,
    Finding,
    Lives,
    Subject,
    equal,
    none_of,
    only_where,
)
from sim.analyses.verify.economics import ONE_STRATEGY
from sim.clinic.units import DAYS_PER_MONTH, NEVER
from sim.economics.estimates import Array
from sim.economics.ledger import Account
from sim.engine.outcomes import ALIVE, FLAGS, outcome
from sim.engine.streams import philox4x32
from sim.limits import LARGEST_SEED
from sim.scenario.agreement import LONGEST_NAME
from sim.simulation import tally
from sim.simulation.run import run

FEW: Final = 300
"""Patients of a shorter run."""
THREADS: Final = (1, 2, 5)
UNITS: Final = 2
"""Whole units of patients that threads share, and one patient more."""
TWINS: Final = 8
"""Strategies that are given a twin, at most."""
LEAST_CORRELATION: Final = 0.1
"""Of a patient's life-years under two strategies."""
AGAIN: Final = " (again)"
ONES: Final = 0xFFFFFFFF
Words = tuple[int, int, int, int]
KNOWN_ANSWERS: Final[tuple[tuple[Words, tuple[int, int], Words], ...]] = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)
"""Counter, key and result, published with the generator (Random123)."""
MONEY: Final = 1e-12
"""Relative difference of amounts that both engines add up in another order."""
LANDMARKS_MONTHS: Final = (1, 6, 12, 24, 60, 120, 360)


# -------------------------------------------------------------------------------- randomness


def different(ours: Array, theirs: Array) -> int:
    """Count the patients whose numbers are not the same, to the bit, under every strategy."""
    if ours.shape != theirs.shape:
        return max(len(ours), len(theirs))
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return int(np.count_nonzero(~same.reshape(len(ours), -1).all(axis=1)))


def other_lives(ours: Lives, theirs: Lives, patients: int | None = None) -> int:
    """Count the first patients with other outcomes or other amounts."""
    some = slice(patients)
    return max(
        different(ours.rows[some], theirs.rows[some]),
        different(ours.amounts[some], theirs.amounts[some]),
    )


def flat(arrays: Iterable[Array]) -> Array:
    """Return the numbers of several arrays in one."""
    return np.concatenate([each.ravel() for each in arrays])


def sums_and_counts(found: tally.Tally) -> Array:
    """Return every number of a tally."""
    return flat([*found.sums, *found.counts])


def with_seed(subject: Subject, seed: int) -> Lives:
    """Simulate the first patients of another seed."""
    return subject.simulated(replace(subject.question, seed=seed, patients=FEW))


def same_seed(subject: Subject) -> Finding:
    """Simulate the same question twice."""
    lives, again = subject.lives, subject.simulated(subject.question)
    other_sums = np.sum(sums_and_counts(lives.tally) != sums_and_counts(again.tally))
    return none_of(other_lives(lives, again) + other_sums, "patients", len(again.rows))


def another_seed(subject: Subject) -> Finding:
    """Compare the first patients with those of the next seed."""
    seed = subject.question.seed
    next_seed = seed + 1 if seed < LARGEST_SEED else seed - 1
    return _differ(with_seed(subject, seed), with_seed(subject, next_seed))


def seed_of_zero(subject: Subject) -> Finding:
    """Compare seed 0 with itself, with seed 1 and with the scenario's own."""
    zero, own = with_seed(subject, 0), subject.question.seed
    if other_lives(zero, with_seed(subject, 0)):
        return Finding("seed 0 gives other results each time", "the same", False)
    finding = _differ(zero, with_seed(subject, 1))
    return _differ(zero, with_seed(subject, own)) if finding.passed and own != 0 else finding


def _differ(ours: Lives, theirs: Lives) -> Finding:
    others = other_lives(ours, theirs)
    return Finding(f"{others:,} of {FEW:,} patients differ", "at least 1", others > 0)


def any_threads(subject: Subject) -> Finding:
    """Simulate several units of patients on 1, 2 and 5 threads."""
    question = replace(subject.question, patients=UNITS * tally.UNIT + 1)
    one, *others = (
        sums_and_counts(run(question, keep_patients=False, threads=each).tally) for each in THREADS
    )
    return none_of([other != one for other in others], "sums and counts")


def first_patients(subject: Subject) -> Finding:
    """Compare a short run with the first patients of the longer one."""
    few = with_seed(subject, subject.question.seed)
    return none_of(other_lives(few, subject.lives, FEW), "patients", FEW)


def against_itself(subject: Subject) -> Finding:
    """Give each strategy a twin and compare them patient by patient."""
    chosen = _comparator_first(subject)[:TWINS]
    found = subject.under(changes={"strategies": [*chosen, *map(_renamed, chosen)]})
    half = len(chosen)
    different = other_lives(_of(found, slice(half)), _of(found, slice(half, None)))
    return none_of(different, "patients", len(found.rows))


def _comparator_first(subject: Subject) -> list[dict[str, Any]]:
    scenario = subject.question.scenario
    ordered = sorted(scenario.strategies, key=lambda each: each.name != scenario.comparator_name)
    return [each.model_dump(mode="json", exclude_none=True) for each in ordered]


def _renamed(strategy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a twin with a name and a label of its own, no longer than names may be."""
    name = f"{strategy['name'][: LONGEST_NAME - len(AGAIN)]}{AGAIN}"
    return {**strategy, "name": name, "label": name}


def _of(lives: Lives, places: slice | list[int]) -> Lives:
    """Return the lives under the strategies at some places."""
    return replace(lives, rows=lives.rows[:, places], amounts=lives.amounts[:, places])


def exchanged(subject: Subject) -> Finding:
    """Make another strategy the comparator and compare the sums of the differences."""
    others = [place for place in range(len(subject.strategies)) if place != subject.comparator]
    only_where(others, ONE_STRATEGY)
    settings = subject.question.settings
    alone = settings.benefit_after_stopping and settings.benefit_fades_from_days >= NEVER
    only_where(alone, "the benefit of a strategy is measured against the comparator's")
    back = subject.under(changes={"comparator": subject.strategies[others[-1]]})
    there = subject.lives.tally.sums.differences[others[-1]]
    here = back.tally.sums.differences[subject.comparator]
    return none_of(there != -here, "increments")


def any_order(subject: Subject) -> Finding:
    """List the strategies the other way round."""
    only_where(len(subject.strategies) > 1, ONE_STRATEGY)
    listed = _comparator_first(subject)[::-1]
    order = [subject.strategies.index(each["name"]) for each in listed]
    comparator = subject.strategies[subject.comparator]
    turned = subject.under(changes={"strategies": listed, "comparator": comparator})
    return none_of(other_lives(_of(subject.lives, order), turned), "patients", len(turned.rows))


def paired(subject: Subject) -> Iterator[tuple[Array, Array]]:
    """Yield life-years under a strategy and under the comparator, patient by patient."""
    years = subject.lives.total(Account.LIFE_YEARS, discounted=False)
    comparator = years[:, subject.comparator]
    for place in range(years.shape[1]):
        mine = years[:, place]
        if place != subject.comparator and np.ptp(mine) > 0.0 and np.ptp(comparator) > 0.0:
            yield mine, comparator


def correlation(ours: Array, theirs: Array) -> float:
    """Return the correlation of two outcomes of the same patients."""
    return float(np.corrcoef(ours, theirs)[0, 1])


def common_random_numbers(subject: Subject) -> Finding:
    """Compare correlations, and the variance of each difference with that of two samples."""
    from scipy.stats import rankdata

    pairs = list(paired(subject))
    only_where(pairs, "no two strategies have life-years that vary")
    # By rank, since a few long lives would decide everything.
    lowest = min(correlation(rankdata(ours), rankdata(theirs)) for ours, theirs in pairs)
    ratio = max(
        float(np.var(ours - theirs) / (np.var(ours) + np.var(theirs))) for ours, theirs in pairs
    )
    most = 1.0 + MOST_STANDARD_ERRORS / math.sqrt(len(subject.lives.rows))
    text = f"lowest rank correlation {lowest:.2f}; variance {ratio:.2f} of that of two samples"
    allowed = f"at least {LEAST_CORRELATION:g}; below 1, or {most:.2f} by chance"
    return Finding(text, allowed, lowest >= LEAST_CORRELATION and ratio <= most)


def independent_neighbours(subject: Subject) -> Finding:
    """Correlate life-years and costs of each patient with those of the next."""
    from scipy.stats import rankdata

    # By rank, since costs have a long tail.
    looked_at = [
        abs(correlation(ranks[:-1], ranks[1:]))
        for account in (Account.LIFE_YEARS, Account.COST)
        for ranks in rankdata(subject.lives.total(account, discounted=False), axis=0).T
        if np.ptp(ranks) > 0.0
    ]
    only_where(looked_at, "the patients' lives and costs do not vary")
    errors = max(looked_at) * math.sqrt(len(subject.lives.rows) - 1)
    text = f"largest of {len(looked_at)} correlations: {errors:.1f} standard errors from 0"
    allowed = f"within {MOST_STANDARD_ERRORS:g} standard errors"
    return Finding(text, allowed, errors <= MOST_STANDARD_ERRORS)


def known_answers(_: Subject) -> Finding:
    """Compare with the answers that its authors published."""
    wrong = [philox4x32(counter, key) != answer for counter, key, answer in KNOWN_ANSWERS]
    return none_of(wrong, "known answers")


# ------------------------------------------------------------- one engine against the other


def logged_rows(subject: Subject) -> Array:
    """Return the outcomes that the event logs of the reference engine say: as `Lives.rows`."""
    found = [outcome(trace.log) for trace in subject.logs]
    rows = np.array([(*each, each.rfs_days, each.efs_days) for each in found], dtype=np.float64)
    return rows.reshape(len(subject.strategies), -1, len(tally.ROW)).swapaxes(0, 1)


def different_bits(ours: Array, theirs: Array) -> int:
    """Count the numbers that are not the same to the bit."""
    if ours.shape != theirs.shape:
        return max(ours.size, theirs.size, 1)
    mine, other = (np.ascontiguousarray(each, np.float64).view(np.int64) for each in (ours, theirs))
    # The bits of a number that is none carry no meaning.
    return int(np.count_nonzero((mine != other) & ~(np.isnan(ours) & np.isnan(theirs))))


def same_outcomes(subject: Subject) -> Finding:
    """Compare the outcomes of the first patients."""
    theirs = logged_rows(subject)
    ours = subject.lives.rows[: len(theirs)]
    return none_of(different_bits(ours, theirs), "outcomes", theirs.size)


def same_amounts(subject: Subject) -> Finding:
    """Compare the sums of ledgers with costs, QALYs and life-years, discounted and not."""
    sums = np.zeros((len(subject.logs), 2, len(tally.CATEGORIES)))
    for place, trace in enumerate(subject.logs):
        for entry in trace.ledger:
            column = tally.CATEGORIES.index(entry.category)
            sums[place, tally.UNDISCOUNTED, column] += entry.undiscounted
            sums[place, tally.DISCOUNTED, column] += entry.discounted
    theirs = sums.reshape(len(subject.strategies), -1, *sums.shape[1:]).swapaxes(0, 1)
    return equal(subject.lives.amounts[: len(theirs)], theirs, "amounts", MONEY)


def same_counts(subject: Subject) -> Finding:
    """Compare every count of the first patients: shares, causes, cycles, times in bins."""
    few = replace(subject.question, patients=LOGS)
    theirs = run(few, engine="reference", keep_patients=False).tally.counts
    return none_of(flat(subject.simulated(few).tally.counts) != flat(theirs), "counts")


# ----------------------------------------------------- sums against the single patients


def sums_add_up(subject: Subject) -> Finding:
    """Add up amounts, squares and differences from the comparator anew."""
    lives = subject.lives
    amounts = lives.amounts
    totals = [
        amounts[..., place == tally.ACCOUNT_OF].sum(axis=-1) for place in range(len(tally.ACCOUNTS))
    ]
    values = np.concatenate([amounts, np.stack(totals, axis=-1)], axis=-1)
    gained = values[:, :, tally.DISCOUNTED] - values[:, [lives.tally.comparator], tally.DISCOUNTED]
    sums, n = lives.tally.sums, len(values)
    size = np.maximum(np.abs(values).sum(axis=0)[:, tally.DISCOUNTED] / n, 1.0)
    # A difference of large sums is judged by their size.
    pairs = [
        (sums.values, values, n),
        (sums.squares, values**2, n),
        (sums.differences, gained, n * size),
        (sums.difference_squares, gained**2, n * size**2),
    ]
    found = flat(each / scale for each, _, scale in pairs)
    expected = flat(each.sum(axis=0) / scale for _, each, scale in pairs)
    return equal(found, expected, "sums")


def counts_add_up(subject: Subject) -> Finding:
    """Count outcomes, causes and times anew."""
    lives, counts = subject.lives, subject.lives.tally.counts
    causes = lives.outcome("cause_of_death")
    found = [counts.flags, *counts.causes.T]
    expected = [(lives.rows[:, :, :FLAGS] > 0.0).sum(axis=0)]
    expected += [(causes == cause).sum(axis=0) for cause in (*range(tally.CAUSES), ALIVE)]
    for name, times in (("death_days", counts.deaths), ("efs_days", counts.failures)):
        for months in LANDMARKS_MONTHS:
            days = months * DAYS_PER_MONTH
            expected.append((lives.outcome(name) <= days).sum(axis=0))
            found.append(times[:, : round(days / tally.BIN_DAYS)].sum(axis=1))
    return none_of(flat(found) != flat(expected), "counts")
