"""``show``: print a scenario with every default filled in."""

from __future__ import annotations

from pathlib import Path

import click

from sim.commands.options import scenario_argument


@click.command()
@scenario_argument
def show(scenario: Path) -> None:
    """Print SCENARIO with every default filled in and the origin of every value."""
    from sim.catalog import load_catalogue
    from sim.scenario.listing import listing, perspective_values
    from sim.scenario.loading import load_scenario

    catalogue = load_catalogue()
    loaded = load_scenario(scenario, catalogue)
    perspective = catalogue.perspectives[loaded.scenario.perspective]
    click.echo(listing(loaded, perspective_values(loaded, perspective)), nl=False)
