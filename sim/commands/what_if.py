"""``what-if``: answer the what-ifs of a scenario side by side."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.answers import resumable, show
from sim.commands.options import (
    json_option,
    out_option,
    patients_option,
    resume_option,
    scenario_argument,
    seed_option,
    threads_option,
    threshold_option,
)


@click.command("what-if")
@scenario_argument
@threshold_option
@patients_option
@seed_option
@out_option
@resume_option
@json_option
@threads_option
def what_if(
    scenario: Path,
    threshold: float | None,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Answer the what-ifs of SCENARIO side by side, each in the same patients.

    A what-if is a key below 'what_ifs' in the file, with a label and the keys of the scenario that
    it changes.
    """
    from sim import what_if as answered

    with resumable(out):
        found = answered(
            scenario,
            threshold=threshold,
            patients=patients,
            seed=seed,
            out=out,
            resume=resume,
            threads=threads,
        )
    show(found, out, as_json=as_json)
