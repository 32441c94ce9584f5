"""Reads the catalogue from its YAML files.

The files are ``sources.yaml``, ``price_indices.yaml`` and one file per life table, topic of
clinical parameters, regimen, population and perspective, in folders of those names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, TypeVar

from sim.catalog.catalogue import Catalogue, Perspective, Population, Regimen
from sim.catalog.draws import Draws, read_draws
from sim.catalog.entry import Prices, read_parameters
from sim.catalog.fields import Fields
from sim.catalog.life_table import LifeTable, read_life_table
from sim.catalog.parameter import Parameter
from sim.catalog.price_index import PriceIndex, read_price_indices
from sim.catalog.source import Source, read_sources
from sim.catalog.units import CURRENCIES
from sim.errors import UserError
from sim.files.documents import Document, read_yaml

POSTERIOR: Final = "posterior/adult_rr.csv"
SHOWN_ROOT: Final = "sim/catalog/data"
"""How messages name the folder of the catalogue, wherever the package is installed."""

REGIMEN_KINDS: Final = ("continuous_infusion", "chemotherapy", "injections", "care")
TARGETS: Final = ("cd19", "cd22", "none")
POPULATION_PREFIXES: Final = ("population.",)
PERSPECTIVE_PREFIXES: Final = ("cost.", "hospital.", "perspective.", "norm.")

_Named = TypeVar("_Named", Perspective, LifeTable)


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
    sources = read_sources(folder.read("sources.yaml"))
    indices = read_price_indices(folder.read("price_indices.yaml"), sources)
    tables = _by_name(folder.documents("life_tables"), lambda read: read_life_table(read, sources))
    populations = _read_populations(folder, sources)
    perspectives = _by_name(
        folder.documents("perspectives"),
        lambda read: _perspective(read, sources, indices, tables),
    )
    draws = read_draws(folder.root / POSTERIOR, f"{folder.shown_as}/{POSTERIOR}")
    regimens = _read_regimens(folder, sources, draws)
    clinical = _read_clinical(folder, sources, draws)
    _refuse_shared_names(clinical, regimens, populations, perspectives)
    return Catalogue(populations, regimens, perspectives, clinical, sources, tables, indices)


@dataclass(frozen=True)
class _Folder:
    root: Path
    shown_as: str

    def read(self, place: str) -> Document:
        return read_yaml(self.root / place, f"{self.shown_as}/{place}")

    def documents(self, kind: str) -> Iterator[Document]:
        for path in sorted((self.root / kind).glob("*.yaml")):
            yield self.read(f"{kind}/{path.name}")


def _by_name(
    documents: Iterator[Document], read: Callable[[Document], _Named]
) -> dict[str, _Named]:
    named = {}
    for document in documents:
        part = read(document)
        _require_file_name(Fields(document))
        named[part.name] = part
    return named


def _require_file_name(fields: Fields) -> None:
    stem = Path(fields.document.file).stem
    if fields.text("name") != stem:
        raise fields.error(f"must be the name of the file, '{stem}'", "name", fields.text("name"))


def _read_populations(folder: _Folder, sources: Mapping[str, Source]) -> dict[str, Population]:
    """Read the populations; one that extends another holds only its differences from it."""
    documents = {Path(each.file).stem: each for each in folder.documents("populations")}
    own = {}
    for name, document in documents.items():
        fields = Fields(document)
        fields.only(("name", "label", "description", "extends", "defaults", "parameters"))
        fields.text("label")
        fields.text("description")
        own[name] = read_parameters(document, sources, POPULATION_PREFIXES)
        _require_file_name(fields)
    populations = {}
    for name, document in documents.items():
        fields = Fields(document)
        complete = [other for other in documents if "extends" not in documents[other].data]
        base = fields.optional_choice("extends", complete)
        populations[name] = Population(
            name=name,
            label=fields.text("label"),
            description=fields.text("description"),
            parameters={**({} if base is None else own[base]), **own[name]},
            file=document.file,
        )
    return populations


def _perspective(
    document: Document,
    sources: Mapping[str, Source],
    indices: Mapping[str, PriceIndex],
    life_tables: Mapping[str, LifeTable],
) -> Perspective:
    fields = Fields(document)
    fields.only(
        (
            "name",
            "label",
            "country",
            "currency",
            "price_year",
            "price_index",
            "life_table",
            "description",
            "defaults",
            "parameters",
        )
    )
    currency = fields.choice("currency", CURRENCIES)
    year = fields.year("price_year")
    index = fields.optional_choice("price_index", indices)
    prices = Prices(currency, year, None if index is None else indices[index])
    return Perspective(
        name=fields.text("name"),
        label=fields.text("label"),
        country=fields.text("country"),
        currency=currency,
        price_year=year,
        price_index=index,
        life_table=fields.choice("life_table", life_tables),
        description=fields.text("description"),
        parameters=read_parameters(document, sources, PERSPECTIVE_PREFIXES, prices),
        file=document.file,
    )


def _read_regimens(
    folder: _Folder, sources: Mapping[str, Source], draws: Draws
) -> dict[str, Regimen]:
    documents = list(folder.documents("regimens"))
    names = [Path(document.file).stem for document in documents]
    regimens = {}
    for document in documents:
        fields = Fields(document)
        fields.only(
            (
                "name",
                "label",
                "kind",
                "target",
                "response_reference",
                "drug",
                "description",
                "defaults",
                "parameters",
            )
        )
        _require_file_name(fields)
        name = fields.text("name")
        regimens[name] = Regimen(
            name=name,
            label=fields.text("label"),
            kind=fields.choice("kind", REGIMEN_KINDS),
            target=fields.choice("target", TARGETS),
            response_reference=fields.optional_choice("response_reference", names),
            drug=fields.optional_choice("drug", names) or name,
            description=fields.text("description"),
            parameters=read_parameters(document, sources, (f"{name}.",), draws=draws),
            file=document.file,
        )
    return regimens


def _read_clinical(
    folder: _Folder, sources: Mapping[str, Source], draws: Draws
) -> dict[str, Parameter]:
    clinical: dict[str, Parameter] = {}
    for document in folder.documents("clinical"):
        fields = Fields(document)
        fields.only(("topic", "defaults", "parameters"))
        fields.text("topic")
        for name, parameter in read_parameters(document, sources, draws=draws).items():
            if name in clinical:
                raise _written_twice(parameter, clinical[name])
            clinical[name] = parameter
    return clinical


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
