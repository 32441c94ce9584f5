"""The catalogue: populations, regimens and perspectives, each number with its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from sim.catalog.life_table import LifeTable
from sim.catalog.parameter import Parameter
from sim.catalog.price_index import PriceIndex
from sim.catalog.source import Source
from sim.errors import UserError

ALWAYS_NEEDED: Final = ("usual_care", "supportive_care")
"""Regimens that any strategy can end in, so that every run needs their parameters."""

_Part = TypeVar("_Part")


@dataclass(frozen=True)
class Population:
    """The patients treated: the baseline table of a cohort."""

    name: str
    label: str
    description: str
    parameters: Mapping[str, Parameter]
    file: str


@dataclass(frozen=True)
class Regimen:
    """The treatment given; response is relative to `response_reference`, when there is one.

    `drug` is the regimen that names vial, price and bags of the drug: itself, or another regimen
    that gives the same drug in another way.
    """

    name: str
    label: str
    kind: str
    target: str
    response_reference: str | None
    drug: str
    description: str
    parameters: Mapping[str, Parameter]
    file: str


@dataclass(frozen=True)
class Perspective:
    """A payer's perspective: a country's prices, utilities, discount rates and life table."""

    name: str
    label: str
    country: str
    currency: str
    price_year: int
    price_index: str | None
    life_table: str
    description: str
    parameters: Mapping[str, Parameter]
    file: str

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
                # A population that extends another repeats the parameters that it did not change.
                yield from (each for each in holder.parameters.values() if each.file == holder.file)


def _find(parts: Mapping[str, _Part], kind: str, name: str) -> _Part:
    if name not in parts:
        raise UserError(f"there is no such {kind}", key=kind, value=name, choices=parts)
    return parts[name]
