"""The register of published evidence, read from ``calibration/evidence``.

One file per study, named as the study, and ``sources.yaml`` for sources that the catalogue does not
cite.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sim.catalog import load_catalogue
from sim.errors import UserError
from sim.evidence.study import Arm, Endpoint, Study, Text
from sim.files.documents import Document, exists, read_yaml
from sim.files.schema import Mistake, Part, first_of, validated

__all__ = ["Arm", "Endpoint", "Register", "Source", "Study", "find_folder", "load_register"]

FOLDER: Final = Path("calibration") / "evidence"
SOURCES: Final = "sources.yaml"

_ROOT: Final = Path(__file__).resolve().parent.parent.parent


class Source(Part):
    """A source to cite; `address` is a DOI, a PubMed number or the like, when there is one."""

    citation: Text
    address: Text | None = None


@dataclass(frozen=True)
class Register(Mapping[str, Study]):
    """The studies by their names, and all their sources."""

    studies: Mapping[str, Study]
    sources: Mapping[str, Source]

    def __getitem__(self, name: str) -> Study:
        """Return the study of that name."""
        return self.studies[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names in their order."""
        return iter(self.studies)

    def __len__(self) -> int:
        """Count the studies."""
        return len(self.studies)

    def find(self, name: str) -> Study:
        """Return the study that a user names.

        Raises
        ------
        UserError
            When there is none, with the nearest name.
        """
        if name not in self.studies:
            raise UserError("there is no such study", key="study", value=name, choices=self)
        return self.studies[name]

    def overlaps(self, name: str) -> dict[str, str]:
        """Return the studies that share patients with a study, by either of their entries."""
        said = {
            other: study.overlaps[name]
            for other, study in self.studies.items()
            if name in study.overlaps
        }
        return dict(sorted({**said, **self[name].overlaps}.items()))


def find_folder() -> Path:
    """Return the folder of the register: of the current directory, else next to the package.

    Raises
    ------
    UserError
        When there is none: an installed package comes without the register.
    """
    for folder in (FOLDER, _ROOT / FOLDER):
        if folder.is_dir():
            return folder
    problem = "no such folder here, nor beside the package; run from a copy of the repository"
    raise UserError(problem, file=FOLDER.as_posix())


def load_register(folder: Path | None = None) -> Register:
    """Read the register in `folder`, by default the one that `find_folder` finds.

    Raises
    ------
    UserError
        With file, line and key, at the first mistake in the first file that has one.
    """
    shown = FOLDER.as_posix() if folder is None else str(folder)
    place = find_folder() if folder is None else folder
    sources = _read_sources(place / SOURCES, f"{shown}/{SOURCES}")
    documents = {
        path.stem: read_yaml(path, f"{shown}/{path.name}")
        for path in sorted(place.glob("*.yaml"))
        if path.name != SOURCES
    }
    if not documents:
        raise UserError("holds no study", file=shown)
    studies = {name: _read_study(document, sources) for name, document in documents.items()}
    for name, study in studies.items():
        for other in study.overlaps:
            if other == name or other not in studies:
                problem, others = "is no other study of the register", set(studies) - {name}
                raise first_of(
                    [Mistake(("overlaps", other), problem, other, others)], documents[name]
                )
    return Register(studies, sources)


def _read_sources(path: Path, shown: str) -> dict[str, Source]:
    """Return the sources of the catalogue and those that only the register cites."""
    sources = {
        key: Source(citation=source.citation, address=source.doi)
        for key, source in load_catalogue().sources.items()
    }
    if not exists(path):
        return sources
    document = read_yaml(path, shown)
    for key, written in document.data.items():
        if key in sources:
            raise first_of([Mistake((key,), "is in the catalogue already")], document)
        sources[key] = validated(Source, written, document, (key,))
    return sources


def _read_study(document: Document, sources: Mapping[str, Source]) -> Study:
    study = validated(Study, document.data, document)
    for number, key in enumerate(study.sources):
        if key not in sources:
            problem = f"is neither in {SOURCES} nor in the catalogue"
            raise first_of([Mistake(("sources", number), problem, key, sources)], document)
    return study
