"""``compare``: scenarios side by side in the same patients."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.answers import show
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
    """Compare SCENARIOS: their differences, and the effects of these.

    All are simulated in the same patients, with the number and the seed of the first unless they
    are given. Differences from the first are paired by patient. Where the scenarios differ in
    nothing but strategies and prices (parameters cost.*), all strategies of all scenarios are in
    one full incremental analysis.
    """
    from sim import compare as answered

    found = answered(*scenarios, patients=patients, seed=seed, out=out, threads=threads)
    show(found, out, as_json=as_json)
