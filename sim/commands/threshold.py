"""``threshold``: find the value of a parameter at which the decision flips."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from sim.commands.answers import resumable
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

    It is looked for at each threshold of the perspective, or said that there is none.
    """
    from sim.analyses.shared.files import in_bytes
    from sim.analyses.shared.ranges import asked_range
    from sim.analyses.shared.results import analysis_manifest
    from sim.analyses.shared.sets import CHUNK_SETS
    from sim.analyses.shared.work import check_store, finished, kept_chunks, sets_progress
    from sim.analyses.threshold import analysis
    from sim.analyses.threshold import tables as report
    from sim.files.results_folder import beside_others
    from sim.layout import text
    from sim.simulation.parameter_draws import fitted_draws
    from sim.simulation.question import ask

    check_store(report.NAMES, out, resume=resume)
    question = ask(scenario, patients=patients, seed=seed)
    varied = asked_range(question, parameter, ends, fitted_draws(question), "--parameter")
    asked = partial(
        analysis_manifest,
        *(question, report.ANALYSIS, {"varied": varied}),
        chunks=analysis.chunks(question, varied),
        chunk=CHUNK_SETS,
    )
    with resumable(out), kept_chunks(asked, report.ANALYSIS, out, resume=resume) as store:
        with sets_progress(question, analysis.work(question, varied, finished(store))) as advance:
            found = analysis.threshold_analysis(
                question, varied, threads=threads, progress=advance, store=store
            )
        if store is not None:
            files = in_bytes(report.threshold_files(found))
            store.finish(beside_others(store.folder, report.ANALYSIS, files))
    if as_json:
        click.echo(report.threshold_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    report.print_threshold(console, found)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])
