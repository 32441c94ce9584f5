"""Run a question on the core engine: units of patients in threads, added up in their order.

A unit goes through lives, books and tally in one compiled loop, which takes any number of parameter
sets at once. Sets with the same patients share their draws, which stay in the fastest memory while
a block goes through set after set. While a block is counted, the compiled counterpart of
`sim.simulation.tally.count_patient`, its sums are on the clerk's desk, next to the amounts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any, Final, NamedTuple

import numpy as np

from sim.clinic.mortality import LifeTable
from sim.clinic.units import NEVER
from sim.economics.clerk import keep_book
from sim.economics.posting_compiled import DESK, WIDTH, Book
from sim.economics.price_records import tariff
from sim.economics.prices import InjectedDrug
from sim.engine.compiled.compiler import first_compilation, kernel
from sim.engine.compiled.core import keys_for
from sim.engine.compiled.draws import draw_ahead
from sim.engine.compiled.forms import called
from sim.engine.compiled.life import live, person
from sim.engine.compiled.memory import BLOCK, TRAITS, new_body
from sim.engine.compiled.needless import find_needless
from sim.engine.compiled.precompute import precompute_block
from sim.engine.compiled.records import Records, records
from sim.engine.model import GivenRows, World, named_regimens
from sim.engine.outcomes import ALIVE, FLAGS
from sim.engine.streams import blocks
from sim.engine.values import Data
from sim.simulation.observables import Observed, baseline_bits, count_observables, records_of
from sim.simulation.question import Question
from sim.simulation.tally import (
    ACCOUNT_OF,
    CATEGORIES,
    CATEGORY_COLUMNS,
    CAUSE,
    CAUSES,
    COST,
    COST_COLUMNS,
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
    ROW,
    UNIT,
    VALUES,
    Counts,
    Sums,
    Tally,
    add,
    bin_of,
    is_impossible,
    new_counts,
    new_sums,
    of_set,
)
from sim.spread.order import in_order

ACCOUNT: Final = tuple(int(account) for account in ACCOUNT_OF)
QALY_CATEGORIES: Final = ACCOUNT.count(1)
NOT_A_NUMBER: Final = float("nan")
RESPONSE_MARK: Final = 1
ABREAST: Final = 4


@called
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


@called
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
        for category in range(COST_COLUMNS):
            cost += amounts[category]
        for category in range(COST_COLUMNS, COST_COLUMNS + QALY_CATEGORIES):
            qaly += amounts[category]
        amounts[COST] = cost
        amounts[QALY] = qaly
        amounts[VALUES - 1] = amounts[CATEGORY_COLUMNS - 1]


@called
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


def count_outcome(counts: Counts, k: int, s: int, desk: Data, column: int, outcome: Data) -> None:
    """Count the outcome of the patient under a strategy; flags and times follow for the block."""
    cause = outcome.cause
    counts.causes[k, s, CAUSES if cause == ALIVE else cause] += 1
    counts.cycles[k, s, min(outcome.cycles, MOST_CYCLES - 1)] += 1
    failure = min(outcome.relapse_days, outcome.death_days)
    responded = outcome.marks & RESPONSE_MARK != 0
    desk.marks[column] = outcome.marks
    desk.deaths[column] = outcome.death_days
    desk.failures[column] = failure if responded else 0.0
    desk.relapses[column] = failure - outcome.remission_days if responded else 0.0
    desk.hospital[column] = desk.days_in_hospital
    desk.ends[column] = desk.end


@called
def count_block(counts: Counts, k: int, s: int, desk: Data, block: int) -> None:
    """Count flags and times of the block's patients, and those whose amounts cannot be."""
    for flag in range(FLAGS):
        total = 0
        for column in range(block):
            total += (desk.marks[column] >> flag) & 1
        counts.flags[k, s, flag] += total
    count_times(counts.deaths[k, s], desk, desk.deaths, block)
    count_times(counts.failures[k, s], desk, desk.failures, block)
    count_times(counts.relapses[k, s], desk, desk.relapses, block)
    for column in range(block):
        # Without remission there is no time from it.
        counts.relapses[k, s, 0] -= 1 - (desk.marks[column] & RESPONSE_MARK)
        if is_impossible(desk.amounts[s, column], desk.hospital[column], desk.ends[column]):
            counts.impossible[k, s] += 1


