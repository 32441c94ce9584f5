"""``twoway``: vary two parameters over a grid."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.answers import resumable, show
from sim.commands.options import (
    Interval,
    json_option,
    out_option,
    patients_option,
    resume_option,
    scenario_argument,
    seed_option,
    strategy_option,
    threads_option,
    threshold_option,
)
from sim.limits import FEWEST_STEPS, MOST_STEPS


@click.command()
@scenario_argument
@click.option("--x", metavar="NAME", required=True, help="The parameter that is varied across.")
@click.option("--y", metavar="NAME", required=True, help="The parameter that is varied upwards.")
@click.option(
    "--steps",
    metavar="K",
    type=click.IntRange(FEWEST_STEPS, MOST_STEPS),
    default=11,
    show_default=True,
    help="Values of each parameter, the ends included; of a count whole numbers, at most so many.",
)
@click.option(
    "--x-range",
    metavar="LO,HI",
    type=Interval(),
    help="Ends of x; by default those of its interval, of a fixed parameter 0 and twice its value.",
)
@click.option("--y-range", metavar="LO,HI", type=Interval(), help="Ends of y, likewise.")
@threshold_option
@strategy_option
@patients_option
@seed_option
@out_option
@resume_option
@json_option
@threads_option
def twoway(
    scenario: Path,
    x: str,
    y: str,
    steps: int,
    x_range: tuple[float, float] | None,
    y_range: tuple[float, float] | None,
    threshold: float | None,
    strategy: str | None,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Vary two parameters of SCENARIO over a grid, with the optimal strategy at each point.

    All points are simulated in the same patients with common random numbers.
    """
    from sim import twoway as answered

    with resumable(out):
        found = answered(
            scenario,
            x,
            y,
            steps=steps,
            x_range=x_range,
            y_range=y_range,
            threshold=threshold,
            strategy=strategy,
            patients=patients,
            seed=seed,
            out=out,
            resume=resume,
            threads=threads,
        )
    show(found, out, as_json=as_json)
