"""Run a question: simulate the patients, read their outcomes, post their costs, count.

No result is impossible: the costs and effects of each patient are checked in every run. The checks
are in `sim.simulation.tally.is_impossible`. They take one comparison per number while patients are
counted; only when one fails are patients simulated again, to name the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, Literal

import numpy as np

from sim.clinic.events import Event
from sim.clinic.patient import Patient
from sim.economics.clerk import entries
from sim.economics.ledger import Account, Entry, State, days_in_hospital
from sim.engine.model import Strategy
from sim.engine.outcomes import outcome
from sim.engine.reference import simulate
from sim.engine.streams import blocks
from sim.errors import UserError
from sim.simulation.arms import Arm, comparator_place, make_arm
from sim.simulation.question import Question
from sim.simulation.tally import (
    ACCOUNT_OF,
    ACCOUNTS,
    CATEGORIES,
    DISCOUNTED,
    END,
    ROW,
    UNDISCOUNTED,
    UNIT,
    Counts,
    Sums,
    Tally,
    count_patient,
    is_impossible,
    new_counts,
    new_sums,
    new_values,
)

Array = np.ndarray[Any, Any]
_KINDS: Final = ((UNDISCOUNTED, "undiscounted"), (DISCOUNTED, "discounted"))


def refuse_impossible(question: Question, tally: Tally, first_patient: int = 0) -> None:
    """Refuse results in which the costs, QALYs or days in hospital of a patient are impossible.

    Parameters
    ----------
    question, tally
        The question and its counts.
    first_patient
        Number of the first patient who was counted.

    Raises
    ------
    UserError
        Naming the first such patient, the strategy, and the category with its amount.
    """
    found = int(tally.counts.impossible.sum())
    if not found:
        return
    raise UserError(
        f"{_first(question, tally, first_patient)}, which cannot be; so it is for {found:,} of "
        f"{tally.counts.impossible.size * tally.patients:,} lives, and there are no results",
        file=question.loaded.file,
    )


def _first(question: Question, tally: Tally, first_patient: int) -> str:
    # Loads the compiler, which is not needed while nothing is wrong.
    from sim.simulation.core_run import bind, new_room, run_unit_in

    bound = bind(question)
    room, counts = new_room(bound.keys), bound.counts(1)
    for start, count in blocks(tally.patients, UNIT):
        first = first_patient + start
        unit = run_unit_in(room, counts, bound, question.seed, first, count, keep=True)
        for patient, (rows, amounts) in enumerate(zip(unit.rows, unit.amounts, strict=True)):
            for s, strategy in enumerate(question.scenario.strategies):
                if is_impossible(amounts[s], 0.0, rows[s, END]):
                    who = f"patient {first + patient} under '{strategy.name}'"
                    return f"{who} has {_problem(amounts[s])}"
    return "a patient has more days in hospital than days alive"


def _problem(amounts: Array) -> str:
    """Describe the impossible amount of a patient."""
    for kind, word in _KINDS:
        for category, amount in zip(CATEGORIES, amounts[kind].tolist(), strict=True):
            negative = category.account == Account.COST and amount < 0.0
            if negative or not isfinite(amount):
                return f"{category.account}.{category.label} {amount:g} ({word})"
        qalys, years = (
            float(amounts[kind, ACCOUNT_OF == ACCOUNTS.index(account)].sum())
            for account in (Account.QALY, Account.LIFE_YEARS)
        )
        if qalys > years:
            return f"{qalys:g} QALYs in {years:g} life-years ({word})"
    return "amounts"


KEPT_AT_MOST: Final = 100_000
"""The command line stores the single patients up to this number, for exact medians."""
Engine = Literal["core", "reference"]
Progress = Callable[[int], None]
Sink = Callable[[int, np.ndarray[Any, Any], np.ndarray[Any, Any]], None]


@dataclass(frozen=True)
class Trace:
    """One patient's log and ledger under one strategy."""

    strategy: str
    regimens: tuple[str, ...]
    patient: Patient
    log: Sequence[Event]
    ledger: Sequence[Entry]


@dataclass(frozen=True)
class Simulation:
    """A question and its simulated patients.

    `arms` holds the single patients, when they were stored; `tally` the counts of all.
    """

    question: Question
    arms: tuple[Arm, ...]
    traces: tuple[Trace, ...]
    engine: str
    tally: Tally = field(default_factory=lambda: Tally(0, 0, new_sums(0), new_counts(0)))

    def arm(self, name: str) -> Arm:
        """Return the arm of a strategy.

        Raises
        ------
        LookupError
            When the patients were not stored.
        """
        if not self.arms:
            message = "the single patients were not kept; run with keep_patients=True"
            raise LookupError(message)
        return next(arm for arm in self.arms if arm.strategy.name == name)


