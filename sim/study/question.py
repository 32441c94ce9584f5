"""A scenario made ready to run: every number bound, every choice settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from sim.catalog import Catalogue, Parameter, Perspective, load_catalogue
from sim.clinic.mortality import LifeTable, gompertz
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.economics.discounting import Discounting
from sim.economics.posting import Accounts
from sim.economics.prices import Delivered, Delivery, price_list
from sim.economics.utilities import utilities
from sim.engine.model import (
    Care,
    Model,
    RegimenPlan,
    Settings,
    StrategyPlan,
    build,
)
from sim.engine.values import Names, Values
from sim.errors import UserError
from sim.scenario.inheritance import Lineage, Node, Origin
from sim.scenario.loading import Loaded, load_scenario
from sim.scenario.schema import LIFETIME, Scenario, Strategy
from sim.study.domain import Rule, rules
from sim.study.life_table_file import read_life_table

LIFETIME_YEARS: Final = 100.0
"""A lifetime horizon ends here: the youngest patient would be 118."""
CD19: Final = "cd19"
WEIBULL: Final = "weibull"


@dataclass(frozen=True)
class Question:
    """What is asked, with all numbers bound.

    Model and accounts are built when they are first looked at.

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
        Names that model and prices ask for; the same under any values.
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
        """Whose costs and which rules of judgement."""
        return self.catalogue.perspectives[self.scenario.perspective]

    @cached_property
    def settings(self) -> Settings:
        """The structural choices of the scenario."""
        return settings_of(self.scenario)

    @cached_property
    def plans(self) -> tuple[StrategyPlan, ...]:
        """The strategies without their numbers."""
        return tuple(_strategy(plan, self.catalogue) for plan in self.scenario.strategies)

    @cached_property
    def deliveries(self) -> tuple[Delivered, ...]:
        """Every regimen of the strategies, once, and how its drug is given."""
        regimens = [self.catalogue.regimens[name] for name in self.scenario.regimens]
        return tuple(Delivered(each.name, Delivery(each.kind), each.drug) for each in regimens)

    @cached_property
    def model(self) -> Model:
        """All that decides a patient's path."""
        return build(self.numbers, self.settings, self.plans, self.life_tables, self.names)

    @cached_property
    def accounts(self) -> Accounts:
        """Prices, utilities and discounting."""
        return _accounts(self, self.values())

    @cached_property
    def thresholds(self) -> tuple[float, ...]:
        """Amounts of money per QALY that the answer is judged by."""
        return _thresholds(self, self.values())

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
        """Return the numbers as the model asks for them."""
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
        used=_used(question),
    )


def used_names(scenario: Scenario, catalogue: Catalogue) -> frozenset[str]:
    """Return the names that the model and the prices of a scenario read, whatever their values."""
    nowhere = Loaded(scenario, Lineage(Node({}, Origin("", 0, 0, Path())), ("",)))
    perspective = catalogue.perspectives[scenario.perspective]
    life_tables = catalogue_life_tables(catalogue, perspective.life_table)
    return _used(_bound(nowhere, catalogue, {}, life_tables))


def _bound(
    loaded: Loaded,
    catalogue: Catalogue,
    overrides: Mapping[str, float],
    life_tables: tuple[LifeTable, LifeTable] | None = None,
) -> Question:
    scenario = loaded.scenario
    parameters = catalogue.select(scenario.population, scenario.regimens, scenario.perspective)
    numbers = {name: parameter.value for name, parameter in parameters.items()}
    numbers |= {name: value for name, value in scenario.parameters.items() if name in numbers}
    numbers |= overrides
    names = Names(numbers.keys(), scenario.setting)
    values = Values(numbers, scenario.setting, names)
    return Question(
        loaded=loaded,
        catalogue=catalogue,
        parameters=parameters,
        numbers=numbers,
        life_tables=life_tables or _life_tables(loaded, catalogue, values),
        names=names,
        used=frozenset(),
        patients=scenario.patients,
        seed=scenario.seed,
    )


def _used(question: Question) -> frozenset[str]:
    values = question.values()
    _accounts(question, values)
    _thresholds(question, values)
    return question.model.used | values.used


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


def settings_of(scenario: Scenario) -> Settings:
    """Return the structural choices of a scenario."""
    switches = scenario.switches
    horizon = LIFETIME_YEARS if scenario.horizon_years == LIFETIME else scenario.horizon_years
    return Settings(
        setting=scenario.setting,
        horizon_days=float(horizon) * DAYS_PER_YEAR,
        background_mortality=switches.background_mortality,
        cure_point_days=(
            NEVER
            if switches.cure_point_years is None
            else switches.cure_point_years * DAYS_PER_YEAR
        ),
        toxicity=switches.toxicity,
        survivor_mortality_ratio=switches.survivor_mortality_ratio,
        transplant=switches.transplant,
        weibull_relapse=switches.relapse_distribution == WEIBULL,
        benefit_after_stopping=switches.benefit_after_stopping,
        comparator_regimen=scenario.comparator_regimen,
    )


def _strategy(plan: Strategy, catalogue: Catalogue) -> StrategyPlan:
    return StrategyPlan(
        name=plan.name,
        regimens=tuple(_regimen(name, catalogue) for name in plan.sequence),
        then=Care(plan.then),
        maintenance=plan.maintenance,
    )


def _regimen(name: str, catalogue: Catalogue) -> RegimenPlan:
    regimen = catalogue.regimens[name]
    chain = [name]
    while (reference := catalogue.regimens[chain[-1]].response_reference) is not None:
        chain.append(reference)
    return RegimenPlan(
        name=name,
        continuous_infusion=regimen.kind == Delivery.CONTINUOUS_INFUSION,
        targets_cd19=regimen.target == CD19,
        reference_chain=tuple(chain),
    )


def discounting(question: Question, values: Values) -> tuple[Discounting, Discounting]:
    """Bind the discounting of costs and of effects: the scenario's rates or the perspective's."""
    rates = question.scenario.discounting
    costs = values["perspective.discount_rate_costs"] if rates.costs is None else rates.costs
    effects = (
        values["perspective.discount_rate_effects"] if rates.effects is None else rates.effects
    )
    return Discounting(costs), Discounting(effects)


def _accounts(question: Question, values: Values) -> Accounts:
    switches = question.scenario.switches
    costs, effects = discounting(question, values)
    return Accounts(
        price_list=price_list(values, question.deliveries),
        utilities=utilities(values, capped=switches.utility_age_cap),
        costs=costs,
        effects=effects,
        vial_sharing=switches.vial_sharing,
    )


def _thresholds(question: Question, values: Values) -> tuple[float, ...]:
    return question.scenario.thresholds or tuple(
        sorted(
            values[name] for name in question.numbers if name.startswith("perspective.threshold")
        )
    )


def _life_tables(
    loaded: Loaded, catalogue: Catalogue, values: Values
) -> tuple[LifeTable, LifeTable]:
    own = loaded.life_table_file
    if own is not None:
        return read_life_table(own, values["population.age_minimum_years"])
    perspective = catalogue.perspectives[loaded.scenario.perspective]
    return catalogue_life_tables(catalogue, loaded.scenario.life_table or perspective.life_table)


def catalogue_life_tables(catalogue: Catalogue, name: str) -> tuple[LifeTable, LifeTable]:
    """Return the catalogue's life table of a name, for men and for women."""
    table = catalogue.life_tables[name]
    return gompertz(table.ages, table.male), gompertz(table.ages, table.female)
