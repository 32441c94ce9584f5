"""The layout of an analysis: the ways from its results to tables, files, words and figure, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from sim.analyses.shared.result import StoredResult
from sim.analyses.shared.stored import Stored, analysis_files, summary_json
from sim.layout.schema import in_csv

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

    from sim.analyses.shared.scenario import Scenario
    from sim.simulation.question import Question


class Answered(Protocol):
    """Results that know their question."""

    @property
    def question(self) -> Question:
        """The question."""


Found = TypeVar("Found", bound=Answered)


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
        figure = self.figure(found, *shown)
        return analysis_files(found.question, self.analysis, table, summary, figure)


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
        """The tables by the name of their file, without its suffix."""
        return {self.LAYOUT.analysis: self.LAYOUT.table(self._found)}

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
        return self.LAYOUT.figure(self._found, *self._shown)
