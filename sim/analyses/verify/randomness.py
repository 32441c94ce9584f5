"""Checks of the random numbers: repeatable, independent between patients, common between strategies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from sim.analyses.verify.check import MOST_STANDARD_ERRORS, Finding, Group, does_not_apply, none_of
from sim.analyses.verify.decisions import ONE_STRATEGY
from sim.analyses.verify.subject import Lives, Subject
from sim.clinic.units import NEVER
from sim.economics.estimates import Array
from sim.economics.ledger import Account
from sim.engine.streams import philox4x32
from sim.limits import LARGEST_SEED
from sim.scenario.agreement import LONGEST_NAME
from sim.simulation.run import run
from sim.simulation.tally import UNIT, Tally

RANDOMNESS: Final = Group("randomness")
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


def with_seed(subject: Subject, seed: int) -> Lives:
    """Simulate the first patients of another seed."""
    return subject.simulated(replace(subject.question, seed=seed, patients=FEW))


@RANDOMNESS.check(
    "The same seed gives the same results, to the bit.",
    standard="TECH-VER; STRESS-DES 5.2",
    advice="Something depends on the time, on the order of a set, or on numbers drawn in turn.",
)
def same_seed(subject: Subject) -> Finding:
    """Simulate the same question twice."""
    again = subject.simulated(subject.question)
    wrong = other_lives(subject.lives, again) + different_sums(subject.lives.tally, again.tally)
    return none_of(wrong, len(again.rows), "patients")


def different_sums(ours: Tally, theirs: Tally) -> int:
    """Count the sums and counts that are not the same, to the bit."""
    pairs = zip((*ours.sums, *ours.counts), (*theirs.sums, *theirs.counts), strict=True)
    return sum(int(np.count_nonzero(mine != other)) for mine, other in pairs)


@RANDOMNESS.check(
    "Another seed gives other results.",
    standard="STRESS-DES 5.2",
    advice="The seed does not reach the random numbers.",
)
def another_seed(subject: Subject) -> Finding:
    """Compare the first patients with those of the next seed."""
    seed = subject.question.seed
    next_seed = seed + 1 if seed < LARGEST_SEED else seed - 1
    return _differ(with_seed(subject, seed), with_seed(subject, next_seed))


@RANDOMNESS.check(
    "A seed of 0 is a seed like any other.",
    standard="STRESS-DES 5.2",
    advice="Look for a seed that is read as missing where it is 0.",
)
def seed_of_zero(subject: Subject) -> Finding:
    """Compare seed 0 with itself, with seed 1 and with the scenario's own."""
    zero = with_seed(subject, 0)
    if other_lives(zero, with_seed(subject, 0)):
        return Finding("seed 0 gives other results each time", "the same", False)
    finding = _differ(zero, with_seed(subject, 1))
    own = subject.question.seed
    if finding.passed and own != 0:
        return _differ(zero, with_seed(subject, own))
    return finding


def _differ(ours: Lives, theirs: Lives) -> Finding:
    others = other_lives(ours, theirs)
    return Finding(f"{others:,} of {FEW:,} patients differ", "at least 1", others > 0)


@RANDOMNESS.check(
    "Results do not depend on the number of threads.",
    standard="TECH-VER; STRESS-DES 5.4",
    advice="Sums are formed by the unit of patients, and units added in their order: look there.",
)
def any_threads(subject: Subject) -> Finding:
    """Simulate several units of patients on 1, 2 and 5 threads."""
    question = replace(subject.question, patients=UNITS * UNIT + 1)
    one, *others = (run(question, keep_patients=False, threads=each).tally for each in THREADS)
    wrong = sum(different_sums(one, other) for other in others)
    looked_at = len(others) * sum(each.size for each in (*one.sums, *one.counts))
    return none_of(wrong, looked_at, "sums and counts")


@RANDOMNESS.check(
    "The first patients are the same in a longer run.",
    standard="TECH-VER; STRESS-DES 5.2",
    advice="A random number is drawn in turn, not looked up by patient and decision.",
)
def first_patients(subject: Subject) -> Finding:
    """Compare a short run with the first patients of the longer one."""
    few = with_seed(subject, subject.question.seed)
    return none_of(other_lives(few, subject.lives, FEW), FEW, "patients")


@RANDOMNESS.check(
    "A strategy against itself differs by exactly 0.",
    standard="TECH-VER; ISPOR-SMDM 4",
    advice="A random number depends on the place or the name of the strategy.",
)
def against_itself(subject: Subject) -> Finding:
    """Give each strategy a twin and compare them patient by patient."""
    chosen = _comparator_first(subject)[:TWINS]
    twins = [_renamed(each) for each in chosen]
    found = subject.under(changes={"strategies": [*chosen, *twins]})
    mine, theirs = (_part(found, slice(*ends)) for ends in ((0, len(chosen)), (len(chosen), None)))
    return none_of(other_lives(mine, theirs), len(found.rows), "patients")


def _comparator_first(subject: Subject) -> list[dict[str, Any]]:
    scenario = subject.question.scenario
    ordered = sorted(scenario.strategies, key=lambda each: each.name != scenario.comparator_name)
    return [each.model_dump(mode="json", exclude_none=True) for each in ordered]


