"""The folder of results: the files of a run and of the analyses next to it, each of the question."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd

from sim.analyses.price.analysis import PriceAnalysis
from sim.analyses.price.result import read_price
from sim.analyses.psa.acceptability import CURVES, Switch, quiet_increments, switching_thresholds
from sim.analyses.psa.draws_run import Psa
from sim.analyses.psa.stored_draws import read_psa
from sim.analyses.run.tables import SUMMARY, by_strategy
from sim.analyses.shared.arguments import TOP
from sim.analyses.shared.result import Layout
from sim.analyses.shared.stored import Stored, belongs
from sim.analyses.tornado.analysis import Tornado
from sim.analyses.tornado.result import read_tornado
from sim.analyses.validate.result import TABLE as VALIDATION
from sim.analyses.verify.partition import TABLE as PARTITION
from sim.analyses.verify.result import TABLE as CHECKS
from sim.analyses.voi.result import read_voi, voi_table
from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.errors import UserError
from sim.evidence.register import Published, find_folder, published
from sim.files.documents import exists
from sim.layout.cells import SYMBOLS
from sim.layout.figure_file import FORMATS
from sim.layout.run_columns import EVENTS, OPTIONAL, TABLES
from sim.layout.schema import read_json, read_text
from sim.layout.table import Sheet, Table
from sim.layout.text import DISCLAIMER
from sim.report.drawing import embedded
from sim.simulation.question import Question

OPTION: Final = "--from"
BESIDE: Final = "provenance_"
"""Start of the names of files with the provenance of analyses next to a run."""


@dataclass(frozen=True)
class Results:
    """The files of a run of the question.

    Attributes
    ----------
    question
        With the number of patients and the seed of the run.
    summary, provenance
        The contents of the JSON files of these names.
    citations
        The text of citations.txt.
    tables
        The other files, by name.
    beside
        Provenance of each analysis next to the run, with its ``name``.
    """

    folder: Path
    question: Question
    summary: Mapping[str, Any]
    provenance: Mapping[str, Any]
    citations: str
    tables: Mapping[str, pd.DataFrame]
    beside: Sequence[Mapping[str, Any]] = ()

    @property
    def labels(self) -> dict[str, str]:
        """Labels of strategies, by name, in the order of the run."""
        return {each["name"]: each["label"] for each in self.summary["strategies"]}

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies."""
        return list(self.labels)

    @property
    def comparator(self) -> str:
        """Name of the strategy that the others are compared with."""
        return self.question.scenario.comparator_name

    @property
    def others(self) -> list[str]:
        """Names of the strategies but the comparator."""
        return [name for name in self.strategies if name != self.comparator]

    @property
    def symbol(self) -> str:
        """The sign of the currency."""
        return SYMBOLS[self.summary["currency"]]

    @property
    def thresholds(self) -> list[float]:
        """In currency per QALY, rising."""
        return sorted(self.summary["thresholds"])

    def outcomes(self, strategy: str) -> Mapping[str, Estimate]:
        """Return the outcomes of a strategy by name; not estimable where there is none."""
        return self._outcomes[strategy]

    def gains(self, strategy: str) -> Mapping[str, Estimate]:
        """Return the outcomes of a strategy minus those of the comparator by name."""
        return self._gains.get(strategy, {})

    def outcome(self, strategy: str, name: str) -> Estimate:
        """Return an outcome of a strategy; not estimable where there is none."""
        return self.outcomes(strategy).get(name, NOT_ESTIMABLE)

    def gain(self, strategy: str, name: str) -> Estimate:
        """Return an outcome of a strategy minus that of the comparator."""
        return self.gains(strategy).get(name, NOT_ESTIMABLE)

    def benefit(self, strategy: str, threshold: float) -> Estimate:
        """Return the incremental net monetary benefit of a strategy; the comparator's is 0."""
        if strategy == self.comparator:
            return Estimate(0.0, 0.0)
        return self.gain(strategy, f"nmb_at_{threshold:g}")

    def belongs(self, content: Mapping[str, Any]) -> bool:
        """Whether the results of an analysis are those of this question."""
        return belongs(content, self.question)

    @cached_property
    def _outcomes(self) -> dict[str, dict[str, Estimate]]:
        return by_strategy(self.tables["strategies.csv"], self.folder / "strategies.csv")

    @cached_property
    def _gains(self) -> dict[str, dict[str, Estimate]]:
        return by_strategy(self.tables["increments.csv"], self.folder / "increments.csv")


