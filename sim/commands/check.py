"""``check``: say whether a scenario is valid."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.options import scenario_argument
from sim.layout.cells import patients_in_words


@click.command()
@scenario_argument
def check(scenario: Path) -> None:
    """Say whether SCENARIO is valid, and if not, where and why.

    The life tables that the scenario and its what-ifs name are read too.
    """
    from sim.layout.life_table import life_table_lines
    from sim.scenario.loading import what_if
    from sim.simulation.question import ask, prepare

    question = ask(scenario)
    for name in question.scenario.what_ifs:
        changed = what_if(question.loaded, name, question.catalogue)
        prepare(changed, question.catalogue, overrides={})
    asked = question.scenario
    count = len(asked.strategies)
    click.echo(
        f"{scenario}: fine — {count} {'strategy' if count == 1 else 'strategies'}, "
        f"{patients_in_words(asked.patients)} of {asked.population}, {asked.perspective}"
    )
    for name, text in life_table_lines(question):
        click.echo(f"{name}: {text}")
