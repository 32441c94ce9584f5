"""``compare``: scenarios side by side in the same patients."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from sim.commands.options import (
    json_option,
    out_option,
    patients_option,
    seed_option,
    threads_option,
)
from sim.errors import UserError

FEWEST_SCENARIOS: Final = 2


@click.command()
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@patients_option
@seed_option
@out_option
@json_option
@threads_option
def compare(
    scenarios: tuple[Path, ...],
    patients: int | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
    threads: int | None,
) -> None:
    """Put SCENARIOS side by side: what differs between them, and what that changes.

    All are simulated in the same patients, with the number and the seed of the first scenario
    unless they are given. Differences from the first scenario are paired by patient. Where
    population, perspective and horizon are the same, all strategies of all scenarios stand in
    one full incremental analysis.
    """
    from sim.report import comparison_files, text
    from sim.report.comparison_table import print_comparison
    from sim.report.folder import check_folder
    from sim.report.progress import patients_progress
    from sim.study.comparison import aligned
    from sim.study.comparison import compare as compared
    from sim.study.question import ask

    if len(scenarios) < FEWEST_SCENARIOS:
        raise UserError(
            "needs two scenarios or more to compare", key="SCENARIOS", value=str(scenarios[0])
        )
    questions = aligned([ask(path, patients=patients, seed=seed) for path in scenarios])
    if out is not None:
        check_folder(out, comparison_files.NAMES)
    size = sum(each.patients * len(each.model.strategies) for each in questions)
    try:
        with patients_progress(size) as advance:
            found = compared(questions, threads=threads, progress=advance)
    except MemoryError:
        raise UserError(
            "needs more memory than there is", key="patients", value=questions[0].patients
        ) from None
    if out is not None:
        comparison_files.write(found, out)
    if as_json:
        click.echo(comparison_files.comparison_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    print_comparison(console, found)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])