def command(question: Question, name: str, *arguments: str) -> str:
    """Return the command line of a command on the scenario, to be run where the report was made."""
    return shlex.join(["python", "-m", "sim", name, place(question.loaded.file), *arguments])


def place(file: str | Path) -> str:
    """Return a path as it was given; below the working folder without that folder's own path."""
    path = Path(file)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def read_results(folder: Path, question: Question) -> Results:
    """Read the files that ``run --out`` has written into `folder`.

    Raises
    ------
    UserError
        When one is missing or cannot be read, or when they are not those of the question as it
        is now.
    """
    if not exists(folder) or not folder.is_dir():
        raise UserError("is not a folder of results", key=OPTION, value=str(folder))
    run = Stored(folder, SUMMARY, question)
    run.check()
    return Results(
        folder=folder,
        question=run.question,
        summary=run.summary,
        provenance=read_json(folder / "provenance.json"),
        citations=read_text(folder / "citations.txt"),
        tables={
            name: run.table(schema)
            for name, schema in TABLES.items()
            if schema not in OPTIONAL or (schema != EVENTS and question.scenario.subgroups)
        },
        beside=[
            {**read_json(path), "name": path.stem.removeprefix(BESIDE)}
            for path in sorted(folder.glob(f"{BESIDE}*.json"))
        ],
    )


@dataclass(frozen=True)
class Probabilistic:
    """A probabilistic analysis: psa.json, its draws, and its acceptability curves."""

    stored: Stored

    @property
    def content(self) -> Mapping[str, Any]:
        """The content of psa.json."""
        return self.stored.summary

    @cached_property
    def psa(self) -> Psa:
        """The draws."""
        return read_psa(self.stored)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The acceptability curves; there are two strategies or more."""
        return self.stored.table(CURVES)

    @property
    def switches(self) -> tuple[Switch, ...]:
        """Thresholds at which the strategy of the most expected net benefit changes."""
        outcomes = [each["outcomes"] for each in self.content["strategies"]]
        means = ([each[name]["mean"] for each in outcomes] for name in ("cost", "qalys"))
        return switching_thresholds(*means)

    def increments(self, strategy: str) -> Any:  # noqa: ANN401 - an array
        """Return the draws of a strategy's QALYs and cost over the comparator, without noise."""
        return quiet_increments(self.psa, strategy)


@dataclass(frozen=True)
class Information:
    """The value of information: voi.json, and the tables of voi.csv and evpi.csv."""

    content: Mapping[str, Any]
    table: pd.DataFrame
    curve: pd.DataFrame


@dataclass(frozen=True)
class Followed:
    """One patient under every strategy: explain.json, and the figure explain.svg."""

    content: Mapping[str, Any]
    figure: str


@dataclass(frozen=True)
class Verified:
    """The checks: verify.csv, and partitioned survival beside the simulation where it is there."""

    checks: pd.DataFrame
    partition: pd.DataFrame | None


