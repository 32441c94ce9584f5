"""The log and the ledger of a patient in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from sim.clinic.events import Cause, Event, Happening
from sim.clinic.patient import Patient
from sim.clinic.toxicity import FATAL, MILD, Toxicity
from sim.economics.ledger import Entry
from sim.study.simulation import Trace

SALVAGE = {1: "first salvage", 2: "second salvage", 3: "third salvage or beyond"}


def describe_patient(patient: Patient) -> str:
    """Say who entered."""
    traits = [
        name
        for name, present in (
            ("earlier allo-HCT", patient.prior_hct),
            ("Ph-positive", patient.ph_positive),
            ("KMT2A-rearranged", patient.kmt2a),
            ("high blast burden", patient.high_blasts),
            ("CNS disease", patient.cns),
            ("extramedullary disease", patient.extramedullary),
            ("primary refractory", patient.primary_refractory),
        )
        if present
    ]
    sex = "man" if patient.male else "woman"
    who = f"{sex} of {patient.age_years:.0f}, {patient.weight_kg:.0f} kg, {patient.height_cm:.0f} cm"
    return ", ".join([who, SALVAGE[patient.salvage_line], *traits])


def describe(event: Event, regimens: Sequence[str]) -> str:
    """Say what happened."""
    kind = event.kind
    cycle = f"cycle {event.cycle + 1}"
    if kind == Happening.TOXICITY:
        name = _toxicity(event.detail)
        grade = "grade 1-2" if event.grade == MILD else f"grade {event.grade}"
        ends = "to death" if event.grade == FATAL else "to resolution"
        return f"{cycle}: {name}, {grade}, {event.value:.1f} days {ends}"
    texts = {
        Happening.ENTRY: lambda: "enters the model",
        Happening.LINE_STARTED: lambda: f"starts {_words(regimens[event.detail])}",
        Happening.CYCLE_STARTED: lambda: f"{cycle} starts",
        Happening.INFUSION_STARTED: lambda: f"{cycle}: infusion at {event.value:g} mcg/day",
        Happening.INFUSION_STOPPED: lambda: f"{cycle}: infusion stops",
        Happening.SEIZURE: lambda: f"{cycle}: seizure",
        Happening.TREATMENT_STOPPED: lambda: f"{cycle}: stopped for good, {_toxicity(event.detail)}",
        Happening.RESPONSE: lambda: (
            f"{'CR' if event.detail else 'CRh/CRi'}, "
            f"MRD-{'negative' if event.value else 'positive'}, after {cycle}"
        ),
        Happening.NO_RESPONSE: lambda: "no response",
        Happening.TRANSPLANT: lambda: (
            "allo-HCT in continuous remission" if event.detail else "allo-HCT after rescue"
        ),
        Happening.TRANSPLANT_VOD: lambda: "veno-occlusive disease",
        Happening.TRANSPLANT_INFECTION: lambda: "infection after allo-HCT",
        Happening.ACUTE_GVHD: lambda: "acute GVHD",
        Happening.CHRONIC_GVHD: lambda: "chronic GVHD",
        Happening.RELAPSE: lambda: "relapse",
        Happening.CD19_LOSS: lambda: "leukaemia has lost CD19",
        Happening.LONG_TERM_SURVIVOR: lambda: "long-term survivor from now on",
        Happening.USUAL_CARE_STARTED: lambda: "usual care",
        Happening.SUPPORTIVE_CARE_STARTED: lambda: "supportive care",
        Happening.DEATH: lambda: f"dies, {_words(Cause(event.detail).name)}",
        Happening.HORIZON: lambda: "alive at the end of the horizon",
    }
    return texts[kind]()


def _toxicity(detail: int) -> str:
    kind = Toxicity(detail)
    return "CRS" if kind == Toxicity.CRS else _words(kind.name)


def _words(name: str) -> str:
    return name.lower().replace("_", " ")


def lines(trace: Trace, currency: str) -> Iterator[str]:
    """Yield the trace of a patient: who, each event with its day, then the ledger."""
    yield f"patient {trace.patient.number} under {_words(trace.strategy)}"
    yield f"  {describe_patient(trace.patient)}"
    for event in trace.log:
        yield f"  {event.time_days:10.2f}  {describe(event, trace.regimens)}"
    yield f"  {'day':>10}  {'to day':>10}  {'amount':>12}  {'discounted':>12}  entry"
    for entry in trace.ledger:
        yield _entry_line(entry, currency)


def _entry_line(entry: Entry, currency: str) -> str:
    account = entry.category.account.value
    unit = currency if account == "cost" else account
    return (
        f"  {entry.start_days:10.2f}  {entry.end_days:10.2f}  {entry.undiscounted:12.4f}  "
        f"{entry.discounted:12.4f}  {unit}: {_words(entry.category.label)}, {entry.what}"
    )


def events_table(traces: Sequence[Trace], columns: Sequence[str]) -> pd.DataFrame:
    """Return the events of traced patients as a table; lines and cycles count from 1."""
    rows = [
        (
            trace.strategy,
            trace.patient.number,
            event.time_days,
            event.kind.name.lower(),
            event.line + 1,
            event.cycle + 1 if event.cycle >= 0 else pd.NA,
            describe(event, trace.regimens),
        )
        for trace in traces
        for event in trace.log
    ]
    return pd.DataFrame(rows, columns=list(columns))
