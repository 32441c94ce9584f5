"""``scenarios``: answer the what-ifs of a scenario side by side."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from sim.commands.answers import resumable
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


@click.command()
@scenario_argument
@threshold_option
@patients_option
@seed_option
@out_option
@resume_option
@json_option
@threads_option
def scenarios(
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

    A what-if is a key below 'what_ifs' with a label and the keys of the scenario that it changes.
    """
    from sim.analyses.shared.files import in_bytes
    from sim.analyses.shared.results import analysis_manifest
    from sim.analyses.shared.sets import sets_to_simulate
    from sim.analyses.shared.work import check_store, finished, kept_chunks, sets_progress
    from sim.analyses.what_ifs import tables as report
    from sim.analyses.what_ifs.analysis import fingerprints, scenario_matrix
    from sim.files.results_folder import beside_others
    from sim.layout import text
    from sim.simulation.question import ask

    check_store(report.NAMES, out, resume=resume)
    question = ask(scenario, patients=patients, seed=seed)
    what_ifs = fingerprints(question)
    asked = partial(
        analysis_manifest,
        *(question, report.ANALYSIS, {"threshold": threshold, "what_ifs": what_ifs}),
        chunks=len(what_ifs),
        chunk=1,
    )
    with resumable(out), kept_chunks(asked, report.ANALYSIS, out, resume=resume) as store:
        waiting = sets_to_simulate(len(what_ifs), finished(store), chunk=1)
        with sets_progress(question, waiting) as advance:
            found = scenario_matrix(
                question, threshold=threshold, threads=threads, progress=advance, store=store
            )
        if store is not None:
            files = in_bytes(report.matrix_files(found))
            store.finish(beside_others(store.folder, report.ANALYSIS, files))
    if as_json:
        click.echo(report.matrix_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    report.print_matrix(console, found)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])
