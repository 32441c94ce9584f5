"""The ledger adds up: entries to patients, patients to cells, categories to accounts, as printed.

Sums are compared with exactly rounded ones (`math.fsum`): relative tolerance 1e-12, which
leaves room for the rounding of some thousand additions and for nothing else.
"""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clinic.events import EventKind
from sim.economics.ledger import Account, Category, State
from sim.layout.cells import add_up
from sim.simulation.run import run

CASES = [
    ("first_salvage", 0),
    ("real_world", 2**64 - 1),
    ("tower", 0),
    ("blinatumomab_then_inotuzumab", 2**64 - 1),
    ("nhs_first_salvage", 0),
]
CLOSE = 1e-12

every_case = pytest.mark.parametrize(("name", "seed"), CASES)
both_engines = pytest.mark.parametrize("engine", ["core", "reference"])


def close(value):
    return pytest.approx(value, rel=CLOSE, abs=CLOSE)


@pytest.fixture(scope="module")
def booked(ask):
    """Return a function that keeps the books of 400 patients per strategy with an engine, once."""

    @cache
    def answer(name, seed, engine):
        return run(ask(name, patients=400, seed=seed), engine=engine)

    return answer


def ledgers(simulation, strategy):
    """Return the ledgers of the first 400 patients, in order, from the reference engine."""
    kept = [trace.ledger for trace in simulation.traces if trace.strategy == strategy.name]
    assert len(kept) == 400
    return kept


# Sums, n = 400 patients per strategy.


@every_case
@both_engines
def test_entries_of_a_patient_add_up_to_the_patient_by_category(
    simulated, booked, name, seed, engine
):
    place = {category: column for column, category in enumerate(Category)}
    for arm in booked(name, seed, engine).arms:
        posted = defaultdict(list)
        for number, ledger in enumerate(ledgers(simulated(name, seed), arm.strategy)):
            for entry in ledger:
                posted[number, place[entry.category]].append(entry)
        undiscounted, discounted = np.zeros((2, 400, len(Category)))
        for cell, entries in posted.items():
            undiscounted[cell] = math.fsum(entry.undiscounted for entry in entries)
            discounted[cell] = math.fsum(entry.discounted for entry in entries)
        assert np.allclose(arm.undiscounted, undiscounted, rtol=CLOSE, atol=CLOSE)
        assert np.allclose(arm.discounted, discounted, rtol=CLOSE, atol=CLOSE)


@every_case
@both_engines
def test_entries_of_all_patients_add_up_to_the_cells(simulated, booked, name, seed, engine):
    for arm in booked(name, seed, engine).arms:
        posted = defaultdict(list)
        for ledger in ledgers(simulated(name, seed), arm.strategy):
            for entry in ledger:
                posted[entry.category, entry.line, entry.state].append(entry)
        assert set(arm.cells) == set(posted)
        for cell, entries in posted.items():
            undiscounted, discounted = arm.cells[cell]
            assert undiscounted == close(math.fsum(entry.undiscounted for entry in entries))
            assert discounted == close(math.fsum(entry.discounted for entry in entries))


@every_case
@both_engines
def test_cells_add_up_to_the_categories(booked, name, seed, engine):
    for arm in booked(name, seed, engine).arms:
        for place, category in enumerate(Category):
            cells = [sums for (key, _, _), sums in arm.cells.items() if key == category]
            for amounts, sums in (
                (arm.undiscounted, [undiscounted for undiscounted, _ in cells]),
                (arm.discounted, [discounted for _, discounted in cells]),
            ):
                assert math.fsum(sums) == close(math.fsum(amounts[:, place]))


@every_case
@pytest.mark.parametrize("discounted", [True, False])
@both_engines
def test_categories_add_up_to_the_accounts(booked, name, seed, engine, discounted):
    for arm in booked(name, seed, engine).arms:
        for account in Account:
            parts = [
                arm.category(category, discounted=discounted)
                for category in Category
                if category.account == account
            ]
            total = arm.total(account, discounted=discounted)
            assert np.allclose(total, np.sum(parts, axis=0), rtol=CLOSE, atol=CLOSE)
        everything = arm.discounted if discounted else arm.undiscounted
        assert everything.shape == (400, len(Category))
        assert everything.sum() == close(
            sum(arm.total(account, discounted=discounted).sum() for account in Account)
        )


