"""``threshold``: find the value of a parameter at which the decision flips."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sim.commands.options import (
    Interval,
    json_option,
    out_option,
    patients_option,
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
@json_option
@threads_option
def threshold(
    scenario: Path,
    parameter: str,
    ends: tuple[float, float] | None,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
    threads: int | None,
) -> None:
    """Find the value of a parameter at which another strategy of SCENARIO becomes optimal.

    It is looked for at each threshold of the perspective, or said that there is none.
    """
    from sim.api.work import sets_progress
    from sim.report import text
    from sim.report import threshold as report
    from sim.report.folder import check_folder, write_analysis
    from sim.study.question import ask
    from sim.uncertainty.draws import fitted_draws
    from sim.uncertainty.ranges import asked_range
    from sim.uncertainty.threshold import GRID, threshold_analysis

    question = ask(scenario, patients=patients, seed=seed)
    if out is not None:
        check_folder(out, report.NAMES)
    varied = asked_range(question, parameter, ends, fitted_draws(question), "--parameter")
    with sets_progress(question, GRID) as advance:
        found = threshold_analysis(question, varied, threads=threads, progress=advance)
    if out is not None:
        write_analysis(out, "threshold", report.threshold_files(found), report.NAMES)
    if as_json:
        click.echo(report.threshold_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    report.print_threshold(console, found)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])
