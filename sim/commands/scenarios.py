"""``scenarios``: answer the what-ifs of a scenario side by side."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sim.commands.options import (
    json_option,
    out_option,
    patients_option,
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
@json_option
@threads_option
def scenarios(
    scenario: Path,
    threshold: float | None,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
    threads: int | None,
) -> None:
    """Answer the what-ifs of SCENARIO side by side, each in the same patients.

    A what-if is a key below 'what_ifs' with a label and the keys of the scenario that it changes.
    """
    from sim.api.work import sets_progress
    from sim.report import text
    from sim.report import what_ifs as report
    from sim.report.folder import check_folder, write_analysis
    from sim.study.question import ask
    from sim.uncertainty.scenario_matrix import scenario_matrix

    question = ask(scenario, patients=patients, seed=seed)
    if out is not None:
        check_folder(out, report.NAMES)
    with sets_progress(question, len(question.scenario.what_ifs)) as advance:
        found = scenario_matrix(question, threshold=threshold, threads=threads, progress=advance)
    if out is not None:
        write_analysis(out, "scenarios", report.matrix_files(found), report.NAMES)
    if as_json:
        click.echo(report.matrix_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    report.print_matrix(console, found)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])
