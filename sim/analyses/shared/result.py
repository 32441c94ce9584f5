"""The interface of every result in Python: tables, figures, files, and the answer in words."""

from __future__ import annotations

import io
import json
import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, Self, TypeVar

from rich.console import Console

from sim.analyses.shared.arguments import TOP, Whole, rename_options
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.store import MANIFEST, analysis_manifest, manifest_text, opened
from sim.analyses.shared.stored import Stored, analysis_files, in_bytes, names_of, summary_json
from sim.analyses.shared.text import draws_in_words
from sim.analyses.shared.work import Place, Work, spread
from sim.errors import UserError
from sim.files.results_folder import beside_others
from sim.layout.cells import patients_in_words
from sim.layout.schema import in_csv
from sim.layout.table import Sheet, encodable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.files.atomic import Content
    from sim.simulation.question import Question

PIXELS_PER_INCH: Final = 96.0
"""Of a browser, in which a figure has the size that it has in print."""
SYNONYMS: Final = {
    "survival": "survival_os",
    "os": "survival_os",
    "rfs": "survival_rfs",
    "cost": "costs",
    "sankey": "flow",
    "efficiency_frontier": "frontier",
    "ce_plane": "plane",
    "ceac": "acceptability",
    "ceaf": "acceptability",
    "loss": "expected_loss",
    "elc": "expected_loss",
}
"""Usual names of figures."""
NEXT: Final = {
    "run": ("psa SCENARIO", "tornado SCENARIO"),
    "psa": ("voi SCENARIO",),
    "voi": ("tornado SCENARIO", "trial SCENARIO"),
    "price": ("report SCENARIO --with all",),
    "severity": ("price SCENARIO",),
    "tornado": ("threshold SCENARIO --parameter WIDEST",),
    "morris": ("sobol SCENARIO",),
    "sobol": ("voi SCENARIO",),
}
"""The commands that go on where an answer ends; words in capitals stand for what it is of."""


class Picture:
    """A figure as shown in a notebook.

    Attributes
    ----------
    figure
        The matplotlib figure.
    """

    def __init__(self, figure: Figure, description: str) -> None:
        self.figure = figure
        self._description = description

    def __repr__(self) -> str:
        return f"<Picture: {self._description}>"

    def _repr_mimebundle_(
        self,
        include: object = None,  # noqa: ARG002 - IPython's own signature
        exclude: object = None,  # noqa: ARG002
    ) -> tuple[dict[str, object], dict[str, dict[str, int]]]:
        """Return the picture, and the size at which it is shown."""
        from sim.layout.style import rendered

        width, height = (
            round(PIXELS_PER_INCH * inches) for inches in self.figure.get_size_inches()
        )
        data: dict[str, object] = {
            "image/png": rendered(self.figure, "png"),
            "text/plain": repr(self),
        }
        return data, {"image/png": {"width": width, "height": height}}


