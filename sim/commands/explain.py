"""``explain``: follow one patient through every strategy."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sim.commands.options import scenario_argument, seed_option


@click.command()
@scenario_argument
@click.option("--patient", type=int, default=0)
@seed_option
def explain(scenario: Path, patient: int, seed: int | None) -> None:
    """Explain."""
    from sim.report import text
    from sim.report.explain import print_explanation
    from sim.study.question import ask
    from sim.study.replay import retell

    console = text.console_for(sys.stdout.isatty())
    print_explanation(console, retell(ask(scenario, seed=seed), patient), every_entry=False)