def count_times(counted: Data, desk: Data, times: Data, block: int) -> None:
    """Count the times of a block's patients in their bins."""
    for column in range(block):
        desk.bins[column] = bin_of(times[column])
    for column in range(block):
        counted[desk.bins[column]] += 1


def count_observed(observables: Data, counts: Counts, k: int, s: int, body: Data) -> None:
    """Count the patient under a strategy in the observables, where there are any."""
    if len(observables) > 0:
        observed = Observed(
            counts.seen_patients, counts.seen_hits, counts.seen_events, counts.seen_endings
        )
        baseline = baseline_bits(person(body))
        count_observables(observables, observed, k, s, body.outcome, baseline)


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
        for category in range(CATEGORY_COLUMNS):
            amounts[kind, category] = desk.amounts[s, column, kind, category]


class Sets(NamedTuple):
    """Parameter sets in records: one row a set, and a column a regimen where it is a regimen's."""

    rules: Data
    regimens: Data
    tariffs: Data
    regimen_tariffs: Data


class Room(NamedTuple):
    """Working memory of one thread, an array of one record each."""

    bodies: Records
    desks: Records


class PatientRows(NamedTuple):
    """Arrays for the single patients by parameter set: outcome rows and amounts, or of length 0."""

    rows: Data
    amounts: Data


def new_room(keys: Data) -> Room:
    """Make the working memory of a thread."""
    return Room(new_body(keys), np.zeros(1, DESK).view(np.recarray))


def draw_for_set(
    seed: Data, firsts: Data, k: int, done: int, block: int, keys: Data, body: Data
) -> bool:
    """Draw a block for the parameter set `k`, unless the set before has the same patients.

    Return whether a neighbouring set has them. The subset that needs a draw depends on the set:
    shared draws are made for everyone.
    """
    same_as_before = k > 0 and firsts[k] == firsts[k - 1]
    shared = same_as_before or (k + 1 < firsts.shape[0] and firsts[k] == firsts[k + 1])
    if not same_as_before:
        draw_ahead(seed, firsts[k] + done, block, keys, body, shared)
    return shared


def leave_out_needless(sets: Sets, observables: Data, keys: Data, body: Data) -> None:
    """Leave out the draws that no parameter set needs."""
    aged = False
    for k in range(len(sets.tariffs)):
        aged = aged or sets.tariffs[k].capped
    find_needless(sets.rules, sets.regimens, aged, len(observables) > 0, keys, body)


def take_given(body: Data, given: Data, k: int, done: int, block: int) -> None:
    """Copy what is given of a block's patients under the parameter set `k`, where anything is."""
    if given.shape[1] > 0:
        for trait in range(TRAITS):
            for column in range(block):
                body.given[trait, column] = given[k, done + column, trait]


