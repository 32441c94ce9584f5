"""Run a question: move the patients, read their outcomes, keep their books."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sim.clinic.events import Event
from sim.clinic.patient import Patient
from sim.economics.accounting import entries
from sim.economics.estimates import Array
from sim.economics.ledger import Account, Category, Entry, State
from sim.engine.model import Strategy
from sim.engine.outcomes import Outcome, outcome
from sim.engine.reference import simulate
from sim.study.question import Question

Cell = tuple[Category, int, State]
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Trace:
    """One patient's log and ledger under one strategy."""

    strategy: str
    regimens: tuple[str, ...]
    patient: Patient
    log: Sequence[Event]
    ledger: Sequence[Entry]


@dataclass
class Arm:
    """All patients under one strategy.

    Attributes
    ----------
    outcomes
        One row per patient with the columns of `Outcome`, `rfs_days` and `efs_days`.
    discounted, undiscounted
        One row per patient, one column per category of the ledger, in the order of `Category`.
    cells
        Sums over patients by category, line and state: (undiscounted, discounted).
    """

    strategy: Strategy
    outcomes: pd.DataFrame
    discounted: Array
    undiscounted: Array
    cells: dict[Cell, tuple[float, float]] = field(default_factory=dict)

    def total(self, account: Account, *, discounted: bool = True) -> Array:
        """Sum the categories of an account, patient by patient."""
        amounts = self.discounted if discounted else self.undiscounted
        columns = [i for i, category in enumerate(Category) if category.account == account]
        totals: Array = amounts[:, columns].sum(axis=1)
        return totals

    def category(self, category: Category, *, discounted: bool = True) -> Array:
        """Return a category of the ledger, patient by patient."""
        amounts = self.discounted if discounted else self.undiscounted
        column: Array = amounts[:, list(Category).index(category)]
        return column


@dataclass(frozen=True)
class Simulation:
    """A question and its simulated patients."""

    question: Question
    arms: tuple[Arm, ...]
    traces: tuple[Trace, ...]
    engine: str

    def arm(self, name: str) -> Arm:
        """Return the arm of a strategy."""
        return next(arm for arm in self.arms if arm.strategy.name == name)


def run(question: Question, *, trace: int = 0, progress: Progress = lambda _: None) -> Simulation:
    """Simulate every strategy of the question in the same patients.

    Parameters
    ----------
    question
        What is asked.
    trace
        Keep log and ledger of this many first patients.
    progress
        Called with the number of patients finished since the last call.
    """
    arms, traces = [], []
    for strategy in question.model.strategies:
        arm, kept = _arm(question, strategy, trace, progress)
        arms.append(arm)
        traces.extend(kept)
    return Simulation(question, tuple(arms), tuple(traces), engine="reference")


def _arm(
    question: Question, strategy: Strategy, trace: int, progress: Progress
) -> tuple[Arm, list[Trace]]:
    regimens = tuple(regimen.name for regimen in strategy.regimens)
    column = {category: i for i, category in enumerate(Category)}
    amounts = np.zeros((2, question.patients, len(column)))
    cells: dict[Cell, tuple[float, float]] = {}
    rows: list[tuple[Any, ...]] = []
    traces = []
    simulated = simulate(question.model, strategy, seed=question.seed, patients=question.patients)
    for patient, log in simulated:
        ledger = entries(question.accounts, regimens, patient, log)
        for entry in ledger:
            place = column[entry.category]
            amounts[0, patient.number, place] += entry.undiscounted
            amounts[1, patient.number, place] += entry.discounted
            cell = (entry.category, entry.line, entry.state)
            plain, present = cells.get(cell, (0.0, 0.0))
            cells[cell] = (plain + entry.undiscounted, present + entry.discounted)
        row = outcome(log)
        rows.append((*row, row.rfs_days, row.efs_days))
        if patient.number < trace:
            traces.append(Trace(strategy.name, regimens, patient, log, ledger))
        progress(1)
    outcomes = pd.DataFrame(rows, columns=[*Outcome._fields, "rfs_days", "efs_days"])
    return Arm(strategy, outcomes, amounts[1], amounts[0], cells), traces
