"""``price``: find the price of a drug at which a threshold is met."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.answers import show
from sim.commands.options import (
    draws_option,
    json_option,
    no_cache_option,
    out_option,
    patients_per_draw_option,
    scenario_argument,
    seed_option,
    threads_option,
)


@click.command()
@scenario_argument
@click.option(
    "--regimen", metavar="NAME", required=True, help="Whose drug: a regimen of the scenario."
)
@draws_option
@patients_per_draw_option
@seed_option
@out_option
@no_cache_option
@json_option
@threads_option
def price(
    scenario: Path,
    regimen: str,
    draws: int | None,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    no_cache: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Find the price per vial at which the strategies of SCENARIO meet each threshold.

    In the base case, over draws of the uncertain parameters, and as a curve of the probability of
    being cost-effective against the price. Exact for the simulated patients: the price changes the
    cost of a strategy, and no patient's course.
    """
    from sim import price as answered

    found = answered(
        scenario,
        regimen,
        draws=draws,
        patients=patients,
        seed=seed,
        out=out,
        cached=not no_cache,
        threads=threads,
    )
    show(found, out, as_json=as_json)
