"""A replay of one virtual patient under every strategy, with every draw and every posting.

The lives are those of any other run: the reference engine simulates the patient with a recorder,
and the clerk posts the costs. Only links are added here: the event of a posting, the day on which a
sampled time would end, and whether the event happened then. `check_core` compares events and amounts
with those of the core engine.

`timeline` is a life as data for a figure: stays in health states, drug given, marks, and cost over
time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isclose
from typing import Final

import numpy as np
import simpy

from sim.clinic.draws import DRAWS, Time
from sim.clinic.events import EVENTS, Event, EventKind, Role, events_with
from sim.clinic.patient import Patient
from sim.clinic.toxicity import SEVERE
from sim.clinic.units import added
from sim.economics.clerk import open_book, post_event
from sim.economics.estimates import Array
from sim.economics.ledger import Account, Category, Entry, State
from sim.economics.posting import Accounts, Book
from sim.engine.model import Strategy
from sim.engine.outcomes import Outcome, outcome
from sim.engine.reference import enrol, lived, new_life
from sim.engine.streams import Luck, uniform
from sim.replay.recorder import Draw, DrawRecorder
from sim.simulation.question import Question

ENDS: Final = events_with(Role.ENDS_A_TIME)
ENDS_A_CYCLE: Final = events_with(Role.ENDS_A_CYCLE)
CLOSE: Final = 1e-9
"""Largest relative difference of an amount by the core engine; events and times have none."""
ROUNDING: Final = 1e-12
"""Tolerance for an amount that is almost 0."""
BETWEEN_DAYS: Final = 15.0
"""Days between two points of a cost that runs over time, for scales that are not linear."""


@dataclass(frozen=True, slots=True)
class Posting:
    """An entry of the ledger.

    Attributes
    ----------
    position
        Place in the log of the event that it was booked for.
    undiscounted, discounted
        Running totals of the entry's account, this entry included.
    """

    position: int
    entry: Entry
    undiscounted: float
    discounted: float


@dataclass(frozen=True, slots=True)
class Total:
    """A sum of entries."""

    undiscounted: float = 0.0
    discounted: float = 0.0

    def plus(self, undiscounted: float, discounted: float) -> Total:
        """Return the total with an amount more."""
        return Total(self.undiscounted + undiscounted, self.discounted + discounted)


@dataclass(frozen=True)
class ReplayedLife:
    """The patient under one strategy.

    Attributes
    ----------
    log, draws, postings
        In the order in which they happened, were drawn and were booked.
    categories
        The patient's row of the results, summed as in a run.
    """

    strategy: Strategy
    label: str
    patient: Patient
    log: Sequence[Event]
    draws: Sequence[Draw]
    postings: Sequence[Posting]
    categories: dict[Category, Total]

    @property
    def regimens(self) -> tuple[str, ...]:
        """The names of the regimens, in their order."""
        return tuple(regimen.name for regimen in self.strategy.regimens)

    @property
    def outcome(self) -> Outcome:
        """The clinical outcome, as in the results."""
        return outcome(self.log)

    def total(self, account: Account) -> Total:
        """Sum the categories of an account, in their order."""
        return _account_total(self.categories, account)

    def due_day(self, draw: Draw) -> float | None:
        """Return the day on which a sampled time ends; None for a draw of anything else."""
        if not draw.used or not isinstance(draw.result, float):
            return None
        facts = DRAWS[draw.decision]
        if not isinstance(facts, Time):
            return None
        return draw.result if facts.from_entry else draw.day + draw.result

    def drawn_with(self) -> Sequence[Sequence[Draw]]:
        """Return, for each event of the log, the draws that were made with it and decided anything.

        These are the draws made right after the event, except those that decide details of the next
        event: they belong to that one.
        """
        drawn: list[list[Draw]] = [[] for _ in self.log]
        for draw in self.draws:
            if draw.used:
                following = self.log[draw.position] if draw.position < len(self.log) else None
                belongs_to_it = (
                    following is not None
                    and following.time_days == draw.day
                    and draw.decision in EVENTS[following.kind].described_by
                )
                drawn[draw.position - (not belongs_to_it)].append(draw)
        return drawn

    def came_true(self, draw: Draw) -> bool:
        """Whether an event happened exactly on the day sampled."""
        due = self.due_day(draw)
        return any(event.time_days == due and event.kind in ENDS for event in self.log)


@dataclass(frozen=True)
class Replay:
    """A patient under every strategy of a question, in the order of the scenario."""

    question: Question
    patient: Patient
    entry: Sequence[Draw]
    lives: Sequence[ReplayedLife]
    engine: str = "reference"

    @property
    def comparator(self) -> ReplayedLife:
        """The life under the comparator."""
        return self.life(self.question.scenario.comparator_name)

    def life(self, strategy: str) -> ReplayedLife:
        """Return the life under a strategy."""
        return next(life for life in self.lives if life.strategy.name == strategy)


class _Keyed(Luck):
    """The random numbers of single patients: faster than `Streams`, which draws in blocks."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def uniform(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the number of a key."""
        return uniform(self.seed, patient, decision, occurrence)


