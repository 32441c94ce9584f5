"""``check``: say whether a scenario is valid."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.options import scenario_argument
from sim.report.cells import patients_in_words


@click.command()
@scenario_argument
def check(scenario: Path) -> None:
    """Say whether SCENARIO is valid, and if not, where and why."""
    from sim.scenario.loading import load_scenario

    question = load_scenario(scenario).scenario
    count = len(question.strategies)
    click.echo(
        f"{scenario}: fine — {count} {'strategy' if count == 1 else 'strategies'}, "
        f"{patients_in_words(question.patients)} of {question.population}, {question.perspective}"
    )
