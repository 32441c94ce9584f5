"""``tornado``: vary one parameter at a time."""

from __future__ import annotations

from pathlib import Path

import click

from sim.analyses.shared.arguments import BARS
from sim.commands.answers import resumable, show
from sim.commands.options import (
    json_option,
    out_option,
    outcome_option,
    patients_option,
    resume_option,
    scenario_argument,
    seed_option,
    strategy_option,
    threads_option,
    threshold_option,
)


@click.command()
@scenario_argument
@outcome_option
@threshold_option
@strategy_option
@click.option(
    "--top",
    metavar="K",
    type=click.IntRange(1),
    default=BARS,
    show_default=True,
    help="Bars, and structural choices, that are printed and drawn; the files hold all.",
)
@click.option(
    "--components",
    is_flag=True,
    help="Show the principal components of the fitted parameters as well.",
)
@patients_option
@seed_option
@out_option
@resume_option
@json_option
@threads_option
def tornado(
    scenario: Path,
    outcome: str,
    threshold: float | None,
    strategy: str | None,
    top: int,
    components: bool,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Vary every uncertain parameter of SCENARIO alone, and every structural choice.

    Parameters go to the ends of their intervals, all others stay at the base. All sets are
    simulated in the same patients with common random numbers, so a parameter without effect
    changes exactly nothing.
    """
    from sim import tornado as answered

    with resumable(out):
        found = answered(
            scenario,
            outcome=outcome,
            threshold=threshold,
            strategy=strategy,
            top=top,
            components=components,
            patients=patients,
            seed=seed,
            out=out,
            resume=resume,
            threads=threads,
        )
    show(found, out, as_json=as_json)
