"""The model as the engines see it: named parameters bound to the clinic's records.

`build` takes plain numbers by name and plain settings; it knows no file. A record such as
`Relapse` is filled from the names ``relapse.<field>``; where a name with the setting appended
exists (``blinatumomab.crs.severe_probability.real_world``), that one is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar

from sim.clinic.disease import Disease, LaterLines, UsualCare
from sim.clinic.infusion import Schedule
from sim.clinic.mortality import LifeTable, Survivors
from sim.clinic.patient import Population
from sim.clinic.remission import Candidacy, Relapse
from sim.clinic.response import RegimenResponse, Response
from sim.clinic.toxicity import Course, Risk, Toxicity
from sim.clinic.transplant import Transplant
from sim.clinic.units import DAYS_PER_YEAR, NEVER

Record = TypeVar("Record")

NOT_ASKED: Final = float("nan")
"""Stands where no number is read, so that one read by mistake would show."""


class Care(StrEnum):
    """What follows the last regimen of a strategy."""

    USUAL = "usual_care"
    SUPPORTIVE = "supportive_care"


class Values:
    """Numbers by name, with the names that were asked for remembered.

    Parameters
    ----------
    numbers
        Every parameter that the scenario may use.
    setting
        ``trial`` or ``real_world``.
    """

    def __init__(self, numbers: Mapping[str, float], setting: str) -> None:
        self._numbers = numbers
        self._setting = setting
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> float:
        """Return the number for `name` in this setting.

        Raises
        ------
        KeyError
            When the catalogue holds neither the name nor its variant for the setting.
        """
        variant = f"{name}.{self._setting}"
        found = variant if variant in self._numbers else name
        value = self._numbers[found]
        self.used.add(found)
        return value

    def has(self, name: str) -> bool:
        """Whether there is a parameter of this name."""
        return name in self._numbers

    def record(self, kind: type[Record], prefix: str, **given: float) -> Record:
        """Fill a named tuple from the parameters ``prefix.<field>``, but for the `given` fields."""
        asked = {name: self[f"{prefix}.{name}"] for name in _fields(kind) if name not in given}
        return kind(**asked, **given)

    def record_if(self, *, asked: bool, kind: type[Record], prefix: str) -> Record:
        """Fill a named tuple, or with `NOT_ASKED` where the scenario never comes to it."""
        if asked:
            return self.record(kind, prefix)
        return kind(*(NOT_ASKED for _ in _fields(kind)))


def _fields(kind: type[Any]) -> tuple[str, ...]:
    fields: tuple[str, ...] = kind._fields
    return fields


@dataclass(frozen=True, slots=True)
class RegimenPlan:
    """What an engine needs to know of a regimen, apart from its numbers."""

    name: str
    continuous_infusion: bool
    targets_cd19: bool
    reference_chain: tuple[str, ...]
    """The regimen and those it was compared with, up to the reference of the relative effects."""


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """A sequence of regimens and what follows it."""

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


@dataclass(frozen=True, slots=True)
class Regimen:
    """A regimen with its numbers bound."""

    name: str
    continuous_infusion: bool
    targets_cd19: bool
    schedule: Schedule
    response: RegimenResponse
    response_log_odds_ratio: float
    duration_ratio: float
    transplant_log_odds_ratio: float
    inotuzumab: bool
    risks: tuple[Risk, ...]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy with its regimens bound."""

    name: str
    regimens: tuple[Regimen, ...]
    then: Care
    maintenance: bool


