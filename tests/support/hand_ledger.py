"""A patient whose luck is written down, and the comparison of an engine with a hand computation.

The scenario of round numbers is ``three_patients.yaml``. Nothing here is taken from the
program's own functions for time or money: discounting is done with `math`.
"""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import simpy

from sim.clinic.events import Event
from sim.clinic.patient import Patient
from sim.economics.clerk import entries
from sim.economics.ledger import Entry
from sim.engine.reference import lived, new_life
from sim.engine.streams import Luck
from sim.simulation.question import ask

SCENARIO = Path(__file__).with_name("three_patients.yaml")
NOTHING_HAPPENS = 1.0 - 2.0**-53
"""The largest uniform: no event of any probability, and any clock rings as late as it can."""
LATER_LINE, THIRD_LINE, FOURTH_LINE = 64, 128, 192
"""The occurrence of what is drawn once in the second line, in the third and in the fourth."""
COST_LABELS = {
    "drug",
    "administration_and_hospital",
    "toxicity",
    "transplant",
    "later_lines",
    "follow_up",
    "end_of_life",
}

Row = tuple[str, str, int, float, float, float]
"""Category, health state, line, first day, last day, undiscounted amount."""


class ScriptedStreams(Luck):
    """Uniform numbers from a script of (decision, occurrence)."""

    def __init__(self, script):
        self.script = script
        self.asked = set()

    def uniform(self, patient, decision, occurrence=0):
        self.asked.add((decision, occurrence))
        return self.script.get((decision, occurrence), NOTHING_HAPPENS)


@dataclass(frozen=True)
class Lived:
    """A life as the reference engine tells it and as the clerk books it."""

    log: list[Event]
    ledger: list[Entry]


def somebody(**traits) -> Patient:
    """A man in first salvage after two years of first remission, without any risk factor."""
    plain = Patient(
        number=0,
        age_years=40.0,
        male=True,
        weight_kg=80.0,
        height_cm=180.0,
        salvage_line=1,
        prior_hct=False,
        ph_positive=False,
        kmt2a=False,
        high_blasts=False,
        cns=False,
        extramedullary=False,
        primary_refractory=False,
        first_remission_months=24.0,
        mrd_only=False,
    )
    return plain._replace(**traits)


def live(patient, script, overrides=None, strategy="blinatumomab") -> Lived:
    """Let `patient` live under a strategy with the luck of the `script`, all of which is used."""
    question = ask(SCENARIO, overrides=overrides)
    environment, streams = simpy.Environment(), ScriptedStreams(script)
    (strategy,) = (each for each in question.model.strategies if each.name == strategy)
    life = new_life(question.model, strategy, patient, streams)
    environment.process(lived(environment, question.model.world(), life))
    environment.run()
    assert set(script) <= streams.asked
    regimens = tuple(regimen.name for regimen in strategy.regimens)
    return Lived(life.log, entries(question.accounts, regimens, patient, life.log))


def assert_log(log, expected):
    """Compare a log with rows of `Event`; times and values within 1e-9 relative."""
    assert len(log) == len(expected), f"{len(log)} events instead of {len(expected)}: {log}"
    for event, by_hand in zip(log, expected, strict=True):
        assert event[1:6] == by_hand[1:6], f"{event} instead of {by_hand}"
        numbers = [event.time_days, event.value]
        assert numbers == pytest.approx([by_hand.time_days, by_hand.value], rel=1e-9), f"{event}"


def present_value(row: Row, annual_rate: float) -> float:
    """Discount a row: ``(1 + r)^(-t / 365.25)`` at a point, its mean over an interval."""
    *_, start, end, amount = row
    force = math.log(1.0 + annual_rate) / 365.25
    if force == 0.0:
        return amount
    if start == end:
        return amount * math.exp(-force * start)
    mean = (math.exp(-force * start) - math.exp(-force * end)) / (force * (end - start))
    return amount * mean


def assert_ledger(ledger, expected, *, costs, effects):
    """Compare a ledger with rows written by hand: the same rows, none missing, none more.

    `costs` and `effects` are annual discount rates. Days and amounts within 1e-9 relative.
    """
    rows = sorted(expected, key=_rounded)
    booked = sorted(ledger, key=lambda entry: _rounded(_row(entry)))
    by_hand = Counter(map(_rounded, rows))
    by_clerk = Counter(_rounded(_row(entry)) for entry in booked)
    missing, too_many = list((by_hand - by_clerk).elements()), list((by_clerk - by_hand).elements())
    assert not missing, f"not booked: {missing}; not in the hand computation: {too_many}"
    assert not too_many, f"not in the hand computation: {too_many}"
    for row, entry in zip(rows, booked, strict=True):
        rate = costs if row[0] in COST_LABELS else effects
        days_and_amount = [entry.start_days, entry.end_days, entry.undiscounted]
        assert days_and_amount == pytest.approx(list(row[3:]), rel=1e-9), row
        assert entry.discounted == pytest.approx(present_value(row, rate), rel=1e-9), row


def _row(e: Entry) -> Row:
    return e.category.label, e.state.value, e.line, e.start_days, e.end_days, e.undiscounted


def _rounded(row: Row) -> Row:
    category, state, line, *numbers = row
    start, end, amount = (round(number, 6) for number in numbers)
    return category, state, line, start, end, amount
