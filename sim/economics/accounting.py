"""From a patient's log to a patient's ledger.

The log is walked once, in order. Costs follow what was done: bags hung, days in hospital,
doses, transplants, complications. Nothing is simulated here: another price list can be put on
the same log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from sim.clinic.events import Cause, Event, Happening
from sim.clinic.patient import Patient
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR, NEVER
from sim.economics.discounting import Discounting
from sim.economics.ledger import Book, Category, Entry, State
from sim.economics.prices import (
    CourseDrug,
    InfusionDrug,
    InjectedDrug,
    PriceList,
    RegimenPrices,
)
from sim.economics.utilities import Utilities

PACKAGE_DAYS = 100.0
"""The transplant's package price covers the first 100 days."""
ROUNDING = 1e-9
"""Vials are not opened for rounding error in the last digit."""

ENDS_OF_A_CYCLE = frozenset(
    {Happening.TRANSPLANT, Happening.RELAPSE, Happening.DEATH, Happening.HORIZON}
)
ENDS_OF_FOLLOW_UP = ENDS_OF_A_CYCLE | {Happening.LONG_TERM_SURVIVOR}
ENDS_OF_USUAL_CARE = ENDS_OF_A_CYCLE | {Happening.SUPPORTIVE_CARE_STARTED}


@dataclass(frozen=True, slots=True)
class Accounts:
    """Prices, utilities and discounting of a scenario."""

    price_list: PriceList
    utilities: Utilities
    costs: Discounting
    effects: Discounting
    vial_sharing: bool


def vials(amount: float, vial_content: float, *, sharing: bool) -> float:
    """Return the vials for one preparation: whole vials, or the exact share when shared."""
    exact = amount / vial_content
    return exact if sharing else float(ceil(exact - ROUNDING))


