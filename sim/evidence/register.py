"""The register of published evidence, read from ``calibration/evidence``.

One file per study, named as the study, and ``sources.yaml`` for sources that the catalogue does not
cite. `published` finds the results of the patients that a scenario simulates, to be shown with its
curves: a cohort of the calibration matches a scenario when population, setting and values of the
population's parameters are the same; an arm of it matches a strategy of the same regimens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from sim.catalog import load_catalogue
from sim.errors import UserError
from sim.evidence.protocol import CohortPlan, Protocol, load_protocol
from sim.evidence.study import Study, Text
from sim.files.documents import Document, exists, read_yaml
from sim.files.schema import Mistake, Part, first_of, validated
from sim.files.shipped import shipped_folder
from sim.scenario.loading import load_scenario
from sim.scenario.schema import Scenario, Strategy
from sim.simulation.question import Question

FOLDER: Final = Path("calibration") / "evidence"
SOURCES: Final = "sources.yaml"


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
    """Return the folder of the register: of the current directory, else the one that is shipped."""
    return FOLDER if FOLDER.is_dir() else shipped_folder() / FOLDER


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


COHORTS: Final = "cohorts"
POPULATION: Final = "population."
CURVES: Final = {
    "os_median_months": "os",
    "os_percent": "os",
    "rfs_median_months": "rfs",
    "rfs_percent": "rfs",
    "dor_median_months": "rfs",
}
"""Curve of the model that an endpoint is read from."""
ORIGINS: Final = {"os": (None, "randomisation"), "rfs": (None, "remission")}
"""The time from which an endpoint is counted on each curve."""


class Published(NamedTuple):
    """A median or a landmark of a curve as it was published.

    Attributes
    ----------
    strategy
        Of the scenario, whose patients were treated alike.
    curve
        ``os`` or ``rfs``.
    endpoint
        In the words of the register.
    study, arm
        The study that published it, and its arm.
    months
        Of a landmark; None for a median.
    value
        Months of a median, per cent of a landmark; None for a median that was not reached.
    low, high, level
        Printed interval, None where an end is not known, and its level in per cent.
    n
        Patients, where it is printed.
    role
        Whether the model was fitted to it (``fit``), is judged by it, or neither.
    definition
        The exact definition, where the word does not give it.
    source
        The citation.
    place
        Its place in the source.
    """

    strategy: str
    curve: str
    endpoint: str
    study: str
    arm: str
    months: float | None
    value: float | None
    low: float | None
    high: float | None
    level: float | None
    n: int | None
    role: str
    definition: str | None
    source: str
    place: str


def published(question: Question) -> list[Published]:
    """Return the register's results for the patients of the question.

    Empty where there is no such cohort, and for patients of the user's own, who are no cohort's.
    """
    if question.own_patients is not None:
        return []
    folder = find_folder().parent
    found: list[Published] = []
    register = load_register(folder / "evidence")
    for path in sorted(folder.glob("*.yaml")):
        protocol = load_protocol(path, register)
        for plan, cohort in _cohorts(protocol, folder, question):
            found += _endpoints(plan, cohort, register, question.scenario)
    return list(dict.fromkeys(found))


def _cohorts(
    protocol: Protocol, folder: Path, question: Question
) -> Iterator[tuple[CohortPlan, Scenario]]:
    asked = question.scenario
    for plan in protocol.cohorts:
        cohort = load_scenario(
            folder / COHORTS / f"{plan.scenario}.yaml", question.catalogue
        ).scenario
        same = (cohort.population, cohort.setting) == (asked.population, asked.setting)
        if same and _people(cohort) == _people(asked):
            yield plan, cohort


def _people(scenario: Scenario) -> dict[str, float]:
    """Return the values of a scenario that override its population's."""
    return {k: v for k, v in scenario.numbers.items() if k.startswith(POPULATION)}


def _endpoints(
    plan: CohortPlan, cohort: Scenario, register: Register, asked: Scenario
) -> Iterator[Published]:
    study = register[plan.study]
    for name, endpoint in study.endpoints.items():
        if endpoint.endpoint not in CURVES or endpoint.arm not in plan.arms:
            continue
        curve = CURVES[endpoint.endpoint]
        chosen = plan.endpoints is None or name in plan.endpoints
        if not chosen or endpoint.subset is not None or endpoint.time_origin not in ORIGINS[curve]:
            continue
        low, high = endpoint.interval or (None, None)
        arm = study.arms[endpoint.arm]
        treated = next(s for s in cohort.strategies if s.name == plan.arms[endpoint.arm])
        for strategy in _alike(treated, asked.strategies):
            yield Published(
                strategy=strategy,
                curve=curve,
                endpoint=endpoint.endpoint,
                study=study.study,
                arm=arm.label,
                months=endpoint.at_months,
                value=endpoint.best,
                low=low,
                high=high,
                level=endpoint.level,
                n=endpoint.n or arm.n,
                role=endpoint.role,
                definition=endpoint.definition,
                source=register.sources[endpoint.source].citation,
                place=endpoint.place,
            )


def _alike(treated: Strategy, strategies: Sequence[Strategy]) -> Iterator[str]:
    for strategy in strategies:
        if all(
            getattr(strategy, key) == getattr(treated, key)
            for key in ("sequence", "then", "maintenance")
        ):
            yield strategy.name
