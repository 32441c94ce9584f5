"""``psa``: answer a scenario under the uncertainty of its inputs."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.commands.options import (
    draws_option,
    json_option,
    no_cache_option,
    out_option,
    patients_per_draw_option,
    scenario_argument,
    seed_option,
    threads_option,
)
from sim.errors import UserError

if TYPE_CHECKING:
    from sim.study.question import Question
    from sim.uncertainty.store import Chunks


@click.command()
@scenario_argument
@draws_option
@patients_per_draw_option
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
@no_cache_option
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
