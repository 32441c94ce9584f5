"""From a patient's log to a patient's ledger.

The log is walked once, in order. Costs follow what was done: bags hung, days in hospital,
doses, transplants, complications. Nothing is simulated here: another price list can be put on
the same log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sim.clinic.events import Cause, Event, Happening
from sim.clinic.patient import Patient
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR
from sim.economics.clerk import Accounts
from sim.economics.ledger import Category, Entry, State
from sim.economics.treatment_costs import ENDS_OF_A_CYCLE, TreatmentClerk
from sim.economics.utilities import Decrement

PACKAGE_DAYS: Final = 100.0
"""The transplant's package is a mean of all that was paid in the first 100 days, whatever came in
them; no day in hospital is paid beside it."""
ENDS_OF_FOLLOW_UP = ENDS_OF_A_CYCLE | {Happening.LONG_TERM_SURVIVOR}
ENDS_OF_USUAL_CARE = ENDS_OF_A_CYCLE | {Happening.SUPPORTIVE_CARE_STARTED}


class PatientClerk(TreatmentClerk):
    """Posts a whole life."""

    def keep(self) -> list[Entry]:
        """Post everything and return the entries in the order of the log."""
        handlers = {
            Happening.ENTRY: self.on_entry,
            Happening.LINE_STARTED: self.on_line,
            Happening.CYCLE_STARTED: self.on_cycle,
            Happening.INFUSION_STARTED: self.on_infusion,
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
            self.posted(position)
        return self.book.entries

    def posted(self, position: int) -> None:
        """Take note that an event of the log has been posted; there is nothing to note here."""

    def on_entry(self, position: int, event: Event) -> None:
        """Begin in complete remission, with follow-up, when there is MRD only."""
        if event.detail == 1:
            self.remit(position, event, State.COMPLETE_REMISSION)

    def on_line(self, position: int, event: Event) -> None:
        """Begin a line: active disease under treatment, unless MRD is treated in remission."""
        if self.state != State.COMPLETE_REMISSION:
            self.enter(State.ON_TREATMENT, event)
        self.tablets_until = event.time_days + self.regimen(event).tablets.longest_days
        self.give_tablets(position, event)

    def on_failure(self, _: int, event: Event) -> None:
        """Enter active disease off treatment, after no response or relapse."""
        self.enter(State.RELAPSED_REFRACTORY, event)

    def on_end(self, _: int, event: Event) -> None:
        """Close the last stay at the horizon."""
        self._close(event.time_days)

    def on_death(self, _: int, event: Event) -> None:
        """Close the last stay; cost the end of life unless death was in the background."""
        self._close(event.time_days)
        if event.detail != Cause.BACKGROUND:
            self.pay(Category.END_OF_LIFE, event, self.prices.end_of_life, "end of life")

    def on_response(self, position: int, event: Event) -> None:
        """Begin a remission; tablets go on in it."""
        complete = event.detail == 1
        depth = State.COMPLETE_REMISSION if complete else State.INCOMPLETE_REMISSION
        self.remit(position, event, depth)
        self.give_tablets(position, event)

    def remit(self, position: int, event: Event, depth: State) -> None:
        """Remission: follow-up until it ends or the patient is a long-term survivor."""
        self.enter(depth, event)
        self.book.stream(
            Category.FOLLOW_UP,
            self.state,
            event.line,
            event.time_days,
            self.next_time(position, ENDS_OF_FOLLOW_UP),
            self.prices.follow_up_per_month / DAYS_PER_MONTH,
            "follow-up",
        )

    def on_transplant(self, position: int, event: Event) -> None:
        """Transplant: package for 100 days, then the rest of two years unless it fails."""
        self.enter(State.TRANSPLANT_FIRST_YEAR, event)
        now, prices = event.time_days, self.prices
        until = self.next_time(position, ENDS_OF_A_CYCLE)
        self.pay(Category.TRANSPLANT, event, prices.transplant, "allo-HCT, 100 days")
        self.home_from = max(self.home_from, now + PACKAGE_DAYS)
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

    def gvhd_over(self, position: int, event: Event) -> float:
        """Return when GVHD is over: its days, or relapse, which ends immunosuppression."""
        return min(event.time_days + event.value, self.next_time(position, ENDS_OF_A_CYCLE))

    def on_acute_gvhd(self, position: int, event: Event) -> None:
        """Acute GVHD: an episode's cost and its decrement."""
        self.pay(Category.TRANSPLANT, event, self.prices.acute_gvhd, "acute GVHD")
        over = self.gvhd_over(position, event)
        self.lose(Category.QALY_GVHD, event, over, Decrement.ACUTE_GVHD, "acute GVHD")

    def on_chronic_gvhd(self, position: int, event: Event) -> None:
        """Chronic GVHD: cost and decrement while it lasts."""
        over = self.gvhd_over(position, event)
        self.book.stream(
            Category.TRANSPLANT,
            self.state,
            event.line,
            event.time_days,
            over,
            self.prices.chronic_gvhd_per_year / DAYS_PER_YEAR,
            "chronic GVHD",
        )
        self.lose(Category.QALY_GVHD, event, over, Decrement.CHRONIC_GVHD, "chronic GVHD")

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
        """Post supportive care by the month, from when no stay in hospital is paid any more."""
        start = max(start, self.home_from)
        per_day = self.prices.supportive_care_per_month / DAYS_PER_MONTH
        self.book.stream(
            Category.LATER_LINES, self.state, event.line, start, end, per_day, "supportive care"
        )


def entries(
    accounts: Accounts, regimens: Sequence[str], patient: Patient, log: Sequence[Event]
) -> list[Entry]:
    """Return the ledger of one patient, in the order of the log."""
    return PatientClerk(accounts, regimens, patient, log).keep()
