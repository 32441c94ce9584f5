"""``compare``: scenarios side by side in the same patients."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.answers import asked, check_out, show
from sim.commands.options import (
    json_option,
    out_option,
    patients_option,
    seed_option,
    threads_option,
)


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
    unless they are given. Differences from the first scenario are paired by patient. Where the
    scenarios differ in nothing but strategies and prices (cost.*), all strategies of all
    scenarios stand in one full incremental analysis.
    """
    from sim import CompareResult
    from sim import compare as compared

    questions = [asked(path, patients=patients, seed=seed) for path in scenarios]
    check_out(out, CompareResult)
    show(compared(*questions, threads=threads), out, as_json=as_json)
