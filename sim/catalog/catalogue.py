"""The catalogue, each number with its source, and how it is read from its YAML files.

It holds populations, regimens, perspectives and background mortality by age and sex. The files are
``sources.yaml``, ``price_indices.yaml`` and one file per life table, topic of clinical parameters,
regimen, population and perspective, in folders of those names.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import Field, InstanceOf, model_validator

from sim.catalog.distribution import Draws, read_draws
from sim.catalog.parameter import (
    PARAMETERS,
    STATUSES,
    IndexFile,
    Informed,
    Parameter,
    PriceIndex,
    Prices,
    Source,
    SourceFile,
    SourceKeys,
    read_parameters,
)
from sim.catalog.values import CURRENCIES, Numbers, Positive, Text, one_of
from sim.errors import UserError
from sim.files.documents import Document, read_yaml
from sim.files.schema import Mistake, Part, broken_rule, first_of, validated

FEWEST_KNOTS: Final = 2
HAZARD_UNITS: Final = ("per person-year",)
Hazards = Annotated[tuple[Positive, ...], Field(strict=False)]


class LifeTable(Part):
    """Hazard of death per person-year at knot `ages` in years; its log is linear between."""

    name: Text
    label: Text
    sources: SourceKeys = Field(alias="source")
    place: Text
    derivation: Text | None = None
    status: Annotated[str, one_of(STATUSES)]
    note: Text | None = None
    unit: Annotated[str, one_of(HAZARD_UNITS)]
    ages: Numbers
    male: Hazards
    female: Hazards

    @model_validator(mode="after")
    def _knots_go_together(self) -> Self:
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


class Population(Named):
    """The patients treated: the baseline table of a cohort; it may extend another."""

    extends: Text | None = None


class Regimen(Named):
    """The treatment given; response is relative to `response_reference`, when there is one.

    `drug` is the regimen that names vial, price and bags of the drug: itself, or another regimen
    that gives the same drug in another way.
    """

    kind: Annotated[str, one_of(REGIMEN_KINDS)]
    target: Annotated[str, one_of(TARGETS)]
    response_reference: Text | None = None
    drug: Text


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
            for name, holder in part.items():
                # A population that extends another repeats the parameters that it did not change.
                own = f"/{name}.yaml"
                yield from (each for each in holder.parameters.values() if each.file.endswith(own))


def _find(parts: Mapping[str, _Part], kind: str, name: str) -> _Part:
    if name not in parts:
        raise UserError(f"there is no such {kind}", key=kind, value=name, choices=parts)
    return parts[name]


POSTERIOR: Final = "posterior/adult_rr.csv"
IDENTIFIED: Final = "posterior/identification.csv"
SHOWN_ROOT: Final = "sim/catalog/data"
"""How messages name the folder of the catalogue, wherever the package is installed."""

POPULATION_PREFIXES: Final = ("population.",)
PERSPECTIVE_PREFIXES: Final = ("cost.", "hospital.", "perspective.", "norm.")

_Head = TypeVar("_Head", bound=WithParameters)


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue that comes with the package; it is read once."""
    return read_catalogue(Path(str(resources.files("sim.catalog") / "data")), SHOWN_ROOT)


def read_catalogue(root: Path, shown_as: str | None = None) -> Catalogue:
    """Read the catalogue in the folder `root`; messages name it `shown_as`.

    Raises
    ------
    UserError
        With file, line and key, at the first mistake in the data.
    """
    folder = _Folder(root, str(root) if shown_as is None else shown_as)
    document = folder.read("sources.yaml")
    sources = validated(SourceFile, document.data, document).sources
    document = folder.read("price_indices.yaml")
    indices = validated(IndexFile, document.data, document, context=sources).indices
    tables = {
        name: _life_table(document, sources)
        for name, document in folder.documents("life_tables").items()
    }
    populations = _populations(folder.documents("populations"), sources)
    perspectives = {
        name: _perspective(document, sources, indices, tables)
        for name, document in folder.documents("perspectives").items()
    }
    draws = read_draws(folder.root / POSTERIOR, f"{folder.shown_as}/{POSTERIOR}")
    informed = _informed(folder.root / IDENTIFIED, f"{folder.shown_as}/{IDENTIFIED}")
    regimens = _regimens(folder.documents("regimens"), sources, draws, informed)
    clinical = _clinical(folder.documents("clinical"), sources, draws, informed)
    _refuse_shared_names(clinical, regimens, populations, perspectives)
    return Catalogue(populations, regimens, perspectives, clinical, sources, tables, indices)


@dataclass(frozen=True)
class _Folder:
    root: Path
    shown_as: str

    def read(self, place: str) -> Document:
        return read_yaml(self.root / place, f"{self.shown_as}/{place}")

    def documents(self, kind: str) -> dict[str, Document]:
        """Read the files of a kind, by their names without ending."""
        paths = sorted((self.root / kind).glob("*.yaml"))
        return {path.stem: self.read(f"{kind}/{path.name}") for path in paths}


