"""A scenario made ready to run: every number bound, every choice settled.

A life table of the user's own is compared with the perspective's by its life expectancy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from sim.catalog import Catalogue, Parameter, Perspective, load_catalogue
from sim.clinic.mortality import FLAT_SLOPE, LifeTable, interval_hazard, interval_of
from sim.economics.posting import Accounts
from sim.economics.prices import Delivered
from sim.engine.model import Model, Settings, StrategyPlan, build
from sim.engine.values import Names, Values
from sim.errors import UserError
from sim.scenario.binding import (
    accounts_of,
    capacity_names,
    catalogue_life_tables,
    deliveries_of,
    names_priced,
    numbers_of,
    settings_of,
    strategy_plan,
    thresholds_of,
)
from sim.scenario.domain import Rule, rules
from sim.scenario.life_table_file import YOUNGEST_ADULT_YEARS, read_life_table
from sim.scenario.loading import Loaded, load_scenario
from sim.scenario.own_patients import OwnPatients
from sim.scenario.schema import Scenario
from sim.simulation.observables import Observable


@dataclass(frozen=True)
class Question:
    """A question, with all numbers bound.

    Model and accounts are built on first access.

    Attributes
    ----------
    loaded
        The scenario and where its values were written.
    parameters
        The entries that the scenario may use, by name: the scenario's own where it gives a value,
        else the catalogue's.
    numbers
        Their values after the overrides of an analysis, by name.
    life_tables
        Background mortality of men and of women.
    names
        How names are read, for all parameter sets of the question.
    used
        Names that model and prices read; the same under any values.
    observables
        What the core engine counts beside the outcomes of every run.
    """

    loaded: Loaded
    parameters: Mapping[str, Parameter]
    numbers: Mapping[str, float]
    life_tables: tuple[LifeTable, LifeTable]
    names: Names = field(compare=False)
    used: frozenset[str]
    patients: int
    seed: int
    observables: tuple[Observable, ...] = ()

    @property
    def scenario(self) -> Scenario:
        """The validated scenario."""
        return self.loaded.scenario

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of the program, with that of the scenario on top."""
        return self.loaded.catalogue

    @property
    def own_patients(self) -> OwnPatients | None:
        """The patients of the user's file; None where all are drawn from the population."""
        return self.scenario.own_patients

    @property
    def comparator_place(self) -> int:
        """The place of the comparator among the strategies."""
        names = [strategy.name for strategy in self.model.strategies]
        return names.index(self.scenario.comparator_name)

    @property
    def perspective(self) -> Perspective:
        """The perspective: its costs and decision rules."""
        return self.catalogue.perspectives[self.scenario.perspective]

    @cached_property
    def settings(self) -> Settings:
        """The structural choices of the scenario."""
        return settings_of(self.scenario)

    @cached_property
    def plans(self) -> tuple[StrategyPlan, ...]:
        """The strategies without their numbers."""
        return tuple(strategy_plan(plan, self.catalogue) for plan in self.scenario.strategies)

    @cached_property
    def deliveries(self) -> tuple[Delivered, ...]:
        """Every regimen of the strategies, once, and how its drug is given."""
        return deliveries_of(self.scenario, self.catalogue)

    @cached_property
    def model(self) -> Model:
        """The parameters of a patient's course."""
        own = self.own_patients
        given = None if own is None else own.rows
        return build(self.numbers, self.settings, self.plans, self.life_tables, self.names, given)

    @cached_property
    def accounts(self) -> Accounts:
        """Prices, utilities and discounting."""
        return accounts_of(self.scenario, self.deliveries, self.values())

    @property
    def strategy_names(self) -> list[str]:
        """The names of the strategies in their order."""
        return [strategy.name for strategy in self.scenario.strategies]

    @cached_property
    def thresholds(self) -> tuple[float, ...]:
        """Cost-effectiveness thresholds, in money per QALY."""
        return thresholds_of(self.scenario, self.numbers, self.values())

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules between the parameters that the question uses."""
        known = {name: self.numbers[name] for name in self.used}
        return tuple(rules(self.scenario, self.catalogue, known))

    @property
    def discount_rates(self) -> tuple[float, float]:
        """Annual effective rates for costs and for effects."""
        return self.accounts.costs.annual_rate, self.accounts.effects.annual_rate

    def values(self) -> Values:
        """Return the numbers in the form that the model reads."""
        return Values(self.numbers, self.scenario.setting, self.names)


def ask(
    path: Path,
    *,
    patients: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, float] | None = None,
) -> Question:
    """Read the scenario at `path` and bind it; `patients` and `seed` replace its own.

    Raises
    ------
    UserError
        When the scenario or a file that it names is wrong.
    """
    return prepare(load_scenario(path), patients=patients, seed=seed, overrides=overrides)


def prepare(
    loaded: Loaded,
    *,
    patients: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, float] | None = None,
) -> Question:
    """Bind a loaded scenario to its catalogue; `overrides` come on top of its own values."""
    scenario = loaded.scenario
    parameters = _parameters(loaded)
    numbers = numbers_of(parameters, overrides or {})
    names = Names(numbers.keys(), scenario.setting)
    values = Values(numbers, scenario.setting, names)
    question = Question(
        loaded=loaded,
        parameters=parameters,
        numbers=numbers,
        life_tables=_life_tables(loaded, values),
        names=names,
        used=frozenset(),
        patients=patients or scenario.number_of_patients,
        seed=scenario.seed if seed is None else seed,
    )
    priced = names_priced(scenario, question.deliveries, numbers, question.values())
    return replace(question, used=question.model.used | priced)


def _parameters(loaded: Loaded) -> dict[str, Parameter]:
    """Return the catalogue's entries, and the scenario's own values in place of theirs."""
    asked = loaded.scenario
    parameters = loaded.catalogue.select(asked.population, asked.regimens, asked.perspective)
    for name, own in asked.parameters.items():
        if name in parameters:
            parameters[name] = parameters[name].set_to(own, *loaded.place("parameters", name))
    return parameters


def check_values(question: Question, numbers: Mapping[str, float]) -> None:
    """Refuse values outside the limits of their parameter's unit.

    Raises
    ------
    UserError
        Naming the first such parameter.
    """
    for name, value in numbers.items():
        parameter = question.parameters.get(name)
        problem = None if parameter is None else parameter.check(value)
        if problem is not None:
            raise UserError(problem, key=name, value=value)


def with_capacity(question: Question) -> Question:
    """Return the question with its shared places, whose parameters all other analyses leave out."""
    return replace(question, used=question.used | capacity_names(question.scenario))


def with_numbers(question: Question, numbers: Mapping[str, float]) -> Question:
    """Return the same question with other values of the parameters that `numbers` names."""
    if numbers.keys() <= question.numbers.keys():
        return replace(question, numbers={**question.numbers, **numbers})
    overrides = {**question.numbers, **numbers}
    bound = prepare(
        question.loaded, patients=question.patients, seed=question.seed, overrides=overrides
    )
    return replace(bound, observables=question.observables)


def _life_tables(loaded: Loaded, values: Values) -> tuple[LifeTable, LifeTable]:
    own, theirs = loaded.life_table_file, loaded.scenario.own_patients
    has_ages = theirs is not None and theirs.gives("age_years")
    youngest = YOUNGEST_ADULT_YEARS if has_ages else values["population.age_minimum_years"]
    if own is not None:
        return read_life_table(own, youngest)
    perspective = loaded.catalogue.perspectives[loaded.scenario.perspective]
    name = loaded.scenario.life_table or perspective.life_table
    return catalogue_life_tables(loaded.catalogue, name, youngest)


SERIES_ABOVE: Final = 50.0
SERIES_TERMS: Final = 30
"""The asymptotic series of the exponential integral is exact to rounding above 50."""
SUSPICIOUS_FACTOR: Final = 1.5
"""A life expectancy that differs by more than this factor probably is a mistake in the file.

