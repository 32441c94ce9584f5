"""``run``: simulate a scenario and print its answer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final, Literal

import click

from sim.commands.answers import show
from sim.commands.options import (
    json_option,
    out_option,
    patients_option,
    scenario_argument,
    seed_option,
    threads_option,
)

REPORT: Final = "--report"
Engine = Literal["core", "reference"]


@click.command()
@scenario_argument
@patients_option
@seed_option
@out_option
@json_option
@click.option(
    REPORT,
    metavar="FILE.html",
    type=click.Path(path_type=Path),
    help="Write the results as one HTML file, with the analyses that lie in the folder of --out.",
)
@click.option(
    "--trace",
    metavar="K",
    type=click.IntRange(min=0),
    default=0,
    help="Print log and ledger of the first K patients under each strategy.",
)
@click.option(
    "--patients-out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write every patient's outcome and amounts into this Parquet file.",
)
@click.option(
    "--engine",
    type=click.Choice(["core", "reference"]),
    default="core",
    show_default=True,
    help="The compiled engine, or the specification that it agrees with.",
)
@threads_option
def run(
    scenario: Path,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
    report: Path | None,
    trace: int,
    patients_out: Path | None,
    engine: Engine,
    threads: int | None,
) -> None:
    """Simulate every strategy of SCENARIO in the same patients.

    Each patient is simulated under every strategy with the same random numbers, and each result
    has its Monte Carlo standard error. The same scenario, seed and version give the same files,
    byte for byte.
    """
    from sim import run as answered
    from sim.commands.report import write_report
    from sim.files.single_file import check_file

    if report is not None:
        check_file(report, REPORT)
    found = answered(
        scenario,
        patients=patients,
        seed=seed,
        engine=engine,
        trace=trace,
        patients_out=patients_out,
        out=out,
        threads=threads,
    )
    show(found, out, as_json=as_json)
    if report is None:
        return
    with tempfile.TemporaryDirectory() as temporary:
        place = out or Path(temporary) / "results"
        if out is None:
            found.write(place)
        write_report(found.scenario.question, place, report, None)
    if not as_json:
        click.echo(f"Report: {report}")