@given(parts=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=12))
def test_printed_parts_add_up_to_the_printed_total(parts):
    printed = add_up(parts)
    assert sum(printed) == round(math.fsum(parts))
    assert all(abs(shown - part) < 1.0 for shown, part in zip(printed, parts, strict=True))


@given(parts=st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=12))
def test_whole_parts_are_printed_as_they_are(parts):
    assert add_up([float(part) for part in parts]) == parts


@every_case
def test_printed_categories_of_a_strategy_add_up(simulated, name, seed):
    for arm in simulated(name, seed).arms:
        means = [
            arm.category(category).mean()
            for category in Category
            if category.account == Account.COST
        ]
        assert sum(add_up(means)) == round(arm.total(Account.COST).mean())


# Life-years by state.


def stays(ledger):
    return [entry for entry in ledger if entry.category == Category.LIFE]


@every_case
def test_stays_in_states_fill_the_life_without_gap_or_overlap(simulated, name, seed):
    """Each stay starts on the day on which the one before ended, exactly."""
    for trace in simulated(name, seed).traces:
        days = [(entry.start_days, entry.end_days) for entry in stays(trace.ledger)]
        assert days[0][0] == 0.0
        assert days[-1][1] == trace.log[-1].time_days
        assert all(start < end for start, end in days)
        assert [start for start, _ in days[1:]] == [end for _, end in days[:-1]]


@every_case
@both_engines
def test_life_years_by_state_add_up_to_the_time_lived(booked, name, seed, engine):
    for arm in booked(name, seed, engine).arms:
        lived_days = arm.outcomes["horizon_days"].to_numpy()
        by_state = defaultdict(list)
        for (category, _, state), (undiscounted, _) in arm.cells.items():
            if category == Category.LIFE:
                by_state[state].append(undiscounted)
        assert set(by_state) == set(State)
        in_states = math.fsum(years for cells in by_state.values() for years in cells)
        assert in_states == close(math.fsum(lived_days) / 365.25)
        years = arm.total(Account.LIFE_YEARS, discounted=False)
        assert np.allclose(years, lived_days / 365.25, rtol=CLOSE, atol=0.0)


@every_case
def test_utility_is_posted_for_the_very_stays(simulated, name, seed):
    """The intervals of QALYs in a state, cut at birthdays, cover those of life in that state."""
    for trace in simulated(name, seed).traces:
        covered = defaultdict(list)
        for entry in trace.ledger:
            if entry.category in (Category.LIFE, Category.QALY_STATE):
                covered[entry.category, entry.state].append((entry.start_days, entry.end_days))
        for (category, state), intervals in covered.items():
            if category == Category.LIFE:
                valued = covered[Category.QALY_STATE, state]
                edges = {day for interval in intervals for day in interval}
                assert edges <= {day for interval in valued for day in interval}
                lengths = [
                    math.fsum(end - start for start, end in stretch)
                    for stretch in (intervals, valued)
                ]
                assert lengths[0] == close(lengths[1])


# Where entries stand.


@every_case
def test_nothing_is_posted_before_entry_or_after_the_end(simulated, name, seed):
    for trace in simulated(name, seed).traces:
        end = trace.log[-1].time_days
        for entry in trace.ledger:
            assert 0.0 <= entry.start_days <= entry.end_days <= end


@every_case
def test_costs_are_positive_and_decrements_negative(simulated, name, seed):
    for trace in simulated(name, seed).traces:
        for entry in trace.ledger:
            lost = entry.category in (Category.QALY_TOXICITY, Category.QALY_GVHD)
            sign = -1.0 if lost else 1.0
            assert 0.0 < sign * entry.discounted <= sign * entry.undiscounted


@every_case
def test_lines_of_the_ledger_are_lines_of_the_log(simulated, name, seed):
    """Drugs are charged to a line that was given, in order of its cycles."""
    for trace in simulated(name, seed).traces:
        given_lines = {e.line for e in trace.log if e.kind == EventKind.CYCLE_STARTED}
        lines = {event.line for event in trace.log}
        assert {entry.line for entry in trace.ledger} <= lines
        assert {
            entry.line for entry in trace.ledger if entry.category == Category.DRUG
        } <= given_lines
