"""The clerk of one patient: the open book, the present health state, and ways to post."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.clinic.events import Event, Happening
from sim.clinic.patient import Patient
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.discounting import Discounting
from sim.economics.ledger import IN_HOSPITAL, Book, Category, State
from sim.economics.prices import PriceList, RegimenPrices
from sim.economics.utilities import Decrement, Utilities, joint_decrements


@dataclass(frozen=True, slots=True)
class Accounts:
    """Prices, utilities and discounting of a scenario."""

    price_list: PriceList
    utilities: Utilities
    costs: Discounting
    effects: Discounting
    vial_sharing: bool


class Clerk:
    """Keeps the book of one patient under one strategy."""

    def __init__(
        self, accounts: Accounts, regimens: Sequence[str], patient: Patient, log: Sequence[Event]
    ) -> None:
        self.accounts = accounts
        self.prices = accounts.price_list.prices
        self.regimens = regimens
        self.patient = patient
        self.log = log
        self.book = Book(accounts.costs, accounts.effects, log[-1].time_days)
        self.state = State.RELAPSED_REFRACTORY
        self.state_since = 0.0
        self.state_line = 0
        self.home_from = 0.0
        self.decremented_until = [0.0] * len(Decrement)
        self.given_days = 0.0
        self.tablets_until = 0.0

    def enter(self, state: State, event: Event) -> None:
        """Close the stay in the present state and begin another."""
        self._close(event.time_days)
        self.state, self.state_since, self.state_line = state, event.time_days, event.line

    def _close(self, now: float) -> None:
        start, end = self.state_since, now
        if self.state == State.TRANSPLANT_FIRST_YEAR and end - start > DAYS_PER_YEAR:
            self._stay(State.TRANSPLANT_FIRST_YEAR, start, start + DAYS_PER_YEAR)
            self._stay(State.AFTER_TRANSPLANT, start + DAYS_PER_YEAR, end)
        else:
            self._stay(self.state, start, end)

    def _stay(self, state: State, start: float, end: float) -> None:
        if end <= start:
            return
        book, line = self.book, self.state_line
        book.stream(Category.LIFE, state, line, start, end, 1.0 / DAYS_PER_YEAR, "life")
        for begin, stop, utility in self.accounts.utilities.intervals(
            self.patient, state, start, end
        ):
            book.stream(
                Category.QALY_STATE, state, line, begin, stop, utility / DAYS_PER_YEAR, "utility"
            )

    def pay(self, category: Category, event: Event, amount: float, what: str) -> None:
        """Post a cost at the time of the event."""
        self.book.point(category, self.state, event.line, event.time_days, amount, what)

    def hospital(
        self, category: Category, event: Event, start: float, end: float, what: str
    ) -> None:
        """Post the days in hospital from `start` to `end` that no earlier entry has paid.

        Stays may overlap: a toxicity lasts into the next line, or a transplant's package covers
        the beginning of one. The patient is in hospital once and the earlier reason pays.
        """
        start, end = max(start, self.home_from), min(end, self.book.end_days)
        if end <= start:
            return
        per_day = self.prices.inpatient_day
        self.book.stream(category, self.state, event.line, start, end, per_day, IN_HOSPITAL + what)
        self.home_from = end

    def lose(
        self, category: Category, event: Event, over: float, kind: Decrement, what: str
    ) -> None:
        """Post the QALYs that a complication takes away until it is over.

        Of complications at the same time only the largest decrement counts, see
        `sim.economics.utilities.joint_decrements`.
        """
        decrements = self.accounts.utilities.decrements
        for start, end, more in joint_decrements(
            decrements, self.decremented_until, kind, event.time_days, over
        ):
            per_day = -more / DAYS_PER_YEAR
            self.book.stream(category, self.state, event.line, start, end, per_day, what)
        self.decremented_until[kind] = max(self.decremented_until[kind], over)

    def regimen(self, event: Event) -> RegimenPrices:
        """Return the prices of the regimen of the event's line."""
        return self.accounts.price_list.regimens[self.regimens[event.line]]

    def next_time(self, position: int, kinds: frozenset[Happening]) -> float:
        """Return the time of the next event of one of the kinds."""
        for event in self.log[position + 1 :]:
            if event.kind in kinds:
                return event.time_days
        return self.log[-1].time_days
