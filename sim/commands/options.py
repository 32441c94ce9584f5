"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

MOST_THREADS: Final = 1024
MOST_PATIENTS: Final = 10**9
LARGEST_SEED: Final = 2**64 - 1
"""As in a scenario, whose schema would be slow to import here."""

scenario_argument = click.argument("scenario", type=click.Path(path_type=Path))
patients_option = click.option(
    "--patients",
    metavar="N",
    type=click.IntRange(1, MOST_PATIENTS),
    help="Patients under each strategy, instead of the scenario's number.",
)
seed_option = click.option(
    "--seed",
    metavar="S",
    type=click.IntRange(0, LARGEST_SEED),
    help="Seed of the random numbers, instead of the scenario's.",
)
out_option = click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write tables, summary, provenance and citations into this folder.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the summary as JSON and nothing else."
)
threads_option = click.option(
    "--threads",
    metavar="T",
    type=click.IntRange(1, MOST_THREADS),
    help="Threads of the core engine; results do not depend on it.",
)
