"""``validate``: predict published endpoints with the fitted model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from sim.commands.options import json_option, out_option, threads_option

FEWEST: Final = 50
"""Of draws: fewer give no 95 % intervals."""
MOST: Final = 10**5


@click.command()
@click.argument("studies", metavar="[STUDY]...", nargs=-1)
@click.option(
    "--protocol",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Protocol of the fit, by default calibration/adult_rr.yaml.",
)
@click.option(
    "--draws",
    metavar="N",
    type=click.IntRange(FEWEST, MOST),
    default=300,
    show_default=True,
    help="Draws of the posterior with which each cohort is simulated.",
)
@json_option
@out_option
@threads_option
def validate(
    studies: tuple[str, ...],
    protocol: Path | None,
    draws: int,
    as_json: bool,
    out: Path | None,
    threads: int | None,
) -> None:
    """Predict every published endpoint that was fitted or held out, of each STUDY or of all.

    Each cohort is simulated with draws of the installed posterior; a published value should lie
    inside 95 of 100 predicted 95 % intervals, which hold the sampling error of its size.
    """
    from sim.analyses.validate import tables as validation_files
    from sim.analyses.validate import text as validation_table
    from sim.evidence.prediction import predict
    from sim.files.results_folder import check_folder, write_analysis
    from sim.layout import text
    from sim.layout.progress import patients_progress

    if out is not None:
        check_folder(out, validation_files.NAMES)
    found = predict(studies, protocol, draws=draws, threads=threads, bar=patients_progress)
    if found.is_stale:
        click.echo("note: protocol, cohorts or register have changed since the fit", err=True)
    if as_json:
        click.echo(validation_files.validation_json(found), nl=False)
    else:
        console = text.console_for(sys.stdout.isatty())
        validation_table.print_validation(console, found)
    if out is not None:
        write_analysis(
            out, "validate", validation_files.validation_files(found), validation_files.NAMES
        )
        if not as_json:
            text.print_lines(console, [f"Files: {out}"])
