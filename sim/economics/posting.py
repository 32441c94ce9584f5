"""Posting: how the rules of the clerk write into a patient's book.

The rules (`sim.economics.clerk`) run in Python and compiled. The operations that differ between the
two are here in the form of Python, which appends an `Entry`, and in
`sim.economics.posting_compiled` in that of compiled code, which adds to sums and looks discount
factors up in tables.

Unless it says otherwise, an entry begins at the time of the current event and belongs to the line
of that event and to the present health state.

How a dose is made up in bags and vials, and which bags are changed at home, is the same in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from math import ceil
from typing import Final

from sim.clinic.events import Event, EventKind
from sim.clinic.patient import Patient
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.discounting import Discounting
from sim.economics.ledger import IN_HOSPITAL, Account, Category, Entry, State
from sim.economics.prices import InfusionDrug, PriceList, Prices, RegimenPrices
from sim.economics.utilities import Decrement, Decrements, Utilities

ROUNDING: Final = 1e-9
"""No vial is opened, and no bag hung, for rounding error in the last digit."""


def vials(amount: float, vial_content: float, *, sharing: bool) -> float:
    """Return the vials for one preparation: whole vials, or the exact share when shared."""
    exact = amount / vial_content
    return exact if sharing else float(ceil(exact - ROUNDING))


def bags_hung(days: float, bag_days: float) -> int:
    """Return the number of bags that an infusion of so many days begins."""
    return ceil((days - ROUNDING) / bag_days)


def bags(
    dose_mcg_per_day: float, planned_days: float, actual_days: float, drug: InfusionDrug
) -> list[tuple[float, float]]:
    """Return (day hung, content in mcg) of the bags of a stretch of infusion.

    A bag lasts ``bag_days``, the last one the rest of the plan. It is prepared for the planned
    time: the remainder after an interruption is wasted.
    """
    hung = bags_hung(min(planned_days, actual_days), drug.bag_days)
    days = [k * drug.bag_days for k in range(hung)]
    return [(day, dose_mcg_per_day * min(drug.bag_days, planned_days - day)) for day in days]


def is_severe(event: Event) -> bool:
    """Return whether the event is a toxicity that is treated in hospital."""
    return event.kind == EventKind.TOXICITY and event.grade >= SEVERE


def severe_before(log: Sequence[Event], position: int, time: float) -> bool:
    """Return whether a severe toxicity begins after the event at `position`, before `time`."""
    for i in range(position + 1, len(log)):
        if log[i].time_days >= time:
            return False
        if is_severe(log[i]):
            return True
    return False


def treated_for_toxicity(log: Sequence[Event], position: int, time: float) -> bool:
    """Return whether a severe toxicity after the event at `position` lasts at `time`."""
    for i in range(position + 1, len(log)):
        event = log[i]
        if event.time_days > time:
            return False
        if is_severe(event) and time < event.time_days + event.value:
            return True
    return False


@unique
class Item(StrEnum):
    """Why an entry is posted, in the words of the ledger."""

    LIFE = "life"
    UTILITY = "utility"
    WARD = "ward"
    CHEMOTHERAPY = "chemotherapy"
    TABLETS = "tablets"
    CELLS = "cells"
    LYMPHODEPLETION = "lymphodepletion"
    LEUKAPHERESIS = "leukapheresis"
    BRIDGING = "bridging chemotherapy"
    IMMUNOGLOBULIN = "immunoglobulin"
    PREMEDICATION = "premedication"
    VISIT = "visit"
    BAG_CHANGE = "bag change"
    PUMP = "pump"
    MILD_TOXICITY = "grade 1-2 toxicity"
    CRS = "crs"
    NEUROTOXICITY = "neurotoxicity"
    HEPATOTOXICITY = "hepatotoxicity"
    INFECTION = "infection"
    FEBRILE_NEUTROPENIA = "febrile_neutropenia"
    FOLLOW_UP = "follow-up"
    TRANSPLANT = "allo-HCT, 100 days"
    AFTER_TRANSPLANT = "after allo-HCT"
    VOD = "VOD"
    ACUTE_GVHD = "acute GVHD"
    CHRONIC_GVHD = "chronic GVHD"
    AFTER_FAILURE = "care after failure"
    END_OF_LIFE = "end of life"


@dataclass(frozen=True, slots=True)
class Accounts:
    """Prices, utilities and discounting of a scenario."""

    price_list: PriceList
    utilities: Utilities
    costs: Discounting
    effects: Discounting
    vial_sharing: bool

    @property
    def prices(self) -> Prices:
        """The unit costs."""
        return self.price_list.prices

    @property
    def decrements(self) -> Decrements:
        """The utility decrements of complications."""
        return self.utilities.decrements


class Desk:
    """The state of the clerk between two events; `open_book` sets it.

    Attributes
    ----------
    now, line
        Of the current event.
    state, since, since_line
        The present health state, since when, and the line of the event that began it.
    home_from
        Days in hospital before this time are paid.
    cared_until
        All care before this time is paid by the month, after treatment has failed.
    given_days
        Days of infusion that the cycle has had.
    tablets_until
        When the tablets of the line end at the latest.
    end
        Death or the horizon: nothing accrues afterwards.
    next_end
        Position in the log of the next transplant, relapse, death or horizon, once looked for.
    decremented_until
        End of each of the complications so far, by the place in `Decrement`.
    """

    now: float
    line: int
    state: State
    since: float
    since_line: int
    home_from: float
    cared_until: float
    given_days: float
    tablets_until: float
    end: float
    next_end: int
    decremented_until: list[float]

    def __init__(self) -> None:
        self.decremented_until = [0.0] * len(Decrement)


class Book:
    """The open ledger of one patient under one strategy; `regimens` by line."""

    def __init__(self, accounts: Accounts, regimens: Sequence[str]) -> None:
        self.tariff = accounts
        self.regimens = [accounts.price_list.regimens[name] for name in regimens]
        self.desk = Desk()
        self.entries: list[Entry] = []

    def discounting(self, category: Category) -> Discounting:
        """Return the discounting of a category."""
        return self.tariff.costs if category.account == Account.COST else self.tariff.effects

    def post_point(self, category: Category, time: float, amount: float, what: str) -> None:
        """Post `amount` at one moment; nothing after the end."""
        desk = self.desk
        if amount and time <= desk.end:
            present = amount * self.discounting(category).factor(time)
            self.entries.append(
                Entry(category, desk.state, desk.line, time, time, amount, present, what)
            )

    def post_stream(
        self,
        category: Category,
        state: State,
        line: int,
        start: float,
        stop: float,
        per_day: float,
        what: str,
    ) -> None:
        """Post ``per_day × days`` from `start` to `stop` or the end."""
        stop = min(stop, self.desk.end)
        if per_day and stop > start:
            amount = per_day * (stop - start)
            present = per_day * self.discounting(category).days(start, stop)
            self.entries.append(Entry(category, state, line, start, stop, amount, present, what))


def clear(book: Book) -> None:
    """Begin an empty book."""
    book.entries.clear()


def turn_to(book: Book, event: Event) -> None:
    """Make an event the current one; the lines of usual care are one."""
    book.desk.now, book.desk.line = event.time_days, min(event.line, lines_of(book))


def lines_of(book: Book) -> int:
    """Return the number of the strategy's regimens."""
    return len(book.regimens)


