"""Checks against routes that share no code with the engines: frozen lives, hand, another kind of model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from sim.analyses.verify.by_hand import PATIENTS
from sim.analyses.verify.by_hand.scripted import HandPatient, Lived, wrong_entries, wrong_events
from sim.analyses.verify.changes import none_of_these
from sim.analyses.verify.check import Finding, Group, does_not_apply
from sim.analyses.verify.frozen import (
    Simulate,
    first_difference,
    frozen_events,
    scenarios,
    simulated,
)
from sim.analyses.verify.partition import compared, event_free_price, half_a_cycle_years
from sim.analyses.verify.subject import Subject
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR
from sim.economics.ledger import Category
from sim.engine import reference
from sim.engine.compiled import core
from sim.simulation.tally import CATEGORIES, DISCOUNTED

INDEPENDENT: Final = Group("independent")
ENGINES: Final[Mapping[str, Simulate]] = {
    "reference": reference.simulate,
    "core": core.simulate,
}
MONTHS_PER_YEAR: Final = DAYS_PER_YEAR / DAYS_PER_MONTH
NO_REGIMEN: Final = "no strategy begins with a regimen, after which lines are counted"
NO_PRICE: Final = "no care has a price by the month"


# ------------------------------------------------------------------------------ frozen lives


@INDEPENDENT.check(
    "Both engines give the frozen lives of 200 patients of each of eight scenarios, every event to "
    "the bit; the scenario under examination does not matter.",
    standard="TECH-VER; AdViSHE C3; ISPOR-SMDM 7",
    advice="A clinical rule or a random draw changed; sim/analyses/verify/frozen says what was frozen.",
)
def lives_are_those_frozen(subject: Subject) -> Finding:
    """Simulate the frozen patients again under the numbers that they were frozen with."""
    del subject
    wrong, events = [], 0
    differing = 0
    for scenario in scenarios():
        expected = frozen_events()[scenario]
        for name, simulate in ENGINES.items():
            count, where = first_difference(simulated(simulate, scenario), expected)
            events += len(expected)
            differing += count
            if count:
                wrong.append(f"{scenario}, {name} engine: {where}")
    found = none_of_these(wrong, events, "events")
    return replace(found, observed=f"{differing:,} of {events:,} events")


# ------------------------------------------------------------------------------------ by hand


@cache
def _lived(name: str) -> Lived:
    """Return the life of one of the patients by hand, as the program has it."""
    return next(each for each in PATIENTS if each.name == name).live()


def _by_hand(
    differences: Callable[[HandPatient, Lived], Sequence[str]], rows: int, what: str
) -> Finding:
    wrong = [
        f"{patient.name}: {text}"
        for patient in PATIENTS
        for text in differences(patient, _lived(patient.name))
    ]
    return none_of_these(wrong, rows, what)


@INDEPENDENT.check(
    "Three patients have the history that was worked out by hand, event by event: a transplant, "
    "refractory disease, and CRS with relapse; the scenario under examination does not matter.",
    standard="TECH-VER; AdViSHE C2; ISPOR-SMDM 7",
    advice="The day and its arithmetic are in sim/analyses/verify/by_hand.",
)
def histories_are_those_by_hand(subject: Subject) -> Finding:
    """Compare the logs of the reference engine with those written by hand."""
    del subject
    events = sum(len(patient.log) for patient in PATIENTS)
    return _by_hand(lambda by_hand, life: wrong_events(life.log, by_hand.log), events, "events")


@INDEPENDENT.check(
    "The same three patients have the costs, QALYs and life-years worked out by hand, every vial, "
    "day in hospital and stay, undiscounted and discounted; the scenario does not matter.",
    standard="TECH-VER; AdViSHE C2; ISPOR-SMDM 7",
    advice="The amount and its arithmetic are in sim/analyses/verify/by_hand.",
)
def amounts_are_those_by_hand(subject: Subject) -> Finding:
    """Compare every entry of the ledgers with those written by hand."""
    del subject

    def differences(by_hand: HandPatient, life: Lived) -> list[str]:
        rates = {"costs": by_hand.costs, "effects": by_hand.effects}
        return wrong_entries(life.ledger, by_hand.ledger, **rates)

    entries = sum(len(patient.ledger) for patient in PATIENTS)
    return _by_hand(differences, entries, "entries")


# ---------------------------------------------------------------------- partitioned survival


def _within(apart: Sequence[float], most: float, what: str, unit: str) -> Finding:
    """Return a finding that passes where no difference of a strategy is larger than `most`."""
    largest = max(map(abs, apart))
    text = f"largest difference of {len(apart)} {what}: {largest:.2g} {unit}"
    return Finding(text, f"at most {most:.2g} {unit}", largest <= most)


@INDEPENDENT.check(
    "Life-years are the area under overall survival, as in a partitioned survival model of the same "
    "patients.",
    standard="NICE TSD 19; TECH-VER; ISPOR-SMDM 7",
    advice="Look at stay in sim/economics/clerk.py, and at the times of death.",
)
def life_years_are_the_area_under_survival(subject: Subject) -> Finding:
    """Compare discounted life-years of the ledgers with the area under the curve of each strategy."""
    apart = [each.life_years.mean - each.partition.life_years for each in compared(subject)]
    return _within(apart, half_a_cycle_years(), "strategies", "years")


@INDEPENDENT.check(
    "Time in first remission, with the wait for it, is the area under event-free survival, so that "
    "the states of the ledger are those of a partition.",
    standard="NICE TSD 19; TECH-VER",
    advice="Look at the states that are entered in sim/economics/clerk.py, and at efs_days.",
)
def first_remission_is_the_area_under_event_free_survival(subject: Subject) -> Finding:
    """Compare the time in the states before an event with the area under the curve."""
    apart = [
        each.first_remission_years - each.partition.event_free_years
        for each in compared(subject)
        if each.first_remission_years is not None
    ]
    if not apart:
        return does_not_apply(NO_REGIMEN)
    return _within(apart, 2.0 * half_a_cycle_years(), "strategies", "years")


@INDEPENDENT.check(
    "QALYs differ from those of a partitioned survival model only by what two curves cannot show: "
    "time on treatment, depth of remission, transplant, later lines, complications and age.",
    standard="NICE TSD 19; AdViSHE C4",
    advice="The parts of the difference are in the table of partitioned survival; see "
    "sim/analyses/verify/partition.py.",
)
def qalys_differ_by_structure_alone(subject: Subject) -> Finding:
    """Compare the difference in QALYs with the sum of its parts."""
    found = compared(subject)
    most = max(each.grid_qalys for each in found)
    return _within([each.unexplained for each in found], most, "strategies", "QALYs")


@INDEPENDENT.check(
    "Care that is paid by the month, after failure and under follow-up of the first remission, costs "
    "no more than a partitioned survival model charges for the time in its two states.",
    standard="NICE TSD 19; TECH-VER",
    advice="Care is paid before an event, or twice; see remit and care_after_failure in "
    "sim/economics/clerk.py.",
)
def care_by_the_month_is_within_its_state(subject: Subject) -> Finding:
    """Compare costs by the month with the price times the area."""
    prices = subject.question.accounts.prices
    after = prices.after_failure_per_month
    if not (after > 0.0 or prices.follow_up_per_month > 0.0):
        return does_not_apply(NO_PRICE)
    half = half_a_cycle_years() * MONTHS_PER_YEAR
    excess = []
    for place, each in enumerate(compared(subject)):
        charged = each.partition.after_event_cost + each.waiting_cost + 3.0 * half * after
        excess.append(each.after_failure.mean - charged)
        if each.first_remission_years is not None:
            charged = each.partition.event_free_cost + half * event_free_price(subject, place)
            excess.append(_follow_up_of_first_line(subject, place) - charged)
    largest = max(excess)
    text = f"largest excess of {len(excess)} costs: {largest:,.0f} {subject.question.perspective.currency}"
    return Finding(text, "at most 0", largest <= 0.0)


def _follow_up_of_first_line(subject: Subject, place: int) -> float:
    """Return the mean discounted cost of follow-up in the first line's remission."""
    tally = subject.lives.tally
    cells = tally.sums.cells[place, CATEGORIES.index(Category.FOLLOW_UP), 0, :, DISCOUNTED]
    return float(cells.sum()) / tally.patients
