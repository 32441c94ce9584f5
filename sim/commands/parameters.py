"""``parameters``: list the numbers of the model with their sources."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("filter_text", metavar="[FILTER]", required=False)
@click.option(
    "--scenario",
    type=click.Path(path_type=Path),
    help="Only the parameters that this scenario uses, with its own values.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
def parameters(filter_text: str | None, scenario: Path | None, as_csv: bool) -> None:
    """List the numbers of the model with their sources.

    FILTER keeps those that have this text in their name, label, source or status.
    """
    from sim.layout.parameter_table import show_parameters

    show_parameters(filter_text, scenario, as_csv)
