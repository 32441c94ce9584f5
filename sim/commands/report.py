"""``report``: a scenario's results as one HTML file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sim.analyses.run.result import run
from sim.commands.options import options_of
from sim.errors import UserError

if TYPE_CHECKING:
    from sim.analyses.shared.scenario import Scenario

ALL: Final = "all"
KINDS: Final = ("psa", "tornado", "voi", "price", "explain")
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
            if kind not in (*KINDS, ALL):
                raise UserError("no such analysis", key="--with", value=kind, choices=(*KINDS, ALL))
        return KINDS if ALL in kinds else kinds


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of results, as run, psa, tornado, voi, price, explain and validate write them with "
    "--out, all into the same one. Without it the scenario is run.",
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
    help=f"Analyses to run too: any of {', '.join(KINDS)}, or all. Not together with --from.",
)
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

    Question, answer, its uncertainty and the changes that would flip it, with every input and its
    source. An analysis that was not run is named with the command that runs it; --with all runs
    everything, in about two minutes.
    """
    from sim.analyses.shared.scenario import asked
    from sim.files.results_folder import check_folder
    from sim.files.single_file import check_file

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
    question = asked(scenario, patients=patients, seed=seed)
    if folder is not None:
        write_report(question.question, folder, path, figures)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(temporary) / "results"
            _write_results(question, place, kinds, threads)
            write_report(question.question, place, path, figures)
    click.echo(f"Report: {path}")
    if figures is not None:
        click.echo(f"Figures: {figures}")
    if folder is None and set(kinds) != set(KINDS):
        left = ",".join(kind for kind in KINDS if kind not in kinds)
        click.echo(f"Left out, and named in the report: {left}. Everything: --with {ALL}")


report.params += options_of(run, "patients", "seed", "threads")


def _write_results(
    scenario: Scenario, folder: Path, kinds: tuple[str, ...], threads: int | None
) -> None:
    """Run the scenario and analyses of it into one folder.

    Numbers of draws and patients are chosen by a pilot; analyses of draws share them.
    """
    import sim

    sim.run(scenario, threads=threads).write(folder)
    if "psa" in kinds:
        sim.psa(scenario, threads=threads).write(folder)
    if "tornado" in kinds:
        sim.tornado(scenario, threads=threads).write(folder)
    if "voi" in kinds:
        sim.voi(scenario, threads=threads).write(folder)
    if "price" in kinds:
        _write_price(scenario, folder, threads)
    if "explain" in kinds:
        _write_patient(scenario, folder)


def _write_price(scenario: Scenario, folder: Path, threads: int | None) -> None:
    """Write the price of the first drug that comes in vials, where there is one."""
    import sim
    from sim.report.pricing import regimens_with_vials

    for regimen in regimens_with_vials(scenario.question)[:1]:
        sim.price(scenario, regimen, threads=threads).write(folder)


def _write_patient(scenario: Scenario, folder: Path) -> None:
    """Write the lives of a patient who responds to the compared regimen, and to no other.

    Where there is none, the lives of the first patient.
    """
    import sim

    first_lines = [
        strategy.sequence[0]
        for strategy in scenario.question.scenario.strategies
        if strategy.name != scenario.comparator and strategy.sequence
    ]
    for regimen in first_lines[:1]:
        try:
            found = sim.explain(scenario, find=f"responded to {regimen} only")
        except UserError:
            break
        found.write(folder)
        return
    sim.explain(scenario).write(folder)


def write_report(question: Any, folder: Path, path: Path, figures: Path | None) -> None:  # noqa: ANN401
    """Write the report on a folder of results, and its figures on request."""
    from sim.files.results_folder import write_folder
    from sim.files.single_file import write_file
    from sim.report.analyses import read_analyses
    from sim.report.page import figure_files, page
    from sim.report.results import read_results

    results = read_results(folder, question)
    analyses = read_analyses(results)
    if figures is not None:
        files = dict(figure_files(results, analyses))
        write_folder(figures, files, tuple(files))
    write_file(path, page(results, analyses), OUT)
