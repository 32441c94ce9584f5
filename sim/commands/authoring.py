"""Commands for those who write scenarios: a first scenario, and the JSON schema for editors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

SUFFIX = ".yaml"
Kind = Literal[
    "scenario",
    "catalogue",
    "sources",
    "price_indices",
    "life_table",
    "population",
    "regimen",
    "perspective",
    "clinical",
]


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
    from sim.scenario.loading import load_scenario
    from sim.scenario.template import template

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
    from sim.scenario.json_schema import json_schema

    click.echo(json.dumps(json_schema(kind, load_catalogue()), indent=1, ensure_ascii=False))
