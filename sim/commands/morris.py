"""``morris``: screen all parameters for the influential ones."""

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
    top_option,
)
from sim.limits import FEWEST_TRAJECTORIES, MOST_TRAJECTORIES

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
    default="none",
    show_default=True,
    help="Effects of each parameter, or of groups of those that speak of one thing.",
)
@click.option(
    "--trajectories",
    metavar="R",
    type=click.IntRange(FEWEST_TRAJECTORIES, MOST_TRAJECTORIES),
    default=10,
    show_default=True,
    help="Elementary effects of each input; the model is run R (inputs + 1) times.",
)
@top_option
@patients_option
@seed_option
@out_option
@resume_option
@json_option
@threads_option
def morris(
    scenario: Path,
    outcome: str,
    threshold: float | None,
    strategy: str | None,
    groups: Groups,
    trajectories: int,
    top: int,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Screen the uncertain parameters of SCENARIO for the influential ones, with few runs.

    The method of Morris changes one input after the other along random trajectories.
    """
    from sim import morris as answered

    with resumable(out):
        found = answered(
            scenario,
            outcome=outcome,
            threshold=threshold,
            strategy=strategy,
            groups=groups,
            trajectories=trajectories,
            top=top,
            patients=patients,
            seed=seed,
            out=out,
            resume=resume,
            threads=threads,
        )
    show(found, out, as_json=as_json)