def _renamed(strategy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a twin with a name and a label of its own, no longer than names may be."""
    name = f"{strategy['name'][: LONGEST_NAME - len(AGAIN)]}{AGAIN}"
    return {**strategy, "name": name, "label": name}


def _part(lives: Lives, places: slice) -> Lives:
    return replace(lives, rows=lives.rows[:, places], amounts=lives.amounts[:, places])


@RANDOMNESS.check(
    "Exchanging strategy and comparator changes the sign of every increment and nothing else.",
    standard="TECH-VER",
    advice="A random number or a price depends on which strategy is the comparator.",
)
def exchanged(subject: Subject) -> Finding:
    """Make another strategy the comparator and compare the sums of the differences."""
    scenario, names = subject.question.scenario, subject.strategies
    others = [name for name in names if name != scenario.comparator_name]
    if not others:
        return does_not_apply(ONE_STRATEGY)
    settings = subject.question.settings
    if not settings.benefit_after_stopping or settings.benefit_fades_from_days < NEVER:
        return does_not_apply("the benefit of a strategy is measured against the comparator's")
    back = subject.under(changes={"comparator": others[-1]})
    there = subject.lives.tally.sums.differences[names.index(others[-1])]
    here = back.tally.sums.differences[names.index(scenario.comparator_name)]
    return none_of(int(np.count_nonzero(there != -here)), there.size, "increments")


@RANDOMNESS.check(
    "The order of the strategies does not matter.",
    standard="TECH-VER; STRESS-DES 5.3",
    advice="A random number depends on the place of the strategy.",
)
def any_order(subject: Subject) -> Finding:
    """List the strategies the other way round."""
    if len(subject.strategies) == 1:
        return does_not_apply(ONE_STRATEGY)
    listed = _comparator_first(subject)
    order = [subject.strategies.index(each["name"]) for each in listed][::-1]
    changes = {
        "strategies": listed[::-1],
        "comparator": subject.question.scenario.comparator_name,
    }
    turned = subject.under(changes=changes)
    ours = subject.lives
    mine = replace(ours, rows=ours.rows[:, order], amounts=ours.amounts[:, order])
    return none_of(other_lives(mine, turned), len(turned.rows), "patients")


def paired(subject: Subject) -> Iterator[tuple[str, Array, Array]]:
    """Yield a strategy's name, its life-years and the comparator's, patient by patient."""
    years = subject.lives.total(Account.LIFE_YEARS, discounted=False)
    comparator = subject.strategies.index(subject.question.scenario.comparator_name)
    for s, name in enumerate(subject.strategies):
        if s != comparator and np.ptp(years[:, s]) > 0.0 and np.ptp(years[:, comparator]) > 0.0:
            yield name, years[:, s], years[:, comparator]


def correlation(ours: Array, theirs: Array) -> float:
    """Return the correlation of two outcomes of the same patients."""
    return float(np.corrcoef(ours, theirs)[0, 1])


@RANDOMNESS.check(
    "A patient's life-years under two strategies go together, so that their difference varies no "
    "more than with other patients under each.",
    standard="TECH-VER; ISPOR-SMDM 4",
    advice="Some decisions do not have the same random number under both strategies.",
)
def common_random_numbers(subject: Subject) -> Finding:
    """Compare correlations, and the variance of each difference with that of two samples."""
    from scipy.stats import rankdata

    pairs = list(paired(subject))
    if not pairs:
        return does_not_apply("no two strategies have life-years that vary")
    # By rank, since a few long lives would decide everything.
    lowest = min(correlation(rankdata(ours), rankdata(theirs)) for _, ours, theirs in pairs)
    ratio = max(
        float(np.var(ours - theirs) / (np.var(ours) + np.var(theirs))) for _, ours, theirs in pairs
    )
    most = 1.0 + MOST_STANDARD_ERRORS / math.sqrt(len(subject.lives.rows))
    text = f"lowest rank correlation {lowest:.2f}; variance {ratio:.2f} of that of two samples"
    allowed = f"at least {LEAST_CORRELATION:g}; below 1, or {most:.2f} by chance"
    return Finding(text, allowed, lowest >= LEAST_CORRELATION and ratio <= most)


@RANDOMNESS.check(
    "Neighbouring patients have nothing in common.",
    standard="TECH-VER; STRESS-DES 5.2",
    advice="The number of the patient does not reach every random number.",
)
def independent_neighbours(subject: Subject) -> Finding:
    """Correlate life-years and costs of each patient with those of the next."""
    from scipy.stats import rankdata

    looked_at: list[float] = []
    for account in (Account.LIFE_YEARS, Account.COST):
        for values in subject.lives.total(account, discounted=False).T:
            # By rank, since costs have a long tail.
            ranks = rankdata(values)
            if np.ptp(values) > 0.0:
                looked_at.append(correlation(ranks[:-1], ranks[1:]))
    if not looked_at:
        return does_not_apply("the patients' lives and costs do not vary")
    errors = max(map(abs, looked_at)) * np.sqrt(len(subject.lives.rows) - 1)
    text = f"largest of {len(looked_at)} correlations: {errors:.1f} standard errors from 0"
    return Finding(
        text,
        f"within {MOST_STANDARD_ERRORS:g} standard errors",
        bool(errors <= MOST_STANDARD_ERRORS),
    )


@RANDOMNESS.check(
    "The random numbers are those of a published generator, Philox4x32-10.",
    standard="STRESS-DES 5.2; AdViSHE C4",
    advice="Look at philox4x32 in sim.engine.streams.",
)
def known_answers(subject: Subject) -> Finding:
    """Compare with the answers that its authors published."""
    del subject
    wrong = sum(philox4x32(counter, key) != answer for counter, key, answer in KNOWN_ANSWERS)
    return none_of(wrong, len(KNOWN_ANSWERS), "known answers")
