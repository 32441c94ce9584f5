"""Reads the catalogue from its YAML files.

The files are ``sources.yaml``, ``price_indices.yaml`` and one file per life table, topic of
clinical parameters, regimen, population and perspective, in folders of those names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, TypeVar

from sim.catalog.catalogue import (
    Catalogue,
    Named,
    Perspective,
    Population,
    Regimen,
    Topic,
    WithParameters,
)
from sim.catalog.draws import Draws, read_draws
from sim.catalog.life_table import LifeTable
from sim.catalog.parameter import PARAMETERS, Parameter, Prices, read_parameters
from sim.catalog.price_index import IndexFile, PriceIndex
from sim.catalog.source import Source, SourceFile
from sim.errors import UserError
from sim.files.documents import Document, read_yaml
from sim.files.schema import Mistake, first_of, validated

POSTERIOR: Final = "posterior/adult_rr.csv"
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
    regimens = _regimens(folder.documents("regimens"), sources, draws)
    clinical = _clinical(folder.documents("clinical"), sources, draws)
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
    documents: Mapping[str, Document], sources: Mapping[str, Source], draws: Draws
) -> dict[str, Regimen]:
    regimens = {}
    for name, document in documents.items():
        head = _head(Regimen, document, drug=document.data.get("drug") or name)
        _require("response_reference", head.response_reference, documents, document)
        _require("drug", head.drug, documents, document)
        parameters = read_parameters(document, sources, (f"{name}.",), draws=draws)
        regimens[name] = head.model_copy(update={PARAMETERS: parameters})
    return regimens


def _clinical(
    documents: Mapping[str, Document], sources: Mapping[str, Source], draws: Draws
) -> dict[str, Parameter]:
    clinical: dict[str, Parameter] = {}
    for document in documents.values():
        _head(Topic, document)
        parameters = read_parameters(document, sources, draws=draws)
        _refuse_seen(clinical, parameters)
        clinical.update(parameters)
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
