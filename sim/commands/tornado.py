"""``tornado``: vary one parameter at a time."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sim.commands.options import (
    json_option,
    out_option,
    outcome_option,
    patients_option,
    scenario_argument,
    seed_option,
    strategy_option,
    threads_option,
    threshold_option,
    top_option,
)


@click.command()
@scenario_argument
@outcome_option
@threshold_option
@strategy_option
@top_option
@patients_option
@seed_option
@out_option
@json_option
@threads_option
def tornado(
    scenario: Path,
    outcome: str,
    threshold: float | None,
    strategy: str | None,
    top: int,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
    threads: int | None,
) -> None:
    """Vary every uncertain parameter of SCENARIO alone, and every structural choice.

    Parameters go to the ends of their intervals, all others stay at the base. All sets are put to
    the same patients with the same luck, so a parameter without effect changes exactly nothing.
    """
    from sim.commands.sets import sets_progress
    from sim.report import one_way as report
    from sim.report import text
    from sim.report.folder import check_folder, write_folder
    from sim.study.question import ask
    from sim.uncertainty import one_way
    from sim.uncertainty.draws import fitted_draws

    question = ask(scenario, patients=patients, seed=seed)
    if out is not None:
        check_folder(out, report.NAMES)
    posterior = fitted_draws(question)
    sets = sum(len(factor.ends) for factor in one_way.factors(question, posterior))
    with sets_progress(question, sets) as advance:
        found = one_way.tornado(
            question,
            outcome=outcome,
            threshold=threshold,
            strategy=strategy,
            posterior=posterior,
            threads=threads,
            progress=advance,
        )
    if out is not None:
        write_folder(out, report.tornado_files(found, top), report.NAMES)
    if as_json:
        click.echo(report.tornado_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    report.print_tornado(console, found, top)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])
