"""The scenario under examination, its simulated lives, and lives under changes of it.

Everything is computed when a check first asks for it, and once. All lives have the same random
numbers, so that lives under a change can be compared patient by patient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from sim.analyses.shared.paired_runs import with_values
from sim.analyses.shared.ranges import given_values
from sim.clinic.patient import Patient
from sim.economics.estimates import Array
from sim.economics.ledger import Account, Category
from sim.engine.reference import enrol
from sim.engine.streams import Streams
from sim.scenario.loading import changed_scenario
from sim.simulation.question import Question, with_numbers
from sim.simulation.run import Trace, run, traces
from sim.simulation.tally import ACCOUNT_OF, ACCOUNTS, CATEGORIES, ROW, Tally

PATIENTS: Final = 2_000
"""Of each set of lives."""
LOGS: Final = 200
"""Patients whose event logs and ledgers are examined."""
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Lives:
    """The lives of the same patients under each strategy.

    Attributes
    ----------
    rows
        Outcomes: (patient, strategy, column of `ROW`).
    amounts
        Costs and effects: (patient, strategy, undiscounted or discounted, category).
    """

    question: Question
    rows: Array
    amounts: Array
    tally: Tally

    def outcome(self, name: str) -> Array:
        """Return an outcome of `ROW`; shape (patients, strategies)."""
        found: Array = self.rows[:, :, ROW.index(name)]
        return found

    def amount(self, category: Category) -> Array:
        """Return the discounted amounts of a category; shape (patients, strategies)."""
        found: Array = self.amounts[:, :, 1, CATEGORIES.index(category)]
        return found

    def total(self, account: Account, *, discounted: bool = True) -> Array:
        """Return the sums of an account; shape (patients, strategies)."""
        of_account = ACCOUNT_OF == ACCOUNTS.index(account)
        found: Array = self.amounts[:, :, int(discounted), of_account].sum(axis=-1)
        return found


class Subject:
    """A scenario to examine.

    Parameters
    ----------
    question
        The question; its own number of patients does not matter.
    threads
        Of the core engine.
    """

    def __init__(self, question: Question, threads: int | None = None) -> None:
        self.question = replace(question, patients=PATIENTS)
        self._threads = threads
        self._lives: dict[str, Lives] = {}

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies."""
        return [strategy.name for strategy in self.question.scenario.strategies]

    @property
    def comparator(self) -> int:
        """The place of the comparator among the strategies."""
        return self.strategies.index(self.question.scenario.comparator_name)

    @cached_property
    def patients(self) -> list[Patient]:
        """The patients as they enter."""
        count = self.question.patients
        luck = Streams(self.question.seed, 0, count)
        return [enrol(number, self.question.model, luck) for number in range(count)]

    @cached_property
    def lives(self) -> Lives:
        """The lives of the scenario as it stands."""
        return self.simulated(self.question)

    @cached_property
    def logs(self) -> tuple[Trace, ...]:
        """Event logs and ledgers of the first patients under each strategy (reference engine)."""
        return traces(self.question, LOGS)

    def used(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """Return those numbers whose parameters the scenario uses."""
        return {name: value for name, value in numbers.items() if name in self.question.used}

    def named(self, *prefixes: str) -> list[str]:
        """Return the names of the parameters used that begin with one of the prefixes."""
        return sorted(name for name in self.question.used if name.startswith(prefixes))

    def times(self, names: Iterable[str], factor: float) -> dict[str, float]:
        """Return the values of parameters multiplied by a factor."""
        return {name: factor * self.question.numbers[name] for name in names}

    def under(
        self,
        numbers: Mapping[str, float] | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Lives:
        """Return the lives under other numbers, or changes of the scenario's keys, or both.

        Parameters
        ----------
        numbers
            Values by parameter name.
        changes
            Keys of the scenario file, such as ``{"switches": {"toxicity": False}}``.
        """
        numbers, changes = dict(numbers or {}), dict(changes or {})
        key = repr((sorted(numbers.items()), changes))
        if key not in self._lives:
            self._lives[key] = self.simulated(self.asked(numbers, changes))
        return self._lives[key]

    def asked(self, numbers: Mapping[str, float], changes: Mapping[str, Any]) -> Question:
        """Return the question under other numbers and changes of the scenario's keys."""
        question = self.question
        if changes:
            loaded = changed_scenario(question.loaded, changes, question.catalogue, leave_out=True)
            question = with_values(question, given_values(question), loaded)
        return with_numbers(question, numbers) if numbers else question

    def simulated(self, question: Question) -> Lives:
        """Simulate a question and return its lives."""
        rows: list[Array] = []
        amounts: list[Array] = []

        def keep(_first: int, some: Array, paid: Array) -> None:
            rows.append(some)
            amounts.append(paid)

        done = run(question, keep_patients=False, threads=self._threads, sink=keep)
        return Lives(question, np.concatenate(rows), np.concatenate(amounts), done.tally)


def once(make: Callable[[Subject], _Made]) -> Callable[[Subject], _Made]:
    """Call `make` once for each subject, when a check first asks for the result."""
    kept: WeakKeyDictionary[Subject, _Made] = WeakKeyDictionary()

    @wraps(make)
    def found(subject: Subject) -> _Made:
        if subject not in kept:
            kept[subject] = make(subject)
        return kept[subject]

    return found
