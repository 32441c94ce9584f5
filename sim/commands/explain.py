"""``explain``: follow one patient through every strategy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from sim.commands.options import (
    MOST_PATIENTS,
    json_option,
    out_option,
    scenario_argument,
    seed_option,
)
from sim.errors import UserError

if TYPE_CHECKING:
    from sim.study.question import Question
    from sim.study.replay import Retelling
    from sim.study.search import Found

Engine = Literal["core", "reference"]
FIRST_FEW: Final = 5
"""Patients that a search names."""


@click.command()
@scenario_argument
@click.option(
    "--patient",
    metavar="I",
    type=click.IntRange(0, MOST_PATIENTS - 1),
    help="Number of the patient, from 0; a number beyond the scenario's is as good as any.  "
    "[default: 0]",
)
@click.option(
    "--find",
    "wanted",
    metavar="TEXT",
    help="Explain the first patient of whom this is true: words such as 'transplanted', 'crs', "
    "'cured', 'relapsed after transplant' or 'responded to REGIMEN only', with 'and', 'not' and "
    "'under STRATEGY'. A word that is not known lists those that are.",
)
@click.option(
    "--among",
    metavar="N",
    type=click.IntRange(1, MOST_PATIENTS),
    help="Patients that --find looks through, instead of the scenario's number.",
)
@click.option(
    "--engine",
    type=click.Choice(["core", "reference"]),
    default="reference",
    show_default=True,
    help="'core' also asks the core engine, and fails should it differ in any event or amount.",
)
@click.option("--entries", is_flag=True, help="Print every entry of the ledger on its own line.")
@click.option(
    "--figure",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Draw the lives into this .svg, .png or .pdf file.",
)
@seed_option
@out_option
@json_option
def explain(
    scenario: Path,
    patient: int | None,
    wanted: str | None,
    among: int | None,
    engine: Engine,
    entries: bool,
    figure: Path | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Follow one patient of SCENARIO through every strategy, number by number.

    The same virtual patient side by side: each event with its day, what was drawn and against
    what chance, each entry of the ledger, and where and why the lives part.
    """
    if patient is not None and wanted is not None:
        raise UserError("--patient and --find exclude each other", key="--patient", value=patient)
    if among is not None and wanted is None:
        raise UserError("says how many --find looks through: give --find", key="--among")
    from sim.report import explain_files as files
    from sim.report import text
    from sim.report.explain import print_explanation
    from sim.report.figures.file import format_of
    from sim.report.folder import check_folder, write_folder
    from sim.study.question import ask
    from sim.study.replay import retell

    if figure is not None:
        format_of(figure)
    if out is not None:
        check_folder(out, files.NAMES)
    question = ask(scenario, patients=among, seed=seed)
    found = None if wanted is None else _search(question, wanted)
    number = found.patients[0] if found is not None else patient or 0
    retelling = retell(question, number, engine=engine)
    if figure is not None:
        _draw(figure, retelling)
    if out is not None:
        write_folder(out, files.explain_files(retelling, found, every_entry=entries), files.NAMES)
    if as_json:
        click.echo(files.explain_json(retelling, found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    print_explanation(console, retelling, found, every_entry=entries)
    if figure is not None:
        text.print_lines(console, [f"Figure: {figure}"])
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])


def _search(question: Question, wanted: str) -> Found:
    from sim.report.progress import patients_progress
    from sim.study.search import find, parse

    search = parse(wanted, question)
    with patients_progress(question.patients) as advance:
        found = find(question, search, first=FIRST_FEW, progress=advance)
    if not found.patients:
        raise UserError(
            f"is true of none of the {found.searched:,} patients; --among N looks through more",
            key="--find",
            value=wanted,
        )
    return found


def _draw(path: Path, retelling: Retelling) -> None:
    from sim.report.figures.file import write_figure
    from sim.report.figures.style import styled
    from sim.report.figures.timelines import timelines_figure

    with styled():
        figure = timelines_figure(retelling)
    write_figure(path, figure)