def regimen_of(book: Book) -> RegimenPrices:
    """Return the prices of the regimen of the event's line."""
    return book.regimens[book.desk.line]


def toxicity_item(kind: int) -> Item:
    """Return the item of a severe toxicity."""
    return Item[Toxicity(kind).name]


def divided(amount: float, days: float) -> float:
    """Return ``amount / days``; compiled code multiplies by the inverse, which is a constant."""
    return amount / days


def pay(book: Book, category: Category, amount: float, item: Item) -> None:
    """Post a cost at the time of the event."""
    book.post_point(category, book.desk.now, amount, item.value)


def pay_at(book: Book, category: Category, time: float, amount: float, item: Item) -> None:
    """Post a cost at a time that may be after the event, and even after the end."""
    book.post_point(category, time, amount, item.value)


def pay_vials(book: Book, time: float, count: float, price: float) -> None:
    """Post the vials of a dose at a time that may be after the event."""
    book.post_point(Category.DRUG, time, count * price, counted(count))


def counted(count: float) -> str:
    """Return a number of vials in words."""
    return "1 vial" if count == 1.0 else f"{count:g} vials"


def accrue(book: Book, category: Category, stop: float, per_day: float, item: Item) -> None:
    """Post ``per_day × days`` from the event to `stop` or the end."""
    desk = book.desk
    book.post_stream(category, desk.state, desk.line, desk.now, stop, per_day, item.value)


