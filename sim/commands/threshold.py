"""``threshold``: find the value of a parameter at which the decision flips."""

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
    threads_option,
)


@click.command()
@scenario_argument
@click.option("--parameter", metavar="NAME", required=True, help="The parameter that is varied.")
@click.option(
    "--range",
    "ends",
    metavar="LO,HI",
    type=Interval(),
    help="Where to look; by default its interval, of a fixed parameter from 0 to twice its value.",
)
@patients_option
@seed_option
@out_option
@resume_option
@json_option
@threads_option
def threshold(
    scenario: Path,
    parameter: str,
    ends: tuple[float, float] | None,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Find the value of a parameter at which another strategy of SCENARIO becomes optimal.

    It is looked for at each threshold of the perspective. All values are simulated in the same
    patients with common random numbers.
    """
    from sim import threshold as answered

    with resumable(out):
        found = answered(
            scenario,
            parameter,
            range=ends,
            patients=patients,
            seed=seed,
            out=out,
            resume=resume,
            threads=threads,
        )
    show(found, out, as_json=as_json)
