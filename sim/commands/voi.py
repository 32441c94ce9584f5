"""``voi``: what it is worth to know more before choosing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    top_option,
)
from sim.errors import UserError

if TYPE_CHECKING:
    from sim.report.voi import Patients
    from sim.study.question import Question


class _Group(click.ParamType[tuple[str, tuple[str, ...]]]):
    """A name and patterns: ``NAME=pattern,pattern``."""

    name = "group"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, tuple[str, ...]]:
        """Read the option."""
        name, _, patterns = str(value).partition("=")
        parts = tuple(part.strip() for part in patterns.split(",") if part.strip())
        if not name.strip() or not parts:
            self.fail(f"{value!r} is not NAME=pattern,pattern", param, ctx)
        return name.strip(), parts


@click.command()
@scenario_argument
@draws_option
@patients_per_draw_option
@click.option(
    "--threshold",
    "thresholds",
    metavar="V",
    multiple=True,
    type=click.FloatRange(min=0.0, min_open=True),
    help="Currency per QALY, as often as needed; by default those of the scenario.",
)
@click.option(
    "--group",
    "groups",
    metavar="NAME=PATTERN,...",
    multiple=True,
    type=_Group(),
    help="Parameters that are learnt together, such as survival=relapse.*,disease.*; as often as "
    "needed. By default costs, utilities, toxicity, transplant, relapse, response and others.",
)
@click.option(
    "--incidence",
    metavar="N",
    type=click.FloatRange(min=0.0, min_open=True),
    help="Patients a year who face the choice, for the value to the population; with --years.",
)
@click.option(
    "--years",
    metavar="Y",
    type=click.FloatRange(min=0.0, min_open=True),
    help="Years for which the choice is made, for the value to the population.",
)
@top_option
@seed_option
@out_option
@no_cache_option
@json_option
@threads_option
def voi(
    scenario: Path,
    draws: int | None,
    patients: int | None,
    thresholds: tuple[float, ...],
    groups: tuple[tuple[str, tuple[str, ...]], ...],
    incidence: float | None,
    years: float | None,
    top: int,
    seed: int | None,
    out: Path | None,
    no_cache: bool,
    as_json: bool,
    threads: int | None,
) -> None:
    """Say what it is worth to know more before choosing a strategy of SCENARIO.

    The expected value of perfect information, on everything (EVPI), on groups of parameters and
    on each of them (EVPPI), read from the draws of a probabilistic analysis.
    """
    from dataclasses import replace

    from sim.report import text
    from sim.report import voi as report
    from sim.report.folder import check_folder, write_folder
    from sim.report.progress import patients_progress, steps_progress
    from sim.study.question import ask
    from sim.uncertainty.analysis import Work, choose_size, results
    from sim.uncertainty.voi import default_groups, matching, value_of_information

    question = ask(scenario, seed=seed)
    population = _population(question, incidence, years)
    if out is not None:
        check_folder(out, report.NAMES)
    work = Work(threads, cached=not no_cache, bar=patients_progress)
    size = choose_size(question, work, draws=draws, patients=patients, se=None)
    psa = results(replace(question, patients=size.patients), size.draws, work)
    names = [str(name) for name in psa.parameters.columns]
    learnt = {name: matching(names, name, patterns) for name, patterns in groups}
    learnt = learnt or default_groups(question, names)
    with steps_progress(len(names) + len(learnt), "valuing information") as advance:
        found = value_of_information(
            psa, thresholds or question.thresholds, learnt, progress=advance
        )
    if out is not None:
        write_folder(out, report.voi_files(found, population, top), report.NAMES)
    if as_json:
        click.echo(report.voi_json(found, population), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    report.print_voi(console, found, population, top)
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])


def _population(
    question: Question, incidence: float | None, years: float | None
) -> Patients | None:
    from sim.report.voi import Patients

    if incidence is None and years is None:
        return None
    if incidence is None or years is None:
        raise UserError(
            "the value to the population needs both --incidence and --years",
            key="--incidence" if incidence is None else "--years",
        )
    return Patients(question, incidence, years)
