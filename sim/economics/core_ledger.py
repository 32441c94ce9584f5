"""The ledger in compiled code: postings, discounting, stays in health states."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.discounting import factor_at
from sim.economics.ledger import Account, Category, State
from sim.economics.price_records import SPAN, SPAN_BITS, SPANS
from sim.economics.utilities import Decrement
from sim.engine.core_body import AGE, BLOCK, MALE, MOST_STRATEGIES
from sim.engine.data import Data
from sim.engine.records import MOST_LINES

CATEGORIES: Final = len(Category)
ACCOUNTS: Final = len(Account)
STATES: Final = len(State)
LINES: Final = MOST_LINES + 1
"""Six regimens at most, and the care after them."""
WIDTH: Final = 16
"""Columns kept for a patient: categories, then accounts, and what fills a vector."""

_ORDER: Final = {category: i for i, category in enumerate(Category)}
DRUG: Final = _ORDER[Category.DRUG]
ADMINISTRATION: Final = _ORDER[Category.ADMINISTRATION]
TOXICITY: Final = _ORDER[Category.TOXICITY]
TRANSPLANT: Final = _ORDER[Category.TRANSPLANT]
LATER_LINES: Final = _ORDER[Category.LATER_LINES]
FOLLOW_UP: Final = _ORDER[Category.FOLLOW_UP]
END_OF_LIFE: Final = _ORDER[Category.END_OF_LIFE]
QALY_STATE: Final = _ORDER[Category.QALY_STATE]
QALY_TOXICITY: Final = _ORDER[Category.QALY_TOXICITY]
QALY_GVHD: Final = _ORDER[Category.QALY_GVHD]
LIFE: Final = _ORDER[Category.LIFE]

_PLACE: Final = {state: i for i, state in enumerate(State)}
ON_TREATMENT: Final = _PLACE[State.ON_TREATMENT]
COMPLETE_REMISSION: Final = _PLACE[State.COMPLETE_REMISSION]
INCOMPLETE_REMISSION: Final = _PLACE[State.INCOMPLETE_REMISSION]
TRANSPLANT_FIRST_YEAR: Final = _PLACE[State.TRANSPLANT_FIRST_YEAR]
AFTER_TRANSPLANT: Final = _PLACE[State.AFTER_TRANSPLANT]
RELAPSED_REFRACTORY: Final = _PLACE[State.RELAPSED_REFRACTORY]

DECREMENTS: Final = len(Decrement)
SHORT: Final = 0.02
YEARS_PER_DAY: Final = 1.0 / DAYS_PER_YEAR
WITHIN_SPAN: Final = SPAN - 1
FIRST_EFFECT: Final = QALY_STATE
"""Categories from here on are effects, those before are costs."""
COSTS: Final = 0
EFFECTS: Final = 1

DESK: Final = np.dtype(
    [
        ("state", np.int64),
        ("line", np.int64),
        ("since", np.float64),
        ("since_worth", np.float64),
        ("home_from", np.float64),
        ("days_in_hospital", np.float64),
        ("decremented_until", np.float64, (len(Decrement),)),
        ("given_days", np.float64),
        ("tablets_until", np.float64),
        ("end", np.float64),
        ("next_end", np.int64),
        ("amounts", np.float64, (MOST_STRATEGIES, BLOCK, 2, WIDTH)),
        ("values", np.float64, (MOST_STRATEGIES, 2, WIDTH)),
        ("squares", np.float64, (MOST_STRATEGIES, 2, WIDTH)),
        ("differences", np.float64, (MOST_STRATEGIES, WIDTH)),
        ("difference_squares", np.float64, (MOST_STRATEGIES, WIDTH)),
        ("products", np.float64, (MOST_STRATEGIES,)),
    ],
    align=True,
)
"""The clerk's desk: the stay under way, amounts by strategy and patient of the block, undiscounted
and discounted, and the sums of all patients so far (see `sim.study.tally`)."""


class Book(NamedTuple):
    """A patient's book under one strategy: prices, the desk, and cells of all patients.

    ``cells`` are in one row: category, line, state, then undiscounted and discounted. ``column`` is
    the patient's place in the block.
    """

    tariff: Data
    regimens: Data
    plan: Data
    desk: Data
    cells: Data
    strategy: int
    column: int


def add(book: Book, category: int, state: int, line: int, plain: float, present: float) -> None:
    """Add an entry to the patient's sums and to the cells of all patients."""
    amounts = book.desk.amounts
    amounts[book.strategy, book.column, 0, category] += plain
    amounts[book.strategy, book.column, 1, category] += present
    cell = ((category * LINES + line) * STATES + state) * 2
    book.cells[cell] += plain
    book.cells[cell + 1] += present


