"""``evidence``: list the published endpoints, study by study."""

from __future__ import annotations

import click

ROLES = ("fit", "held_out", "described")
"""As in the schema of a study, which would be slow to import here."""


@click.command()
@click.argument("study", metavar="[STUDY]", required=False)
@click.option("--role", type=click.Choice(ROLES), help="Only endpoints of this role.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
def evidence(study: str | None, role: str | None, as_csv: bool) -> None:
    """List what cohorts published, and what of it the model is fitted to or judged by.

    Without STUDY, the studies; with one, its arms and all its endpoints with their sources.
    """
    from sim.layout.evidence_table import show_evidence

    show_evidence(study, role, as_csv)
