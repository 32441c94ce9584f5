"""Posting in compiled code: an entry is added to sums by category, line and state.

Each function here replaces that of the same name in `sim.economics.posting`. Discount
factors are looked up in tables, and the bags of one stretch of infusion are summed in closed form
(a geometric series of discount factors); both agree with the form of Python to rounding.
"""

from __future__ import annotations

from typing import Final, NamedTuple, get_type_hints

import numpy as np

from sim.clinic.patient import Patient
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics import posting
from sim.economics.discounting import factor_at
from sim.economics.ledger import Account, Category, State
from sim.economics.posting import bags_hung, severe_before, treated_for_toxicity, vials
from sim.economics.price_records import MOST_BAGS, SPAN, SPAN_BITS, SPANS, sum_of_factors
from sim.economics.utilities import Decrement
from sim.engine.compiled.forms import compiled_form_of
from sim.engine.compiled.memory import BLOCK, MOST_STRATEGIES
from sim.engine.compiled.records import LINES, NUMBERS
from sim.engine.values import Data

CATEGORIES: Final = len(Category)
ACCOUNTS: Final = len(Account)
STATES: Final = len(State)
WIDTH: Final = 16
"""Columns of a patient: categories, then accounts, then padding to a whole vector."""
FIRST_EFFECT: Final = list(Category).index(Category.QALY_STATE)
"""Categories from here on are effects, those before are costs."""
COSTS: Final = 0
EFFECTS: Final = 1
SHORT: Final = 0.02
YEARS_PER_DAY: Final = 1.0 / DAYS_PER_YEAR
WITHIN_SPAN: Final = SPAN - 1

_NUMBERS: Final = {**NUMBERS, State: np.int64}
DESK: Final = np.dtype(
    [
        *(
            (name, _NUMBERS[kind])
            for name, kind in get_type_hints(posting.Desk).items()
            if kind in _NUMBERS
        ),
        ("decremented_until", np.float64, (len(Decrement),)),
        ("costs_now", np.float64),
        ("effects_now", np.float64),
        ("effects_known_at", np.float64),
        ("since_worth", np.float64),
        ("days_in_hospital", np.float64),
        ("marks", np.int64, (BLOCK,)),
        *((name, np.float64, (BLOCK,)) for name in ("deaths", "failures", "relapses")),
        *((name, np.float64, (BLOCK,)) for name in ("hospital", "ends")),
        ("bins", np.int64, (BLOCK,)),
        ("amounts", np.float64, (MOST_STRATEGIES, BLOCK, 2, WIDTH)),
        ("values", np.float64, (MOST_STRATEGIES, 2, WIDTH)),
        ("squares", np.float64, (MOST_STRATEGIES, 2, WIDTH)),
        ("differences", np.float64, (MOST_STRATEGIES, WIDTH)),
        ("difference_squares", np.float64, (MOST_STRATEGIES, WIDTH)),
        ("products", np.float64, (MOST_STRATEGIES,)),
    ],
    align=True,
)
"""The clerk's desk (`sim.economics.posting.Desk`) with the discount factors of the present and of
the beginning of the stay, marks, times and days of the block's patients, their amounts by strategy,
undiscounted and discounted, and the sums of all patients so far (see `sim.simulation.tally`)."""


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


def add(book: Book, category: Data, state: Data, line: int, plain: float, present: float) -> None:
    """Add an entry to the patient's sums and to the cells of all patients."""
    amounts = book.desk.amounts
    amounts[book.strategy, book.column, 0, category] += plain
    amounts[book.strategy, book.column, 1, category] += present
    cell = ((category * LINES + line) * STATES + state) * 2
    book.cells[cell] += plain
    book.cells[cell + 1] += present