@dataclass(frozen=True)
class Analyses:
    """The analyses found next to a run; None where one was not run.

    `published` holds published results of the same patients, for the curves; `refused` names the
    files of analyses that belong to another question or version.
    """

    probabilistic: Probabilistic | None = None
    one_way: Tornado | None = None
    information: Information | None = None
    priced: PriceAnalysis | None = None
    followed: Followed | None = None
    verified: Verified | None = None
    validation: pd.DataFrame | None = None
    published: tuple[Published, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> Analyses | None:
        """All of them where the sliders of the page have their lines, from the price of the drug."""
        return None if self.priced is None else self


def _information(stored: Stored) -> Information:
    found, patients = read_voi(stored)
    return Information(stored.summary, voi_table(found, patients), found.curve)


def _followed(stored: Stored) -> Followed:
    return Followed(stored.summary, read_text(stored.folder / "explain.svg"))


def _verified(stored: Stored) -> Verified:
    there = exists(stored.folder / PARTITION.file)
    return Verified(stored.table(CHECKS), stored.table(PARTITION) if there else None)


READERS: Final[Mapping[str, tuple[str, Callable[[Stored], Any]]]] = {
    "probabilistic": ("psa.json", Probabilistic),
    "one_way": ("tornado.json", read_tornado),
    "information": ("voi.json", _information),
    "priced": ("price.json", read_price),
    "followed": ("explain.json", _followed),
    "verified": ("verify.json", _verified),
}


def read_analyses(results: Results) -> Analyses:
    """Read the analyses in the folder of the results.

    Raises
    ------
    UserError
        When a file of an analysis is broken or its other files are missing.
    """
    found: dict[str, Any] = {}
    refused = {}
    for name, (file, read) in READERS.items():
        stored = Stored(results.folder, file, results.question)
        if not exists(results.folder / file):
            continue
        if stored.is_current:
            found[name] = read(stored)
        else:
            refused[name] = file
    return Analyses(
        **found,
        validation=_validation(results.folder),
        published=tuple(published(results.question)),
        refused=refused,
    )


def _validation(folder: Path) -> pd.DataFrame | None:
    """Read the validation in the folder, else the one that comes with the register."""
    places = [folder, find_folder().parent / "results"]
    return next((VALIDATION.read(each) for each in places if exists(each / VALIDATION.file)), None)


ANALYSIS: Final = "Analysis"
"""The name of the line with what the analysis does; lines before it are on the page already."""


class _Printed(Sheet):
    """The answer as its command prints it: lines about the analysis, then tables, then notes."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tables: list[Table] = []
        self.notes: list[str] = []

    def add_table(self, table: Table) -> None:
        """Add a table."""
        self.tables.append(table)

    def add_paragraph(self, text: str, name: str, style: str) -> None:  # noqa: ARG002
        """Add a line of the heading from that of the analysis on, or a note."""
        if name == ANALYSIS or (name and self.said):
            self.said.append(text)
        elif self.said and text != DISCLAIMER:
            self.notes.append(text)

    def print(self, *objects: Any, **settings: Any) -> None:  # noqa: ANN401
        """Leave out gaps between the parts."""


class Kind(NamedTuple):
    """A kind of stored analysis: its command, its title, its files, and the rows that are shown."""

    command: str
    title: str
    named: str = ""
    shown: tuple[int, ...] = ()

    @property
    def file(self) -> str:
        """The name of its files, without the suffix."""
        return self.named or self.command

    @property
    def layout(self) -> Layout[Any]:
        """Its layout; some analyses load the compiler, which few reports need."""
        module = import_module(f"sim.analyses.{self.command.replace('-', '_')}.result")
        layout: Layout[Any] = module.FILE_LAYOUT
        return layout

    def stored(self, results: Results) -> Stored | None:
        """Return its files in the folder of the results; None where they are not there."""
        found = Stored(results.folder, f"{self.file}.json", results.question)
        return found if exists(results.folder / found.file) and found.is_current else None

    def read(self, results: Results) -> Any | None:  # noqa: ANN401
        """Read the analysis from the folder of the results; None where it is not there.

        Raises
        ------
        UserError
            When one of its files is broken or missing.
        """
        stored = self.stored(results)
        return None if stored is None else self.layout.read(stored)

    def context(self, results: Results, found: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the context of its section."""
        printed = _Printed()
        self.layout.print_to(printed, found, *self.shown)
        said = ". ".join(printed.said)
        figure = read_text(results.folder / f"{self.file}.svg")
        return {
            "said": f"{said}.",
            "tables": printed.tables,
            "notes": printed.notes,
            "figure": embedded(figure, self.file, self.title, said),
        }

    def figure_files(self, results: Results) -> dict[str, bytes]:
        """Return the figure in every format that the folder holds, by file name."""
        paths = (results.folder / f"{self.file}.{suffix}" for suffix in FORMATS)
        return {path.name: path.read_bytes() for path in paths if path.exists()}


KINDS: Final = (
    Kind("agreement", "Agreements on the price"),
    Kind("severity", "Severity of the condition"),
    Kind("budget", "Budget impact"),
    Kind("what-if", "What if", "scenarios"),
    Kind("capacity", "Beds that are scarce"),
    Kind("threshold", "Where one input changes the choice"),
    Kind("twoway", "Two inputs at once"),
    Kind("trial", "The value of a trial"),
    Kind("sobol", "Which inputs the uncertainty comes from"),
    Kind("morris", "Screening of all inputs", shown=(TOP,)),
)
