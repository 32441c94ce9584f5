"""``psa``: answer a scenario under the uncertainty of its inputs."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.answers import resumable, show
from sim.commands.options import (
    amount,
    draws_option,
    json_option,
    no_cache_option,
    out_option,
    patients_per_draw_option,
    resume_option,
    scenario_argument,
    seed_option,
    threads_option,
)


@click.command()
@scenario_argument
@draws_option
@patients_per_draw_option
@click.option(
    "--se",
    metavar="S",
    type=amount,
    help="Wanted standard error of the mean net monetary benefit at the middle threshold, in "
    "currency; by default 2.5 % of its standard deviation between draws.",
)
@seed_option
@out_option
@resume_option
@no_cache_option
@json_option
@threads_option
def psa(
    scenario: Path,
    draws: int | None,
    patients: int | None,
    se: float | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    no_cache: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Answer SCENARIO under the uncertainty of its inputs: probabilistic sensitivity analysis.

    Each draw gives every uncertain parameter a value from its distribution and simulates
    patients of its own, the same under each strategy. The variance between draws is split into
    uncertainty and Monte Carlo noise, and intervals are given without the noise.
    """
    from sim import psa as answered

    with resumable(out):
        found = answered(
            scenario,
            draws=draws,
            patients=patients,
            se=se,
            seed=seed,
            out=out,
            resume=resume,
            cached=not no_cache,
            threads=threads,
        )
    show(found, out, as_json=as_json)