@compiled_form_of(posting.clear)
def clear(book: Book) -> None:
    """Begin an empty book."""
    desk = book.desk
    desk.costs_now = 1.0
    desk.effects_now = 1.0
    desk.effects_known_at = 0.0
    desk.since_worth = 1.0
    desk.days_in_hospital = 0.0
    for category in range(CATEGORIES):
        desk.amounts[book.strategy, book.column, 0, category] = 0.0
        desk.amounts[book.strategy, book.column, 1, category] = 0.0


@compiled_form_of(posting.turn_to)
def turn_to(book: Book, event: Data) -> None:
    """Make an event the current one; many occur at the same time."""
    desk = book.desk
    desk.line = min(event.line, book.plan.lines)
    if event.time_days != desk.now:
        desk.now = event.time_days
        desk.costs_now = worth(book, COSTS, desk.now)


@compiled_form_of(posting.lines_of)
def lines_of(book: Book) -> int:
    """Return the number of the strategy's regimens."""
    return book.plan.lines


@compiled_form_of(posting.regimen_of)
def regimen_of(book: Book) -> Data:
    """Return the prices of the regimen of the event's line."""
    return book.regimens[book.plan.regimens[book.desk.line]]


@compiled_form_of(posting.toxicity_item)
def toxicity_item(kind: int) -> int:
    """Return the item of a severe toxicity, which compiled code does not need."""
    return kind


@compiled_form_of(posting.divided)
def divided(amount: float, days: float) -> float:
    """Return ``amount / days``; a division would take many times as long."""
    return amount * (1.0 / days)


# ------------------------------------------------------------------------------ discounting


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


def worth_now(book: Book, kind: int) -> float:
    """Return the discount factor at the event; that of effects is computed when it is needed."""
    desk = book.desk
    if kind == COSTS or book.tariff.force_effects == book.tariff.force_costs:
        return desk.costs_now
    if desk.effects_known_at != desk.now:
        desk.effects_known_at = desk.now
        desk.effects_now = worth(book, EFFECTS, desk.now)
    return desk.effects_now


def worth_of_stay(book: Book, time: float) -> float:
    """Return the discount factor of effects where a stay or a part of one begins."""
    return book.desk.since_worth if time == book.desk.since else worth(book, EFFECTS, time)


def present_days(book: Book, kind: int, start: float, start_worth: float, stop: float) -> float:
    """Return discounted days, ``v(start) × length × mean factor``.

    With x the force times the length, the mean factor is ``(1 − exp(−x)) / x``; below
    `SHORT` its series gives the same to 1e-14. Above, ``(v(start) − v(stop)) / force`` loses
    no more than that to cancellation.
    """
    length = stop - start
    x = force_of(book, kind) * length
    if x > SHORT:
        return (start_worth - worth(book, kind, stop)) * days_per_force(book, kind)
    return start_worth * (length * mean_factor(x))


def mean_factor(x: float) -> float:
    """Return ``(1 − exp(−x)) / x`` for a small x, by its series."""
    return 1.0 - x * (1 / 2 - x * (1 / 6 - x * (1 / 24 - x * (1 / 120 - x * (1 / 720)))))


# ------------------------------------------------------------------------ moments and streams


@compiled_form_of(posting.pay)
def pay(book: Book, category: Data, amount: float, item: Data) -> None:  # noqa: ARG001
    """Post a cost at the time of the event."""
    if amount != 0.0:
        desk = book.desk
        add(book, category, desk.state, desk.line, amount, amount * desk.costs_now)


@compiled_form_of(posting.pay_at)
def pay_at(book: Book, category: Data, time: float, amount: float, item: Data) -> None:  # noqa: ARG001
    """Post a cost at a time that may be after the event, and even after the end."""
    desk = book.desk
    if amount != 0.0 and time <= desk.end:
        add(book, category, desk.state, desk.line, amount, amount * worth(book, COSTS, time))


@compiled_form_of(posting.pay_vials)
def pay_vials(book: Book, time: float, count: float, price: float) -> None:
    """Post the vials of a dose at a time that may be after the event."""
    pay_at(book, Category.DRUG, time, count * price, 0)


