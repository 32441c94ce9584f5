"""``explain``: follow one patient through every strategy."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from sim.commands.answers import show
from sim.commands.options import (
    json_option,
    out_option,
    scenario_argument,
    seed_option,
)
from sim.limits import MOST_PATIENTS

Engine = Literal["core", "reference"]


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

    The same virtual patient side by side: each event with its day, each random draw with its
    probability, each entry of the ledger, and where and why the lives diverge.
    """
    from sim import ExplainResult
    from sim import explain as answered
    from sim.analyses.shared.result import folder_of, written
    from sim.layout.figure_file import format_of, write_figure

    if figure is not None:
        format_of(figure)
    folder = folder_of(ExplainResult, out)
    found = answered(
        scenario,
        patient,
        find=wanted,
        among=among,
        engine=engine,
        entries=entries,
        seed=seed,
    )
    if figure is not None:
        # Before the folder, so that a figure that cannot be written leaves no files behind.
        write_figure(figure, found.figure())
    show(
        written(found, folder),
        out,
        as_json=as_json,
        also=[f"Figure: {figure}"] if figure is not None else [],
    )
