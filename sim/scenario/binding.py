"""A scenario bound to the catalogue: settings, strategies, prices and thresholds of the model.

A parameter is used by a scenario when its model or its prices read it (`used_names`). This is the
one definition of "used", for scenarios, analyses and runs. `Inputs` are the names and values that a
scenario may use, looked up in the catalogue and in the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sim.catalog import Catalogue, Parameter
from sim.clinic.mortality import LifeTable, gompertz
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.economics.discounting import Discounting
from sim.economics.posting import Accounts
from sim.economics.prices import Delivered, Delivery, price_list
from sim.economics.utilities import utilities
from sim.engine.model import Care, RegimenPlan, Settings, StrategyPlan, build
from sim.engine.values import Names, Values
from sim.errors import UserError
from sim.scenario.domain import joint_problems
from sim.scenario.life_table_file import YOUNGEST_ADULT_YEARS, read_life_table
from sim.scenario.schema import LIFETIME, Scenario, Strategy
from sim.scenario.severity import levels_of

LIFETIME_YEARS: Final = 100.0
"""A lifetime horizon ends here: the youngest patient would be 118."""
CD19: Final = "cd19"
TRIAL: Final = "trial."
"""Before the names of the settings of a trial, which no run reads."""
WEIBULL: Final = "weibull"


def settings_of(scenario: Scenario) -> Settings:
    """Return the structural choices of a scenario."""
    switches = scenario.switches
    # A benefit that ends with treatment cannot fade afterwards.
    fades = switches.benefit_fades_from_years if switches.benefit_after_stopping else None
    fades_from = _days_of(fades)
    horizon = LIFETIME_YEARS if scenario.horizon_years == LIFETIME else scenario.horizon_years
    return Settings(
        setting=scenario.setting,
        horizon_days=float(horizon) * DAYS_PER_YEAR,
        background_mortality=switches.background_mortality,
        cure_point_days=_days_of(switches.cure_point_years),
        toxicity=switches.toxicity,
        survivor_mortality_ratio=switches.survivor_mortality_ratio,
        transplant=switches.transplant,
        weibull_relapse=switches.relapse_distribution == WEIBULL,
        benefit_after_stopping=switches.benefit_after_stopping,
        benefit_fades_from_days=fades_from,
        benefit_fades_to_days=max(fades_from, _days_of(switches.benefit_fades_to_years or 0.0)),
        comparator_regimen=scenario.comparator_regimen,
        given=given_of(scenario),
    )


def given_of(scenario: Scenario) -> frozenset[str]:
    """Return the characteristics that the user gives for every patient."""
    own = scenario.own_patients
    return frozenset() if own is None else own.complete


def _days_of(years: float | None) -> float:
    return NEVER if years is None else years * DAYS_PER_YEAR


def strategy_plan(plan: Strategy, catalogue: Catalogue) -> StrategyPlan:
    """Return a strategy without its numbers."""
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
        cell_therapy=regimen.kind == Delivery.CELL_THERAPY,
    )


def discounting(scenario: Scenario, values: Values) -> tuple[Discounting, Discounting]:
    """Bind the discounting of costs and of effects: the scenario's rates or the perspective's."""
    rates = scenario.discounting
    costs = values["perspective.discount_rate_costs"] if rates.costs is None else rates.costs
    effects = (
        values["perspective.discount_rate_effects"] if rates.effects is None else rates.effects
    )
    return Discounting(costs), Discounting(effects)


def deliveries_of(scenario: Scenario, catalogue: Catalogue) -> tuple[Delivered, ...]:
    """Return every regimen of the strategies, once, and how its drug is given."""
    regimens = [catalogue.regimens[name] for name in scenario.regimens]
    return tuple(Delivered(each.name, Delivery(each.kind), each.drug) for each in regimens)


def accounts_of(scenario: Scenario, deliveries: tuple[Delivered, ...], values: Values) -> Accounts:
    """Return prices, utilities and discounting of a scenario."""
    switches = scenario.switches
    costs, effects = discounting(scenario, values)
    return Accounts(
        price_list=price_list(values, deliveries),
        utilities=utilities(values, capped=switches.utility_age_cap),
        costs=costs,
        effects=effects,
        vial_sharing=switches.vial_sharing,
    )


def thresholds_of(scenario: Scenario, names: Iterable[str], values: Values) -> tuple[float, ...]:
    """Return the amounts of money per QALY: the scenario's own, or those among the `names`."""
    return scenario.thresholds or tuple(
        sorted(values[name] for name in names if name.startswith("perspective.threshold"))
    )