def _account_total(categories: dict[Category, Total], account: Account) -> Total:
    """Add the categories of an account up in their order, as the results do."""
    total = Total()
    for category, amount in categories.items():
        if category.account == account:
            total = total.plus(amount.undiscounted, amount.discounted)
    return total


def replay(question: Question, number: int) -> Replay:
    """Replay patient `number` under every strategy of the question, by the reference engine.

    Parameters
    ----------
    question
        The question; its number of patients does not matter.
    number
        Any patient, counted from 0.
    """
    luck = _Keyed(question.seed)
    recorder = DrawRecorder(luck)
    with recorder.recording():
        patient = enrol(number, question.model, recorder)
    lives = tuple(
        replay_life(question, strategy, patient, luck) for strategy in question.model.strategies
    )
    return Replay(question, patient, tuple(recorder.draws), lives)


def replay_life(
    question: Question, strategy: Strategy, patient: Patient, luck: Luck
) -> ReplayedLife:
    """Replay a patient's life under one strategy with a recorder, and post its costs."""
    recorder = DrawRecorder(luck)
    environment = simpy.Environment()
    life = new_life(question.model, strategy, patient, recorder)
    recorder.life = life
    environment.process(lived(environment, question.model.world(question.seed), life))
    with recorder.recording():
        environment.run()
    labels = {plan.name: plan.shown_name for plan in question.scenario.strategies}
    postings, categories = book(question.accounts, strategy, patient, life.log)
    return ReplayedLife(
        strategy, labels[strategy.name], patient, life.log, recorder.draws, postings, categories
    )


def book(
    accounts: Accounts, strategy: Strategy, patient: Patient, log: Sequence[Event]
) -> tuple[list[Posting], dict[Category, Total]]:
    """Post the ledger of a life; return its postings and their sums by category."""
    book = Book(accounts, [regimen.name for regimen in strategy.regimens])
    categories = dict.fromkeys(Category, Total())
    postings: list[Posting] = []
    open_book(book, log)
    for position in range(len(log)):
        post_event(book, patient, log, position)
        for entry in book.entries[len(postings) :]:
            before = categories[entry.category]
            categories[entry.category] = before.plus(entry.undiscounted, entry.discounted)
            total = _account_total(categories, entry.category.account)
            postings.append(Posting(position, entry, total.undiscounted, total.discounted))
    return postings, categories


def check_core(replayed: Replay) -> Replay:
    """Compare a replayed patient with the same patient of the core engine.

    The core engine starts from patient 0, so the time that this takes grows with the number.

    Returns
    -------
    Replay
        The same, with the core engine as its engine.

    Raises
    ------
    ArithmeticError
        When an event differs in anything, or an amount by more than `CLOSE`.
    """
    # Imported here: a replay does not need the compiler.
    from sim.engine.compiled import core

    question = replace(replayed.question, patients=replayed.patient.number + 1)
    for life, amounts in zip(replayed.lives, core_amounts(question), strict=True):
        simulated = core.simulate(
            question.model, life.strategy, seed=question.seed, patients=question.patients
        )
        ((patient, log),) = deque(simulated, maxlen=1)
        differs = [] if patient == life.patient and log == list(life.log) else ["events"]
        for category, found in zip(Category, amounts.T.tolist(), strict=True):
            booked = life.categories[category]
            close = partial(isclose, rel_tol=CLOSE, abs_tol=ROUNDING)
            if not all(map(close, found, (booked.undiscounted, booked.discounted))):
                differs.append(category.label)
        if differs:
            raise ArithmeticError(
                f"the engines differ in the {differs[0]} of patient {life.patient.number} "
                f"under {life.strategy.name}"
            )
    return replace(replayed, engine="core")


