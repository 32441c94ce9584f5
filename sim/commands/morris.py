"""``morris``: screen all parameters for the influential ones."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from sim.commands.answers import resumable
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

FEWEST_TRAJECTORIES = 2
MOST_TRAJECTORIES = 10_000


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
    groups: str,
    trajectories: int,
    top: int,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Screen all uncertain parameters of SCENARIO for those that matter, with few runs.

    The method of Morris changes one input after the other along random trajectories.
    """
    from sim.analyses.morris import analysis
    from sim.analyses.shared import global_sensitivity_tables as report
    from sim.analyses.shared import work
    from sim.analyses.shared.files import in_bytes
    from sim.analyses.shared.points import chunks_of, manifest, points_to_simulate, target
    from sim.files.results_folder import beside_others
    from sim.layout import text
    from sim.simulation.parameter_draws import fitted_draws
    from sim.simulation.question import ask

    work.check_store(report.MORRIS_NAMES, out, resume=resume)
    question = ask(scenario, patients=patients, seed=seed)
    with work.enough_memory(question):
        looked_at = target(
            question,
            outcome=outcome,
            threshold=threshold,
            strategy=strategy,
            posterior=fitted_draws(question),
        )
    planned = analysis.plan(looked_at, grouped=groups == "default", trajectories=trajectories)
    runs = len(planned.points)
    settings = {"groups": groups, "top": top}
    asked = partial(manifest, looked_at, report.MORRIS, trajectories, chunks_of(runs), settings)
    with resumable(out), work.kept_chunks(asked, report.MORRIS, out, resume=resume) as store:
        with work.sets_progress(
            question, points_to_simulate(runs, work.finished(store))
        ) as advance:
            found = analysis.screen(planned, threads=threads, progress=advance, store=store)
        if store is not None:
            files = in_bytes(report.morris_files(found, top))
            store.finish(beside_others(store.folder, report.MORRIS, files))
    if as_json:
        click.echo(report.morris_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    report.print_morris(console, found, top)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])
