"""Commands that show what there is: scenarios, parameters, published endpoints, cached results."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import click

MEGABYTE: Final = 1e6
SHOWN: Final = 12
"""Signs of a key that tell results apart."""
Role = Literal["fit", "held_out", "described"]
"""As in the schema of a study, which would be slow to import here."""


def check(scenario: Path) -> None:
    """Check a scenario, and say where it is wrong and why: every mistake on a line of its own.

    The files that the scenario and its what-ifs name are read too: life tables, catalogues, patients.
    """
    from sim.scenario.loading import ScenarioError

    try:
        _check(scenario)
    except ScenarioError as error:
        *others, last = error.every
        for each in others:
            click.echo(f"error: {each}", err=True)
        raise last from None


def _check(scenario: Path) -> None:
    from sim.layout.cells import patients_in_words
    from sim.layout.own_patients import own_patients_lines
    from sim.layout.parameter_table import life_table_lines, own_inputs_lines
    from sim.scenario.loading import what_if
    from sim.simulation.question import ask, prepare

    question = ask(scenario)
    for name in question.scenario.what_ifs:
        prepare(what_if(question.loaded, name, question.catalogue))
    asked = question.scenario
    count = len(asked.strategies)
    click.echo(
        f"{scenario}: fine — {count} {'strategy' if count == 1 else 'strategies'}, "
        f"{patients_in_words(asked.number_of_patients)} of {asked.population}, {asked.perspective}"
    )
    lines = [*own_patients_lines(question), *life_table_lines(question)]
    for name, text in (*lines, *own_inputs_lines(question)):
        click.echo(f"{name}: {text}")


def show(scenario: Path) -> None:
    """Print a scenario with every default filled in and the origin of every value."""
    from sim.scenario.listing import listing, perspective_values
    from sim.scenario.loading import load_scenario

    loaded = load_scenario(scenario)
    perspective = loaded.catalogue.perspectives[loaded.scenario.perspective]
    click.echo(listing(loaded, perspective_values(loaded, perspective)), nl=False)


def parameters(
    filter: str | None = None, *, scenario: Path | None = None, csv: bool = False
) -> None:
    """List the parameters of the model with their sources.

    With FILTER only those that have this text in their name, label, source or status.

    Parameters
    ----------
    scenario
        Only the parameters that this scenario uses, with its own values.
    csv
        Print comma-separated values.
    """
    from sim.layout.parameter_table import show_parameters

    show_parameters(filter, scenario, csv)


def evidence(study: str | None = None, *, role: Role | None = None, csv: bool = False) -> None:
    """List the published endpoints that the model is fitted to or validated against.

    Without STUDY, the studies; with one, its arms and all its endpoints with their sources.

    Parameters
    ----------
    role
        Only endpoints of this role.
    csv
        Print comma-separated values.
    """
    from sim.layout.evidence_table import show_evidence

    show_evidence(study, role, csv)


def cache(clear: bool = False) -> None:
    """List the cached results and the compiled code, or remove them.

    Results are found again by a hash of all that they depend on: scenario, catalogue, program,
    seed, draws and patients. Removing them costs nothing but time.

    Parameters
    ----------
    clear
        Remove everything from the cache.
    """
    from sim.analyses.psa import analysis as cached
    from sim.errors import UserError
    from sim.files.cache_folder import cache_folder

    folder = cache_folder()
    if folder is None:
        click.echo("Nothing is cached: there is no home folder, and XDG_CACHE_HOME is not set.")
        return
    results = list(cached.entries())
    for result in results:
        click.echo(
            f"{result.key[:SHOWN]}  {result.scenario}: {result.draws:,} draws of "
            f"{result.patients:,} patients, seed {result.seed}, version {result.version}, "
            f"{result.bytes / MEGABYTE:.1f} MB"
        )
    total = sum(result.bytes for result in results) / MEGABYTE
    code = cached.compiled_size() / MEGABYTE
    what = f"{len(results)} results ({total:.1f} MB) and compiled code ({code:.1f} MB) in {folder}"
    if not clear:
        click.echo(what)
        return
    try:
        cached.clear()
    except OSError as error:
        raise UserError(
            f"cannot be removed: {error.strerror}", key="cache", value=str(folder)
        ) from None
    click.echo(f"Removed {what}")
