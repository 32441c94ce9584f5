"""The model as the engines see it: named parameters bound to the clinic's records.

`build` takes plain numbers by name and plain settings; it reads no file. `RULES` and
`REGIMEN_PARTS` define once, field by field, how each number is bound; a new parameter set for a
model that is already bound uses the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

from sim.clinic.cells import NO_CELLS, CellTherapy
from sim.clinic.disease import Disease, LaterLines
from sim.clinic.infusion import Schedule
from sim.clinic.mortality import LifeTable, Survivors
from sim.clinic.patient import READ_FOR, Population
from sim.clinic.remission import Candidacy, Relapse
from sim.clinic.response import RegimenResponse, Response
from sim.clinic.toxicity import Course, Risk, Toxicity
from sim.clinic.transplant import Transplant
from sim.clinic.units import NEVER, added
from sim.engine.values import Data, Names, Values, fields_of

NOT_ASKED: Final = float("nan")
"""Placeholder where no number is read, so that one read by mistake would show."""


GivenRows: TypeAlias = Callable[[int, int], Data]
"""Returns what is given of the `count` patients from `first` on: a row each, the fields of `Given`."""


class Care(StrEnum):
    """The care after the last regimen of a strategy."""

    USUAL = "usual_care"
    SUPPORTIVE = "supportive_care"


@dataclass(frozen=True, slots=True)
class RegimenPlan:
    """The properties of a regimen that an engine needs, apart from its numbers."""

    name: str
    continuous_infusion: bool
    targets_cd19: bool
    reference_chain: tuple[str, ...]
    """The regimen and those it was compared with, up to the reference of the relative effects."""
    cell_therapy: bool = False


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """A sequence of regimens and the care after it."""

    name: str
    regimens: tuple[RegimenPlan, ...]
    then: Care
    maintenance: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """The structural choices of a scenario."""

    setting: str
    horizon_days: float
    background_mortality: bool
    cure_point_days: float
    toxicity: bool
    survivor_mortality_ratio: bool
    transplant: bool = True
    weibull_relapse: bool = False
    benefit_after_stopping: bool = True
    benefit_fades_from_days: float = NEVER
    benefit_fades_to_days: float = NEVER
    comparator_regimen: str | None = None
    """First regimen of the comparator, the reference for a benefit that ends or fades."""
    given: frozenset[str] = frozenset()
    """Characteristics that are given for every patient: nothing is read to draw them."""

    def mortality_ratio(self, survivors: Survivors) -> float:
        """Return the standardized mortality ratio of long-term survivors; 1 when switched off."""
        return survivors.mortality_ratio if self.survivor_mortality_ratio else 1.0


class Regimen(NamedTuple):
    """A regimen with its numbers bound."""

    name: str
    continuous_infusion: bool
    targets_cd19: bool
    inotuzumab: bool
    cell_therapy: bool
    cells: CellTherapy
    schedule: Schedule
    response: RegimenResponse
    response_log_odds_ratio: float
    duration_ratio: float
    remaining_ratio: float
    """Multiplies the rest of a remission when the benefit is over; 1 where it lasts."""
    continued_hazard_ratio: float
    """Of leukaemia in Ph-positive patients, from the line on, under a drug that goes on after it."""
    transplant_log_odds_ratio: float
    risks: tuple[Risk, ...]


UNTREATED: Final = Regimen(
    name="untreated",
    continuous_infusion=False,
    targets_cd19=False,
    schedule=Schedule(*[0.0] * len(Schedule._fields)),
    response=RegimenResponse(*[0.0] * len(RegimenResponse._fields)),
    response_log_odds_ratio=0.0,
    duration_ratio=1.0,
    remaining_ratio=1.0,
    continued_hazard_ratio=1.0,
    transplant_log_odds_ratio=0.0,
    inotuzumab=False,
    cell_therapy=False,
    cells=NO_CELLS,
    risks=(Risk(0.0, 0.0, 0.0),) * len(Toxicity),
)
"""The absence of treatment, for a patient with MRD only under a strategy without a regimen.

