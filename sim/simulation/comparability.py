"""The differences between two questions, and whether one analysis may pool their answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sim.clinic.mortality import LifeTable
from sim.scenario.schema import Strategy
from sim.simulation.outcome_units import per_qaly
from sim.simulation.question import Question

MAY_DIFFER: Final = frozenset(
    {"title", "description", "patients", "seed", "strategies", "comparator", "what_ifs"}
)
"""Keys that may differ between scenarios that are pooled; all others must be equal."""
COMPARATOR: Final = "comparator"
THRESHOLDS: Final = "thresholds"
PRICE: Final = "cost."
"""Prefixes of the parameters that are a payer's own prices."""
ONE_BY_ONE: Final = frozenset({"strategies", "parameters"})
UNSAID: Final = (MAY_DIFFER - {COMPARATOR}) | ONE_BY_ONE
"""Texts, keys that are made equal, keys that are compared one by one, and other questions."""
SCENARIO: Final = "scenario"
STRATEGY: Final = "strategy"
PARAMETER: Final = "parameter"
DIGITS: Final = 8
"""Of the hash that distinguishes the contents of two life tables."""


@dataclass(frozen=True)
class InputDifference:
    """A key of the scenarios, a strategy or a parameter that is not the same in all.

    `values` are those of the scenarios, in their order; None where a scenario lacks it.
    """

    kind: str
    name: str
    unit: str
    values: tuple[object, ...]


def input_differences(questions: Sequence[Question]) -> Iterator[InputDifference]:
    """Yield the differences between the questions: keys, then strategies, then parameters.

    A value that a scenario leaves to its perspective is compared as the perspective gives it. A
    parameter is compared among the scenarios that use it.
    """
    for kind, tables in (
        (SCENARIO, [_keys(question) for question in questions]),
        (STRATEGY, [_strategies(question) for question in questions]),
        (PARAMETER, [_parameters(question) for question in questions]),
    ):
        for name in dict.fromkeys(name for table in tables for name in table):
            values = tuple(table.get(name) for table in tables)
            given = [value for value in values if value is not None or kind != PARAMETER]
            if any(value != given[0] for value in given[1:]):
                shown = tuple(v.shown if isinstance(v, _LifeTables) else v for v in values)
                yield InputDifference(kind, name, _unit(questions, name), shown)


def same_money(one: Question, other: Question) -> bool:
    """Return whether costs are in the same currency of the same year."""
    return one.perspective.money == other.perspective.money


def not_poolable(questions: Sequence[Question]) -> tuple[str, ...]:
    """Return the differences that exclude one incremental analysis of all questions.

    Strategies are alternatives only in one model, for the same people and the same payer: nothing
    may differ but `MAY_DIFFER` and prices, the parameters ``cost.*``.
    """
    found = input_differences(questions)
    return tuple(each.name for each in found if not _may_differ(each, questions))


def _may_differ(difference: InputDifference, questions: Sequence[Question]) -> bool:
    if difference.kind == STRATEGY:
        return True
    if difference.kind == PARAMETER:
        return difference.name.startswith(PRICE)
    return difference.name in MAY_DIFFER and not (
        # Then the comparator's remissions are part of how every strategy works.
        difference.name == COMPARATOR
        and not all(each.scenario.switches.benefit_after_stopping for each in questions)
    )


def same_people(one: Question, other: Question) -> bool:
    """Return whether patient i is the same person in both: the same population, undisturbed."""
    if one.scenario.population != other.scenario.population:
        return False
    names = one.catalogue.populations[one.scenario.population].parameters
    return all(one.numbers[name] == other.numbers[name] for name in names)


def _keys(question: Question) -> dict[str, object]:
    scenario = question.scenario
    found = dict(_flat(scenario.model_dump(exclude=set(UNSAID))))
    costs, effects = question.discount_rates
    return found | {
        "discounting.costs": costs,
        "discounting.effects": effects,
        THRESHOLDS: question.thresholds,
        "comparator": scenario.comparator_name,
        "life_table": _LifeTables(question.life_tables, _life_table_name(question)),
    }


@dataclass(frozen=True)
class _LifeTables:
    """Compared by their contents, shown by their name."""

    tables: tuple[LifeTable, LifeTable]
    shown: str = field(compare=False)


def _life_table_name(question: Question) -> str:
    """Return the name of the life table; of a file with a hash, since many have the same name."""
    file = question.loaded.life_table_file
    if file is None:
        return question.scenario.life_table or question.perspective.life_table
    content = hashlib.sha256(repr(question.life_tables).encode()).hexdigest()
    return f"{file.name} (sha256 {content[:DIGITS]})"


def _flat(content: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    for key, value in content.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        else:
            yield name, value


def _strategies(question: Question) -> dict[str, object]:
    return {strategy.name: in_words(strategy) for strategy in question.scenario.strategies}


def in_words(strategy: Strategy) -> str:
    """Return the regimens of a strategy and the care after them."""
    maintenance = " (with maintenance)" if strategy.maintenance else ""
    return ", then ".join([*strategy.sequence, strategy.then]) + maintenance


def _parameters(question: Question) -> dict[str, object]:
    return {name: question.numbers[name] for name in sorted(question.used)}


def _unit(questions: Sequence[Question], name: str) -> str:
    units = [input_unit(each, name) for each in questions]
    return " or ".join(dict.fromkeys(unit for unit in units if unit))


def input_unit(question: Question, name: str) -> str:
    """Return the unit of a parameter or a key; empty where its name says it or it has none."""
    if name == THRESHOLDS:
        return per_qaly(question.perspective.currency)
    return question.parameters[name].unit if name in question.parameters else ""
