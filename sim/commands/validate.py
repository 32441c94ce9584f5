"""``validate``: predict published endpoints with the fitted model."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.answers import show
from sim.commands.options import json_option, out_option, threads_option
from sim.limits import FEWEST_PREDICTIONS, MOST_PREDICTIONS


@click.command()
@click.argument("studies", metavar="[STUDIES]...", nargs=-1)
@click.option(
    "--protocol",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Protocol of the fit, by default calibration/adult_rr.yaml.",
)
@click.option(
    "--draws",
    metavar="N",
    type=click.IntRange(FEWEST_PREDICTIONS, MOST_PREDICTIONS),
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
    """Predict the published endpoints of STUDIES, or of all, with the fitted model.

    Each cohort is simulated with draws of the installed posterior. A published value should be
    inside 95 of 100 predicted 95 % intervals, which hold the sampling error of its size.
    """
    from sim import validate as answered

    found = answered(*studies, protocol=protocol, draws=draws, out=out, threads=threads)
    if found.is_stale:
        click.echo("note: protocol, cohorts or register have changed since the fit", err=True)
    show(found, out, as_json=as_json)