def stream(
    book: Book,
    category: Data,
    state: Data,
    line: int,
    start: float,
    start_worth: float,
    stop: float,
    per_day: float,
) -> None:
    """Post ``per_day × days`` from `start`, of known discount factor, to `stop`."""
    kind = EFFECTS if category >= FIRST_EFFECT else COSTS
    present = per_day * present_days(book, kind, start, start_worth, stop)
    add(book, category, state, line, per_day * (stop - start), present)


@compiled_form_of(posting.accrue)
def accrue(book: Book, category: Data, stop: float, per_day: float, item: Data) -> None:  # noqa: ARG001
    """Post ``per_day × days`` from the event to `stop` or the end; a cost."""
    desk = book.desk
    stop = min(stop, desk.end)
    if per_day != 0.0 and stop > desk.now:
        stream(book, category, desk.state, desk.line, desk.now, desk.costs_now, stop, per_day)


@compiled_form_of(posting.accrue_from)
def accrue_from(
    book: Book,
    category: Data,
    start: float,
    stop: float,
    per_day: float,
    item: Data,  # noqa: ARG001
) -> None:
    """Post ``per_day × days`` from `start`, which may be the event, to `stop` or the end."""
    desk = book.desk
    stop = min(stop, desk.end)
    if per_day != 0.0 and stop > start:
        kind = EFFECTS if category >= FIRST_EFFECT else COSTS
        start_worth = worth_now(book, kind) if start == desk.now else worth(book, kind, start)
        stream(book, category, desk.state, desk.line, start, start_worth, stop, per_day)


@compiled_form_of(posting.accrue_in)
def accrue_in(
    book: Book,
    category: Data,
    state: Data,
    start: float,
    stop: float,
    per_day: float,
    item: Data,  # noqa: ARG001
) -> None:
    """Post ``per_day × days`` to another state than the present one; a cost."""
    desk = book.desk
    stop = min(stop, desk.end)
    if per_day != 0.0 and stop > start:
        start_worth = worth(book, COSTS, start)
        stream(book, category, state, desk.line, start, start_worth, stop, per_day)


@compiled_form_of(posting.accrue_in_hospital)
def accrue_in_hospital(
    book: Book, category: Data, start: float, stop: float, per_day: float, item: Data
) -> None:
    """Post days in hospital, and count them."""
    accrue_from(book, category, start, stop, per_day, item)
    book.desk.days_in_hospital += stop - start


# ------------------------------------------------------------------------------------ stays


@compiled_form_of(posting.begin_stay)
def begin_stay(book: Book, state: Data) -> None:
    """Begin a stay in a health state with the event."""
    desk = book.desk
    desk.state = state
    desk.since = desk.now
    desk.since_line = desk.line
    desk.since_worth = worth_now(book, EFFECTS)


@compiled_form_of(posting.live)
def live(book: Book, state: Data, start: float, stop: float, utility: float) -> None:
    """Post the life-years of a stay, and its QALYs at one utility; none at a utility of 0."""
    desk, tariff = book.desk, book.tariff
    start_worth, length = worth_of_stay(book, start), stop - start
    x = tariff.force_effects * length
    if x > SHORT:
        known = stop == desk.now
        stop_worth = worth_now(book, EFFECTS) if known else worth(book, EFFECTS, stop)
        present = (start_worth - stop_worth) * tariff.days_per_force_effects
    else:
        present = start_worth * (length * mean_factor(x))
    years, present = length * YEARS_PER_DAY, present * YEARS_PER_DAY
    add(book, Category.LIFE, state, desk.since_line, years, present)
    if utility != 0.0:
        add(
            book,
            Category.QALY_STATE,
            state,
            desk.since_line,
            years * utility,
            present * utility,
        )