Probabilities of five years that are taken for yearly ones come to 1.7 in middle age.
"""


@dataclass(frozen=True)
class OwnLifeTable:
    """A user's life table next to that of the perspective.

    Attributes
    ----------
    file
        Name of the file, without its folder, or of the table in a catalogue of the user's own.
    beside
        Name of the perspective's table; where that is the user's own, of the table that comes with
        the program and is nearest in life expectancy.
    age_years
        The median age of the population, at which life expectancy is given.
    own, usual
        Years of life expectancy of men and of women under the user's table and under the other.
    """

    file: str
    beside: str
    age_years: float
    own: tuple[float, float]
    usual: tuple[float, float]
    is_of_perspective: bool = True

    @property
    def is_suspicious(self) -> bool:
        """Whether men or women live longer or shorter by more than `SUSPICIOUS_FACTOR`."""
        pairs = zip(self.own, self.usual, strict=True)
        return any(max(a / b, b / a) > SUSPICIOUS_FACTOR for a, b in pairs)


def own_life_table(question: Question) -> OwnLifeTable | None:
    """Return the life table of the user's own; None where there is none, or where it is not used."""
    file, usual = question.loaded.life_table_file, question.perspective.life_table
    name = file.name if file is not None else question.scenario.life_table or usual
    shipped = load_catalogue().life_tables
    if name in shipped or not question.scenario.switches.background_mortality:
        return None
    age = question.values()["population.age_median_years"]

    def expectancy(tables: tuple[LifeTable, LifeTable]) -> tuple[float, float]:
        men, women = (life_expectancy(table, age) for table in tables)
        return men, women

    own = expectancy(question.life_tables)
    others = [usual] if name != usual else list(shipped)
    known = {each: expectancy(catalogue_life_tables(question.catalogue, each)) for each in others}
    beside = min(known, key=lambda each: abs(sum(known[each]) - sum(own)))
    return OwnLifeTable(name, beside, age, own, known[beside], name != usual)