def bags(
    dose_mcg_per_day: float, planned_days: float, actual_days: float, drug: InfusionDrug
) -> list[tuple[float, float]]:
    """Return (day hung, content in mcg) of the bags of a stretch of infusion.

    A bag lasts ``bag_days``, the last one what the plan leaves. It is prepared for the planned
    time: what an interruption leaves in it is lost.
    """
    hung: list[tuple[float, float]] = []
    count = 0
    while (day := count * drug.bag_days) < min(planned_days, actual_days) - ROUNDING:
        hung.append((day, dose_mcg_per_day * min(drug.bag_days, planned_days - day)))
        count += 1
    return hung


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
        self.given_days = 0.0
        self.last_stop = -NEVER

    def keep(self) -> list[Entry]:
        """Post everything and return the entries in the order of the log."""
        handlers = {
            Happening.LINE_STARTED: self.on_line,
            Happening.CYCLE_STARTED: self.on_cycle,
            Happening.INFUSION_STARTED: self.on_infusion,
            Happening.INFUSION_STOPPED: self.on_stop,
            Happening.TOXICITY: self.on_toxicity,
            Happening.RESPONSE: self.on_response,
            Happening.NO_RESPONSE: self.on_failure,
            Happening.RELAPSE: self.on_failure,
            Happening.TRANSPLANT: self.on_transplant,
            Happening.TRANSPLANT_VOD: self.on_vod,
            Happening.TRANSPLANT_INFECTION: self.on_transplant_infection,
            Happening.ACUTE_GVHD: self.on_acute_gvhd,
            Happening.CHRONIC_GVHD: self.on_chronic_gvhd,
            Happening.USUAL_CARE_STARTED: self.on_usual_care,
            Happening.SUPPORTIVE_CARE_STARTED: self.on_supportive_care,
            Happening.DEATH: self.on_death,
            Happening.HORIZON: self.on_end,
        }
        for position, event in enumerate(self.log):
            handler = handlers.get(event.kind)
            if handler is not None:
                handler(position, event)
        return self.book.entries

    # --- health states ---------------------------------------------------------------------

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

    def on_line(self, _: int, event: Event) -> None:
        """A new line: active disease under treatment."""
        self.enter(State.ON_TREATMENT, event)

    def on_failure(self, _: int, event: Event) -> None:
        """No response, or relapse."""
        self.enter(State.RELAPSED_REFRACTORY, event)

    def on_end(self, _: int, event: Event) -> None:
        """The horizon."""
        self._close(event.time_days)

    def on_death(self, _: int, event: Event) -> None:
        """Death; the last month of life is costed unless the cause is in the background."""
        self._close(event.time_days)
        if event.detail != Cause.BACKGROUND:
            self.pay(Category.END_OF_LIFE, event, self.prices.end_of_life, "end of life")

    # --- treatment -------------------------------------------------------------------------

    def on_cycle(self, position: int, event: Event) -> None:
        """Open a cycle: days in hospital, and drugs that are given in doses or courses."""
        regimen = self.regimen(event)
        limit = self.next_time(position, ENDS_OF_A_CYCLE)
        self.given_days = 0.0
        self.last_stop = -NEVER
        self.home_from = min(event.time_days + regimen.stay.planned_days(event.cycle), limit)
        self.hospital(Category.ADMINISTRATION, event, event.time_days, self.home_from, "ward")
        drug = regimen.drug
        if isinstance(drug, CourseDrug):
            self.pay(Category.DRUG, event, drug.price_per_cycle, "chemotherapy")
        elif isinstance(drug, InjectedDrug):
            self.inject(drug, event, limit)

    def inject(self, drug: InjectedDrug, event: Event, limit: float) -> None:
        """Give the doses of a cycle: whole vials for each, a visit unless in hospital."""
        in_remission = self.state in (State.COMPLETE_REMISSION, State.INCOMPLETE_REMISSION)
        for number, dose in enumerate(drug.doses(in_remission=in_remission)):
            day = event.time_days + number * drug.days_between_doses
            if day >= limit:
                return
            count = vials(
                dose * self.patient.bsa_m2, drug.vial_mg, sharing=self.accounts.vial_sharing
            )
            at = event._replace(time_days=day)
            self.pay(Category.DRUG, at, count * drug.price_per_vial, f"{count:g} vials")
            self.pay(Category.ADMINISTRATION, at, self.prices.premedication, "premedication")
            if day >= self.home_from:
                self.pay(Category.ADMINISTRATION, at, self.prices.outpatient_visit, "visit")

    def on_infusion(self, position: int, event: Event) -> None:
        """Hang the bags of a stretch of infusion until the pump stops or the dose changes."""
        drug = self.regimen(event).drug
        if not isinstance(drug, InfusionDrug):
            return
        schedule, dose = drug.schedule, event.value
        left = schedule.infusion_days - self.given_days
        planned = min(schedule.step_days, left) if dose < schedule.full_dose_mcg_per_day else left
        stops = self.next_time(
            position, frozenset({Happening.INFUSION_STARTED, Happening.INFUSION_STOPPED})
        )
        for day, content in bags(dose, planned, stops - event.time_days, drug):
            at = event._replace(time_days=event.time_days + day)
            count = vials(content, drug.vial_mcg, sharing=self.accounts.vial_sharing)
            self.pay(
                Category.DRUG, at, count * drug.price_per_vial, f"{count:g} vials, {content:g} mcg"
            )
            if at.time_days >= self.home_from:
                self.pay(Category.ADMINISTRATION, at, self.prices.outpatient_visit, "bag change")
        self.pay(Category.ADMINISTRATION, event, self.prices.premedication, "premedication")
        self.book.stream(
            Category.ADMINISTRATION,
            self.state,
            event.line,
            event.time_days,
            stops,
            self.prices.infusion_pump_day,
            "pump",
        )
        self.given_days += stops - event.time_days

    def on_stop(self, _: int, event: Event) -> None:
        """The pump stops."""
        self.last_stop = event.time_days

    def on_toxicity(self, _: int, event: Event) -> None:
        """Treat a toxicity: severe ones in hospital, outside the planned stay."""
        if event.grade < SEVERE:
            self.pay(Category.TOXICITY, event, self.prices.mild_toxicity, "grade 1-2 toxicity")
            return
        name = Toxicity(event.detail).name.lower()
        ends = event.time_days + event.value
        self.pay(Category.TOXICITY, event, getattr(self.prices, f"severe_{name}"), name)
        self.hospital(Category.TOXICITY, event, max(event.time_days, self.home_from), ends, name)
        self.lose(
            Category.QALY_TOXICITY,
            event,
            event.value,
            self.accounts.utilities.decrements.severe_toxicity,
            name,
        )

    def on_response(self, position: int, event: Event) -> None:
        """Remission: follow-up until it ends or the patient is a long-term survivor."""
        complete = event.detail == 1
        self.enter(State.COMPLETE_REMISSION if complete else State.INCOMPLETE_REMISSION, event)
        self.book.stream(
            Category.FOLLOW_UP,
            self.state,
            event.line,
            event.time_days,
            self.next_time(position, ENDS_OF_FOLLOW_UP),
            self.prices.follow_up_per_month / DAYS_PER_MONTH,
            "follow-up",
        )

    # --- transplant ------------------------------------------------------------------------

    def on_transplant(self, position: int, event: Event) -> None:
        """Transplant: package for 100 days, then the rest of two years unless it fails."""
        self.enter(State.TRANSPLANT_FIRST_YEAR, event)
        now, prices = event.time_days, self.prices
        until = self.next_time(position, ENDS_OF_A_CYCLE)
        self.pay(Category.TRANSPLANT, event, prices.transplant, "allo-HCT, 100 days")
        rest = DAYS_PER_YEAR - PACKAGE_DAYS
        for start, end, per_day, state in (
            (
                now + PACKAGE_DAYS,
                now + DAYS_PER_YEAR,
                prices.transplant_rest_of_first_year / rest,
                State.TRANSPLANT_FIRST_YEAR,
            ),
            (
                now + DAYS_PER_YEAR,
                now + 2 * DAYS_PER_YEAR,
                prices.transplant_second_year / DAYS_PER_YEAR,
                State.AFTER_TRANSPLANT,
            ),
        ):
            self.book.stream(
                Category.TRANSPLANT,
                state,
                event.line,
                start,
                min(end, until),
                per_day,
                "after allo-HCT",
            )

    def on_vod(self, _: int, event: Event) -> None:
        """Veno-occlusive disease."""
        self.pay(Category.TRANSPLANT, event, self.prices.transplant_vod, "VOD")

    def on_transplant_infection(self, _: int, event: Event) -> None:
        """Infection after transplant."""
        self.pay(Category.TRANSPLANT, event, self.prices.transplant_infection, "infection")

    def on_acute_gvhd(self, _: int, event: Event) -> None:
        """Acute GVHD: an episode's cost and its decrement."""
        self.pay(Category.TRANSPLANT, event, self.prices.acute_gvhd, "acute GVHD")
        decrement = self.accounts.utilities.decrements.acute_gvhd
        self.lose(Category.QALY_GVHD, event, event.value, decrement, "acute GVHD")

    def on_chronic_gvhd(self, _: int, event: Event) -> None:
        """Chronic GVHD: cost and decrement while it lasts."""
        self.book.stream(
            Category.TRANSPLANT,
            self.state,
            event.line,
            event.time_days,
            event.time_days + event.value,
            self.prices.chronic_gvhd_per_year / DAYS_PER_YEAR,
            "chronic GVHD",
        )
        decrement = self.accounts.utilities.decrements.chronic_gvhd
        self.lose(Category.QALY_GVHD, event, event.value, decrement, "chronic GVHD")

    # --- afterwards ------------------------------------------------------------------------

    def on_usual_care(self, position: int, event: Event) -> None:
        """Usual care: drugs and days in hospital of the later lines, then supportive care."""
        until = self.next_time(position, ENDS_OF_USUAL_CARE)
        days = self.accounts.price_list.usual_care_days
        self.pay(Category.LATER_LINES, event, self.prices.usual_care_drugs, "later-line drugs")
        leaves = min(event.time_days + days, until)
        self.hospital(Category.LATER_LINES, event, event.time_days, leaves, "later-line stay")
        self.support(event, leaves, until)

    def on_supportive_care(self, position: int, event: Event) -> None:
        """Supportive care until the end."""
        self.support(event, event.time_days, self.next_time(position, ENDS_OF_A_CYCLE))

    def support(self, event: Event, start: float, end: float) -> None:
        """Post supportive care by the month."""
        per_day = self.prices.supportive_care_per_month / DAYS_PER_MONTH
        self.book.stream(
            Category.LATER_LINES, self.state, event.line, start, end, per_day, "supportive care"
        )

    # --- postings --------------------------------------------------------------------------

    def pay(self, category: Category, event: Event, amount: float, what: str) -> None:
        """Post a cost at the time of the event."""
        self.book.point(category, self.state, event.line, event.time_days, amount, what)

    def hospital(
        self, category: Category, event: Event, start: float, end: float, what: str
    ) -> None:
        """Post days in hospital."""
        per_day = self.prices.inpatient_day
        self.book.stream(category, self.state, event.line, start, end, per_day, f"days, {what}")

    def lose(
        self, category: Category, event: Event, days: float, decrement: float, what: str
    ) -> None:
        """Post the QALYs that a complication takes away while it lasts."""
        start = event.time_days
        per_day = -decrement / DAYS_PER_YEAR
        self.book.stream(category, self.state, event.line, start, start + days, per_day, what)

    def regimen(self, event: Event) -> RegimenPrices:
        """Return the prices of the regimen of the event's line."""
        return self.accounts.price_list.regimens[self.regimens[event.line]]

    def next_time(self, position: int, kinds: frozenset[Happening]) -> float:
        """Return the time of the next event of one of the kinds."""
        for event in self.log[position + 1 :]:
            if event.kind in kinds:
                return event.time_days
        return self.log[-1].time_days


def entries(
    accounts: Accounts, regimens: Sequence[str], patient: Patient, log: Sequence[Event]
) -> list[Entry]:
    """Return the ledger of one patient, in the order of the log."""
    return Clerk(accounts, regimens, patient, log).keep()