@compiled_form_of(posting.enjoy)
def enjoy(book: Book, state: Data, start: float, stop: float, utility: float) -> None:
    """Post the QALYs of a part of a stay."""
    per_day = utility * YEARS_PER_DAY
    if per_day != 0.0 and stop > start:
        stream(
            book,
            Category.QALY_STATE,
            state,
            book.desk.since_line,
            start,
            worth_of_stay(book, start),
            stop,
            per_day,
        )


@compiled_form_of(posting.utility_in)
def utility_in(book: Book, state: Data) -> float:
    """Return the utility of a state."""
    return book.tariff.utilities[state]


@compiled_form_of(posting.norm_may_cap)
def norm_may_cap(book: Book, patient: Patient, utility: float, start: float) -> bool:
    """Return whether the population norm may be below a utility in a stay from `start` on."""
    tariff = book.tariff
    if not tariff.capped:
        return False
    age = int(patient.age_years + start * YEARS_PER_DAY)
    oldest = tariff.norms.shape[1] - 1
    return utility > tariff.lowest_norms[1 if patient.male else 0, min(age, oldest)]


@compiled_form_of(posting.norm_at)
def norm_at(book: Book, patient: Patient, age: int) -> float:
    """Return the population norm at an attained age."""
    norms = book.tariff.norms
    return norms[1 if patient.male else 0, min(age, norms.shape[1] - 1)]


# ------------------------------------------------------------------------------------- bags


@compiled_form_of(posting.hang)
def hang(
    book: Book,
    log: Data,
    position: int,
    regimen: Data,
    dose: float,
    planned: float,
    stops: float,
) -> None:
    """Post all bags from the event on until the pump stops, and visits for those hung at home."""
    desk, drug = book.desk, regimen.infusion
    bag, sharing, price = drug.bag_days, book.tariff.vial_sharing, drug.price_per_vial
    hung = bags_hung(min(planned, stops - desk.now), bag)
    if hung <= 0:
        return
    last_day = (hung - 1) * bag
    full = hung if planned - last_day >= bag else hung - 1
    cost = vials(dose * bag, drug.vial_mcg, sharing=sharing) * price
    series(book, regimen, Category.DRUG, desk.costs_now, full, cost)
    if full < hung:
        count = vials(dose * (planned - last_day), drug.vial_mcg, sharing=sharing)
        pay_vials(book, desk.now + last_day, count, price)
    change_bags(book, log, position, regimen, hung, stops)


def change_bags(
    book: Book, log: Data, position: int, regimen: Data, hung: int, stops: float
) -> None:
    """Post a visit for each bag that is hung at home."""
    desk, visit = book.desk, book.tariff.prices.outpatient_visit
    bag, category = regimen.infusion.bag_days, Category.ADMINISTRATION
    at_home = 0
    while at_home < hung and desk.now + at_home * bag < desk.home_from:
        at_home += 1
    if at_home == hung:
        return
    if severe_before(log, position, stops):
        for k in range(at_home, hung):
            day = desk.now + k * bag
            if not treated_for_toxicity(log, position, day):
                pay_at(book, category, day, visit, 0)
    else:
        first_worth = worth(book, COSTS, desk.now + at_home * bag)
        series(book, regimen, category, first_worth, hung - at_home, visit)


def series(
    book: Book, regimen: Data, category: Data, first_worth: float, count: int, amount: float
) -> None:
    """Post `amount` for each of `count` bags, the first at a time of known discount factor.

    Discounted: ``v(t_first) (1 − q^n) / (1 − q)`` with q the factor of a bag's days; the sums
    of few factors are tabulated.
    """
    if count <= 0 or amount == 0.0:
        return
    desk = book.desk
    if count < MOST_BAGS:
        total = regimen.bag_sums[count]
    else:
        total = sum_of_factors(book.tariff.force_costs * regimen.infusion.bag_days, count)
    present = amount * first_worth * total
    add(book, category, desk.state, desk.line, amount * count, present)
