"""Several scenarios in the same patients: the differences of their inputs and results.

Patient i of every scenario has the same number in every random draw. Where the scenarios describe
the same population, patient i also is the same person. Either way a difference between scenarios is
the mean of the differences within patients, and its error is that of those differences. Their
answers are pooled in one full analysis only where the questions differ in nothing but strategies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from sim.clinic.mortality import LifeTable
from sim.clinic.units import PERCENT
from sim.economics.estimates import Array, Estimate
from sim.economics.incremental import (
    AnalysedStrategy,
    Increment,
    PatientTotals,
    analyse,
    increment,
    paired_difference,
)
from sim.economics.ledger import COST_CATEGORIES, Account, Category
from sim.engine.outcomes import FLAGS
from sim.scenario.schema import Strategy
from sim.simulation.flow import Curve, curves
from sim.simulation.question import Question
from sim.simulation.run import KEPT_AT_MOST, Arm, run
from sim.simulation.summary import Summary, summarise
from sim.simulation.tally import DISCOUNTED, SHARES

QALYS: Final = "QALYs"
YEARS: Final = "years"
ACCOUNT_UNITS: Final = {Account.QALY: QALYS, Account.LIFE_YEARS: YEARS}
"""Of outcomes other than money."""


def outcome_unit(name: str, currency: str, *, is_difference: bool = False) -> str:
    """Return the unit of the outcome of that name in summary.json or in an analysis.

    A difference of two shares is in percentage points.
    """
    if name == "icer":
        return per_qaly(currency)
    if name.startswith(("cost", "nmb")):
        return currency
    if name.startswith(("qalys", "nhb")):
        return QALYS
    if name.startswith("life_years"):
        return YEARS
    if name.endswith("_percent"):
        return "percentage points" if is_difference else "%"
    return "months" if name.endswith("_months") else "cycles"


def account_unit(account: Account, currency: str) -> str:
    """Return the unit of an account of the ledger."""
    return ACCOUNT_UNITS.get(account, currency)


def per_qaly(currency: str) -> str:
    """Return the unit of thresholds and of ICERs."""
    return f"{currency} per QALY"


MAY_DIFFER: Final = frozenset(
    {
        *("title", "description", "patients", "seed", "strategies", "comparator"),
        *("subgroups", "what_ifs", "budget", "capacity"),
    }
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
        difference.name == COMPARATOR and not all(_benefit_lasts(each) for each in questions)
    )


def _benefit_lasts(question: Question) -> bool:
    switches = question.scenario.switches
    return switches.benefit_after_stopping and switches.benefit_fades_from_years is None


def same_people(one: Question, other: Question) -> bool:
    """Return whether patient i is the same person in both: the same population, undisturbed."""
    if one.scenario.population != other.scenario.population:
        return False
    if _own_patients(one) != _own_patients(other):
        return False
    names = one.catalogue.populations[one.scenario.population].parameters
    return all(one.numbers[name] == other.numbers[name] for name in names)


def _own_patients(question: Question) -> str | None:
    """Return the file of the user's own patients with a hash, since many have the same name."""
    own = question.own_patients
    return None if own is None else f"{own.file} (sha256 {own.sha256[:DIGITS]})"