def catalogue_life_tables(
    catalogue: Catalogue, name: str, youngest_years: float = YOUNGEST_ADULT_YEARS
) -> tuple[LifeTable, LifeTable]:
    """Return the catalogue's life table of a name, for men and for women.

    A table in a file of its own must begin at the age of the youngest patient.
    """
    table = catalogue.life_tables[name]
    if table.path is not None:
        return read_life_table(table.path, youngest_years)
    return gompertz(table.ages, table.male), gompertz(table.ages, table.female)


def numbers_of(
    parameters: Mapping[str, Parameter], overrides: Mapping[str, float]
) -> dict[str, float]:
    """Return the values of the parameters, and the overrides in place of theirs."""
    return {name: parameter.value for name, parameter in parameters.items()} | dict(overrides)


def used_names(scenario: Scenario, catalogue: Catalogue) -> frozenset[str]:
    """Return the names that the model and the prices of a scenario read, whatever their values.

    Raises
    ------
    UserError
        When an entry of the user's own lacks one of them.
    """
    try:
        return _used_names(scenario, catalogue)
    except KeyError as error:
        own = {each.name for each in catalogue.own}
        asked = [scenario.population, scenario.perspective, *scenario.regimens]
        whose = ", ".join(f"'{name}'" for name in asked if name in own)
        if not whose:
            raise
        problem = (
            f"is not in the catalogue, and {whose} needs it: give it there, or extend an entry "
            "that has it"
        )
        raise UserError(problem, key=str(error.args[0])) from None


def _used_names(scenario: Scenario, catalogue: Catalogue) -> frozenset[str]:
    parameters = catalogue.select(scenario.population, scenario.regimens, scenario.perspective)
    numbers = numbers_of(parameters, {}) | scenario.numbers
    names = Names(numbers.keys(), scenario.setting)
    plans = tuple(strategy_plan(plan, catalogue) for plan in scenario.strategies)
    life_tables = catalogue_life_tables(
        catalogue, catalogue.perspectives[scenario.perspective].life_table
    )
    model = build(numbers, settings_of(scenario), plans, life_tables, names)
    values = Values(numbers, scenario.setting, names)
    priced = names_priced(scenario, deliveries_of(scenario, catalogue), numbers, values)
    return model.used | priced | capacity_names(scenario)


def names_priced(
    scenario: Scenario,
    deliveries: tuple[Delivered, ...],
    numbers: Mapping[str, float],
    values: Values,
) -> set[str]:
    """Return the names that prices, utilities, discounting, thresholds and severity read."""
    accounts_of(scenario, deliveries, values)
    thresholds_of(scenario, numbers, values)
    levels_of(numbers, values)
    return values.used


BEDS: Final = "capacity.transplant_bed"
SLOTS: Final = "capacity.cell_therapy_slot"
ARRIVALS: Final = "capacity.arrivals_per_year"
BRIDGING_RATIO: Final = "capacity.bridging.relapse_time_ratio"
BRIDGING_COST: Final = "cost.bridging_per_month"
STAY: Final = ("median_days", "shape")


def capacity_names(scenario: Scenario) -> frozenset[str]:
    """Return the names that the shared places of a scenario read; none where there is no limit."""
    if scenario.capacity is None:
        return frozenset()
    places = [BEDS] if scenario.capacity.cell_therapy_slots is None else [BEDS, SLOTS]
    stays = {f"{place}.{name}" for place in places for name in STAY}
    return frozenset({ARRIVALS, BRIDGING_RATIO, BRIDGING_COST, *stays})


_WITHOUT_EFFECT: Final = frozenset(
    {
        *("title", "description", "patients", "seed", "parameters"),
        *("what_ifs", "life_table", "subgroups", "budget"),
    }
)
"""Keys that do not affect which parameters are used."""


class Inputs:
    """The names and values that a scenario may use, for the checks of `sim.scenario.loading`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._used: dict[str, dict[str, Parameter]] = {}

    def used(self, scenario: Scenario) -> Mapping[str, Parameter]:
        """Return the parameters that the scenario's model and prices read, sorted by name.

        And the settings of a trial, which are read by the analysis of its value alone.
        """
        key = scenario.model_dump_json(exclude=set(_WITHOUT_EFFECT))
        key += " ".join(sorted(given_of(scenario)))
        if key not in self._used:
            selected = self.catalogue.select(
                scenario.population, scenario.regimens, scenario.perspective
            )
            names = used_names(scenario, self.catalogue)
            self._used[key] = {
                name: each
                for name, each in selected.items()
                if name in names or name.startswith(TRIAL)
            }
        return self._used[key]

    def values(self, scenario: Scenario) -> dict[str, float]:
        """Return the values of all parameters that a scenario may use, its own among them."""
        return numbers_of(self.used(scenario), scenario.numbers)

    def joint_problems(self, scenario: Scenario) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield names and a sentence of each rule between parameters that the values break."""
        used, numbers = self.used(scenario), self.values(scenario)
        yield from joint_problems(scenario, self.catalogue, numbers, used)