def force_of(book: Book, kind: int) -> float:
    """Return the force of discounting of costs or effects."""
    return book.tariff.force_effects if kind == EFFECTS else book.tariff.force_costs


def days_per_force(book: Book, kind: int) -> float:
    """Return the inverse of the force of discounting; a division would take many times as long."""
    tariff = book.tariff
    return tariff.days_per_force_effects if kind == EFFECTS else tariff.days_per_force_costs


def worth(book: Book, kind: int, time: float) -> float:
    """Return the discount factor: that of the whole day, times a short series for the rest.

    The rest of a day is worth less than 1e-3 at any rate below 44 %; the series is then exact
    to 1e-17.
    """
    force = force_of(book, kind)
    days = int(time)
    span = days >> SPAN_BITS
    if span >= SPANS:
        return factor_at(force, time)
    y = force * (time - days)
    series = 1.0 - y * (1.0 - y * (1 / 2 - y * (1 / 6 - y * (1 / 24))))
    return book.tariff.spans[kind, span] * book.tariff.days[kind, days & WITHIN_SPAN] * series


def effects_worth(book: Book, time: float, costs: float) -> float:
    """Return the discount factor of effects at a time at which that of costs is known."""
    same = book.tariff.force_effects == book.tariff.force_costs
    return costs if same else worth(book, EFFECTS, time)


def present_days(book: Book, kind: int, start: float, start_worth: float, stop: float) -> float:
    """Return discounted days, ``v(start) × length × mean factor``.

    With x the force times the length, the mean factor is ``(1 − exp(−x)) / x``; below
    `SHORT` its series gives the same to 1e-14. Above, ``(v(start) − v(stop)) / force`` loses
    no more than that to cancellation.
    """
    force = force_of(book, kind)
    length = stop - start
    x = force * length
    if x > SHORT:
        return (start_worth - worth(book, kind, stop)) * days_per_force(book, kind)
    return start_worth * (length * mean_factor(x))


def mean_factor(x: float) -> float:
    """Return ``(1 − exp(−x)) / x`` for a small x, by its series."""
    return 1.0 - x * (1 / 2 - x * (1 / 6 - x * (1 / 24 - x * (1 / 120 - x * (1 / 720)))))


def point(
    book: Book, category: int, state: int, line: int, time_worth: float, amount: float
) -> None:
    """Post a cost at a moment of known discount factor."""
    if amount != 0.0:
        add(book, category, state, line, amount, amount * time_worth)


def later_point(
    book: Book, category: int, state: int, line: int, time: float, amount: float
) -> None:
    """Post a cost at a moment that may lie behind the end, after which nothing is posted."""
    if amount != 0.0 and time <= book.desk.end:
        add(book, category, state, line, amount, amount * worth(book, COSTS, time))


def stream(
    book: Book,
    category: int,
    state: int,
    line: int,
    start: float,
    start_worth: float,
    stop: float,
    per_day: float,
) -> None:
    """Post ``per_day × days`` from `start`, of known discount factor, to `stop` or the end."""
    stop = min(stop, book.desk.end)
    if per_day != 0.0 and stop > start:
        kind = EFFECTS if category >= FIRST_EFFECT else COSTS
        present = per_day * present_days(book, kind, start, start_worth, stop)
        add(book, category, state, line, per_day * (stop - start), present)


def later_stream(
    book: Book, category: int, state: int, line: int, start: float, stop: float, per_day: float
) -> None:
    """Post a stream whose start has no known discount factor."""
    if per_day != 0.0 and min(stop, book.desk.end) > start:
        kind = EFFECTS if category >= FIRST_EFFECT else COSTS
        stream(book, category, state, line, start, worth(book, kind, start), stop, per_day)


def hospital(
    book: Book, category: int, line: int, now: float, now_worth: float, stop: float, per_day: float
) -> None:
    """Post the days in hospital until `stop` that no earlier entry has paid."""
    desk = book.desk
    start, stop = max(now, desk.home_from), min(stop, desk.end)
    if stop <= start:
        return
    if start == now:
        stream(book, category, desk.state, line, start, now_worth, stop, per_day)
    else:
        later_stream(book, category, desk.state, line, start, stop, per_day)
    desk.days_in_hospital += stop - start
    desk.home_from = stop