def life_expectancy(table: LifeTable, age: float) -> float:
    """Return the mean years lived from `age` on: the integral of survival, ``∫ exp(−H(t)) dt``.

    Exact for the piecewise hazard ``h exp(b t)``. Over T years it is ``(1 − exp(−h T)) / h`` where
    b is 0 and otherwise, with ``c = h/b``, ``c' = c exp(b T)`` and S the survival to T,
    ``(g(c) − S g(c')) / b``, where ``g(z) = exp(z) E1(z)`` for ``z > 0`` and
    ``−exp(z) Ei(−z)`` for ``z < 0``.

    Source: Abramowitz and Stegun, 5.1.1, 5.1.2 and 5.1.51.
    """
    first = interval_of(table.ages, age)
    expected, survival = 0.0, 1.0
    for i in range(first, len(table.ages)):
        start = max(age, table.ages[i]) if i > first else age
        end = table.ages[i + 1] if i + 1 < len(table.ages) else math.inf
        slope = table.slopes[i]
        hazard = table.hazards[i] * math.exp(slope * (start - table.ages[i]))
        expected += survival * _years_lived(hazard, slope, end - start)
        if end < math.inf:
            survival *= math.exp(-interval_hazard(hazard, slope, end - start))
    return expected


def _years_lived(hazard: float, slope: float, years: float) -> float:
    """Integrate survival under the hazard ``h exp(b t)`` over `years`, which may be infinite."""
    if abs(slope) < FLAT_SLOPE:
        if hazard == 0.0:
            return years
        return -math.expm1(-hazard * years) / hazard
    if years == math.inf:
        # A falling hazard leaves some alive for ever.
        return _scaled_integral(hazard / slope) / slope if slope > 0.0 else math.inf
    survival = math.exp(-interval_hazard(hazard, slope, years))
    later = hazard * math.exp(slope * years)
    return (_scaled_integral(hazard / slope) - survival * _scaled_integral(later / slope)) / slope


def _scaled_integral(z: float) -> float:
    """Return ``exp(z) E1(z)`` for z above 0, ``−exp(z) Ei(−z)`` for z below 0."""
    from scipy.special import exp1, expi

    if abs(z) > SERIES_ABOVE:
        term = total = 1.0 / z
        for k in range(1, SERIES_TERMS):
            term *= -k / z
            total += term
        return total
    return float(math.exp(z) * (exp1(z) if z > 0.0 else -expi(-z)))
