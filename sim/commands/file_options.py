"""Options of an analysis that write its answer into one more file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from sim.files.results_folder import check_file

if TYPE_CHECKING:
    from sim.analyses.explain.result import ExplainResult
    from sim.analyses.run.result import RunResult


class FileOption(NamedTuple):
    """An option with the path of a file.

    Attributes
    ----------
    name, metavar, help
        Of the option.
    check
        Refuses a path into which no file can be written, before the work.
    write
        Writes the file; called with its path, the answer, and the folder of ``--out`` or None.
    """

    name: str
    metavar: str
    help: str
    check: Callable[[Path], None]
    write: Callable[..., None]

    @property
    def option(self) -> click.Option:
        """The option."""
        path = click.Path(path_type=Path)
        return click.Option([f"--{self.name}"], type=path, metavar=self.metavar, help=self.help)


def _check_figure(path: Path) -> None:
    from sim.layout.figure_file import OPTION, format_of

    format_of(path)
    check_file(path, OPTION)


def _write_figure(path: Path, found: ExplainResult, out: Path | None) -> None:  # noqa: ARG001
    from sim.layout.figure_file import write_figure

    write_figure(path, found.figure())


def _check_report(path: Path) -> None:
    check_file(path, "--report")


def _write_report(path: Path, found: RunResult, out: Path | None) -> None:
    from sim.commands.report import write_report

    with tempfile.TemporaryDirectory() as temporary:
        place = out or Path(temporary) / "results"
        if out is None:
            found.write_for_report(place)
        write_report(found.scenario.question, place, path, None)


ALSO: Final = {
    "run": FileOption(
        "report",
        "FILE.html",
        "Write the results as one HTML file, with the analyses that lie in the folder of --out.",
        _check_report,
        _write_report,
    ),
    "explain": FileOption(
        "figure",
        "FILE",
        "Draw the lives into this .svg, .png or .pdf file.",
        _check_figure,
        _write_figure,
    ),
}
"""By the name of the command."""
