"""``price``: at which price of a drug a threshold is met."""

from __future__ import annotations

import sys
from pathlib import Path

import click

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
    """Find the price per vial at which SCENARIO's strategies meet each threshold.

    In the base case, over draws of the uncertain parameters, and as a curve of the probability
    of being cost-effective against the price. Exact for the simulated patients: the price changes
    what a strategy costs, and no patient's course.
    """
    from dataclasses import replace

    from sim.report import price as report
    from sim.report import text
    from sim.report.folder import check_folder, write_folder
    from sim.report.progress import patients_progress
    from sim.study.question import ask
    from sim.uncertainty.analysis import Work, choose_size, results
    from sim.uncertainty.price import price_parameter, priced_results

    question = ask(scenario, seed=seed)
    price_parameter(question, regimen)
    if out is not None:
        check_folder(out, report.NAMES)
    work = Work(threads, cached=not no_cache, bar=patients_progress)
    size = choose_size(question, work, draws=draws, patients=patients, se=None)
    asked = replace(question, patients=size.patients)
    found = priced_results(asked, regimen, lambda each: results(each, size.draws, work))
    if out is not None:
        write_folder(out, report.price_files(found), report.NAMES)
    if as_json:
        click.echo(report.price_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    report.print_price(console, found)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])
