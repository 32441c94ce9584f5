"""A check: a claim about the model, the standard that asks for it, and its finding.

The words of all checks are in `checks.yaml`. The function of a check's name, in the module of its
group, examines a `Subject`, the scenario with its simulated lives, and returns a `Finding`. It is a
few lines; what several need belongs to the subject.

Of a subject everything is computed when a check first asks for it, and once. All its lives have the
same random numbers, so that lives under a change can be compared patient by patient.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from importlib import import_module, resources
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from sim.analyses.shared.paired_runs import with_values
from sim.analyses.shared.ranges import given_values
from sim.clinic.patient import Patient
from sim.economics.estimates import Array
from sim.economics.ledger import Account, Category
from sim.engine.reference import enrol
from sim.engine.streams import Streams
from sim.errors import UserError
from sim.files.documents import read_yaml
from sim.scenario.loading import changed_scenario
from sim.simulation.question import Question, with_numbers
from sim.simulation.run import Trace, run, traces
from sim.simulation.tally import ACCOUNT_OF, ACCOUNTS, CATEGORIES, ROW, Tally

CHECKS: Final = Path(str(resources.files(__package__) / "checks.yaml"))
MODULES: Final = {"randomness": "engines", "decisions": "economics", "calibration": "inputs"}
"""The modules of the groups that are not in one of their own name."""
MOST_STANDARD_ERRORS: Final = 4.0
"""A random number is off where it is further away: once in 16,000 checks by chance."""
ROUNDING: Final = 1e-9
"""Relative difference of numbers that are equal but for rounding."""
NAMED_AT_MOST: Final = 3
"""Of what is wrong, in a finding."""
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
        return self.question.strategy_names

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
        self, numbers: Mapping[str, float] | None = None, changes: Mapping[str, Any] | None = None
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


@dataclass(frozen=True)
class Finding:
    """The observation of a check, the limit it is held to, and the verdict.

    Attributes
    ----------
    observed, allowed
        In words, with their numbers and units.
    passed
        None where the check does not apply to the scenario; `why` then says so.
    """

    observed: str
    allowed: str
    passed: bool | None
    why: str = ""


class DoesNotApply(Exception):
    """A check has nothing to examine in this scenario."""


@dataclass(frozen=True)
class Check:
    """A check as `checks.yaml` words it.

    Attributes
    ----------
    identifier
        Group and number, such as ``flow.3``; it never changes.
    function
        Returns the finding, or raises `DoesNotApply`.
    claim, standard, advice
        A sentence that is true of a correct model, the checklist items that ask for it, and what to
        look at when it fails.
    """

    identifier: str
    function: Callable[[Subject], Finding]
    claim: str
    standard: str
    advice: str

    @property
    def group(self) -> str:
        """The group of the check."""
        return self.identifier.partition(".")[0]

    @property
    def name(self) -> str:
        """The name of its function."""
        return self.function.__name__

    def examine(self, subject: Subject) -> Finding:
        """Return what the check finds."""
        try:
            return self.function(subject)
        except DoesNotApply as reason:
            return Finding("–", "–", None, str(reason))


def checks_of(groups: Collection[str] | None = None) -> tuple[Check, ...]:
    """Return the checks of some groups, or all, in the order in which they are reported.

    Raises
    ------
    UserError
        When there is no group of such a name.
    """
    words = read_yaml(CHECKS).data
    for name in groups or ():
        if name not in words:
            raise UserError("is no group of checks", key="--group", value=name, choices=[*words])
    return tuple(
        Check(f"{group}.{number}", getattr(_module_of(group), name), **of_check)
        for group in words
        if groups is None or group in groups
        for number, (name, of_check) in enumerate(words[group].items(), start=1)
    )


def _module_of(group: str) -> ModuleType:
    return import_module(f"{__package__}.{MODULES.get(group, group)}")


def only_where(applies: object, why: str) -> None:
    """Raise `DoesNotApply` where there is nothing to examine."""
    if not applies:
        raise DoesNotApply(why)


def none_of(wrong: npt.ArrayLike, what: str, of: int | None = None) -> Finding:
    """Return a finding that passes where nothing is wrong, of at least one that was looked at.

    Parameters
    ----------
    wrong
        Yes or no for each that was looked at, or their number.
    what
        The things looked at, in the plural.
    of
        Their number, where `wrong` does not hold each.
    """
    count, looked_at = int(np.sum(wrong)), np.size(wrong) if of is None else of
    only_where(looked_at, f"there are no {what}")
    return Finding(f"{count:,} of {looked_at:,} {what}", "0", count == 0)


def of_each_life(wrong: Callable[[Trace], bool]) -> Callable[[Subject], Finding]:
    """Make a check that finds none of the logged lives to be wrong."""

    @wraps(wrong)
    def check(subject: Subject) -> Finding:
        return none_of([wrong(life) for life in subject.logs], "lives")

    return check


def none_of_these(wrong: Iterable[str], of: int, what: str) -> Finding:
    """Return a finding that passes where nothing is wrong, and names the first that are."""
    names = list(wrong)
    why = ", ".join(names[:NAMED_AT_MOST]) + ", …" * (len(names) > NAMED_AT_MOST)
    return replace(none_of(len(names), what, of), why=why)


def equal(
    observed: npt.ArrayLike, expected: npt.ArrayLike, what: str, rounding: float = ROUNDING
) -> Finding:
    """Return a finding that passes where all numbers are equal but for rounding."""
    found, wanted, scale = _with_scale(observed, expected)
    only_where(found.size, f"there are no {what}")
    largest = float(np.where(found == wanted, 0.0, np.abs(found - wanted) / scale).max())
    text = f"largest relative difference of {found.size:,} {what}: {largest:.1e}"
    return Finding(text, f"at most {rounding:.0e}", largest <= rounding)


def never_above(lower: npt.ArrayLike, upper: npt.ArrayLike, what: str) -> Finding:
    """Return a finding that passes where no number is above its counterpart, but for rounding."""
    low, high, scale = _with_scale(lower, upper)
    return none_of(low > high + ROUNDING * scale, what)


def _with_scale(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> tuple[Array, Array, Array]:
    """Return numbers of one shape, and their size, of at least 1."""
    mine, other = np.broadcast_arrays(np.asarray(ours, float), np.asarray(theirs, float))
    return mine, other, np.maximum(np.maximum(np.abs(mine), np.abs(other)), 1.0)
