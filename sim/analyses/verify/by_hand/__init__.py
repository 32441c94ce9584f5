"""Three patients whose events and amounts were computed by hand, and the comparison of a life with them.

Their stories, luck, events and ledgers are in ``patients.yaml``, the scenario of round numbers in
``three_patients.yaml``. Nothing here is taken from the program's
own functions for time or money: discounting is done with `math`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd
import simpy

from sim.clinic.draws import RandomDraw, occurrence
from sim.clinic.events import Cause, Event, EventKind
from sim.clinic.patient import Patient
from sim.clinic.toxicity import Toxicity
from sim.economics.clerk import entries
from sim.economics.ledger import Entry
from sim.engine.reference import lived, new_life
from sim.engine.streams import Luck
from sim.files.documents import read_yaml
from sim.simulation.question import ask

FOLDER: Final = Path(str(resources.files(__package__)))
SCENARIO: Final = FOLDER / "three_patients.yaml"
NOTHING_HAPPENS: Final = 1.0 - 2.0**-53
"""The largest uniform: no event of any probability, and any clock rings as late as it can."""
LATER_LINE, THIRD_LINE, FOURTH_LINE = 64, 128, 192
"""The occurrence of what is drawn once in the second line, in the third and in the fourth."""
PAIRED_DIGITS: Final = 6
"""Digits after the point to which days and amounts are alike where entries are paired."""
CLOSE: Final = 1e-9
"""Relative difference of a number computed by hand in floating point."""
EFFECTS: Final = ("life", "health_state", "toxicity_decrement", "gvhd_decrement")
"""The categories that are no costs."""

Script = Mapping[tuple[int, int], float]
"""Uniform numbers by decision and occurrence."""
Row = tuple[str, str, int, float, float, float]
"""Category, health state, line, first day, last day, undiscounted amount."""


class ScriptedStreams(Luck):
    """Uniform numbers from a script of (decision, occurrence)."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: set[tuple[int, int]] = set()

    def uniform(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the number of the script, or one at which nothing happens."""
        del patient
        self.asked.add((decision, occurrence))
        return self.script.get((decision, occurrence), NOTHING_HAPPENS)


class Lived(NamedTuple):
    """A life as the reference engine simulates it and as the clerk books it."""

    log: Sequence[Event]
    ledger: Sequence[Entry]


@dataclass(frozen=True)
class HandPatient:
    """A patient with the history and the books that were written by hand.

    Attributes
    ----------
    patient, luck
        The baseline, and the random numbers that matter.
    log, ledger
        Every event, and every entry.
    costs, effects
        Annual discount rates.
    numbers
        Parameters that differ from those of the scenario.
    """

    name: str
    patient: Patient
    luck: Script
    log: Sequence[Event]
    ledger: Sequence[Row]
    costs: float
    effects: float
    numbers: Mapping[str, float]

    @property
    def overrides(self) -> dict[str, float]:
        """The parameters that differ, discount rates among them."""
        return {
            **self.numbers,
            "perspective.discount_rate_costs": self.costs,
            "perspective.discount_rate_effects": self.effects,
        }

    def live(self) -> Lived:
        """Return the life as the program has it."""
        return live(self.patient, self.luck, self.overrides)


def somebody(**traits: Any) -> Patient:  # noqa: ANN401 - of any field of a patient
    """Return a man in first salvage after two years of first remission, without any risk factor."""
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


def live(
    patient: Patient,
    script: Script,
    overrides: Mapping[str, float] | None = None,
    strategy: str = "blinatumomab",
) -> Lived:
    """Let `patient` live under a strategy with the luck of the `script`.

    Raises
    ------
    ValueError
        When the script holds a number that was not asked for.
    """
    question = ask(SCENARIO, overrides=overrides)
    environment, streams = simpy.Environment(), ScriptedStreams(script)
    (plan,) = (each for each in question.model.strategies if each.name == strategy)
    life = new_life(question.model, plan, patient, streams)
    environment.process(lived(environment, question.model.world(), life))
    environment.run()
    unused = set(script) - streams.asked
    if unused:
        message = f"never drawn: {sorted(unused)}"
        raise ValueError(message)
    regimens = tuple(regimen.name for regimen in plan.regimens)
    return Lived(life.log, entries(question.accounts, regimens, patient, life.log))


def wrong_events(log: Sequence[Event], expected: Sequence[Event]) -> list[str]:
    """Return the events that differ from those by hand; times and values within `CLOSE`."""
    wrong = [
        f"{event} instead of {by_hand}"
        for event, by_hand in zip(log, expected, strict=False)
        if event[1:6] != by_hand[1:6]
        or not _close(event.time_days, by_hand.time_days)
        or not _close(event.value, by_hand.value)
    ]
    if len(log) != len(expected):
        wrong.append(f"{len(log)} events instead of {len(expected)}: {log}")
    return wrong


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


def wrong_entries(
    ledger: Iterable[Entry], expected: Iterable[Row], *, costs: float, effects: float
) -> list[str]:
    """Return the entries that differ from the rows written by hand: missing, too many, or of another amount.

    `costs` and `effects` are annual discount rates. Days and amounts within `CLOSE`.
    """
    rows = sorted(expected, key=_rounded)
    booked = sorted(ledger, key=lambda entry: _rounded(_row(entry)))
    by_hand = Counter(map(_rounded, rows))
    by_clerk = Counter(_rounded(_row(entry)) for entry in booked)
    wrong = [f"not booked: {row}" for row in (by_hand - by_clerk).elements()]
    wrong += [f"not in the hand computation: {row}" for row in (by_clerk - by_hand).elements()]
    if wrong:
        return wrong
    for row, entry in zip(rows, booked, strict=True):
        rate = effects if row[0] in EFFECTS else costs
        found = (entry.start_days, entry.end_days, entry.undiscounted, entry.discounted)
        wanted = (*row[3:], present_value(row, rate))
        if not all(map(_close, found, wanted)):
            wrong.append(f"{found} instead of {wanted} in {row}")
    return wrong


def _close(found: float, wanted: float) -> bool:
    return math.isclose(found, wanted, rel_tol=CLOSE)


def _row(e: Entry) -> Row:
    return e.category.label, e.state.value, e.line, e.start_days, e.end_days, e.undiscounted


def _rounded(row: Row) -> Row:
    category, state, line, *numbers = row
    start, end, amount = (round(number, PAIRED_DIGITS) for number in numbers)
    return category, state, line, start, end, amount


def _read(name: str, written: Mapping[str, Any]) -> HandPatient:
    """Return a patient of ``patients.yaml``."""
    return HandPatient(
        name,
        somebody(**written["patient"]),
        luck={
            (RandomDraw[draw], occurrence(line, cycle)): _number(uniform)
            for draw, line, cycle, uniform in written["luck"]
        },
        log=[_event(row) for row in written["log"]],
        ledger=[
            (category, state, line, _number(start), _number(end), _number(amount))
            for category, state, line, start, end, amount in written["ledger"]
        ],
        numbers=written.get("numbers", {}),
        **written["rates"],
    )


def _event(row: Mapping[str, Any]) -> Event:
    details = {**Toxicity.__members__, **Cause.__members__}
    numbers = {key: value for key, value in row.items() if key not in ("day", "event", "detail")}
    detail = row.get("detail", 0)
    return Event(
        _number(row["day"]), EventKind[row["event"]], detail=details.get(detail, detail), **numbers
    )


def _number(written: float | str) -> float:
    """Return a number, or the value of an arithmetic expression."""
    found: Any = pd.eval(written) if isinstance(written, str) else written
    return float(found)


PATIENTS: Final = tuple(_read(*each) for each in read_yaml(FOLDER / "patients.yaml").data.items())
TRANSPLANTED, REFRACTORY, CRS = PATIENTS
