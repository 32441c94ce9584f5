"""Run a question: simulate the patients, read their outcomes, post their costs, count.

No result is impossible: the costs and effects of each patient are checked in every run. The checks
are in `sim.simulation.tally.is_impossible`. They take one comparison per number while patients are
counted; only when one fails are patients simulated again, to name the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from sim.clinic.events import Event
from sim.clinic.patient import Patient
from sim.economics.clerk import entries
from sim.economics.incremental import PatientTotals
from sim.economics.ledger import Account, Category, Entry, State, days_in_hospital
from sim.engine.model import Strategy
from sim.engine.outcomes import FLAGS, outcome
from sim.engine.reference import enrol, simulate
from sim.engine.streams import Streams, blocks
from sim.errors import UserError
from sim.simulation.observables import Observable
from sim.simulation.provenance import fingerprint
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
    Tally,
    count_patient,
    is_impossible,
    new_counts,
    new_sums,
    new_values,
)

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]
Cell = tuple[Category, int, State]
KEPT_AT_MOST: Final = 100_000
"""The command line stores the single patients up to this number, for exact medians."""
_known: ContextVar[tuple[tuple[str, tuple[Observable, ...]], Tally] | None] = ContextVar(
    "known", default=None
)
Engine = Literal["core", "reference"]
Progress = Callable[[int], None]
Sink = Callable[[int, Array, Array], None]
Baselines = Callable[[int, int], Array]
"""Returns the baseline of the `count` patients from `first` on.

Its shape is (count, characteristics), the fields of `sim.clinic.patient.Given`.
"""


@dataclass
class Arm:
    """All patients under one strategy.

    Attributes
    ----------
    rows
        Outcomes, one row per patient with the columns of `ROW`.
    discounted, undiscounted
        One row per patient, one column per category of the ledger, in the order of `Category`.
    cells
        Sums over patients by category, line and state: (undiscounted, discounted).
    """

    strategy: Strategy
    rows: Array
    discounted: Array
    undiscounted: Array
    cells: dict[Cell, tuple[float, float]] = field(default_factory=dict)

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """The rows as a table, marks as booleans."""
        import pandas as pd

        table = pd.DataFrame(self.rows, columns=list(ROW))
        kinds = dict.fromkeys(ROW[:FLAGS], bool)
        return table.astype(kinds | {"cycles_first_line": int, "cause_of_death": int})

    def outcome(self, name: str) -> Array:
        """Return a column of the rows, patient by patient."""
        return self.rows[:, ROW.index(name)]

    def total(self, account: Account, *, discounted: bool = True) -> Array:
        """Sum the categories of an account, patient by patient."""
        amounts = self.discounted if discounted else self.undiscounted
        columns = [i for i, category in enumerate(CATEGORIES) if category.account == account]
        totals: Array = amounts[:, columns].sum(axis=1)
        return totals

    def category(self, category: Category, *, discounted: bool = True) -> Array:
        """Return a category of the ledger, patient by patient."""
        amounts = self.discounted if discounted else self.undiscounted
        return amounts[:, CATEGORIES.index(category)]

    @property
    def totals(self) -> PatientTotals:
        """Each patient's discounted cost, QALYs and life-years."""
        accounts = (Account.COST, Account.QALY, Account.LIFE_YEARS)
        return PatientTotals(self.strategy.name, *(self.total(account) for account in accounts))


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
        rows, amounts, tally = _reference(question, progress, sink)
    else:
        from sim.simulation.core_run import run_core

        rows, amounts, tally = run_core(
            question, keep_patients=keep_patients, threads=threads, progress=progress, sink=sink
        )
    refuse_impossible(question, tally)
    arms = [
        _arm(strategy, rows[:, s], amounts[:, s], tally.sums.cells[s])
        for s, strategy in enumerate(question.model.strategies if keep_patients else ())
    ]
    return Simulation(question, tuple(arms), traced, engine, tally)


