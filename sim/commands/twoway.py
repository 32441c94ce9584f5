"""``twoway``: vary two parameters over a grid."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    strategy_option,
    threads_option,
    threshold_option,
)

if TYPE_CHECKING:
    from sim.analyses.twoway.analysis import TwoWay
    from sim.simulation.question import Question

FEWEST_STEPS = 2
MOST_STEPS = 201


@click.command()
@scenario_argument
@click.option("--x", metavar="NAME", required=True, help="The parameter that is varied across.")
@click.option("--y", metavar="NAME", required=True, help="The parameter that is varied upwards.")
@click.option(
    "--steps",
    metavar="K",
    type=click.IntRange(FEWEST_STEPS, MOST_STEPS),
    default=11,
    show_default=True,
    help="Values of each parameter, the ends included; of a count whole numbers, at most so many.",
)
@click.option(
    "--x-range",
    metavar="LO,HI",
    type=Interval(),
    help="Ends of x; by default those of its interval, of a fixed parameter 0 and twice its value.",
)
@click.option("--y-range", metavar="LO,HI", type=Interval(), help="Ends of y, likewise.")
@threshold_option
@strategy_option
@patients_option
@seed_option
@out_option
@resume_option
@json_option
@threads_option
def twoway(
    scenario: Path,
    x: str,
    y: str,
    steps: int,
    x_range: tuple[float, float] | None,
    y_range: tuple[float, float] | None,
    threshold: float | None,
    strategy: str | None,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Vary two parameters of SCENARIO over a grid: who is optimal where, by how much."""
    from sim.analyses.shared.ranges import asked_range
    from sim.analyses.shared.work import check_store
    from sim.analyses.twoway import tables as report
    from sim.layout import text
    from sim.simulation.parameter_draws import fitted_draws
    from sim.simulation.question import ask

    check_store(report.NAMES, out, resume=resume)
    question = ask(scenario, patients=patients, seed=seed)
    posterior = fitted_draws(question)
    across = asked_range(question, x, x_range, posterior, "--x")
    upwards = asked_range(question, y, y_range, posterior, "--y")
    settings = {
        "x": across,
        "y": upwards,
        "steps": steps,
        "threshold": threshold,
        "strategy": strategy,
    }
    found = _simulated(question, settings, out, resume=resume, threads=threads)
    if as_json:
        click.echo(report.two_way_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    report.print_two_way(console, found)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])


def _simulated(
    question: Question,
    settings: Mapping[str, Any],
    out: Path | None,
    *,
    resume: bool,
    threads: int | None,
) -> TwoWay:
    """Return the analysis with these settings, with its files in the folder `out`."""
    from sim.analyses.shared.files import in_bytes
    from sim.analyses.shared.results import analysis_manifest
    from sim.analyses.shared.sets import CHUNK_SETS, chunks_of, sets_to_simulate
    from sim.analyses.shared.work import finished, kept_chunks, sets_progress
    from sim.analyses.twoway import tables as report
    from sim.analyses.twoway.analysis import grid_points, two_way
    from sim.files.results_folder import beside_others

    points = grid_points(settings["x"], settings["y"], settings["steps"])
    asked = partial(
        analysis_manifest,
        *(question, report.ANALYSIS, settings),
        chunks=chunks_of(points),
        chunk=CHUNK_SETS,
    )
    with resumable(out), kept_chunks(asked, report.ANALYSIS, out, resume=resume) as store:
        with sets_progress(question, sets_to_simulate(points, finished(store))) as advance:
            found = two_way(question, **settings, threads=threads, progress=advance, store=store)
        if store is not None:
            files = in_bytes(report.two_way_files(found))
            store.finish(beside_others(store.folder, report.ANALYSIS, files))
    return found
