"""``psa``: answer a scenario under the uncertainty of its inputs."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sim.commands.options import (
    MOST_PATIENTS,
    json_option,
    out_option,
    scenario_argument,
    seed_option,
    threads_option,
)
from sim.errors import UserError

if TYPE_CHECKING:
    from sim.study.question import Question
    from sim.uncertainty.store import Chunks

AUTO: Final = "auto"
FEWEST: Final = 2
"""Of draws and of patients: one has no spread."""
MOST_DRAWS: Final = 10**6


class _Patients(click.ParamType[int | None]):
    """A number of patients, or None for the word that leaves the choice to the program."""

    name = "patients"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int | None:
        """Read the option."""
        if value == AUTO:
            return None
        number: int = click.IntRange(FEWEST, MOST_PATIENTS).convert(value, param, ctx)
        return number


@click.command()
@scenario_argument
@click.option(
    "--draws",
    metavar="N",
    type=click.IntRange(FEWEST, MOST_DRAWS),
    help="Draws of the uncertain parameters; chosen for the error of --se unless given.",
)
@click.option(
    "--patients",
    metavar="auto|N",
    type=_Patients(),
    default=AUTO,
    show_default=True,
    help="Patients of each draw under each strategy. 'auto' runs a small pilot and chooses the "
    "number that takes least work, or, with --draws, leaves 5 % Monte Carlo noise.",
)
@click.option(
    "--se",
    metavar="S",
    type=click.FloatRange(min=0.0, min_open=True),
    help="Wanted standard error of the mean net monetary benefit at the middle threshold, in "
    "currency; by default 2.5 % of its standard deviation between draws.",
)
@seed_option
@out_option
@click.option("--resume", is_flag=True, help="Continue what is unfinished in the folder of --out.")
@click.option("--no-cache", is_flag=True, help="Neither use results kept from before nor keep any.")
@json_option
@threads_option
def psa(
    scenario: Path,
    draws: int | None,
    patients: int | None,
    se: float | None,
    seed: int | None,
    out: Path | None,
    resume: bool,
    no_cache: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Answer SCENARIO under the uncertainty of its inputs: probabilistic sensitivity analysis.

    Each draw gives every uncertain parameter a value from its distribution and simulates
    patients of its own, the same under each strategy. The variance between draws is split into
    uncertainty and Monte Carlo noise, and intervals are given without the noise.
    """
    from dataclasses import replace

    from sim.report import psa_files, psa_text, text
    from sim.report.progress import patients_progress
    from sim.study.question import ask
    from sim.uncertainty.analysis import Work, choose_size, results
    from sim.uncertainty.answer import answer
    from sim.uncertainty.store import check_unfinished

    question = ask(scenario, seed=seed)
    if resume and out is None:
        raise UserError("needs the folder of the unfinished results: give --out", key="--resume")
    if out is not None:
        check_unfinished(out, psa_files.NAMES, resume=resume)
    work = Work(threads, cached=not no_cache, bar=patients_progress)
    size = choose_size(question, work, draws=draws, patients=patients, se=se)
    asked = replace(question, patients=size.patients)
    try:
        with _chunks(asked, size.draws, out, resume=resume) as chunks:
            found = answer(results(asked, size.draws, work, chunks=chunks), size.planned)
            if chunks is not None:
                chunks.finish(psa_files.psa_files(found))
    except KeyboardInterrupt:
        if out is not None:
            click.echo("what is finished is kept; continue with --resume", err=True)
        raise
    if as_json:
        click.echo(psa_files.psa_json(found), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    psa_text.print_psa(console, found)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])


def _chunks(
    question: Question, draws: int, out: Path | None, *, resume: bool
) -> AbstractContextManager[Chunks | None]:
    if out is None:
        return nullcontext()
    from sim.report.psa_files import NAMES
    from sim.uncertainty.results import manifest
    from sim.uncertainty.store import opened

    return opened(out, manifest(question, draws), NAMES, resume=resume)
