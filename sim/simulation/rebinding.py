"""A question bound once, then bound again for one parameter set after another.

Model and prices are made of parts, each of which reads a few named numbers and fills a place in the
records that compiled code reads. A parameter set fills the parts whose numbers it changes, and
those that the set before it in the same row had changed. The result equals, bit for bit, that of
`sim.simulation.core_run.bind` for the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from sim.economics.price_records import fill_price_part, fill_regimen_tariff
from sim.economics.prices import Delivered, regimen_prices, unit_costs, usual_care_days
from sim.economics.utilities import decrements, population_norms, state_utilities
from sim.engine.compiled.records import fill_field
from sim.engine.data import Data
from sim.engine.model import REGIMEN_PARTS, RULES, RegimenPlan
from sim.engine.values import Values
from sim.scenario.binding import discounting
from sim.simulation.core_run import bind
from sim.simulation.question import Question, with_numbers
from sim.simulation.unit import Sets

THRESHOLDS: Final = "perspective.threshold"
"""Parameters that judge a result and do not change it."""

Make = Callable[[Values], Any]
Fill = Callable[["Row", Any], None]


class Row(NamedTuple):
    """The records of one parameter set."""

    rules: Data
    regimens: list[Data]
    tariff: Data
    regimen_tariffs: list[Data]


class Part(NamedTuple):
    """A part of the records: how it is made of numbers, and how it is written into a row."""

    make: Make
    fill: Fill


class Rebinder:
    """Rows of records, each with a question under a parameter set.

    Parameters
    ----------
    question
        The question; a set names only the numbers that it changes.
    rows
        How many parameter sets fit in at once.

    Attributes
    ----------
    sets
        The records.

    Raises
    ------
    ValueError
        When the question uses a number that no part reads.
    """

    def __init__(self, question: Question, rows: int) -> None:
        self.question = question
        # Each row has an address of its own, also where numpy would share one.
        self.sets = Sets(
            *(np.repeat(array, rows, axis=0).view(np.recarray) for array in bind(question).sets)
        )
        self._rows = [
            Row(*each)
            for each in zip(
                self.sets.rules,
                map(list, self.sets.regimens),
                self.sets.tariffs,
                map(list, self.sets.regimen_tariffs),
                strict=True,
            )
        ]
        self._parts = tuple(_parts(question))
        self._parts_of: dict[str, set[int]] = {}
        for place, part in enumerate(self._parts):
            values = question.values()
            part.make(values)
            for name in values.used:
                self._parts_of.setdefault(name, set()).add(place)
        unread = {name for name in question.used if not name.startswith(THRESHOLDS)}
        unread -= self._parts_of.keys()
        if unread:
            message = f"no part of the records reads {', '.join(sorted(unread))}"
            raise ValueError(message)
        self._changed: list[set[int]] = [set() for _ in range(rows)]

    def first(self, rows: int) -> Sets:
        """Return the first rows alone."""
        sets = self.sets
        return Sets(
            sets.rules[:rows],
            sets.regimens[:rows],
            sets.tariffs[:rows],
            sets.regimen_tariffs[:rows],
        )

    def bind(self, row: int, numbers: Mapping[str, float]) -> Question:
        """Write the question with these numbers into a row, and return it."""
        asked = with_numbers(self.question, numbers)
        before = self.question.numbers
        changed: set[int] = set()
        for name, value in numbers.items():
            if name not in before:
                # A name may be replaced by its variant in this setting.
                changed = set(range(len(self._parts)))
                break
            if before[name] != value:
                changed |= self._parts_of.get(name, set())
        values, records = asked.values(), self._rows[row]
        for place in changed | self._changed[row]:
            part = self._parts[place]
            part.fill(records, part.make(values))
        self._changed[row] = changed
        return asked


def _parts(question: Question) -> Iterator[Part]:
    for name in RULES:
        yield _part_of_rules(question, name)
    regimens = {plan.name: plan for arm in question.plans for plan in arm.regimens}
    deliveries = {each.name: each for each in question.deliveries}
    for place, plan in enumerate(regimens.values()):
        for name in REGIMEN_PARTS:
            yield _part_of_regimen(question, name, place, plan)
        yield _part_of_prices(question, place, deliveries[plan.name])
    capped = question.scenario.switches.utility_age_cap
    accounts: dict[str, Make] = {
        "prices": unit_costs,
        "usual_care_days": usual_care_days,
        "utilities": state_utilities,
        "decrements": decrements,
        "norms": lambda values: population_norms(values, capped=capped),
        "discounting": lambda values: discounting(question.scenario, values),
    }
    for name, make in accounts.items():
        yield _part_of_tariff(name, make)


def _part_of_rules(question: Question, name: str) -> Part:
    settings, make = question.settings, RULES[name]
    return Part(
        lambda values: make(values, settings),
        lambda row, bound: fill_field(row.rules, name, bound),
    )


def _part_of_regimen(question: Question, name: str, place: int, plan: RegimenPlan) -> Part:
    settings, make = question.settings, REGIMEN_PARTS[name]
    return Part(
        lambda values: make(plan, values, settings),
        lambda row, bound: fill_field(row.regimens[place], name, bound),
    )


def _part_of_prices(question: Question, place: int, delivery: Delivered) -> Part:
    def make(values: Values) -> Any:  # noqa: ANN401
        costs, _ = discounting(question.scenario, values)
        return regimen_prices(values, delivery), costs.force_per_day

    return Part(
        make,
        lambda row, made: fill_regimen_tariff(row.regimen_tariffs[place], *made),
    )


def _part_of_tariff(name: str, make: Make) -> Part:
    return Part(make, lambda row, numbers: fill_price_part(row.tariff, name, numbers))