def _require(
    key: str,
    name: str | None,
    known: Collection[str],
    document: Document,
    problem: str = "is not known",
) -> None:
    if name is not None and name not in known:
        raise first_of([Mistake((key,), problem, name, known)], document)


def _require_file_name(name: str, document: Document) -> None:
    stem = Path(document.file).stem
    _require("name", name, [stem], document, "must be the name of the file")


def _head(model: type[_Head], document: Document, **given: object) -> _Head:
    """Return what a file says before its parameters."""
    written = {key: value for key, value in document.data.items() if key != PARAMETERS}
    head = validated(model, {**written, **given}, document)
    if isinstance(head, Named):
        _require_file_name(head.name, document)
    return head


def _life_table(document: Document, sources: Mapping[str, Source]) -> LifeTable:
    table = validated(LifeTable, document.data, document, context=sources)
    _require_file_name(table.name, document)
    return table


def _populations(
    documents: Mapping[str, Document], sources: Mapping[str, Source]
) -> dict[str, Population]:
    """Read the populations; one that extends another holds only its differences from it."""
    heads = {name: _head(Population, document) for name, document in documents.items()}
    complete = [name for name, head in heads.items() if head.extends is None]
    own = {}
    for name, document in documents.items():
        _require("extends", heads[name].extends, complete, document)
        own[name] = read_parameters(document, sources, POPULATION_PREFIXES)
    return {
        name: head.model_copy(
            update={PARAMETERS: {**(own[head.extends] if head.extends else {}), **own[name]}}
        )
        for name, head in heads.items()
    }


def _perspective(
    document: Document,
    sources: Mapping[str, Source],
    indices: Mapping[str, PriceIndex],
    life_tables: Mapping[str, LifeTable],
) -> Perspective:
    head = _head(Perspective, document)
    _require("price_index", head.price_index, indices, document)
    _require("life_table", head.life_table, life_tables, document)
    index = None if head.price_index is None else indices[head.price_index]
    prices = Prices(head.currency, head.price_year, index)
    parameters = read_parameters(document, sources, PERSPECTIVE_PREFIXES, prices)
    return head.model_copy(update={PARAMETERS: parameters})


def _regimens(
    documents: Mapping[str, Document],
    sources: Mapping[str, Source],
    draws: Draws,
    informed: Mapping[str, Informed],
) -> dict[str, Regimen]:
    regimens = {}
    for name, document in documents.items():
        head = _head(Regimen, document, drug=document.data.get("drug") or name)
        _require("response_reference", head.response_reference, documents, document)
        _require("drug", head.drug, documents, document)
        parameters = read_parameters(
            document, sources, (f"{name}.",), draws=draws, informed=informed
        )
        regimens[name] = head.model_copy(update={PARAMETERS: parameters})
    return regimens


def _clinical(
    documents: Mapping[str, Document],
    sources: Mapping[str, Source],
    draws: Draws,
    informed: Mapping[str, Informed],
) -> dict[str, Parameter]:
    clinical: dict[str, Parameter] = {}
    for document in documents.values():
        _head(Topic, document)
        parameters = read_parameters(document, sources, draws=draws, informed=informed)
        _refuse_seen(clinical, parameters)
        clinical.update(parameters)
    return clinical


def _informed(path: Path, shown: str) -> dict[str, Informed]:
    """Read how far the fit informed its parameters; nothing where there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"is not a table of the fit ({error})", file=shown) from None
    try:
        rows = list(csv.DictReader(text.splitlines(), strict=True))
        return {
            row["parameter"]: Informed(float(row["spread_left"]), row["informed_by"])
            for row in rows
        }
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(f"is not a table of the fit ({error!r})", file=shown) from None


def _refuse_shared_names(
    clinical: Mapping[str, Parameter],
    regimens: Mapping[str, Regimen],
    populations: Mapping[str, Population],
    perspectives: Mapping[str, Perspective],
) -> None:
    """Refuse one name in two files, but of two populations or two perspectives."""
    seen = dict(clinical)
    for regimen in regimens.values():
        _refuse_seen(seen, regimen.parameters)
        seen.update(regimen.parameters)
    for replaceable in (populations, perspectives):
        for holder in replaceable.values():
            _refuse_seen(seen, holder.parameters)
        for holder in replaceable.values():
            seen.update(holder.parameters)


def _refuse_seen(seen: Mapping[str, Parameter], parameters: Mapping[str, Parameter]) -> None:
    for name in parameters:
        if name in seen:
            raise _written_twice(parameters[name], seen[name])


def _written_twice(parameter: Parameter, first: Parameter) -> UserError:
    return UserError(
        f"the parameter is written twice, first in {first.file}:{first.line}",
        file=parameter.file,
        line=parameter.line,
        key=parameter.name,
    )
