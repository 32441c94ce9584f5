"""Commands that show what there is, and those for who writes a scenario."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import click

MEGABYTE: Final = 1e6
SHOWN: Final = 12
"""Signs of a key that tell results apart."""
Role = Literal["fit", "held_out", "described"]
"""As in the schema of a study, which would be slow to import here."""
SUFFIX: Final = ".yaml"
FileOfCatalogue = Literal["sources", "price_indices"]
EntryOfCatalogue = Literal["life_table", "population", "regimen", "perspective", "clinical"]
Kind = Literal["scenario", "catalogue", FileOfCatalogue, EntryOfCatalogue]


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
    from sim.layout.own_inputs import life_table_lines, own_inputs_lines, own_patients_lines
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
    from sim.scenario.authoring import listing, perspective_values
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
    from sim.layout.listings import show_parameters

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
    from sim.layout.listings import show_evidence

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


def new(
    name: Path,
    *,
    population: str = "topp_2021_first_salvage",
    perspective: str = "us_payer_2022",
    sequences: Sequence[str] = ("salvage_chemotherapy", "blinatumomab"),
) -> None:
    """Write a scenario to begin with, each key with a comment.

    Parameters
    ----------
    name
        Of the file, which must not exist; ``.yaml`` is added where there is no ending.
    population
        The patients, by their name in the catalogue.
    perspective
        Who pays, by its name in the catalogue.
    sequences
        Regimens in order with a comma between them: one strategy. The first strategy is the
        comparator.
    """
    from sim.catalog import load_catalogue
    from sim.errors import UserError
    from sim.files.documents import exists
    from sim.scenario.authoring import template
    from sim.scenario.loading import load_scenario

    if not name.name:
        raise UserError("must be the name of a file", key="NAME", value=str(name))
    path = name if name.suffix else name.with_suffix(SUFFIX)
    if exists(path):
        raise UserError("there is such a file, and it is not overwritten", file=path)
    lines = [[part.strip() for part in each.split(",")] for each in sequences]
    text = template(path.stem, population, perspective, lines, load_catalogue())
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot be written ({error.strerror})", file=path) from None
    try:
        load_scenario(path)
    except UserError:
        path.unlink()
        raise
    click.echo(f"{path}: written; python -m sim run {path}")


def schema(kind: Kind = "scenario") -> None:
    """Print the JSON schema of a kind of file, with which editors complete and check it.

    Parameters
    ----------
    kind
        A scenario, a catalogue in one file, or a file of a catalogue's folder.
    """
    from sim.catalog import load_catalogue
    from sim.scenario.authoring import json_schema

    click.echo(json.dumps(json_schema(kind, load_catalogue()), indent=1, ensure_ascii=False))