class Result(ABC):
    """The answer to a question.

    In a notebook it shows the output of the command of the same name; `str` returns that text.
    """

    COMMAND: ClassVar[str]
    """The command that gives the same answer."""
    ANALYSIS: ClassVar[str | None] = None
    """The analysis as its files name it, where it is not the command."""
    FILES: ClassVar[tuple[str, ...]]
    """Names of the files that `write` may write."""
    FIGURES: ClassVar[tuple[str, ...]] = ()
    """Names of the figures, the first of which is shown by default."""

    @property
    @abstractmethod
    def _subject(self) -> str:
        """The name of the question, in a few words."""

    @property
    @abstractmethod
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""

    @abstractmethod
    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name: those that the command writes."""

    def _contents(self) -> Mapping[str, Content]:
        """Return the files as they are written, of which large ones need not be in memory."""
        return self.files()

    @abstractmethod
    def json(self) -> str:
        """Return the summary as JSON text: the output of the command with ``--json``."""

    @abstractmethod
    def print_to(self, console: Console) -> None:
        """Print the answer as the command does."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks of the command beside the answer, on standard error."""
        return ()

    @property
    def failed(self) -> bool:
        """Whether the answer is that something is wrong, so that the command ends with exit code 1."""
        return False

    @property
    def summary(self) -> dict[str, Any]:
        """The summary as plain data: the output of the command with ``--json``."""
        return self.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as plain data: the output of the command with ``--json``."""
        found: dict[str, Any] = json.loads(self.json())
        return found

    @rename_options
    def write(self, folder: str | Path) -> None:
        """Write the files that the command writes, whole or not at all.

        Parameters
        ----------
        folder
            Made when it is not there. Files of an earlier result in it are replaced, others left
            alone. One folder may hold a run and analyses, for a report; ``provenance.json`` is
            then that of the run, and that of an analysis is ``provenance_COMMAND.json``.

        Raises
        ------
        UserError
            When it cannot be written; it is then as it was.
        """
        from sim.files.results_folder import write_analysis

        write_analysis(Path(folder), self.ANALYSIS or self.COMMAND, self._contents(), self.FILES)

    @rename_options
    def figure(self, name: str | None = None) -> Figure:
        """Return a figure, to be changed or saved.

        Parameters
        ----------
        name
            One of `FIGURES`, or a usual name of one: `SYNONYMS`; by default the first.

        Raises
        ------
        UserError
            When there is no such figure.
        """
        return self._draw(self._chosen(name))

    @rename_options
    def plot(self, name: str | None = None) -> Picture:
        """Return a figure as shown in a notebook; parameters and errors as for `figure`."""
        chosen = self._chosen(name)
        return Picture(self._draw(chosen), f"{chosen} of {self._subject}")

    def _chosen(self, name: str | None) -> str:
        meant = SYNONYMS.get(str(name).lower(), name)
        if not self.FIGURES or meant not in (None, *self.FIGURES):
            raise UserError("has no such figure", key="name", value=name, choices=self.FIGURES)
        return meant or self.FIGURES[0]

    def _draw(self, name: str) -> Figure:
        raise NotImplementedError(name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._subject}>"

    def __str__(self) -> str:
        from sim.layout.text import WIDTH_IN_A_PIPE

        stream = io.StringIO()
        console = Console(
            file=stream, width=WIDTH_IN_A_PIPE, highlight=False, markup=False, emoji=False
        )
        self.print_to(console)
        return stream.getvalue()

    def _repr_html_(self) -> str:
        """Return the answer, for a notebook."""
        from sim.layout.table import Hypertext

        page = Hypertext()
        self.print_to(page)
        return page.text()


class ScenarioResult(Result):
    """The answer to the question of a scenario.

    Attributes
    ----------
    scenario
        The question.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    @property
    def _subject(self) -> str:
        """The name of the scenario."""
        return self.scenario.name

    @property
    def notes(self) -> tuple[str, ...]:
        """Whether the scenario has agreements, which only the command of that name counts."""
        if self.COMMAND == "agreement" or not self.scenario.agreements:
            return ()
        note = "results are at the price without an agreement"
        return (f"{note}; python -m sim agreement compares those of the scenario",)

    def print_to(self, console: Console) -> None:
        """Print the answer as the command does, and the commands that may follow."""
        self._print(console)
        steps = [step.split() for step in NEXT.get(self.COMMAND, ())]
        words = {"SCENARIO": self.scenario.file, **self._next_words}
        known = [each for each in steps if all(not w.isupper() or w in words for w in each)]
        if len(self.scenario.strategies) > 1 and known and not isinstance(console, Sheet):
            lines = [["python", "-m", "sim", *(words.get(w, w) for w in each)] for each in known]
            # In one line, however long: it is to be copied.
            text = f"Next: {'; '.join(map(shlex.join, lines))}"
            console.print(encodable(text, console.encoding), soft_wrap=True)

    @abstractmethod
    def _print(self, console: Console) -> None:
        """Print the answer alone."""

    @property
    def _next_words(self) -> Mapping[str, str]:
        """The words of the commands that follow, in place of those in capitals in `NEXT`."""
        return {}


