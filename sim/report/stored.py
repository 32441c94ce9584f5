"""Analyses shown with the words, tables and figure that their command prints and writes."""

from __future__ import annotations

import io
from typing import Any, Final, NamedTuple

from sim.analyses.agreement.result import FILE_LAYOUT as AGREEMENTS
from sim.analyses.budget.result import FILE_LAYOUT as BUDGET
from sim.analyses.capacity.result import FILE_LAYOUT as CAPACITY
from sim.analyses.morris.result import FILE_LAYOUT as MORRIS
from sim.analyses.severity.result import FILE_LAYOUT as SEVERITY
from sim.analyses.shared.arguments import TOP
from sim.analyses.shared.result import Layout
from sim.analyses.shared.stored import Stored
from sim.analyses.sobol.result import FILE_LAYOUT as SOBOL
from sim.analyses.threshold.result import FILE_LAYOUT as THRESHOLD
from sim.analyses.trial.result import FILE_LAYOUT as TRIAL
from sim.analyses.twoway.result import FILE_LAYOUT as TWOWAY
from sim.analyses.what_if.result import FILE_LAYOUT as WHAT_IFS
from sim.files.documents import exists
from sim.layout.figure_file import FORMATS
from sim.layout.schema import read_text
from sim.layout.table import Sheet, Table
from sim.layout.text import DISCLAIMER
from sim.report.drawing import embedded
from sim.report.results import Results

ANALYSIS: Final = "Analysis"
"""The name of the line with what the analysis does; lines before it are on the page already."""


class _Printed(Sheet):
    """The answer as its command prints it: lines about the analysis, then tables, then notes."""

    def __init__(self) -> None:
        super().__init__(file=io.StringIO(), highlight=False, markup=False, emoji=False)
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
    """A kind of analysis: its command, its title, its layout, and the rows that are shown."""

    command: str
    title: str
    layout: Layout[Any]
    shown: tuple[int, ...] = ()

    @property
    def file(self) -> str:
        """The name of its files, without the suffix."""
        return self.layout.analysis

    def read(self, results: Results) -> Any | None:  # noqa: ANN401
        """Read the analysis from the folder of the results; None where it is not there.

        Raises
        ------
        UserError
            When one of its files is broken or missing.
        """
        found = Stored(results.folder, f"{self.file}.json", results.question)
        if not exists(results.folder / found.file) or not found.is_current:
            return None
        return self.layout.read(found)

    def context(self, results: Results, found: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return the context of the section of the analysis."""
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
    Kind("agreement", "Agreements on the price", AGREEMENTS),
    Kind("severity", "Severity of the condition", SEVERITY),
    Kind("budget", "Budget impact", BUDGET),
    Kind("what-if", "What if", WHAT_IFS),
    Kind("capacity", "Beds that are scarce", CAPACITY),
    Kind("threshold", "Where one input changes the choice", THRESHOLD),
    Kind("twoway", "Two inputs at once", TWOWAY),
    Kind("trial", "The value of a trial", TRIAL),
    Kind("sobol", "Which inputs the uncertainty comes from", SOBOL),
    Kind("morris", "Screening of all inputs", MORRIS, (TOP,)),
)
