"""Purchases of drugs and the events that agreements look at, from the lives of patients.

The lives are those of any other run, patient by patient and event by event: the reference engine
simulates them. Their purchases are posted by the clerk, at a price of 1 for the drugs that are
asked for and of 0 for everything else: what is posted then are units of the drug (vials, or the
cells of a patient), so that every price can be put on the same lives.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import simpy

from sim.analyses.agreement.payment import Courses, Places, Purchases
from sim.clinic.events import Event, EventKind
from sim.clinic.patient import Patient
from sim.clinic.units import NEVER
from sim.economics.clerk import entries
from sim.economics.ledger import Category
from sim.economics.posting import Accounts
from sim.economics.prices import (
    NO_TABLETS,
    CellDrug,
    CourseDrug,
    Drug,
    InfusionDrug,
    InjectedDrug,
    MixPrices,
    Prices,
)
from sim.economics.utilities import Decrements, StateUtilities, Utilities
from sim.engine.model import Strategy
from sim.engine.reference import BLOCK, enrol, lived, new_life
from sim.engine.streams import Streams, blocks
from sim.simulation.question import Question

Progress = Callable[[int], None]
FREE: Final = 0.0
COLUMNS: Final = 6


def price_parameter(question: Question, regimen: str) -> str | None:
    """Return the name of the price of a regimen's drug; None for a mixture of generic drugs."""
    drug = question.accounts.price_list.regimens[regimen].drug
    name = question.catalogue.regimens[regimen].drug
    if isinstance(drug, InfusionDrug | InjectedDrug):
        return f"cost.{name}.vial"
    return f"cost.{name}.cells" if isinstance(drug, CellDrug) else None


def unit_accounts(question: Question, parameters: Collection[str]) -> Accounts:
    """Return accounts in which these prices are 1, and all others and all utilities 0."""
    accounts = question.accounts
    regimens = {
        name: replace(
            regimen,
            drug=_priced(
                regimen.drug, 1.0 if price_parameter(question, name) in parameters else FREE
            ),
            tablets=NO_TABLETS,
        )
        for name, regimen in accounts.price_list.regimens.items()
    }
    return replace(
        accounts,
        price_list=replace(
            accounts.price_list, prices=Prices(*[FREE] * len(Prices._fields)), regimens=regimens
        ),
        utilities=Utilities(
            StateUtilities(*[0.0] * len(StateUtilities._fields)),
            Decrements(*[0.0] * len(Decrements._fields)),
            None,
        ),
    )


def _priced(drug: Drug, price: float) -> Drug:
    if isinstance(drug, InfusionDrug | InjectedDrug):
        return drug._replace(price_per_vial=price)
    if isinstance(drug, CourseDrug):
        return drug._replace(prices=MixPrices(*[FREE] * len(MixPrices._fields)))
    return drug._replace(
        cells=price,
        lymphodepletion=FREE,
        leukapheresis=FREE,
        bridging=FREE,
        immunoglobulin_per_day=FREE,
    )


def logs(
    question: Question, strategy: Strategy, first: int, count: int
) -> Iterator[tuple[Patient, list[Event]]]:
    """Simulate `count` patients from number `first` on; yield each with the log, in order."""
    model = question.model
    world = model.world(question.seed)
    for start, size in blocks(count, BLOCK):
        streams = Streams(question.seed, first + start, size)
        environment = simpy.Environment()
        lives = [
            new_life(model, strategy, enrol(number, model, streams), streams)
            for number in range(first + start, first + start + size)
        ]
        for life in lives:
            environment.process(lived(environment, world, life))
        environment.run()
        for life in lives:
            yield life.patient, life.log


@dataclass(frozen=True)
class Followed:
    """Patients under one strategy, as far as payments need it.

    Attributes
    ----------
    line
        Of each purchase.
    units
        Purchases of the drugs at a price of 1.
    courses
        By line, of the lines with an agreement.
    """

    line: Places
    units: Purchases
    courses: Mapping[int, Courses]

    @cached_property
    def by_line(self) -> dict[int, Purchases]:
        """The units bought in each line with a purchase."""
        return {line: self.units.where(self.line == line) for line in np.unique(self.line).tolist()}

    def bought(self, line: int) -> Purchases:
        """Return the units bought in a line."""
        return self.by_line.get(line) or self.units.where(self.line == line)


def follow(
    question: Question,
    strategy: Strategy,
    parameters: Collection[str],
    lines: Collection[int],
    *,
    first: int,
    count: int,
    progress: Progress = lambda _: None,
) -> Followed:
    """Simulate `count` patients from number `first` on, and take down what payments depend on.

    Parameters
    ----------
    question, strategy
        The question, and one of the strategies of its model.
    parameters
        The prices of the drugs.
    lines
        The lines, counted from 0, whose events are needed.
    progress
        Called with the number of patients finished since the last call.
    """
    accounts = unit_accounts(question, parameters)
    regimens = tuple(regimen.name for regimen in strategy.regimens)
    rows: list[tuple[int, int, int, float, float, float]] = []
    events: dict[int, list[tuple[float, ...]]] = {line: [] for line in lines}
    for place, (patient, log) in enumerate(logs(question, strategy, first, count)):
        starts = cycle_starts(log)
        for entry in entries(accounts, regimens, patient, log):
            if entry.category == Category.DRUG:
                cycle = max(bisect_right(starts.get(entry.line, ()), entry.start_days) - 1, 0)
                amounts = (entry.start_days, entry.undiscounted, entry.discounted)
                rows.append((place, entry.line, cycle, *amounts))
        for line, known in events.items():
            known.append(course(log, line))
        progress(1)
    table = np.array(rows).reshape(-1, COLUMNS)
    table = table[np.lexsort((table[:, 3], table[:, 0]))]
    patients, of_line, cycles = (table[:, column].astype(np.int64) for column in range(3))
    return Followed(
        of_line,
        Purchases(patients, cycles, table[:, 3], table[:, 4], table[:, 5]),
        {
            line: Courses(np.array(known).reshape(-1, COLUMNS).T, question.accounts.costs)
            for line, known in events.items()
        },
    )


def cycle_starts(log: Sequence[Event]) -> dict[int, list[float]]:
    """Return the days on which the cycles of each line begin."""
    starts: dict[int, list[float]] = {}
    for event in log:
        if event.kind == EventKind.CYCLE_STARTED:
            starts.setdefault(event.line, []).append(event.time_days)
    return starts


def course(log: Sequence[Event], line: int) -> tuple[float, ...]:
    """Return the days of the events of a line, in the order of `Courses`.

    A patient who enters with MRD only is in remission from the first day; no response is then MRD
    that is still there when it is assessed.
    """
    days: dict[EventKind, float] = {}
    not_negative = NEVER
    for event in log:
        if event.line == line and event.kind not in days:
            days[event.kind] = event.time_days
            if event.kind == EventKind.MRD_ASSESSED and event.value == 0.0:
                not_negative = event.time_days
    last = log[-1]
    response = days.get(EventKind.RESPONSE, NEVER)
    if line == 0 and log[0].detail == 1:
        response = 0.0
    no_response = min(days.get(EventKind.NO_RESPONSE, NEVER), not_negative)
    death = last.time_days if last.kind == EventKind.DEATH else NEVER
    started = EventKind.LINE_STARTED in days
    if started and last.line == line and response == NEVER:
        no_response = min(no_response, death)
    return (
        days.get(EventKind.LINE_STARTED, NEVER),
        response,
        no_response,
        days.get(EventKind.RELAPSE, NEVER),
        death,
        last.time_days,
    )