class StoredResult(ScenarioResult, ABC):
    """The answer to the question of a scenario, which can be read back from its files."""

    STORED: ClassVar[str] = ""
    """The JSON file of the analysis, where it does not have the name of the analysis."""

    @classmethod
    @rename_options
    def read(cls, scenario: Asked, folder: str | Path) -> Self:
        """Return the answer that `write`, or the command with ``--out``, has put into a folder.

        Parameters
        ----------
        scenario
            The question, or the path of its file; its own number of patients and seed do not
            matter.
        folder
            Of the files.

        Raises
        ------
        UserError
            When a file is missing or broken, or the answer is that to another question.
        """
        chosen = asked(scenario)
        file = cls.STORED or f"{cls.ANALYSIS or cls.COMMAND}.json"
        stored = Stored(Path(folder), file, chosen.question)
        stored.check()
        return cls._read(chosen, stored)

    @classmethod
    @abstractmethod
    def _read(cls, scenario: Scenario, stored: Stored) -> Self:
        """Return the answer in the files."""


_Found = TypeVar("_Found", bound=Result)


def folder_of(kind: type[Result], out: str | Path | None) -> Path | None:
    """Return the folder for the files of a result, if there is one.

    Raises
    ------
    UserError
        When it cannot take them: better known before hours go into the result.
    """
    from sim.files.results_folder import check_folder

    if out is None:
        return None
    check_folder(Path(out), kind.FILES)
    return Path(out)


def written(found: _Found, folder: Path | None) -> _Found:
    """Return a result, with its files in the folder if there is one."""
    if folder is not None:
        found.write(folder)
    return found


class Answered(Protocol):
    """Results that know their question."""

    @property
    def question(self) -> Question:
        """The question."""


Found = TypeVar("Found", bound=Answered)