def run_unit(
    sets: Sets,
    plans: Data,
    life_table: LifeTable,
    room: Room,
    sums: Sums,
    cells: Data,
    counts: Counts,
    observables: Data,
    kept: PatientRows,
    given: Data,
    keys: Data,
    seed: Data,
    firsts: Data,
    count: int,
    comparator: int,
    most: int,
) -> None:
    """Simulate `count` patients, from ``firsts`` of each parameter set on, under all strategies.

    They are added to the sums and counts of their set, `most` of them at once. The single patients
    are stored when there are arrays for them.
    """
    body, desk = room.bodies[0], room.desks[0]
    leave_out_needless(sets, observables, keys, body)
    done = 0
    while done < count:
        block = min(most, count - done)
        for k in range(firsts.shape[0]):
            shared = draw_for_set(seed, firsts, k, done, block, keys, body)
            take_given(body, given, k, done, block)
            world = World(sets.rules[k], sets.regimens[k], plans, life_table, seed)
            precompute_block(world, body, keys, firsts[k] + done, block, shared)
            lay_out(desk, sums, k)
            for s in range(plans.shape[0]):
                for column in range(block):
                    body.number = firsts[k] + done + column
                    body.column = column
                    live(world, body, s)
                    book: Data = Book(
                        sets.tariffs[k],
                        sets.regimen_tariffs[k],
                        plans[s],
                        desk,
                        cells[k, s],
                        s,
                        column,
                    )
                    keep_book(book, person(body), body.log[: body.events])
                    close_accounts(desk, s, column)
                    count_outcome(counts, k, s, desk, column, body.outcome)
                    count_observed(observables, counts, k, s, body)
                    if kept.rows.shape[0] > 0:
                        store_outcome(body.outcome, kept.rows[k, done + column, s])
                        store_amounts(desk, s, column, kept.amounts[k, done + column, s])
                count_block(counts, k, s, desk, block)
            count_amounts(desk, plans.shape[0], comparator, block)
            put_away(desk, sums, k)
        done += block


@cache
def unit_kernel() -> Data:
    """Return the compiled loop over a unit."""
    return kernel(run_unit)


UNITS_AHEAD: Final = 4
"""Tasks in work or waiting to be added up, per thread: this bounds the memory."""
UNITS_TOGETHER: Final = 16
"""Units of a task whose single patients are not stored."""
Rows = np.ndarray[Any, np.dtype[np.float64]]
Sink = Callable[[int, Rows, Rows], None]
"""Takes the first patient's number, outcome rows and amounts of a unit, units in order."""


class Bound(NamedTuple):
    """A question in the arrays that compiled code takes, as a single parameter set."""

    sets: Sets
    plans: Records
    life_table: LifeTable
    keys: Data
    comparator: int
    strategies: int
    observables: Records
    given: GivenRows | None

    def counts(self, sets: int) -> Counts:
        """Return empty counts for so many parameter sets."""
        return new_counts(self.strategies, sets, observables=len(self.observables))


@dataclass(frozen=True)
class Unit:
    """The results of a unit of patients: its sums, and its rows when they are stored."""

    patients: int
    sums: Sums
    rows: Rows
    amounts: Rows


def bind(question: Question) -> Bound:
    """Write a question into arrays."""
    compiled = records(question.model)
    prices = tariff(question.accounts, tuple(named_regimens(question.model.strategies)))
    return Bound(
        sets=Sets(compiled.rules, compiled.regimens, prices.common, prices.regimens),
        plans=compiled.plans,
        life_table=compiled.life_table,
        keys=keys_for(question.model, dosed_by_size=dosed_by_size(question)),
        comparator=question.comparator_place,
        strategies=len(question.model.strategies),
        observables=records_of(question.observables),
        given=question.model.given,
    )


def dosed_by_size(question: Question) -> bool:
    """Return whether a dose of some regimen depends on body surface area."""
    regimens = question.accounts.price_list.regimens.values()
    return any(isinstance(regimen.drug, InjectedDrug) for regimen in regimens)


class Units(NamedTuple):
    """Units of patients in their order, and the counts of all of them."""

    units: list[Unit]
    counts: Counts


@dataclass(frozen=True)
class UnitsJob:
    """The job of simulating units of a question's patients; `keep` stores the single patients."""

    question: Question
    keep: bool

    @cached_property
    def bound(self) -> Bound:
        """The question in arrays, with the compiled code loaded."""
        return ready(bind(self.question))

    def __call__(self) -> Callable[[list[tuple[int, int]]], Units]:
        """Return a worker, from the first patient and the number of each unit to their results."""
        return partial(self._simulated, new_room(self.bound.keys))

    def _simulated(self, room: Room, blocks: list[tuple[int, int]]) -> Units:
        counts, seed = self.bound.counts(1), self.question.seed
        units = [
            run_unit_in(room, counts, self.bound, seed, first, number, keep=self.keep)
            for first, number in blocks
        ]
        return Units(units, of_set(counts, 0))


