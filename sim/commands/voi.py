"""``voi``: estimate the value of information before a choice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from sim.commands.answers import show
from sim.commands.options import (
    amount,
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
    type=amount,
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
    """Estimate the value of information before a choice between the strategies of SCENARIO.

    The expected value of perfect information, on everything (EVPI), on groups of parameters and
    on each of them (EVPPI), read from the draws of a probabilistic analysis.
    """
    from sim import voi as answered
    from sim.errors import UserError

    for name, number in Counter(name for name, _ in groups).items():
        if number > 1:
            raise UserError("is the name of two groups", key="--group", value=name)
    found = answered(
        scenario,
        draws=draws,
        patients=patients,
        thresholds=thresholds or None,
        groups=dict(groups),
        incidence=incidence,
        years=years,
        top=top,
        seed=seed,
        out=out,
        cached=not no_cache,
        threads=threads,
    )
    show(found, out, as_json=as_json)
