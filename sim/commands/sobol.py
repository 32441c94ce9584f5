"""``sobol``: say which groups of parameters the uncertainty is due to."""

from __future__ import annotations

import sys
from pathlib import Path

import click

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

FEWEST_DRAWS = 2
MOST_DRAWS = 2**14


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
    type=click.IntRange(FEWEST_DRAWS, MOST_DRAWS),
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
    groups: str,
    draws: int,
    check: bool,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Say which groups of parameters of SCENARIO the uncertainty of an outcome is due to.

    All uncertain parameters vary together. The first-order index of a group is the share of the
    variance that learning it would take away, the total index what is left when all else is known.
    """
    from sim.commands.sets import check_store, enough_memory, kept_chunks, sets_progress
    from sim.report import global_sensitivity as report
    from sim.report import text
    from sim.report.analysis_files import in_bytes
    from sim.study.question import ask
    from sim.uncertainty import sobol as analysis
    from sim.uncertainty.draws import fitted_draws
    from sim.uncertainty.points import target

    check_store(report.SOBOL_NAMES, out, resume)
    question = ask(scenario, patients=patients, seed=seed)
    with enough_memory(question):
        looked_at = target(
            question,
            outcome=outcome,
            threshold=threshold,
            strategy=strategy,
            posterior=fitted_draws(question),
        )
    planned = analysis.plan(looked_at, grouped=groups == "default", draws=draws, check=check)
    settings = {"groups": groups, "check": check}
    with kept_chunks(
        looked_at, report.SOBOL, draws, planned.chunks, settings, out, resume
    ) as store:
        kept = store.done() if store is not None else set()
        with sets_progress(question, planned.work(kept)) as advance:
            found = analysis.sobol(planned, threads=threads, progress=advance, store=store)
        if store is not None:
            store.finish(in_bytes(report.sobol_files(found)))
    if as_json:
        click.echo(report.sobol_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    report.print_sobol(console, found)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])