def _keys(question: Question) -> dict[str, object]:
    scenario = question.scenario
    found = dict(_flat(scenario.model_dump(exclude=set(UNSAID))))
    costs, effects = question.discount_rates
    return found | {
        "discounting.costs": costs,
        "discounting.effects": effects,
        THRESHOLDS: question.thresholds,
        "comparator": scenario.comparator_name,
        "patients.file": _own_patients(question),
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
    maintenance = " (maintenance)" if strategy.maintenance else ""
    return f"{', '.join([*strategy.sequence, f'then {strategy.then}'])}{maintenance}"


def _parameters(question: Question) -> dict[str, object]:
    return {name: question.numbers[name] for name in sorted(question.used)}


def _unit(questions: Sequence[Question], name: str) -> str:
    units = [input_unit(each, name) for each in questions]
    different = list(dict.fromkeys(unit for unit in units if unit))
    parts = [unit.partition(" per ") for unit in different]
    if len({per + after for _, per, after in parts}) == 1:
        # "USD or GBP per month", said once.
        _, per, after = parts[0]
        return " or ".join(before for before, _, _ in parts) + per + after
    return " or ".join(different)


def input_unit(question: Question, name: str) -> str:
    """Return the unit of a parameter or a key; empty where its name says it or it has none."""
    if name == THRESHOLDS:
        return per_qaly(question.perspective.currency)
    return question.parameters[name].unit if name in question.parameters else ""


SCENARIO_SEPARATOR: Final = ": "
"""Between the name of a scenario and that of its strategy, where both are needed."""
ALL: Final = "all"


@dataclass(frozen=True)
class Side:
    """One scenario of the comparison, with the results of every patient.

    Attributes
    ----------
    name
        Of the scenario's file, numbered where several files have it.
    arms
        By strategy, in their order: discounted amounts, and the outcomes that are yes or no.
    curves
        Survival under each strategy.
    """

    name: str
    question: Question
    summary: Summary
    arms: Mapping[str, Arm]
    curves: tuple[Curve, ...]

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in their order."""
        return list(self.arms)

    def label(self, strategy: str) -> str:
        """Return how a strategy is shown."""
        return self.summary.arm(strategy).label


@dataclass(frozen=True)
class Difference:
    """An outcome of a strategy in one scenario minus that of its namesake in the first.

    `comparator` names the strategy from which the outcome is counted, in both; None where it is
    the strategy's own.
    """

    scenario: str
    strategy: str
    comparator: str | None
    outcome: str
    estimate: Estimate


@dataclass(frozen=True)
class Analysis:
    """A full incremental analysis.

    Attributes
    ----------
    scenario
        Whose strategies; `ALL` where they are those of all scenarios.
    side
        Of the currency and the thresholds.
    strategies
        By rising cost; net benefits are counted from the comparator of `side`.
    labels
        How the strategies are shown, by the names they have here.
    """

    scenario: str
    side: Side
    strategies: tuple[AnalysedStrategy, ...]
    labels: dict[str, str]


@dataclass(frozen=True)
class Comparison:
    """Scenarios side by side.

    Attributes
    ----------
    inputs
        The inputs that differ.
    differences
        Of each later scenario from the first.
    analyses
        The full incremental analysis of all strategies of all scenarios or, where that makes no
        sense, one of each scenario.
    separate_because
        Why it makes none: the inputs that would have to be the same.
    """

    sides: tuple[Side, ...]
    inputs: tuple[InputDifference, ...]
    differences: tuple[Difference, ...]
    analyses: tuple[Analysis, ...]
    separate_because: tuple[str, ...]

    @property
    def pooled(self) -> tuple[AnalysedStrategy, ...]:
        """The strategies of the one analysis of all scenarios; empty where there is none."""
        return () if self.separate_because else self.analyses[0].strategies


def scenario_names(files: Sequence[str]) -> list[str]:
    """Return the stems of the files, numbered where several are alike."""
    stems = [Path(file).stem for file in files]
    names: list[str] = []
    for place, stem in enumerate(stems):
        number = stems[: place + 1].count(stem)
        names.append(stem if number == 1 else f"{stem} ({number})")
    return names


def aligned(questions: Sequence[Question]) -> list[Question]:
    """Give all questions the seed and the number of patients of the first."""
    first = questions[0]
    return [replace(each, patients=first.patients, seed=first.seed) for each in questions]


def compare(
    questions: Sequence[Question],
    *,
    names: Sequence[str] | None = None,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Simulate the questions in the same patients and compare them with the first.

    Parameters
    ----------
    questions
        Their seeds and numbers of patients are those of the first.
    names
        Of the scenarios, all different; by default those of their files.
    threads
        Of the core engine; results do not depend on it.
    progress
        Called with the number of patients finished since the last call, strategies counted.
    """
    asked = aligned(questions)
    names = names or scenario_names([each.loaded.file for each in asked])
    sides = tuple(
        _simulated(name, question, threads, progress)
        for name, question in zip(names, asked, strict=True)
    )
    obstacles = not_poolable(asked)
    return Comparison(
        sides=sides,
        inputs=tuple(input_differences(asked)),
        differences=tuple(_differences(sides)),
        analyses=tuple(_analysis(side.name, [side]) for side in sides)
        if obstacles
        else (_analysis(ALL, sides),),
        separate_because=obstacles,
    )


def _simulated(
    name: str, question: Question, threads: int | None, progress: Callable[[int], None]
) -> Side:
    strategies = question.model.strategies
    amounts = np.empty((question.patients, len(strategies), len(Category)))
    flags = np.empty((question.patients, len(strategies), FLAGS), dtype=np.bool_)

    def keep(first: int, rows: Array, given: Array) -> None:
        amounts[first : first + len(rows)] = given[:, :, DISCOUNTED]
        flags[first : first + len(rows)] = rows[:, :, :FLAGS] > 0.0

    simulation = run(
        question,
        keep_patients=question.patients <= KEPT_AT_MOST,
        threads=threads,
        progress=progress,
        sink=keep,
    )
    unknown = np.empty(0)
    arms = {
        strategy.name: Arm(strategy, flags[:, s], amounts[:, s], undiscounted=unknown)
        for s, strategy in enumerate(strategies)
    }
    return Side(name, question, summarise(simulation), arms, tuple(curves(simulation)))


def _differences(sides: Sequence[Side]) -> Iterator[Difference]:
    first = sides[0]
    comparator = first.question.scenario.comparator_name
    for side in sides[1:]:
        in_money = same_money(first.question, side.question)
        for strategy in first.strategies:
            if strategy not in side.strategies:
                continue
            own = _own(side.arms[strategy], first.arms[strategy], in_money=in_money)
            for outcome, estimate in own:
                yield Difference(side.name, strategy, None, outcome, estimate)
            if strategy != comparator and comparator in side.strategies:
                for outcome, estimate in _relative(
                    first, side, strategy, comparator, in_money=in_money
                ):
                    yield Difference(side.name, strategy, comparator, outcome, estimate)


def _own(ours: Arm, theirs: Arm, *, in_money: bool) -> Iterator[tuple[str, Estimate]]:
    yield from _changes(increment(ours.totals, theirs.totals), in_money=in_money)
    for category in COST_CATEGORIES if in_money else ():
        change = paired_difference(ours.category(category), theirs.category(category))
        yield f"cost.{category.label}", change
    for name in SHARES:
        pair = (np.where(arm.outcome(name), PERCENT, 0.0) for arm in (ours, theirs))
        yield f"{name}_percent", paired_difference(*pair)


def _relative(
    first: Side, side: Side, strategy: str, comparator: str, *, in_money: bool
) -> Iterator[tuple[str, Estimate]]:
    """Yield how the increments over the comparator differ."""

    def gain(arms: Mapping[str, Arm]) -> PatientTotals:
        pairs = zip(arms[strategy].totals[1:], arms[comparator].totals[1:], strict=True)
        return PatientTotals(strategy, *(np.subtract(a, b) for a, b in pairs))

    change = increment(gain(side.arms), gain(first.arms))
    yield from _changes(change, in_money=in_money)
    for threshold in first.question.thresholds if in_money else ():
        if threshold in side.question.thresholds:
            yield f"nmb_at_{threshold:g}", change.nmb(threshold)


def _changes(change: Increment, *, in_money: bool) -> Iterator[tuple[str, Estimate]]:
    yield "life_years", change.life_years
    yield "qalys", change.qalys
    if in_money:
        yield "cost", change.cost


def _analysis(scenario: str, sides: Sequence[Side]) -> Analysis:
    pool = _pool(sides)
    reference = _full_name(sides[0], sides[0].question.scenario.comparator_name)
    found = analyse([each.totals for each in pool], reference)
    return Analysis(scenario, sides[0], tuple(found), _labels(pool))


def _full_name(side: Side, strategy: str) -> str:
    return f"{side.name}{SCENARIO_SEPARATOR}{strategy}"


class _Pooled(NamedTuple):
    """A strategy of one scenario, or of several where all patients have equal costs and effects."""

    totals: PatientTotals
    strategy: str
    side: Side


def _pool(sides: Sequence[Side]) -> list[_Pooled]:
    """Return every strategy of every scenario, equal namesakes once."""
    pool: list[_Pooled] = []
    for side in sides:
        for strategy, arm in side.arms.items():
            totals = arm.totals
            namesakes = [each.totals for each in pool if each.strategy == strategy]
            if not any(_equal(namesake, totals) for namesake in namesakes):
                named = totals._replace(name=_full_name(side, strategy))
                pool.append(_Pooled(named, strategy, side))
    return pool


def _labels(pool: Sequence[_Pooled]) -> dict[str, str]:
    """Return how the strategies are shown, with the scenario where namesakes differ."""
    strategies = [each.strategy for each in pool]
    return {
        each.totals.name: each.side.label(each.strategy)
        + (f" ({each.side.name})" if strategies.count(each.strategy) > 1 else "")
        for each in pool
    }


def _equal(ours: PatientTotals, theirs: PatientTotals) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(ours[1:], theirs[1:], strict=True))