def accrue_from(
    book: Book, category: Category, start: float, stop: float, per_day: float, item: Item
) -> None:
    """Post ``per_day × days`` from `start`, which may be the event, to `stop` or the end."""
    desk = book.desk
    book.post_stream(category, desk.state, desk.line, start, stop, per_day, item.value)


def accrue_in(
    book: Book,
    category: Category,
    state: State,
    start: float,
    stop: float,
    per_day: float,
    item: Item,
) -> None:
    """Post ``per_day × days`` to another state than the present one."""
    book.post_stream(category, state, book.desk.line, start, stop, per_day, item.value)


def accrue_in_hospital(
    book: Book, category: Category, start: float, stop: float, per_day: float, item: Item
) -> None:
    """Post days in hospital."""
    desk = book.desk
    words = IN_HOSPITAL + item.value
    book.post_stream(category, desk.state, desk.line, start, stop, per_day, words)


def begin_stay(book: Book, state: State) -> None:
    """Begin a stay in a health state with the event."""
    desk = book.desk
    desk.state, desk.since, desk.since_line = state, desk.now, desk.line


def live(book: Book, state: State, start: float, stop: float, utility: float) -> None:
    """Post the life-years of a stay, and its QALYs at one utility; none at a utility of 0."""
    line, per_day = book.desk.since_line, 1.0 / DAYS_PER_YEAR
    book.post_stream(Category.LIFE, state, line, start, stop, per_day, Item.LIFE.value)
    enjoy(book, state, start, stop, utility)


def enjoy(book: Book, state: State, start: float, stop: float, utility: float) -> None:
    """Post the QALYs of a part of a stay."""
    line, per_day = book.desk.since_line, utility / DAYS_PER_YEAR
    book.post_stream(Category.QALY_STATE, state, line, start, stop, per_day, Item.UTILITY.value)


def utility_in(book: Book, state: State) -> float:
    """Return the utility of a state."""
    return book.tariff.utilities.states.of(state)


def norm_may_cap(
    book: Book,
    patient: Patient,  # noqa: ARG001 - compiled code also looks at the age
    utility: float,  # noqa: ARG001
    start: float,  # noqa: ARG001
) -> bool:
    """Return whether the population norm may be below a utility in a stay from `start` on."""
    return book.tariff.utilities.norms is not None


def norm_at(book: Book, patient: Patient, age: int) -> float:
    """Return the population norm at an attained age."""
    norms = book.tariff.utilities.norms
    assert norms is not None
    return norms.at(age, male=patient.male)


def hang(
    book: Book,
    log: Sequence[Event],
    position: int,
    regimen: RegimenPrices,
    dose: float,
    planned: float,
    stops: float,
) -> None:
    """Post each bag from the event on until the pump stops, and a visit if it is hung at home."""
    drug, now = regimen.infusion, book.desk.now
    for day, content in bags(dose, planned, stops - now, drug):
        time = now + day
        count = vials(content, drug.vial_mcg, sharing=book.tariff.vial_sharing)
        what = f"{counted(count)}, {content:g} mcg"
        book.post_point(Category.DRUG, time, count * drug.price_per_vial, what)
        if time >= book.desk.home_from and not treated_for_toxicity(log, position, time):
            visit = book.tariff.prices.outpatient_visit
            pay_at(book, Category.ADMINISTRATION, time, visit, Item.BAG_CHANGE)
