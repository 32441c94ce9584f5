"""What a cycle costs: days in hospital, bags and vials, doses, toxicity."""

from __future__ import annotations

from math import ceil
from typing import Final

from sim.clinic.events import Event, Happening
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.economics.clerk import Clerk
from sim.economics.ledger import Category, State
from sim.economics.prices import CourseDrug, InfusionDrug, InjectedDrug
from sim.economics.utilities import Decrement

ROUNDING: Final = 1e-9
"""Vials are not opened for rounding error in the last digit."""
ENDS_OF_A_CYCLE = frozenset(
    {Happening.TRANSPLANT, Happening.RELAPSE, Happening.DEATH, Happening.HORIZON}
)


def vials(amount: float, vial_content: float, *, sharing: bool) -> float:
    """Return the vials for one preparation: whole vials, or the exact share when shared."""
    exact = amount / vial_content
    return exact if sharing else float(ceil(exact - ROUNDING))


def _counted(count: float) -> str:
    return "1 vial" if count == 1.0 else f"{count:g} vials"


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


TRANSPLANT = frozenset({Happening.TRANSPLANT})
STEPS_OF_TABLETS = ENDS_OF_A_CYCLE | {Happening.RESPONSE, Happening.NO_RESPONSE}


class TreatmentClerk(Clerk):
    """Posts what is done in a cycle."""

    def give_tablets(self, position: int, event: Event) -> None:
        """Give tablets from the event on until response is known or treatment fails."""
        until = min(self.next_time(position, STEPS_OF_TABLETS), self.tablets_until)
        per_day = self.regimen(event).tablets.price_per_day
        self.book.stream(
            Category.DRUG, self.state, event.line, event.time_days, until, per_day, "tablets"
        )

    def on_cycle(self, position: int, event: Event) -> None:
        """Open a cycle: days in hospital, and drugs that are given in doses or courses."""
        regimen = self.regimen(event)
        limit = self.next_time(position, ENDS_OF_A_CYCLE)
        self.given_days = 0.0
        leaves = min(event.time_days + regimen.stay.planned_days(event.cycle), limit)
        self.hospital(Category.ADMINISTRATION, event, event.time_days, leaves, "ward")
        drug = regimen.drug
        if isinstance(drug, CourseDrug):
            self.pay(Category.DRUG, event, drug.price_per_cycle, "chemotherapy")
        elif isinstance(drug, InjectedDrug):
            stops = self.next_time(position, ENDS_OF_A_CYCLE | {Happening.TREATMENT_STOPPED})
            self.inject(drug, event, stops)

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
            self.pay(Category.DRUG, at, count * drug.price_per_vial, _counted(count))
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
                Category.DRUG,
                at,
                count * drug.price_per_vial,
                f"{_counted(count)}, {content:g} mcg",
            )
            if self.at_home(position, at.time_days):
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

    def at_home(self, position: int, time: float) -> bool:
        """Return whether the patient is out of hospital at a time of the cycle under way."""
        return time >= self.home_from and not any(
            event.kind == Happening.TOXICITY
            and event.grade >= SEVERE
            and event.time_days <= time < event.time_days + event.value
            for event in self.log[position + 1 :]
        )

    def on_toxicity(self, position: int, event: Event) -> None:
        """Treat a toxicity: severe ones in hospital, until they are over or the transplant."""
        if event.grade < SEVERE:
            self.pay(Category.TOXICITY, event, self.prices.mild_toxicity, "grade 1-2 toxicity")
            return
        name = Toxicity(event.detail).name.lower()
        ends = event.time_days + event.value
        self.pay(Category.TOXICITY, event, getattr(self.prices, f"severe_{name}"), name)
        leaves = min(ends, self.next_time(position, TRANSPLANT))
        self.hospital(Category.TOXICITY, event, event.time_days, leaves, name)
        self.lose(Category.QALY_TOXICITY, event, ends, Decrement.SEVERE_TOXICITY, name)
