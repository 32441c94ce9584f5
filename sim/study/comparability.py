"""What two questions ask differently, and whether their answers may stand in one analysis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sim.scenario.schema import Strategy
from sim.study.question import Question

UNSAID: Final = frozenset(
    {"title", "description", "patients", "seed", "strategies", "parameters", "what_ifs"}
)
"""Words, what is made equal, what is compared one by one, and what is asked besides."""


@dataclass(frozen=True)
class InputDifference:
    """A key of the scenarios, a strategy or a parameter that is not the same in all.

    `values` are those of the scenarios, in their order; None where it has no part in one.
    """

    kind: str
    name: str
    unit: str
    values: tuple[object, ...]


def input_differences(questions: Sequence[Question]) -> Iterator[InputDifference]:
    """Yield what the questions ask differently: keys, then strategies, then parameters.

    What a scenario leaves to its perspective is compared as the perspective says it. A parameter
    is compared among the scenarios that use it.
    """
    for kind, tables in (
        ("scenario", [_keys(question) for question in questions]),
        ("strategy", [_strategies(question) for question in questions]),
        ("parameter", [_parameters(question) for question in questions]),
    ):
        for name in dict.fromkeys(name for table in tables for name in table):
            values = tuple(table.get(name) for table in tables)
            given = [value for value in values if value is not None or kind != "parameter"]
            if any(value != given[0] for value in given[1:]):
                yield InputDifference(kind, name, _unit(questions, name), values)


def same_money(one: Question, other: Question) -> bool:
    """Return whether costs are in the same currency of the same year."""
    return one.perspective.money == other.perspective.money


def not_poolable(questions: Sequence[Question]) -> tuple[str, ...]:
    """Return what keeps the strategies of all questions out of one incremental analysis.

    They are alternatives for the same people in the eyes of the same payer, or they are not
    alternatives.
    """
    first = questions[0]
    tests = {
        "population": all(same_people(first, each) for each in questions),
        "perspective": all(
            each.scenario.perspective == first.scenario.perspective for each in questions
        ),
        "horizon": all(
            each.scenario.horizon_years == first.scenario.horizon_years for each in questions
        ),
        "discounting": all(each.discount_rates == first.discount_rates for each in questions),
        "setting": all(each.scenario.setting == first.scenario.setting for each in questions),
        "thresholds": all(each.thresholds == first.thresholds for each in questions),
    }
    return tuple(name for name, same in tests.items() if not same)


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
        "thresholds": question.thresholds,
        "comparator": scenario.comparator_name,
        "life_table": scenario.life_table or question.perspective.life_table,
    }


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
    units = [each.parameters[name].unit for each in questions if name in each.parameters]
    return " or ".join(dict.fromkeys(units))