No cycle is given and MRD stays positive; relapse and allo-HCT come as under blinatumomab.
"""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy with its regimens bound; `later` is the line of usual care, where it has it."""

    name: str
    regimens: tuple[Regimen, ...]
    later: Regimen | None
    maintenance: bool

    @property
    def lines(self) -> tuple[Regimen, ...]:
        """The regimens, and usual care after the last."""
        return self.regimens if self.later is None else (*self.regimens, self.later)


class Plan(NamedTuple):
    """A strategy as the engines read it: rows of the table of regimens, usual care after the last."""

    regimens: tuple[int, ...]
    lines: int
    usual_care: bool
    maintenance: bool


class Rules(NamedTuple):
    """The parameters of a patient's course, without regimens, strategies and life table."""

    population: Population
    response: Response
    relapse: Relapse
    candidacy: Candidacy
    transplant: Transplant
    disease: Disease
    later: LaterLines
    courses: tuple[Course, ...]
    """By kind of toxicity."""
    seizure_share: float
    survivor_threshold_days: float
    """Time in continuous remission after which a patient counts as a long-term survivor."""
    mortality_ratio: float
    """Standardized mortality ratio of long-term survivors; 1 when switched off."""
    horizon_days: float
    cure_point_days: float
    benefit_fades_from_days: float
    """Of a remission. When the benefit ends with treatment, this is never."""
    benefit_fades_to_days: float
    background_mortality: bool
    toxicity: bool
    transplant_allowed: bool
    real_world: bool


class World(NamedTuple):
    """The data that all patients share: the plain model, or its records in compiled code.

    Attributes
    ----------
    regimens
        In the order of their first mention; the absence of treatment is last.
    plans
        One a strategy.
    life_table
        Both sexes' knots in one, those of men first; see `sim.engine.life.knots_of`.
    """

    rules: Rules
    regimens: Sequence[Regimen]
    plans: Sequence[Plan]
    life_table: LifeTable
    seed: Any


