"""A scenario made ready to run: every number bound, every choice settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from sim.catalog import Catalogue, Parameter, Perspective, load_catalogue
from sim.clinic.mortality import LifeTable
from sim.economics.posting import Accounts
from sim.economics.prices import Delivered
from sim.engine.model import (
    Model,
    Settings,
    StrategyPlan,
    build,
)
from sim.engine.values import Names, Values
from sim.errors import UserError
from sim.scenario.binding import (
    accounts_of,
    catalogue_life_tables,
    deliveries_of,
    names_priced,
    numbers_of,
    settings_of,
    strategy_plan,
    thresholds_of,
)
from sim.scenario.domain import Rule, rules
from sim.scenario.loading import Loaded, load_scenario
from sim.scenario.schema import Scenario
from sim.simulation.life_table_file import read_life_table


@dataclass(frozen=True)
class Question:
    """A question, with all numbers bound.

    Model and accounts are built on first access.

    Attributes
    ----------
    loaded
        The scenario and where its values were written.
    parameters
        The catalogue's entries that the scenario may use, by name.
    numbers
        Their values after the scenario's overrides, by name.
    life_tables
        Background mortality of men and of women.
    names
        How names are read, for all parameter sets of the question.
    used
        Names that model and prices read; the same under any values.
    """

    loaded: Loaded
    catalogue: Catalogue
    parameters: Mapping[str, Parameter]
    numbers: Mapping[str, float]
    life_tables: tuple[LifeTable, LifeTable]
    names: Names = field(compare=False)
    used: frozenset[str]
    patients: int
    seed: int

    @property
    def scenario(self) -> Scenario:
        """The validated scenario."""
        return self.loaded.scenario

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
        return build(self.numbers, self.settings, self.plans, self.life_tables, self.names)

    @cached_property
    def accounts(self) -> Accounts:
        """Prices, utilities and discounting."""
        return accounts_of(self.scenario, self.deliveries, self.values())

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
    catalogue = load_catalogue()
    return prepare(
        load_scenario(path, catalogue),
        catalogue,
        patients=patients,
        seed=seed,
        overrides=overrides or {},
    )


def prepare(
    loaded: Loaded,
    catalogue: Catalogue,
    *,
    patients: int | None = None,
    seed: int | None = None,
    overrides: Mapping[str, float],
) -> Question:
    """Bind a loaded scenario to the catalogue; `overrides` come on top of its own."""
    question = _bound(loaded, catalogue, overrides)
    return replace(
        question,
        patients=patients or question.patients,
        seed=question.seed if seed is None else seed,
        used=question.model.used
        | names_priced(loaded.scenario, question.deliveries, question.numbers, question.values()),
    )


def _bound(
    loaded: Loaded,
    catalogue: Catalogue,
    overrides: Mapping[str, float],
) -> Question:
    scenario = loaded.scenario
    parameters = catalogue.select(scenario.population, scenario.regimens, scenario.perspective)
    numbers = numbers_of(scenario, parameters, overrides)
    names = Names(numbers.keys(), scenario.setting)
    values = Values(numbers, scenario.setting, names)
    return Question(
        loaded=loaded,
        catalogue=catalogue,
        parameters=parameters,
        numbers=numbers,
        life_tables=_life_tables(loaded, catalogue, values),
        names=names,
        used=frozenset(),
        patients=scenario.patients,
        seed=scenario.seed,
    )


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


def with_numbers(question: Question, numbers: Mapping[str, float]) -> Question:
    """Return the same question with other values of the parameters that `numbers` names."""
    if numbers.keys() <= question.numbers.keys():
        return replace(question, numbers={**question.numbers, **numbers})
    overrides = {**question.numbers, **numbers}
    bound = prepare(question.loaded, question.catalogue, overrides=overrides)
    return replace(bound, patients=question.patients, seed=question.seed)


def _life_tables(
    loaded: Loaded, catalogue: Catalogue, values: Values
) -> tuple[LifeTable, LifeTable]:
    own = loaded.life_table_file
    if own is not None:
        return read_life_table(own, values["population.age_minimum_years"])
    perspective = catalogue.perspectives[loaded.scenario.perspective]
    return catalogue_life_tables(catalogue, loaded.scenario.life_table or perspective.life_table)