def core_amounts(question: Question) -> Array:
    """Return the amounts of the last patient by the core engine: (strategy, kind, category)."""
    from sim.simulation.run import run

    rows: list[Array] = []

    def keep_last(_: int, __: Array, amounts: Array) -> None:
        rows[:] = [np.array(amounts[-1])]

    run(question, keep_patients=False, sink=keep_last)
    return rows[0]


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay in a health state, in days."""

    state: State
    start_days: float
    end_days: float


@dataclass(frozen=True, slots=True)
class Course:
    """Drug given: a stretch of infusion, or a cycle of a regimen that is given in doses."""

    cycle: int
    start_days: float
    end_days: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """One life; times in days, `paid` the discounted cost up to each of `paid_days`."""

    life: ReplayedLife
    stays: tuple[Stay, ...]
    courses: tuple[Course, ...]
    marks: tuple[Event, ...]
    paid_days: tuple[float, ...]
    paid: tuple[float, ...]

    @property
    def end_days(self) -> float:
        """The last day."""
        return self.life.log[-1].time_days


def timeline(life: ReplayedLife) -> Timeline:
    """Arrange a life for drawing."""
    stays = tuple(
        Stay(each.entry.state, each.entry.start_days, each.entry.end_days)
        for each in life.postings
        if each.entry.category == Category.LIFE
    )
    days, paid = _paid(life)
    return Timeline(
        life, stays, tuple(_courses(life)), tuple(_marks(life)), tuple(days), tuple(paid)
    )


def _marks(life: ReplayedLife) -> Iterator[Event]:
    for event in life.log:
        is_mild = event.kind == EventKind.TOXICITY and event.grade < SEVERE
        if EVENTS[event.kind].mark and not is_mild:
            yield event


def _courses(life: ReplayedLife) -> Iterator[Course]:
    hung: Event | None = None
    for place, event in enumerate(life.log):
        if event.kind == EventKind.INFUSION_STARTED and hung is None:
            hung = event
        elif event.kind == EventKind.INFUSION_STOPPED and hung is not None:
            yield Course(hung.cycle, hung.time_days, event.time_days)
            hung = None
        elif event.kind == EventKind.CYCLE_STARTED:
            regimen = life.strategy.regimens[event.line]
            if not regimen.continuous_infusion:
                schedule = regimen.schedule
                days = schedule.cycle_days if event.cycle else schedule.first_cycle_days
                rest = life.log[place + 1 :]
                ends = next(each.time_days for each in rest if each.kind in ENDS_A_CYCLE)
                yield Course(event.cycle, event.time_days, min(event.time_days + days, ends))


def _paid(life: ReplayedLife) -> tuple[list[float], list[float]]:
    """Return days and the discounted cost up to each; a step has its day twice.

    A cost that runs over time is spread evenly over its days, which discounting alters by less
    than a line is wide.
    """
    costs = [each.entry for each in life.postings if each.entry.category.account == Account.COST]
    end = life.log[-1].time_days
    between = (BETWEEN_DAYS * i for i in range(int(end / BETWEEN_DAYS) + 1))
    edges = sorted(
        {0.0, end, *between, *(e.start_days for e in costs), *(e.end_days for e in costs)}
    )
    days: list[float] = []
    paid: list[float] = []
    for day in edges:
        points = added(
            e.discounted for e in costs if e.start_days == e.end_days and e.start_days < day
        )
        running = added(
            e.discounted * min(1.0, (day - e.start_days) / (e.end_days - e.start_days))
            for e in costs
            if e.start_days < day and e.end_days > e.start_days
        )
        at_once = added(e.discounted for e in costs if e.start_days == e.end_days == day)
        days += [day, day]
        paid += [points + running, points + running + at_once]
    return days, paid