@contextmanager
def counts_known(simulation: Simulation) -> Iterator[None]:
    """Take the counts of a question from its simulation wherever `counted` is asked for them."""
    token = _known.set((_asked(simulation.question), simulation.tally))
    try:
        yield
    finally:
        _known.reset(token)


def counted(question: Question, *, threads: int | None = None, progress: Progress) -> Tally:
    """Return the counts of a question on the core engine; parameters as for `run`."""
    known = _known.get()
    if known is not None and known[0] == _asked(question):
        progress(question.patients * len(question.model.strategies))
        return known[1]
    return run(question, keep_patients=False, threads=threads, progress=progress).tally


def _asked(question: Question) -> tuple[str, tuple[Observable, ...]]:
    return fingerprint(question), question.observables


def _arm(strategy: Strategy, rows: Array, amounts: Array, cells: Array) -> Arm:
    """Build an arm from outcome rows, amounts (patient, kind, category) and the sums of cells."""
    filled = {
        (category, line, state): (float(cell[0]), float(cell[1]))
        for category, by_line in zip(CATEGORIES, cells, strict=True)
        for line, by_state in enumerate(by_line)
        for state, cell in zip(State, by_state, strict=True)
        if cell.any()
    }
    return Arm(strategy, rows, amounts[:, DISCOUNTED], amounts[:, UNDISCOUNTED], filled)


def _reference(
    question: Question, progress: Progress, sink: Sink | None
) -> tuple[Array, Array, Tally]:
    n, strategies = question.patients, question.model.strategies
    rows = np.zeros((n, len(strategies), len(ROW)))
    amounts = np.zeros((n, len(strategies), 2, len(CATEGORIES)))
    stays = np.zeros((n, len(strategies)))
    sums, counts = new_sums(len(strategies)), new_counts(len(strategies))
    column = {category: i for i, category in enumerate(CATEGORIES)}
    place = {state: i for i, state in enumerate(State)}
    for s, strategy in enumerate(strategies):
        for trace in _traced(question, strategy, n):
            number = trace.patient.number
            for entry in trace.ledger:
                both = (entry.undiscounted, entry.discounted)
                amounts[number, s, :, column[entry.category]] += both
                sums.cells[s, column[entry.category], entry.line, place[entry.state]] += both
            stays[number, s] = days_in_hospital(trace.ledger)
            row = outcome(trace.log)
            rows[number, s] = (*row, row.rfs_days, row.efs_days)
            progress(1)
    values, comparator = new_values(len(strategies)), question.comparator_place
    for each in zip(rows, amounts, stays, strict=True):
        count_patient(sums, counts, *each, values, comparator)
    if sink is not None:
        sink(0, rows, amounts)
    return rows, amounts, Tally(n, comparator, sums, counts)


def traces(question: Question, patients: int) -> tuple[Trace, ...]:
    """Return log and ledger of the first patients under each strategy."""
    if not patients:
        return ()
    strategies = question.model.strategies
    return tuple(trace for each in strategies for trace in _traced(question, each, patients))


def _traced(question: Question, strategy: Strategy, patients: int) -> Iterator[Trace]:
    regimens = tuple(regimen.name for regimen in strategy.regimens)
    for patient, log in simulate(question.model, strategy, seed=question.seed, patients=patients):
        ledger = entries(question.accounts, regimens, patient, log)
        yield Trace(strategy.name, regimens, patient, log, ledger)


def baselines_of(question: Question, engine: str = "core") -> Baselines:
    """Return the baseline of the question's patients by their numbers, as the engine has it."""
    model, seed = question.model, question.seed

    def by_reference(first: int, count: int) -> Array:
        luck = Streams(seed, first, count)
        return np.array(
            [enrol(i, model, luck)[1:] for i in range(first, first + count)], dtype=float
        )

    def by_core(first: int, count: int) -> Array:
        # Loads the compiler, which the other engine does not need.
        from sim.engine.compiled.baseline import baselines

        found: Array = baselines(model, seed, first, count)
        return found

    return by_reference if engine == "reference" else by_core


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
    for kind, word in ((UNDISCOUNTED, "undiscounted"), (DISCOUNTED, "discounted")):
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