@dataclass(frozen=True, slots=True)
class Model:
    """The parameters of a patient's course, for one parameter set."""

    rules: Rules
    life_table_male: LifeTable
    life_table_female: LifeTable
    settings: Settings
    strategies: tuple[Strategy, ...]
    used: frozenset[str] = field(default_factory=frozenset)
    given: GivenRows | None = None
    """The user's own patients, where there are any."""

    @property
    def regimens(self) -> tuple[Regimen, ...]:
        """Every regimen once, in the order of first mention.

        Usual care, where a strategy has it, and the absence of treatment are last.
        """
        later = {arm.later.name: arm.later for arm in self.strategies if arm.later is not None}
        return (*named_regimens(self.strategies).values(), *later.values(), UNTREATED)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The strategies as the engines read them."""
        order = [regimen.name for regimen in self.regimens]
        return tuple(
            Plan(
                regimens=tuple(order.index(regimen.name) for regimen in arm.lines),
                lines=len(arm.regimens),
                usual_care=arm.later is not None,
                maintenance=arm.maintenance,
            )
            for arm in self.strategies
        )

    @property
    def life_table(self) -> LifeTable:
        """The life tables of both sexes in one, that of men first."""
        columns = zip(self.life_table_male, self.life_table_female, strict=True)
        return LifeTable(*((*male, *female) for male, female in columns))

    def world(self, seed: int = 0) -> World:
        """Return the data that all patients share, as plain Python objects."""
        return World(self.rules, self.regimens, self.plans, self.life_table, seed)


def named_regimens(strategies: Sequence[Strategy]) -> dict[str, Regimen]:
    """Return every named regimen once by name, in the order of first mention."""
    return {regimen.name: regimen for arm in strategies for regimen in arm.regimens}


REAL_WORLD: Final = "real_world"
INOTUZUMAB: Final = "inotuzumab"
NO_RISK: Final = Risk(0.0, 0.0, 0.0)


USUAL_CARE: Final = RegimenPlan(
    name=Care.USUAL.value,
    continuous_infusion=False,
    targets_cd19=False,
    reference_chain=(Care.USUAL.value,),
)
"""A later line as trials saw it: one assessment, and all care paid by the month."""


def regimen_plans(strategies: Sequence[StrategyPlan]) -> tuple[RegimenPlan, ...]:
    """Return every regimen once, in the order of `Model.regimens`, without that of no treatment."""
    named = {plan.name: plan for arm in strategies for plan in arm.regimens}
    later = [USUAL_CARE] if any(arm.then == Care.USUAL for arm in strategies) else []
    return (*named.values(), *later)


def _risks(plan: RegimenPlan, values: Values, settings: Settings) -> tuple[Risk, ...]:
    if plan == USUAL_CARE or not settings.toxicity:
        return (NO_RISK,) * len(Toxicity)
    prefixes = [f"{plan.name}.{kind.name.lower()}" for kind in Toxicity]
    if plan.cell_therapy:
        once = {"later_cycle_ratio": 1.0}
        return tuple(values.record_but(Risk, prefix, **once) for prefix in prefixes)
    return tuple(values.record(Risk, prefix) for prefix in prefixes)


def _schedule(plan: RegimenPlan, values: Values) -> Schedule:
    if plan == USUAL_CARE or plan.cell_therapy:
        days = values[f"{plan.name}.schedule.first_cycle_days"]
        return UNTREATED.schedule._replace(first_cycle_days=days, induction_cycles=1.0)
    return values.record(Schedule, f"{plan.name}.schedule")


def _response(plan: RegimenPlan, values: Values) -> RegimenResponse:
    name = f"{plan.name}.response"
    if plan == USUAL_CARE or plan.cell_therapy:
        once = {"first_cycle_share": 1.0, "progression_after_first_cycle_probability": 0.0}
        return values.record_but(RegimenResponse, name, **once)
    return values.record(RegimenResponse, name)


def _continued_hazard_ratio(plan: RegimenPlan, values: Values) -> float:
    name = f"{plan.name}.continued_hazard_ratio"
    return values[name] if values.has(name) else 1.0


def _cells(plan: RegimenPlan, values: Values) -> CellTherapy:
    return values.record(CellTherapy, f"{plan.name}.cells") if plan.cell_therapy else NO_CELLS


def _over_chain(plan: RegimenPlan, values: Values, name: str) -> float:
    """Add up an effect that is stated against another regimen, that against the next, and so on."""
    return added(values[f"{link}.{name}"] for link in plan.reference_chain)


def _transplant_effect(plan: RegimenPlan, values: Values, settings: Settings) -> float:
    return (
        _over_chain(plan, values, "transplant_log_odds_ratio") if settings.transplant else NOT_ASKED
    )


def _remaining_ratio(plan: RegimenPlan, values: Values, settings: Settings) -> float:
    """Return the comparator's duration of remission against the regimen's own, where it is shorter."""
    lasts = settings.benefit_after_stopping and settings.benefit_fades_from_days == NEVER
    if lasts or plan == USUAL_CARE:
        return 1.0
    reference = settings.comparator_regimen
    theirs = 1.0 if reference is None else values[f"{reference}.remission_duration_ratio"]
    return min(1.0, theirs / values[f"{plan.name}.remission_duration_ratio"])


REGIMEN_PARTS: Final[Mapping[str, Callable[[RegimenPlan, Values, Settings], Any]]] = {
    "cells": lambda plan, values, _: _cells(plan, values),
    "schedule": lambda plan, values, _: _schedule(plan, values),
    "response": lambda plan, values, _: _response(plan, values),
    "risks": _risks,
    "response_log_odds_ratio": lambda plan, values, _: _over_chain(
        plan, values, "response.log_odds_ratio"
    ),
    "duration_ratio": lambda plan, values, _: values[f"{plan.name}.remission_duration_ratio"],
    "remaining_ratio": _remaining_ratio,
    "continued_hazard_ratio": lambda plan, values, _: _continued_hazard_ratio(plan, values),
    "transplant_log_odds_ratio": _transplant_effect,
}
"""The numbers of a `Regimen`, field by field, and how each is bound."""


def _regimen(plan: RegimenPlan, values: Values, settings: Settings) -> Regimen:
    numbers = {name: make(plan, values, settings) for name, make in REGIMEN_PARTS.items()}
    return Regimen(
        name=plan.name,
        continuous_infusion=plan.continuous_infusion,
        targets_cd19=plan.targets_cd19,
        inotuzumab=plan.name == INOTUZUMAB,
        cell_therapy=plan.cell_therapy,
        **numbers,
    )


def _relapse(values: Values, settings: Settings) -> Relapse:
    if settings.weibull_relapse:
        return values.record_but(Relapse, "relapse", sigma=NOT_ASKED, weibull=True)
    return values.record_but(Relapse, "relapse", shape=NOT_ASKED, weibull=False)


def _if_transplanted(kind: type[Any], prefix: str) -> Callable[[Values, Settings], Any]:
    def bound(values: Values, settings: Settings) -> Any:  # noqa: ANN401
        if settings.transplant:
            return values.record(kind, prefix)
        return kind(*(NOT_ASKED for _ in fields_of(kind)))

    return bound


def _population(values: Values, settings: Settings) -> Population:
    if not settings.given:
        return values.record(Population, "population")
    drawn = [name for name in READ_FOR if name not in settings.given]
    read = {field for name in drawn for field in READ_FOR[name]}
    unread = {name: NOT_ASKED for name in Population._fields if name not in read}
    return values.record_but(Population, "population", **unread)


RULES: Final[Mapping[str, Callable[[Values, Settings], Any]]] = {
    "population": _population,
    "response": lambda values, _: values.record(Response, "response"),
    "relapse": _relapse,
    "candidacy": _if_transplanted(Candidacy, "candidacy"),
    "transplant": _if_transplanted(Transplant, "transplant"),
    "disease": lambda values, _: values.record(Disease, "disease"),
    "later": lambda values, _: values.record(LaterLines, "later"),
    "courses": lambda values, _: tuple(
        values.record(Course, f"toxicity.{kind.name.lower()}") for kind in Toxicity
    ),
    "seizure_share": lambda values, _: values["toxicity.neurotoxicity.seizure_share"],
    "survivor_threshold_days": lambda values, _: (
        values.record(Survivors, "survivor").threshold_days
    ),
    "mortality_ratio": lambda values, settings: settings.mortality_ratio(
        values.record(Survivors, "survivor")
    ),
    "horizon_days": lambda _, settings: settings.horizon_days,
    "cure_point_days": lambda _, settings: settings.cure_point_days,
    "benefit_fades_from_days": lambda _, settings: settings.benefit_fades_from_days,
    "benefit_fades_to_days": lambda _, settings: settings.benefit_fades_to_days,
    "background_mortality": lambda _, settings: settings.background_mortality,
    "toxicity": lambda _, settings: settings.toxicity,
    "transplant_allowed": lambda _, settings: settings.transplant,
    "real_world": lambda _, settings: settings.setting == REAL_WORLD,
}
"""The fields of `Rules`, and how each is bound."""


def build(
    numbers: Mapping[str, float],
    settings: Settings,
    strategies: tuple[StrategyPlan, ...],
    life_tables: tuple[LifeTable, LifeTable],
    names: Names | None = None,
    given: GivenRows | None = None,
) -> Model:
    """Bind `numbers` to the records of the clinic.

    Parameters
    ----------
    numbers
        Parameter values by name.
    settings
        Structural choices.
    strategies
        Sequences of regimens.
    life_tables
        Background mortality of men and of women.
    names
        The names as resolved for other parameter sets.
    given
        The user's own patients.

    Raises
    ------
    KeyError
        When a parameter that the model needs is missing.
    """
    values = Values(numbers, settings.setting, names)
    rules = Rules(**{name: make(values, settings) for name, make in RULES.items()})
    arms = tuple(
        Strategy(
            name=plan.name,
            regimens=tuple(_regimen(regimen, values, settings) for regimen in plan.regimens),
            later=_regimen(USUAL_CARE, values, settings) if plan.then == Care.USUAL else None,
            maintenance=plan.maintenance,
        )
        for plan in strategies
    )
    return Model(
        rules=rules,
        life_table_male=life_tables[0],
        life_table_female=life_tables[1],
        settings=settings,
        strategies=arms,
        used=frozenset(values.used),
        given=given,
    )