def run_core(
    question: Question,
    *,
    keep_patients: bool,
    threads: int | None,
    progress: Callable[[int], None],
    sink: Sink | None,
) -> tuple[Rows, Rows, Tally]:
    """Simulate on the core engine; return outcome rows, amounts and counts.

    Rows and amounts are empty unless patients are stored.
    """
    strategies = len(question.model.strategies)
    total = new_sums(strategies)
    counts = new_counts(strategies, observables=len(question.observables))
    kept: list[Unit] = []
    done = 0
    keep = keep_patients or sink is not None
    for each in in_order(
        UnitsJob(question, keep),
        blocks(question.patients, UNIT),
        size=1 if keep else UNITS_TOGETHER,
        threads=threads,
        ahead=UNITS_AHEAD,
    ):
        add(counts, each.counts)
        for unit in each.units:
            add(total, unit.sums)
            if sink is not None:
                sink(done, unit.rows, unit.amounts)
            done += unit.patients
            progress(unit.patients * strategies)
        if keep_patients:
            kept += each.units
    tally = Tally(question.patients, question.comparator_place, total, counts)
    empty = np.empty(0)
    rows = np.concatenate([unit.rows for unit in kept]) if kept else empty
    amounts = np.concatenate([unit.amounts for unit in kept]) if kept else empty
    return rows, amounts, tally


def ready(bound: Bound) -> Bound:
    """Load the compiled code; report when it has to be compiled first."""
    with first_compilation(sys.stderr):
        counts = bound.counts(1)
        run_unit_in(new_room(bound.keys), counts, bound, 0, 0, 0, keep=False)
    return bound


def run_unit_in(
    room: Room, counts: Counts, bound: Bound, seed: int, first: int, count: int, *, keep: bool
) -> Unit:
    """Simulate `count` patients from `first` on; they are added to the `counts`."""
    kept = new_patient_rows(1 if keep else 0, count, bound.strategies)
    sums = new_sums(bound.strategies, 1)
    firsts = np.array([first])
    run_kernel(bound, bound.sets, room, sums, counts, seed, firsts, count, kept)
    rows, amounts = (each.reshape(-1, *each.shape[2:]) for each in kept)
    return Unit(count, of_set(sums, 0), rows, amounts)


def new_patient_rows(sets: int, patients: int, strategies: int) -> PatientRows:
    """Allocate the rows of single patients; none where there are no sets."""
    return PatientRows(
        rows=np.zeros((sets, patients, strategies, len(ROW))),
        amounts=np.zeros((sets, patients, strategies, 2, len(CATEGORIES))),
    )


def given_rows(given: GivenRows | None, firsts: Data, count: int) -> Data:
    """Return what is given of the patients of each set: (set, patient, characteristic).

    The second axis is empty where the user brings no patients.
    """
    found = np.empty((len(firsts), 0 if given is None else count, TRAITS))
    if given is not None:
        for k, first in enumerate(firsts):
            same = k > 0 and first == firsts[k - 1]
            found[k] = found[k - 1] if same else given(int(first), count)
    return found


def run_kernel(
    bound: Bound,
    sets: Sets,
    room: Room,
    sums: Sums,
    counts: Counts,
    seed: int,
    firsts: Data,
    count: int,
    kept: PatientRows,
) -> None:
    """Run `count` patients under each parameter set; see `sim.simulation.core_run.run_unit`."""
    unit_kernel()(
        sets,
        bound.plans,
        bound.life_table,
        room,
        sums,
        sums.cells.reshape(*sums.products.shape, -1),
        counts,
        bound.observables,
        kept,
        given_rows(bound.given, firsts, count),
        bound.keys,
        np.uint64(seed),
        firsts,
        count,
        bound.comparator,
        BLOCK,
    )
