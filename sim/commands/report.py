"""``report``: a scenario's results as one HTML file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import click

from sim.commands.options import patients_option, scenario_argument, seed_option, threads_option
from sim.errors import UserError

KINDS: Final = ("psa", "tornado", "voi")
OUT: Final = "--out"
FIGURES: Final = "--figures"


class _Kinds(click.ParamType[tuple[str, ...]]):
    """Names of analyses with commas between them."""

    name = "analyses"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,  # noqa: ARG002
        ctx: click.Context | None,  # noqa: ARG002
    ) -> tuple[str, ...]:
        """Read the option."""
        if isinstance(value, tuple):
            return value
        kinds = tuple(part.strip() for part in str(value).split(",") if part.strip())
        for kind in kinds:
            if kind not in KINDS:
                raise UserError("no such analysis", key="--with", value=kind, choices=KINDS)
        return kinds


@click.command()
@scenario_argument
@click.option(
    "--from",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of results, as run, psa, tornado, voi and price write them with --out; without "
    "it the scenario is run.",
)
@click.option(
    OUT,
    metavar="FILE.html",
    type=click.Path(path_type=Path),
    help="The report; by default the scenario's name with .html, in this folder.",
)
@click.option(
    FIGURES,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write every figure as SVG, PNG and PDF into this folder.",
)
@click.option(
    "--with",
    "kinds",
    metavar="A,B",
    type=_Kinds(),
    default=(),
    help=f"Analyses to run too: any of {', '.join(KINDS)}. Not together with --from.",
)
@patients_option
@seed_option
@threads_option
def report(
    scenario: Path,
    folder: Path | None,
    out: Path | None,
    figures: Path | None,
    kinds: tuple[str, ...],
    patients: int | None,
    seed: int | None,
    threads: int | None,
) -> None:
    """Write the results of SCENARIO as one HTML file that needs nothing else.

    It says what was asked and answered, how sure the answer is and what would flip it, with
    every input and its source. What was not run is named with the command that runs it.
    """
    from sim.report.folder import check_folder
    from sim.report.html.runs import write_results
    from sim.report.single_file import check_file
    from sim.study.question import ask

    path = Path(f"{scenario.stem}.html") if out is None else out
    if folder is not None and (kinds or patients is not None or seed is not None):
        raise UserError(
            "reads results that are there; --with, --patients and --seed are for a new run",
            key="--from",
            value=str(folder),
        )
    check_file(path, OUT)
    if figures is not None:
        check_folder(figures, ())
    question = ask(scenario, patients=patients, seed=seed)
    if folder is not None:
        write_report(question, folder, path, figures)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(temporary) / "results"
            write_results(question, place, kinds, threads)
            write_report(question, place, path, figures)
    click.echo(f"Report: {path}")
    if figures is not None:
        click.echo(f"Figures: {figures}")


def write_report(question: Any, folder: Path, path: Path, figures: Path | None) -> None:  # noqa: ANN401
    """Write the report on a folder of results, and its figures where they are asked for."""
    from sim.report.folder import write_folder
    from sim.report.html.analyses import read_analyses
    from sim.report.html.page import figure_files, page
    from sim.report.html.results import read_results
    from sim.report.single_file import write_file

    results = read_results(folder, question)
    analyses = read_analyses(results)
    if figures is not None:
        files = dict(figure_files(results, analyses))
        write_folder(figures, files, tuple(files))
    write_file(path, page(results, analyses), OUT)