@dataclass(frozen=True)
class OverDraws:
    """An analysis over draws of the uncertain parameters, with the numbers that all of them have.

    Attributes
    ----------
    question
        Its patients are those of one draw.
    draws, parameters_drawn, base_patients
        Numbers of draws, of uncertain parameters, and of patients of the base case.
    """

    question: Question
    draws: int
    parameters_drawn: int
    base_patients: int

    @property
    def size(self) -> dict[str, Any]:
        """The numbers as the JSON file of an analysis holds them."""
        return {
            "draws": self.draws,
            "patients_of": "one draw",
            "parameters_drawn": self.parameters_drawn,
            "base_case_patients": self.base_patients,
        }

    @property
    def simulated(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """The lines of a heading that name draws and base case."""
        drawn = draws_in_words(self.question, self.draws, self.parameters_drawn)
        base = f"{patients_in_words(self.base_patients)}, every input at its base value"
        return ("Simulated", drawn), ("Base case", base)


def stored_size(stored: Stored) -> dict[str, Any]:
    """Return the question and the numbers of stored results, as `OverDraws` has them."""
    told = stored.summary
    return {
        "question": stored.question,
        "draws": told["draws"],
        "parameters_drawn": told["parameters_drawn"],
        "base_patients": told["base_case_patients"],
    }


@dataclass(frozen=True)
class Layout(Generic[Found]):
    """The ways from the results of an analysis to its files and its words, and back.

    Attributes
    ----------
    analysis
        The name of the analysis, also that of its files.
    table, summary
        Return the rows of the CSV file, and the content of the JSON file after its heading.
    figure, print_to
        Draw the figure and print the answer; called, where both show only the first rows of the
        table, also with their number.
    read
        Returns the results that are stored in a folder.
    """

    analysis: str
    table: Callable[[Found], pd.DataFrame]
    summary: Callable[[Found], Mapping[str, Any]]
    figure: Callable[..., Figure]
    print_to: Callable[..., None]
    read: Callable[[Stored], Found]

    def json(self, found: Found) -> str:
        """Return the whole analysis as JSON text."""
        return summary_json(found.question, self.analysis, self.summary(found))

    def files(self, found: Found, *shown: int) -> dict[str, str | bytes]:
        """Return the files of the analysis by name, without the manifest."""
        table, summary = self.table(found), self.summary(found)
        figure = self.draw(found, *shown)
        return analysis_files(found.question, self.analysis, table, summary, figure)

    def draw(self, found: Found, *shown: int) -> Figure:
        """Return the figure in the style of all figures."""
        from sim.layout.style import styled

        with styled():
            return self.figure(found, *shown)


class LaidOutResult(StoredResult, Generic[Found]):
    """The results of an analysis that has a layout.

    An analysis with several tables overrides `tables`; each is a file of its name.
    """

    LAYOUT: ClassVar[Layout[Any]]

    def __init__(self, scenario: Scenario, found: Found, *shown: int) -> None:
        super().__init__(scenario)
        self._found = found
        self._shown = shown

    @classmethod
    def _read(cls, scenario: Scenario, stored: Stored) -> Self:
        return cls(scenario, cls.LAYOUT.read(stored))

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix; the user may change them."""
        return {self.LAYOUT.analysis: self.LAYOUT.table(self._found).copy()}

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        tables = {f"{name}.csv": in_csv(table) for name, table in self.tables.items()}
        return self.LAYOUT.files(self._found, *self._shown) | tables

    def json(self) -> str:
        """Return the summary as JSON text."""
        return self.LAYOUT.json(self._found)

    def _print(self, console: Console) -> None:
        """Print the answer alone."""
        self.LAYOUT.print_to(console, self._found, *self._shown)

    def _draw(self, name: str) -> Figure:  # noqa: ARG002 - there is one
        return self.LAYOUT.draw(self._found, *self._shown)


class ResumableResult(LaidOutResult[Found]):
    """The results of such work; of those read back from files there is no manifest."""

    _manifest: Callable[[], Mapping[str, Any]] | None = None

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        work: Work[Found],
        settings: Mapping[str, object],
        place: Place,
        threads: int | None = None,
        *shown: int,
    ) -> Self:
        """Do the work at a place and return its results, with their files in the folder there.

        Parameters
        ----------
        scenario
            The question.
        work, place, threads
            The work, where it is done, and in how many threads.
        settings
            All that decides the results beside the question, for the manifest.
        *shown
            The number of rows shown, where the figure shows only the first.

        Raises
        ------
        UserError
            When the folder cannot be used, or the analysis finds a mistake in the question.
        PartDone
            When only a part was to be done, and other parts are not.
        """
        name = cls.LAYOUT.analysis
        manifest = partial(
            analysis_manifest,
            *(work.question, name, settings),
            chunks=work.chunks,
            chunk=work.chunk,
        )
        resume, part = place.resume, place.part
        with spread(place.cluster):
            if place.folder is None:
                found = cls(scenario, work.run_with_progress(threads, None), *shown)
            else:
                names = (*names_of(name), MANIFEST)
                with opened(place.folder, manifest(), names, resume=resume, part=part) as store:
                    found = cls(scenario, work.run_with_progress(threads, store), *shown)
                    files = in_bytes(found.files())
                    store.finish(beside_others(store.folder, name, files))
        found._manifest = manifest
        return found

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name; the manifest only where it was computed here."""
        found = in_bytes(super().files())
        if self._manifest is None:
            return found
        return {**found, MANIFEST: manifest_text(self._manifest(), found)}


class RankedResult(ResumableResult[Found]):
    """The results of an analysis whose words and figure show only the first rows of its table."""

    @classmethod
    @rename_options
    def read(cls, scenario: Asked, folder: str | Path, *, top: int = TOP) -> Self:
        """Return the answer that is in a folder: `StoredResult.read`, with `top` rows shown."""
        found = super().read(scenario, folder)
        found._shown = (Whole(1)("top", top),)
        return found