def lose(
    book: Book, category: int, line: int, now: float, now_worth: float, over: float, kind: int
) -> None:
    """Post what a complication adds to the decrements that began before it, until it is over.

    The counterpart of `sim.economics.utilities.joint_decrements`.
    """
    desk, decrements = book.desk, book.tariff.decrements
    start, over_or_end = now, min(over, desk.end)
    while start < over_or_end:
        end, present = over_or_end, 0.0
        for other in range(DECREMENTS):
            ends = desk.decremented_until[other]
            if ends > start:
                end = min(end, ends)
                present = max(present, decrements[other])
        if decrements[kind] > present:
            per_day = -(decrements[kind] - present) * YEARS_PER_DAY
            if start == now:
                stream(book, category, desk.state, line, start, now_worth, end, per_day)
            else:
                later_stream(book, category, desk.state, line, start, end, per_day)
        start = end
    desk.decremented_until[kind] = max(desk.decremented_until[kind], over)


def stay(
    book: Book,
    body: Data,
    state: int,
    start: float,
    start_worth: float,
    stop: float,
    stop_worth: float,
) -> None:
    """Post life-years and QALYs of a stay in a state, capped by the population norm."""
    if stop <= start:
        return
    tariff, line = book.tariff, book.desk.line
    length = stop - start
    x = tariff.force_effects * length
    if x > SHORT:
        present = (start_worth - stop_worth) * tariff.days_per_force_effects
    else:
        present = start_worth * (length * mean_factor(x))
    years, present = length * YEARS_PER_DAY, present * YEARS_PER_DAY
    add(book, LIFE, state, line, years, present)
    utility = tariff.utilities[state]
    if tariff.capped:
        male = 1 if body.people[MALE, body.column] > 0.0 else 0
        oldest = tariff.norms.shape[1] - 1
        age = int(body.people[AGE, body.column] + start * YEARS_PER_DAY)
        if utility > tariff.lowest_norms[male, min(age, oldest)]:
            capped_stay(book, body, state, start, start_worth, stop)
            return
    add(book, QALY_STATE, state, line, years * utility, present * utility)


def capped_stay(
    book: Book, body: Data, state: int, start: float, start_worth: float, stop: float
) -> None:
    """Post the QALYs of a stay whose utility the population norm may cap."""
    tariff, line = book.tariff, book.desk.line
    male = 1 if body.people[MALE, body.column] > 0.0 else 0
    age_at_entry = body.people[AGE, body.column]
    oldest = tariff.norms.shape[1] - 1
    utility = tariff.utilities[state]
    age = int(age_at_entry + start * YEARS_PER_DAY)
    value = min(utility, tariff.norms[male, min(age, oldest)])
    while True:
        age += 1
        birthday = (age - age_at_entry) * DAYS_PER_YEAR
        if birthday >= stop:
            break
        following = min(utility, tariff.norms[male, min(age, oldest)])
        if following != value and birthday > start:
            rate = value * YEARS_PER_DAY
            stream(book, QALY_STATE, state, line, start, start_worth, birthday, rate)
            start, start_worth = birthday, worth(book, EFFECTS, birthday)
        value = following
    stream(book, QALY_STATE, state, line, start, start_worth, stop, value * YEARS_PER_DAY)


def close(book: Book, body: Data, now: float, now_worth: float) -> None:
    """Close the stay in the present state."""
    desk = book.desk
    start, start_worth = desk.since, desk.since_worth
    if desk.state == TRANSPLANT_FIRST_YEAR and now - start > DAYS_PER_YEAR:
        turn = start + DAYS_PER_YEAR
        turn_worth = worth(book, EFFECTS, turn)
        stay(book, body, TRANSPLANT_FIRST_YEAR, start, start_worth, turn, turn_worth)
        stay(book, body, AFTER_TRANSPLANT, turn, turn_worth, now, now_worth)
    else:
        stay(book, body, desk.state, start, start_worth, now, now_worth)


def enter(book: Book, body: Data, state: int, line: int, now: float, costs: float) -> None:
    """Close the stay in the present state and begin another; `costs` is the factor of costs."""
    now_worth = effects_worth(book, now, costs)
    close(book, body, now, now_worth)
    desk = book.desk
    desk.state = state
    desk.since = now
    desk.since_worth = now_worth
    desk.line = line
