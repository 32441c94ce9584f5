"""``sobol``: divide the uncertainty among groups of parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

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
from sim.limits import FEWEST_DRAWS, MOST_SOBOL_DRAWS

if TYPE_CHECKING:
    from sim.analyses.shared.arguments import Groups


@click.command()
@scenario_argument
@outcome_option
@threshold_option
@strategy_option
@click.option(
    "--groups",
    type=click.Choice(["default", "none"]),
    default="default",
    show_default=True,
    help="Indices of groups of parameters that speak of one thing, or of each parameter.",
)
@click.option(
    "--draws",
    metavar="N",
    type=click.IntRange(FEWEST_DRAWS, MOST_SOBOL_DRAWS),
    default=256,
    show_default=True,
    help="Points of the Sobol sequence, a power of 2; the model is run N (groups + 2) times.",
)
@click.option(
    "--check", is_flag=True, help="Repeat with twice the patients: do the indices change?"
)
@patients_option
@seed_option
@out_option
@resume_option
@json_option
@threads_option
def sobol(
    scenario: Path,
    outcome: str,
    threshold: float | None,
    strategy: str | None,
    groups: Groups,
    draws: int,
    check: bool,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Divide the uncertainty of an outcome among groups of parameters of SCENARIO.

    All uncertain parameters vary together. The first-order index of a group is the share of the
    variance that learning it would remove, the total index the share left when all else is known.
    """
    from sim import sobol as answered

    with resumable(out):
        found = answered(
            scenario,
            outcome=outcome,
            threshold=threshold,
            strategy=strategy,
            groups=groups,
            draws=draws,
            check=check,
            patients=patients,
            seed=seed,
            out=out,
            resume=resume,
            threads=threads,
        )
    show(found, out, as_json=as_json)