@dataclass(frozen=True, slots=True)
class Model:
    """All that decides a patient's path, for one parameter set."""

    population: Population
    response: Response
    relapse: Relapse
    candidacy: Candidacy
    transplant: Transplant
    disease: Disease
    later: LaterLines
    usual_care: UsualCare
    survivors: Survivors
    courses: tuple[Course, ...]
    seizure_share: float
    life_table_male: LifeTable
    life_table_female: LifeTable
    settings: Settings
    strategies: tuple[Strategy, ...]
    used: frozenset[str] = field(default_factory=frozenset)

    @property
    def real_world(self) -> bool:
        """Whether the scenario speaks of routine practice rather than of a trial."""
        return self.settings.setting == REAL_WORLD

    @property
    def survivor_threshold_days(self) -> float:
        """Time in continuous remission after which a patient counts as a long-term survivor."""
        return self.survivors.threshold_years * DAYS_PER_YEAR

    @property
    def mortality_ratio(self) -> float:
        """The standardized mortality ratio of long-term survivors; 1 when switched off."""
        return self.survivors.mortality_ratio if self.settings.survivor_mortality_ratio else 1.0

    def life_table(self, *, male: bool) -> LifeTable:
        """Return the life table of the sex."""
        return self.life_table_male if male else self.life_table_female

    def relapse_or_cure(self, days: float) -> float:
        """Return `days`, or never when they lie beyond the cure point."""
        return NEVER if days > self.settings.cure_point_days else days


REAL_WORLD: Final = "real_world"
INOTUZUMAB: Final = "inotuzumab"
NO_RISK: Final = Risk(0.0, 0.0, 0.0)


def _regimen(plan: RegimenPlan, values: Values, settings: Settings) -> Regimen:
    name = plan.name
    risks = tuple(
        values.record(Risk, f"{name}.{kind.name.lower()}") if settings.toxicity else NO_RISK
        for kind in Toxicity
    )
    return Regimen(
        name=name,
        continuous_infusion=plan.continuous_infusion,
        targets_cd19=plan.targets_cd19,
        schedule=values.record(Schedule, f"{name}.schedule"),
        response=values.record(RegimenResponse, f"{name}.response"),
        response_log_odds_ratio=sum(
            values[f"{link}.response.log_odds_ratio"] for link in plan.reference_chain
        ),
        duration_ratio=values[f"{name}.remission_duration_ratio"],
        transplant_log_odds_ratio=(
            sum(values[f"{link}.transplant_log_odds_ratio"] for link in plan.reference_chain)
            if settings.transplant
            else NOT_ASKED
        ),
        inotuzumab=name == INOTUZUMAB,
        risks=risks,
    )


def _relapse(values: Values, settings: Settings) -> Relapse:
    if settings.weibull_relapse:
        return values.record(Relapse, "relapse", sigma=NOT_ASKED, weibull=True)
    return values.record(Relapse, "relapse", shape=NOT_ASKED, weibull=False)


def build(
    numbers: Mapping[str, float],
    settings: Settings,
    strategies: tuple[StrategyPlan, ...],
    life_tables: tuple[LifeTable, LifeTable],
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

    Raises
    ------
    KeyError
        When a parameter that the model needs is missing.
    """
    values = Values(numbers, settings.setting)
    bound: dict[str, Any] = {
        "population": values.record(Population, "population"),
        "response": values.record(Response, "response"),
        "relapse": _relapse(values, settings),
        "candidacy": values.record_if(
            asked=settings.transplant, kind=Candidacy, prefix="candidacy"
        ),
        "transplant": values.record_if(
            asked=settings.transplant, kind=Transplant, prefix="transplant"
        ),
        "disease": values.record(Disease, "disease"),
        "later": values.record(LaterLines, "later"),
        "usual_care": values.record_if(
            asked=settings.transplant, kind=UsualCare, prefix="usual_care"
        ),
        "survivors": values.record(Survivors, "survivor"),
        "courses": tuple(
            values.record(Course, f"toxicity.{kind.name.lower()}") for kind in Toxicity
        ),
        "seizure_share": values["toxicity.neurotoxicity.seizure_share"],
    }
    arms = tuple(
        Strategy(
            name=plan.name,
            regimens=tuple(_regimen(regimen, values, settings) for regimen in plan.regimens),
            then=plan.then,
            maintenance=plan.maintenance,
        )
        for plan in strategies
    )
    return Model(
        **bound,
        life_table_male=life_tables[0],
        life_table_female=life_tables[1],
        settings=settings,
        strategies=arms,
        used=frozenset(values.used),
    )
