"""The ledger in compiled code: postings, discounting, stays in health states."""

from __future__ import annotations

from typing import Final, NamedTuple

from sim.clinic.patient import Patient
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.discounting import factor_at
from sim.economics.ledger import Category, State
from sim.economics.price_records import SPAN, SPAN_BITS, Tariff
from sim.engine.data import Data

CATEGORIES: Final = len(Category)
STATES: Final = len(State)
LINES: Final = 7
"""Six regimens at most, and the care after them."""

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

SHORT: Final = 0.02
WITHIN_SPAN: Final = SPAN - 1
FIRST_EFFECT: Final = QALY_STATE
"""Categories from here on are effects, those before are costs."""


class Book(NamedTuple):
    """Sums of the patient at hand (undiscounted, discounted) and cells of all patients."""

    amounts: Data
    cells: Data
    tariff: Tariff
    desk: Data


def point(
    book: Book, end: float, category: int, state: int, line: int, time: float, amount: float
) -> None:
    """Post a cost at one moment; nothing after the end."""
    if amount != 0.0 and time <= end:
        present = amount * worth(book, book.tariff.common.force_costs, time)
        add(book, category, state, line, amount, present)


def stream(
    book: Book,
    end: float,
    category: int,
    state: int,
    line: int,
    start: float,
    stop: float,
    per_day: float,
) -> None:
    """Post ``per_day × days`` from `start` to `stop` or the end."""
    stop = min(stop, end)
    if per_day != 0.0 and stop > start:
        common = book.tariff.common
        force = common.force_effects if category >= FIRST_EFFECT else common.force_costs
        present = per_day * present_days(book, force, start, stop)
        add(book, category, state, line, per_day * (stop - start), present)


def worth(book: Book, force: float, time: float) -> float:
    """Return the discount factor: that of the whole day, times a short series for the rest.

    The rest of a day is worth less than 1e-3 at any rate below 44 %; the series is then exact
    to 1e-17.
    """
    row = 0 if force == book.tariff.common.force_costs else 1
    days = int(time)
    span = days >> SPAN_BITS
    if span >= book.tariff.spans.shape[1]:
        return factor_at(force, time)
    y = force * (time - days)
    series = 1.0 - y * (1.0 - y * (1 / 2 - y * (1 / 6 - y / 24)))
    return book.tariff.spans[row, span] * book.tariff.days[row, days & WITHIN_SPAN] * series


def present_days(book: Book, force: float, start: float, stop: float) -> float:
    """Return discounted days, ``v(start) × length × mean factor``.

    With x the force times the length, the mean factor is ``(1 − exp(−x)) / x``; below
    `SHORT` its series gives the same to 1e-14. Above, ``(v(start) − v(stop)) / force`` loses
    no more than that to cancellation.
    """
    length = stop - start
    x = force * length
    if x > SHORT:
        return (worth(book, force, start) - worth(book, force, stop)) / force
    mean_factor = 1.0 - x * (1 / 2 - x * (1 / 6 - x * (1 / 24 - x * (1 / 120 - x / 720))))
    return worth(book, force, start) * (length * mean_factor)


def add(book: Book, category: int, state: int, line: int, plain: float, present: float) -> None:
    """Add an entry to the patient's sums and to the cells of all patients."""
    book.amounts[0, category] += plain
    book.amounts[1, category] += present
    cell = book.cells[category, line, state]
    cell[0] += plain
    cell[1] += present


def stay(
    book: Book, patient: Patient, end: float, state: int, line: int, start: float, stop: float
) -> None:
    """Post life-years and QALYs of a stay in a state, capped by the population norm."""
    if stop <= start:
        return
    years = (stop - start) / DAYS_PER_YEAR
    force = book.tariff.common.force_effects
    present = present_days(book, force, start, stop) / DAYS_PER_YEAR
    add(book, LIFE, state, line, years, present)
    utility = book.tariff.utilities[state]
    if not book.tariff.common.capped:
        add(book, QALY_STATE, state, line, years * utility, present * utility)
        return
    norms = book.tariff.norms[1 if patient.male else 0]
    oldest = norms.shape[0] - 1
    age = int(patient.age_years + start / DAYS_PER_YEAR)
    if utility <= book.tariff.lowest_norms[1 if patient.male else 0, min(age, oldest)]:
        add(book, QALY_STATE, state, line, years * utility, present * utility)
        return
    value = min(utility, norms[min(age, oldest)])
    begin = start
    while True:
        age += 1
        birthday = (age - patient.age_years) * DAYS_PER_YEAR
        if birthday >= stop:
            break
        following = min(utility, norms[min(age, oldest)])
        if following != value and birthday > start:
            stream(book, end, QALY_STATE, state, line, start, birthday, value / DAYS_PER_YEAR)
            start = birthday
        value = following
    if start == begin:
        add(book, QALY_STATE, state, line, years * value, present * value)
    else:
        stream(book, end, QALY_STATE, state, line, start, stop, value / DAYS_PER_YEAR)


def close(book: Book, patient: Patient, end: float, now: float) -> None:
    """Close the stay in the present state."""
    desk = book.desk
    start = desk.since
    if desk.state == TRANSPLANT_FIRST_YEAR and now - start > DAYS_PER_YEAR:
        turn = start + DAYS_PER_YEAR
        stay(book, patient, end, TRANSPLANT_FIRST_YEAR, desk.line, start, turn)
        stay(book, patient, end, AFTER_TRANSPLANT, desk.line, turn, now)
    else:
        stay(book, patient, end, desk.state, desk.line, start, now)


def enter(book: Book, patient: Patient, end: float, state: int, now: float, line: int) -> None:
    """Close the stay in the present state and begin another."""
    close(book, patient, end, now)
    desk = book.desk
    desk.state = state
    desk.since = now
    desk.line = line


def series(
    book: Book,
    row: int,
    category: int,
    line: int,
    start: float,
    first: int,
    after_last: int,
    amount: float,
) -> None:
    """Post `amount` for each bag from `first` to before `after_last` of a stretch from `start`.

    Discounted: ``v(t_first) (1 − q^n) / (1 − q)`` with q the factor of a bag's days; the sums
    of n factors are tabulated.
    """
    count = after_last - first
    if count <= 0 or amount == 0.0:
        return
    time = start + first * book.tariff.regimens[row].bag_days
    sums = book.tariff.bag_sums[row]
    total = sums[min(count, sums.shape[0] - 1)]
    present = amount * worth(book, book.tariff.common.force_costs, time) * total
    add(book, category, book.desk.state, line, amount * count, present)
