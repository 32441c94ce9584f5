"""The catalogue read from its YAML files: the one of the program, and a user's own on top.

The files are ``sources.yaml``, ``price_indices.yaml`` and one file per life table, topic of clinical
parameters, regimen, population and perspective, in folders of those names.

A user's own catalogue has the same form: a folder of such files, or one file with the same names as
its keys. An entry of it may extend an entry of its kind and holds only the differences. Nothing of it
has the name of an entry that there is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, TypeVar

from sim.catalog.catalogue import (
    Catalogue,
    LifeTable,
    Named,
    Perspective,
    Population,
    Regimen,
    Topic,
    WithParameters,
)
from sim.catalog.parameter import (
    PARAMETERS,
    SHOWN_ROOT,
    IndexFile,
    Parameter,
    Prices,
    Source,
    SourceFile,
    read_parameters,
)
from sim.catalog.posterior import NO_FIT, Fit, read_fit
from sim.errors import UserError, nearest
from sim.files.documents import Document, exists, missing_file, read_yaml
from sim.files.schema import Mistake, first_of, validated

_Item = TypeVar("_Item")
POPULATION_PREFIXES: Final = ("population.",)
PERSPECTIVE_PREFIXES: Final = ("cost.", "hospital.", "perspective.", "norm.", "trial.")

Own = Mapping[str, Parameter]
_Head = TypeVar("_Head", bound=WithParameters)
_Entry = TypeVar("_Entry", bound=Named)


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
    folder = Folder(root, str(root) if shown_as is None else shown_as, complete=True)
    fit = read_fit(root, folder.shown_as)
    return _laid_over(Catalogue({}, {}, {}, {}, {}, {}, {}), folder, fit)


def extended(base: Catalogue, place: Path, shown_as: str) -> Catalogue:
    """Return a catalogue with the entries of the user's own folder or file on top.

    Raises
    ------
    UserError
        At the first mistake, such as an entry with the name of one that there is.
    """
    own = Folder(place, shown_as) if place.is_dir() else SingleFile(read_yaml(place, shown_as))
    found = _laid_over(base, own, NO_FIT)
    added: list[Named] = []
    for kind in ("populations", "regimens", "perspectives"):
        entries = getattr(found, kind)
        new = [entry for name, entry in entries.items() if name not in getattr(base, kind)]
        _refuse_unread(new, getattr(base, kind).values(), found.regimens)
        added += new
    return replace(found, own=(*base.own, *added))


OF_ANY_REGIMEN: Final = "*"
THRESHOLDS: Final = "perspective.threshold"
"""Start of the names of thresholds, of which there may be any number."""


def _refuse_unread(
    entries: Iterable[Named], models: Iterable[Named], regimens: Collection[str]
) -> None:
    """Refuse a number of the user's own under a name that no entry of its kind has.

    The model would not read it. The name of a regimen in it may be that of any regimen.
    """

    def pattern(name: str) -> str:
        return ".".join(OF_ANY_REGIMEN if part in regimens else part for part in name.split("."))

    names = {pattern(name): name for model in models for name in model.parameters}
    for entry in entries:
        for each in entry.own_parameters:
            asked = pattern(each.name)
            if asked in names or each.name.startswith(THRESHOLDS):
                continue
            close = nearest(asked, names)
            if close is not None:
                regimen = next((part for part in each.name.split(".") if part in regimens), "")
                close = close.replace(OF_ANY_REGIMEN, regimen) if regimen else names[close]
            question = f"; did you mean '{close}'?" if close else ""
            raise UserError(
                f"the model reads no number of this name{question} ('blinsim parameters' lists all)",
                file=each.file,
                line=each.line,
                key=each.name,
            )


def _laid_over(base: Catalogue, own: Folder | SingleFile, fit: Fit) -> Catalogue:
    """Read a catalogue whose entries may name and extend those of another."""
    sources, indices = dict(base.sources), dict(base.indices)
    for document in own.single("sources"):
        found = validated(SourceFile, document.data, document).sources
        sources = _joined(sources, found, "sources", document)
    for document in own.single("price_indices"):
        known = validated(IndexFile, document.data, document, context=sources).indices
        indices = _joined(indices, known, "indices", document)
    read = {kind: own.documents(kind) for kind in KINDS_OF_FILES}
    for kind, documents in read.items():
        _refuse_known(getattr(base, kind, {}), kind, documents)
    tables = dict(base.life_tables)
    tables |= {n: _life_table(each, sources) for n, each in read["life_tables"].items()}

    def of_population(_: Population, parent: Population | None, document: Document) -> Own:
        return _own_parameters(document, parent, sources, POPULATION_PREFIXES)

    def of_regimen(head: Regimen, parent: Regimen | None, document: Document) -> Own:
        known = {**base.regimens, **read["regimens"]}
        _require("response_reference", head.response_reference, known, document)
        _require("drug", head.drug, known, document)
        return _own_parameters(document, parent, sources, (f"{head.name}.",), None, fit)

    def of_perspective(head: Perspective, parent: Perspective | None, document: Document) -> Own:
        _require("price_index", head.price_index, indices, document)
        _require("life_table", head.life_table, tables, document)
        index = None if head.price_index is None else indices[head.price_index]
        prices = Prices(head.currency, head.price_year, index)
        found = _own_parameters(document, parent, sources, PERSPECTIVE_PREFIXES, prices)
        _refuse_foreign_amounts(parent, head, found, document)
        return found

    populations = _entries(Population, base.populations, read["populations"], of_population)
    perspectives = _entries(Perspective, base.perspectives, read["perspectives"], of_perspective)
    regimens = _entries(Regimen, base.regimens, read["regimens"], of_regimen)
    clinical = _clinical(base, read["clinical"], sources, fit)
    _refuse_shared_names(clinical, regimens, populations, perspectives)
    return Catalogue(populations, regimens, perspectives, clinical, sources, tables, indices)


@dataclass(frozen=True)
class Folder:
    """A catalogue in a folder: a file for each entry, in a folder for each kind."""

    root: Path
    shown_as: str
    complete: bool = False

    def single(self, name: str) -> Iterator[Document]:
        """Yield the document of this name; a catalogue that is not `complete` may have none."""
        if self.complete or exists(self.root / f"{name}.yaml"):
            yield self._read(f"{name}.yaml")

    def documents(self, kind: str) -> dict[str, Document]:
        """Read the files of a kind, by their names without ending."""
        paths = sorted((self.root / kind).glob("*.yaml"))
        return {path.stem: self._read(f"{kind}/{path.name}") for path in paths}

    def _read(self, place: str) -> Document:
        return read_yaml(self.root / place, f"{self.shown_as}/{place}")


@dataclass(frozen=True)
class SingleFile:
    """A catalogue in one file: its keys are the names of the files and folders."""

    document: Document

    def __post_init__(self) -> None:
        known = ("sources", "price_indices", *KINDS_OF_FILES)
        for key in self.document.data:
            _require(key, key, known, self.document, "is no part of a catalogue")

    def single(self, name: str) -> Iterator[Document]:
        """Yield the part of this name, where there is one, in the form of a file of its own."""
        if name in self.document.data:
            inner = "indices" if name == "price_indices" else name
            yield self.document.part(name, within=inner)

    def documents(self, kind: str) -> dict[str, Document]:
        """Return the entries of a kind by name, each in the form of a file of its own."""
        entries = self.document.data.get(kind, {})
        if not isinstance(entries, dict):
            problem = "must hold entries by their names"
            raise first_of([Mistake((kind,), problem)], self.document)
        return {name: self.document.part(kind, name, named=name) for name in entries}


KINDS_OF_FILES: Final = ("life_tables", "populations", "perspectives", "regimens", "clinical")


def _joined(
    known: Mapping[str, _Item], found: Mapping[str, _Item], key: str, document: Document
) -> dict[str, _Item]:
    for name in found:
        if name in known:
            problem = "is the name of an entry that there is; give it another"
            raise first_of([Mistake((key, name), problem, name)], document)
    return {**known, **found}


def _refuse_known(
    known: Mapping[str, object], kind: str, documents: Mapping[str, Document]
) -> None:
    for name, document in documents.items():
        if name in known:
            problem = (
                f"the catalogue that comes with the program has {kind.replace('_', ' ')} of this "
                "name: give yours another, and write 'extends' to change only what differs"
            )
            raise first_of([Mistake(("name",), problem, name)], document)


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
    if document.name is None:
        stem = Path(document.file).stem
        _require("name", name, [stem], document, "must be the name of the file")


def _head(model: type[_Head], document: Document, **given: object) -> _Head:
    """Return what a file says before its parameters; `given` stands where it says nothing."""
    written = {key: value for key, value in document.data.items() if key != PARAMETERS}
    head = validated(model, {**given, **written}, document)
    if isinstance(head, Named):
        _require_file_name(head.name, document)
    return head


INHERITED: Final = frozenset({"name", "label", "extends", "parameters", "inherited", "defaults"})
"""Fields of an entry that the entries which extend it do not take over."""


def _of_base(
    document: Document, known: Mapping[str, _Entry], model: type[_Entry], own: Collection[str]
) -> tuple[_Entry | None, dict[str, object]]:
    """Return the entry that a document extends, if it does, and the fields that it gives."""
    name = document.data.get("extends")
    if name is None:
        return None, {}
    complete = [each for each in known if each not in own or known[each].extends is None]
    _require("extends", name if isinstance(name, str) else str(name), complete, document)
    base = known[name]
    # A field that a file leaves out has the value of the entry that it extends.
    given = {key: getattr(base, key) for key in model.model_fields if key not in INHERITED}
    return base, given


def _life_table(document: Document, sources: Mapping[str, Source]) -> LifeTable:
    table = validated(LifeTable, document.data, document, context=sources)
    _require_file_name(table.name, document)
    if table.file is None:
        return table
    path = document.folder / table.file
    if not exists(path):
        raise first_of([Mistake(("file",), missing_file(path), table.file)], document)
    return table.model_copy(update={"path": path})


def _entries(
    model: type[_Entry],
    known: Mapping[str, _Entry],
    documents: Mapping[str, Document],
    own_parameters: Callable[[_Entry, _Entry | None, Document], Own],
) -> dict[str, _Entry]:
    """Read the entries of a kind; one that extends another holds only its differences from it."""
    found = dict(known)
    # Those that extend nothing first.
    order = sorted(documents, key=lambda name: documents[name].data.get("extends") is not None)
    for name in order:
        document = documents[name]
        parent, given = _of_base(document, found, model, documents)
        head = _head(model, document, **given)
        inherited = {} if parent is None else head.taken_over_from(parent)
        own = own_parameters(head, parent, document)
        update = {PARAMETERS: {**inherited, **own}, "inherited": inherited}
        found[name] = head.model_copy(update=update)
    return {name: found[name] for name in sorted(found)}


def _own_parameters(
    document: Document,
    parent: Named | None,
    sources: Mapping[str, Source],
    prefixes: tuple[str, ...],
    prices: Prices | None = None,
    fit: Fit = NO_FIT,
) -> Own:
    """Read the parameters of an entry; one that extends another need not have any."""
    if parent is not None and PARAMETERS not in document.data:
        return {}
    return read_parameters(document, sources, prefixes, prices, fit)


def _refuse_foreign_amounts(
    parent: Perspective | None, head: Perspective, own: Own, document: Document
) -> None:
    """Refuse to take over amounts in other money, or of another year."""
    if parent is None or parent.money == head.money:
        return
    left = [n for n, e in parent.parameters.items() if e.currency is not None and n not in own]
    if left:
        shown = ", ".join(left[:AMOUNTS_SHOWN]) + (", …" if len(left) > AMOUNTS_SHOWN else "")
        problem = (
            f"is in {parent.money} and this perspective in {head.money}: give every amount of it "
            f"anew; {len(left)} are missing: {shown}"
        )
        raise first_of([Mistake(("extends",), problem, parent.name)], document)


AMOUNTS_SHOWN: Final = 5


def _clinical(
    base: Catalogue, documents: Mapping[str, Document], sources: Mapping[str, Source], fit: Fit
) -> dict[str, Parameter]:
    clinical = dict(base.clinical)
    for document in documents.values():
        _head(Topic, document)
        parameters = read_parameters(document, sources, fit=fit)
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
            first, again = seen[name], parameters[name]
            problem = f"the parameter is written twice, first in {first.file}:{first.line}"
            raise UserError(problem, file=again.file, line=again.line, key=name)
