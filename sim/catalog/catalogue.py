"""The catalogue: populations, regimens, perspectives and life tables, each number with its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import Field, InstanceOf, model_validator

from sim.catalog.parameter import STATUSES, Parameter, PriceIndex, Source, SourceKeys
from sim.catalog.values import CURRENCIES, Numbers, Positive, Text, one_of
from sim.errors import UserError
from sim.files.schema import Part, broken_rule

FEWEST_KNOTS: Final = 2
HAZARD_UNITS: Final = ("per person-year",)
Hazards = Annotated[tuple[Positive, ...], Field(strict=False)]


class LifeTable(Part):
    """Hazard of death per person-year at knot `ages` in years; its log is linear between.

    Or a CSV `file` with the table, relative to the file that names it (`path`).
    """

    name: Text
    label: Text
    sources: SourceKeys = Field(alias="source")
    place: Text
    derivation: Text | None = None
    status: Annotated[str, one_of(STATUSES)]
    note: Text | None = None
    file: Text | None = None
    unit: Annotated[str, one_of(HAZARD_UNITS)] | None = None
    ages: Numbers = ()
    male: Hazards = ()
    female: Hazards = ()
    path: Path | None = Field(default=None, exclude=True)

    @model_validator(mode="after")
    def _knots_go_together(self) -> Self:
        given = self.model_fields_set & {"unit", "ages", "male", "female"}
        if self.file is not None:
            if given:
                raise broken_rule(
                    (min(given),), "has no place beside 'file', which holds the table"
                )
            return self
        for key in ("unit", "ages", "male", "female"):
            if key not in given:
                raise broken_rule((key,), "is required where there is no 'file'", None)
        if len(self.ages) < FEWEST_KNOTS or any(low >= high for low, high in pairwise(self.ages)):
            raise broken_rule(("ages",), "must be two ages or more, each above the one before")
        for sex, hazards in (("male", self.male), ("female", self.female)):
            if len(hazards) != len(self.ages):
                problem = f"must hold one hazard for each of the {len(self.ages)} ages"
                raise broken_rule((sex,), problem)
        return self


ALWAYS_NEEDED: Final = ("usual_care", "supportive_care")
"""Regimens that any strategy can end in, so that every run needs their parameters."""
REGIMEN_KINDS: Final = ("continuous_infusion", "chemotherapy", "injections", "cell_therapy", "care")
TARGETS: Final = ("cd19", "cd22", "none")

_Part = TypeVar("_Part")


class WithParameters(Part):
    """A file of parameters; `defaults` are the values of keys that its entries leave out."""

    defaults: Mapping[str, Any] = Field(default_factory=dict)
    parameters: Mapping[str, InstanceOf[Parameter]] = Field(default_factory=dict)


class Topic(WithParameters):
    """Clinical parameters of one topic."""

    topic: Text


class Named(WithParameters):
    """The fields that populations, regimens and perspectives share; `name` is that of the file."""

    name: Text
    label: Text
    description: Text
    extends: Text | None = None
    inherited: Mapping[str, InstanceOf[Parameter]] = Field(default_factory=dict, exclude=True)

    @property
    def own_parameters(self) -> Iterator[Parameter]:
        """The parameters that it does not share with the entry that it extends."""
        inherited = {(each.file, each.line) for each in self.inherited.values()}
        return (e for e in self.parameters.values() if (e.file, e.line) not in inherited)

    def taken_over_from(self, parent: Named) -> Mapping[str, Parameter]:
        """Return the parameters of the entry that it extends."""
        return parent.parameters


class Population(Named):
    """The patients treated: the baseline table of a cohort."""


class Regimen(Named):
    """The treatment given; response is relative to `response_reference`, when there is one.

    `drug` is the regimen that names vial, price and bags of the drug: itself, or another regimen
    that gives the same drug in another way.
    """

    kind: Annotated[str, one_of(REGIMEN_KINDS)]
    target: Annotated[str, one_of(TARGETS)]
    response_reference: Text | None = None
    drug: Text

    @model_validator(mode="before")
    @classmethod
    def _drug_is_its_own(cls, written: dict[str, Any]) -> dict[str, Any]:
        return {"drug": written.get("name"), **written}

    def taken_over_from(self, parent: Named) -> Mapping[str, Parameter]:
        """Return the parameters of the entry that it extends, under names of its own."""
        own = (
            e.renamed(f"{self.name}.{e.name.partition('.')[2]}") for e in parent.parameters.values()
        )
        return {each.name: each for each in own}


class Perspective(Named):
    """A payer's perspective: a country's prices, utilities, discount rates and life table."""

    country: Text
    currency: Annotated[str, one_of(CURRENCIES)]
    price_year: int
    price_index: Text | None = None
    life_table: Text

    @property
    def money(self) -> str:
        """The currency and the year of its prices, which make two amounts comparable."""
        return f"{self.currency} of {self.price_year}"


@dataclass(frozen=True)
class Catalogue:
    """All entries of the catalogue, by name."""

    populations: Mapping[str, Population]
    regimens: Mapping[str, Regimen]
    perspectives: Mapping[str, Perspective]
    clinical: Mapping[str, Parameter]
    sources: Mapping[str, Source]
    life_tables: Mapping[str, LifeTable]
    indices: Mapping[str, PriceIndex]
    own: tuple[Named, ...] = ()
    """Entries of the user's own, in the order of their files."""

    def select(
        self, population: str, regimens: Iterable[str], perspective: str
    ) -> dict[str, Parameter]:
        """Return the parameters that a question needs, sorted by name.

        These are the clinical ones, those of the `population` and of the `perspective`, and
        those of every regimen that can be reached: the named `regimens`, the ones whose
        response they refer to, and the care after the last line.

        Raises
        ------
        UserError
            When there is no population, regimen or perspective of that name.
        """
        chosen = dict(self.clinical)
        chosen.update(_find(self.populations, "population", population).parameters)
        for name in self.reachable_regimens(regimens):
            chosen.update(self.regimens[name].parameters)
        chosen.update(_find(self.perspectives, "perspective", perspective).parameters)
        return {name: chosen[name] for name in sorted(chosen)}

    def reachable_regimens(self, regimens: Iterable[str]) -> list[str]:
        """Return `regimens`, those they refer to and those that are always needed, once each.

        A regimen refers to the one that its response is relative to, and to that of its drug.
        """
        waiting = [*regimens, *ALWAYS_NEEDED]
        reached: list[str] = []
        while waiting:
            name = waiting.pop(0)
            regimen = _find(self.regimens, "regimen", name)
            if name not in reached:
                reached.append(name)
                waiting += [regimen.response_reference or name, regimen.drug]
        return reached

    def parameters(self) -> Iterator[Parameter]:
        """Yield every parameter of the catalogue, in the order of files and names.

        Populations and perspectives define the same names; `Parameter.file` distinguishes them.
        """
        yield from self.clinical.values()
        for part in (self.populations, self.regimens, self.perspectives):
            for holder in part.values():
                yield from holder.own_parameters


def _find(parts: Mapping[str, _Part], kind: str, name: str) -> _Part:
    if name not in parts:
        raise UserError(f"there is no such {kind}", key=kind, value=name, choices=parts)
    return parts[name]