def run(
    question: Question,
    *,
    engine: Engine = "core",
    trace: int = 0,
    keep_patients: bool = True,
    threads: int | None = None,
    progress: Progress = lambda _: None,
    sink: Sink | None = None,
) -> Simulation:
    """Simulate every strategy of the question in the same patients.

    Parameters
    ----------
    question
        The question.
    engine
        ``core`` is compiled; ``reference`` is SimPy. Both run the same patient pathway.
    trace
        Store log and ledger of this many first patients.
    keep_patients
        Store outcomes and amounts of every patient; memory then grows with their number.
    threads
        Of the core engine; by default as many as there are processors. Results do not depend
        on it.
    progress
        Called with the number of patients finished since the last call, strategies counted.
    sink
        Takes the single patients as they are finished: the number of the first, outcome rows
        (patient, strategy, column of `ROW`) and amounts (patient, strategy, undiscounted or
        discounted, category).

    Raises
    ------
    UserError
        When costs, QALYs or days in hospital of a patient are impossible.
    """
    traced = traces(question, min(trace, question.patients))
    if engine == "reference":
        arms, tally = _reference(question, progress, sink)
    else:
        from sim.simulation.core_run import run_core

        arms, tally = run_core(
            question, keep_patients=keep_patients, threads=threads, progress=progress, sink=sink
        )
    refuse_impossible(question, tally)
    return Simulation(question, arms if keep_patients else (), traced, engine, tally)


def _reference(
    question: Question, progress: Progress, sink: Sink | None
) -> tuple[tuple[Arm, ...], Tally]:
    strategies = question.model.strategies
    n, count = question.patients, len(strategies)
    rows = np.zeros((n, count, len(ROW)))
    amounts = np.zeros((n, count, 2, len(CATEGORIES)))
    stays = np.zeros((n, count))
    sums, counts = new_sums(count), new_counts(count)
    for s, strategy in enumerate(strategies):
        _move(question, strategy, rows[:, s], amounts[:, s], stays[:, s], sums.cells[s], progress)
    comparator = comparator_place(question)
    _count(sums, counts, rows, amounts, stays, comparator)
    if sink is not None:
        sink(0, rows, amounts)
    arms = tuple(
        make_arm(strategy, rows[:, s], amounts[:, s], sums.cells[s])
        for s, strategy in enumerate(strategies)
    )
    return arms, Tally(n, comparator, sums, counts)


def _move(
    question: Question,
    strategy: Strategy,
    rows: np.ndarray[Any, Any],
    amounts: np.ndarray[Any, Any],
    stays: np.ndarray[Any, Any],
    cells: np.ndarray[Any, Any],
    progress: Progress,
) -> None:
    regimens = tuple(regimen.name for regimen in strategy.regimens)
    column = {category: i for i, category in enumerate(CATEGORIES)}
    place = {state: i for i, state in enumerate(State)}
    simulated = simulate(question.model, strategy, seed=question.seed, patients=question.patients)
    for patient, log in simulated:
        ledger = entries(question.accounts, regimens, patient, log)
        for entry in ledger:
            category = column[entry.category]
            amounts[patient.number, UNDISCOUNTED, category] += entry.undiscounted
            amounts[patient.number, DISCOUNTED, category] += entry.discounted
            cell = cells[category, entry.line, place[entry.state]]
            cell[UNDISCOUNTED] += entry.undiscounted
            cell[DISCOUNTED] += entry.discounted
        stays[patient.number] = days_in_hospital(ledger)
        row = outcome(log)
        rows[patient.number] = (*row, row.rfs_days, row.efs_days)
        progress(1)


def _count(
    sums: Sums,
    counts: Counts,
    rows: np.ndarray[Any, Any],
    amounts: np.ndarray[Any, Any],
    stays: np.ndarray[Any, Any],
    comparator: int,
) -> None:
    values = new_values(rows.shape[1])
    for patient in range(rows.shape[0]):
        count_patient(
            sums, counts, rows[patient], amounts[patient], stays[patient], values, comparator
        )


def traces(question: Question, patients: int) -> tuple[Trace, ...]:
    """Return log and ledger of the first patients under each strategy."""
    found: list[Trace] = []
    if not patients:
        return ()
    for strategy in question.model.strategies:
        regimens = tuple(regimen.name for regimen in strategy.regimens)
        for patient, log in simulate(
            question.model, strategy, seed=question.seed, patients=patients
        ):
            ledger = entries(question.accounts, regimens, patient, log)
            found.append(Trace(strategy.name, regimens, patient, log, ledger))
    return tuple(found)
