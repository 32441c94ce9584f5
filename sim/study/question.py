"""A scenario made ready to run: every number bound, every choice settled."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sim.catalog import Catalogue, Parameter, Perspective, load_catalogue
from sim.clinic.mortality import LifeTable, gompertz, stepwise
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.economics.clerk import Accounts
from sim.economics.discounting import Discounting
from sim.economics.prices import Delivery, price_list
from sim.economics.utilities import utilities
from sim.engine.model import (
    Care,
    Model,
    RegimenPlan,
    Settings,
    StrategyPlan,
    Values,
    build,
)
from sim.errors import UserError
from sim.scenario.loading import Loaded, load_scenario
from sim.scenario.schema import LIFETIME, Scenario, Strategy

LIFETIME_YEARS: Final = 100.0
"""A lifetime horizon ends here: the youngest patient would be 118."""
CD19: Final = "cd19"
WEIBULL: Final = "weibull"
LIFE_TABLE_COLUMNS: Final = ("age", "qx_male", "qx_female")
BANDED_NORM: Final = "norm.age_18"


@dataclass(frozen=True)
class Question:
    """What is asked, with all numbers bound.

    Attributes
    ----------
    loaded
        The scenario and where its values were written.
    parameters
        The catalogue's entries that the scenario may use, by name.
    numbers
        Their values after the scenario's overrides, by name.
    used
        Names that model and prices asked for.
    """

    loaded: Loaded
    catalogue: Catalogue
    parameters: Mapping[str, Parameter]
    numbers: Mapping[str, float]
    model: Model
    accounts: Accounts
    thresholds: tuple[float, ...]
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

    @property
    def discount_rates(self) -> tuple[float, float]:
        """Annual effective rates for costs and for effects."""
        return self.accounts.costs.annual_rate, self.accounts.effects.annual_rate


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
    scenario = loaded.scenario
    parameters = catalogue.select(scenario.population, scenario.regimens, scenario.perspective)
    numbers = {name: parameter.value for name, parameter in parameters.items()}
    numbers |= scenario.parameters
    numbers |= overrides
    perspective = catalogue.perspectives[scenario.perspective]
    model = build(
        numbers,
        _settings(scenario),
        tuple(_strategy(plan, catalogue) for plan in scenario.strategies),
        _life_tables(loaded, catalogue, perspective),
    )
    values = Values(numbers, scenario.setting)
    accounts = _accounts(scenario, catalogue, values)
    thresholds = scenario.thresholds or tuple(
        sorted(values[name] for name in numbers if name.startswith("perspective.threshold"))
    )
    return Question(
        loaded=loaded,
        catalogue=catalogue,
        parameters=parameters,
        numbers=numbers,
        model=model,
        accounts=accounts,
        thresholds=thresholds,
        used=model.used | frozenset(values.used),
        patients=patients or scenario.patients,
        seed=scenario.seed if seed is None else seed,
    )


def with_numbers(question: Question, numbers: Mapping[str, float]) -> Question:
    """Return the same question with other parameter values."""
    bound = prepare(question.loaded, question.catalogue, overrides=numbers)
    return replace(bound, patients=question.patients, seed=question.seed)


def _settings(scenario: Scenario) -> Settings:
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


def _accounts(scenario: Scenario, catalogue: Catalogue, values: Values) -> Accounts:
    rates = scenario.discounting
    costs = values["perspective.discount_rate_costs"] if rates.costs is None else rates.costs
    effects = (
        values["perspective.discount_rate_effects"] if rates.effects is None else rates.effects
    )
    deliveries = [(name, Delivery(catalogue.regimens[name].kind)) for name in scenario.regimens]
    return Accounts(
        price_list=price_list(values, deliveries),
        utilities=utilities(
            values, capped=scenario.switches.utility_age_cap, banded=values.has(BANDED_NORM)
        ),
        costs=Discounting(costs),
        effects=Discounting(effects),
        vial_sharing=scenario.switches.vial_sharing,
    )


def _life_tables(
    loaded: Loaded, catalogue: Catalogue, perspective: Perspective
) -> tuple[LifeTable, LifeTable]:
    own = loaded.life_table_file
    if own is not None:
        return read_life_table(own)
    table = catalogue.life_tables[loaded.scenario.life_table or perspective.life_table]
    return gompertz(table.ages, table.male), gompertz(table.ages, table.female)


def read_life_table(path: Path) -> tuple[LifeTable, LifeTable]:
    """Read a life table of one-year death probabilities, for men and for women.

    A CSV file with the columns age, qx_male, qx_female; ages rise, q lies in [0, 1). The
    hazard within a year of age is ``−ln(1 − q)``; the last row holds for all older ages.

    Raises
    ------
    UserError
        At the first line that is not so.
    """
    ages: list[float] = []
    deaths: tuple[list[float], list[float]] = ([], [])
    rows = _life_table_rows(path)
    for line, (age, *probabilities) in rows:
        if not age >= 0.0 or math.isinf(age) or (ages and age <= ages[-1]):
            raise UserError(
                "ages must rise from 0 or above", file=path, line=line, key="age", value=age
            )
        ages.append(age)
        for column, q in enumerate(probabilities):
            if not 0.0 <= q < 1.0:
                raise UserError(
                    "a probability of death within a year is at least 0 and below 1",
                    file=path,
                    line=line,
                    key=LIFE_TABLE_COLUMNS[column + 1],
                    value=q,
                )
            deaths[column].append(q)
    tables = stepwise(tuple(ages), tuple(deaths[0])), stepwise(tuple(ages), tuple(deaths[1]))
    if not ages or min(table.hazards[-1] for table in tables) <= 0.0:
        raise UserError(
            "the last row must hold probabilities of death above 0",
            file=path,
            line=rows[-1][0] if rows else 1,
        )
    return tables


def _life_table_rows(path: Path) -> list[tuple[int, list[float]]]:
    """Read the numbers of each row, in the order of `LIFE_TABLE_COLUMNS`, with its line."""
    try:
        # A spreadsheet may put a byte order mark in front.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError("is not UTF-8 text", file=path, line=line) from None
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", file=path) from None
    reader = csv.DictReader(io.StringIO(text), strict=True)
    rows = []
    try:
        columns = list(reader.fieldnames or [])
        if any(columns.count(column) != 1 for column in LIFE_TABLE_COLUMNS):
            raise UserError(
                f"a life table needs the columns {', '.join(LIFE_TABLE_COLUMNS)}, each once",
                file=path,
                line=1,
                value=", ".join(columns),
            )
        for row in reader:
            line = reader.line_num
            if None in row:
                raise UserError("has more cells than there are columns", file=path, line=line)
            rows.append(
                (line, [_number(path, line, column, row[column]) for column in LIFE_TABLE_COLUMNS])
            )
    except csv.Error as error:
        raise UserError(f"is not CSV ({error})", file=path, line=reader.line_num) from None
    return rows


def _number(path: Path, line: int, column: str, text: str | None) -> float:
    try:
        # Python would read 1_8 as 18.
        return float((text or "").replace("_", "?"))
    except ValueError:
        raise UserError("is not a number", file=path, line=line, key=column, value=text) from None
