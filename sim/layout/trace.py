"""The log and the ledger of a patient in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from sim.clinic.cells import Cells
from sim.clinic.draws import DRAWS, Characteristic, RandomDraw
from sim.clinic.events import CAUSES, EVENTS, Cause, Event, EventKind
from sim.clinic.patient import Patient
from sim.clinic.toxicity import FATAL, GRADE_DECISION, MILD, Toxicity
from sim.economics.ledger import Account, Category, Entry
from sim.simulation.run import Trace

MONEY_DIGITS: Final = 2
UNITS: Final = {Account.QALY: ("QALYs", 6), Account.LIFE_YEARS: ("life-years", 6)}
"""Unit and decimals of accounts other than money."""
SALVAGE: Final = {1: "first salvage", 2: "second salvage", 3: "third salvage or beyond"}
SHOWN_APART: Final = (RandomDraw.SEX, RandomDraw.SALVAGE_LINE, RandomDraw.MRD_ONLY)
"""Characteristics with a place of their own in the description of a patient."""
WITHOUT_CELLS: Final = {
    Cells.NOT_MADE: "manufacture failed",
    Cells.NOT_FIT: "not fit on the day",
    Cells.NO_TARGET: "CD19 is lost",
}
REMISSION: Final = {1: "first remission", 2: "second remission", 3: "third remission or later"}


def describe_patient(patient: Patient) -> str:
    """Describe the patient at entry."""
    traits = [
        facts.word
        for decision, facts in DRAWS.items()
        if isinstance(facts, Characteristic)
        and not facts.unit
        and decision not in SHOWN_APART
        and getattr(patient, facts.attribute)
    ]
    sex = "man" if patient.male else "woman"
    who = (
        f"{sex} of {patient.age_years:.0f}, {patient.weight_kg:.0f} kg, {patient.height_cm:.0f} cm"
    )
    stage = SALVAGE[patient.salvage_line]
    if patient.mrd_only:
        stage = f"{REMISSION[patient.salvage_line]} with MRD only"
    return ", ".join([who, stage, *traits])


def describe(event: Event, regimens: Sequence[str]) -> str:
    """Describe an event."""
    cycle, word = f"cycle {event.cycle + 1}", EVENTS[event.kind].word
    match event.kind:
        case EventKind.LINE_STARTED:
            return f"{word} {_words(regimens[event.detail])}"
        case EventKind.CYCLE_STARTED:
            return f"{cycle} {word}"
        case EventKind.INFUSION_STARTED:
            return f"{cycle}: {word} at {event.value:g} mcg/day"
        case EventKind.INFUSION_STOPPED | EventKind.SEIZURE:
            return f"{cycle}: {word}"
        case EventKind.TOXICITY:
            grade = "grade 1-2" if event.grade == MILD else f"grade {event.grade}"
            ends = "to death" if event.grade == FATAL else "to resolution"
            return f"{cycle}: {_toxicity(event)}, {grade}, {event.value:.1f} days {ends}"
        case EventKind.TREATMENT_STOPPED:
            return f"{cycle}: {word}, {_toxicity(event)}"
        case EventKind.RESPONSE:
            depth = "CR" if event.detail else "CRh/CRi"
            return f"{depth}, MRD-{'negative' if event.value else 'positive'}, after {cycle}"
        case EventKind.MRD_ASSESSED:
            return f"{word}-{'negative' if event.value else 'positive'} after {cycle}"
        case EventKind.CELLS_NOT_GIVEN:
            return f"{word}: {WITHOUT_CELLS[Cells(event.detail)]}"
        case EventKind.TRANSPLANT:
            remission = (
                "in continuous remission" if event.detail else "in the remission of a later line"
            )
            return f"{word} {remission}"
        case EventKind.DEATH:
            return f"{word} {CAUSES[Cause(event.detail)].word}"
        case _:
            return word


def toxicity_name(kind: Toxicity) -> str:
    """Name a toxicity."""
    return DRAWS[GRADE_DECISION[kind]].word


def _toxicity(event: Event) -> str:
    return toxicity_name(Toxicity(event.detail))


def _words(name: str) -> str:
    return name.lower().replace("_", " ")


def lines(trace: Trace, currency: str) -> Iterator[str]:
    """Yield the trace of a patient: baseline, each event with its day, then the ledger.

    The ledger is sorted by category and time, so that related entries are together.
    Every entry is shown, and the entries add up to the totals.
    """
    yield f"Patient {trace.patient.number} under {_words(trace.strategy)}"
    yield f"  {describe_patient(trace.patient)}"
    yield ""
    yield f"  {'day':>10}  event"
    for event in trace.log:
        yield f"  {event.time_days:10.2f}  {describe(event, trace.regimens)}"
    for account in Account:
        unit, digits = UNITS.get(account, (currency, MONEY_DIGITS))
        entries = [entry for entry in trace.ledger if entry.category.account == account]
        yield ""
        yield f"  {'day':>10}  {'to day':>10}  {unit:>14}  {'discounted':>14}  entry"
        for category in Category:
            posted = [entry for entry in entries if entry.category == category]
            for entry in sorted(posted, key=lambda e: (e.start_days, e.end_days)):
                yield _entry_line(entry, digits)
            if 1 < len(posted) < len(entries):
                yield _sum_line(posted, digits, category_name(category))
        yield _sum_line(entries, digits, f"{unit}, total")


def _entry_line(entry: Entry, digits: int) -> str:
    category, what = category_name(entry.category), entry_name(entry)
    until = "" if entry.end_days == entry.start_days else f"{entry.end_days:.2f}"
    return (
        f"  {entry.start_days:10.2f}  {until:>10}  {entry.undiscounted:14,.{digits}f}  "
        f"{entry.discounted:14,.{digits}f}  {what if what == category else f'{category}: {what}'}"
    )


def entry_name(entry: Entry) -> str:
    """Name the reason of an entry: a service, or the health state."""
    if entry.category in (Category.QALY_STATE, Category.LIFE):
        return _words(entry.state.value)
    return entry.what.replace("_", " ")


def category_name(category: Category) -> str:
    """Name a category of the ledger."""
    return _words(category.label).replace("gvhd", "GVHD")


def _sum_line(entries: Sequence[Entry], digits: int, what: str) -> str:
    plain = math.fsum(entry.undiscounted for entry in entries)
    present = math.fsum(entry.discounted for entry in entries)
    return f"  {'':>10}  {'':>10}  {plain:14,.{digits}f}  {present:14,.{digits}f}  = {what}"
