"""Arguments and options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import click

from sim.analyses.shared.arguments import TOP
from sim.limits import (
    FEWEST_DRAWS,
    LARGEST_AMOUNT,
    LARGEST_SEED,
    MOST_DRAWS,
    MOST_PATIENTS,
    MOST_THREADS,
)

AUTO: Final = "auto"


class Amount(click.FloatRange):
    """Of money, above 0."""

    def __init__(self) -> None:
        super().__init__(0.0, LARGEST_AMOUNT, min_open=True)

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Read the option."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


amount = Amount()


class Folder(click.Path):
    """A folder with a name: an empty one would be the current folder."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - click's own signature
        """Read the option."""
        if not str(value).strip():
            self.fail("is empty; name a folder", param, ctx)
        return super().convert(value, param, ctx)


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
    type=Folder(path_type=Path),
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
threshold_option = click.option(
    "--threshold",
    metavar="V",
    type=amount,
    help="Currency per QALY, of the net benefit; by default the middle one of the perspective.",
)
strategy_option = click.option(
    "--strategy",
    metavar="NAME",
    help="Compared with the comparator; by default the best of the others at the base.",
)
outcome_option = click.option(
    "--outcome",
    metavar="NAME",
    default="nmb",
    show_default=True,
    help="Of the strategy minus the comparator: nmb, nhb, icer, qalys, cost, life_years or any "
    "outcome of summary.json.",
)
top_option = click.option(
    "--top",
    metavar="K",
    type=click.IntRange(1),
    default=TOP,
    show_default=True,
    help="Inputs that are printed and drawn; the files hold all.",
)
resume_option = click.option(
    "--resume", is_flag=True, help="Continue the unfinished work in the folder of --out."
)


class Interval(click.ParamType[tuple[float, float]]):
    """Two numbers with a comma between them."""

    name = "lo,hi"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[float, float]:
        """Read the option."""
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(text.replace("_", "?")) for text in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not two numbers with a comma between them", param, ctx)
        return low, high


class PatientsPerDraw(click.ParamType[int | None]):
    """A number of patients, or None for the word that leaves the choice to the program."""

    name = "patients"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int | None:
        """Read the option."""
        if value == AUTO:
            return None
        number: int = click.IntRange(FEWEST_DRAWS, MOST_PATIENTS).convert(value, param, ctx)
        return number


draws_option = click.option(
    "--draws",
    metavar="N",
    type=click.IntRange(FEWEST_DRAWS, MOST_DRAWS),
    help="Draws of the uncertain parameters; chosen by a small pilot unless given.",
)
patients_per_draw_option = click.option(
    "--patients",
    metavar="auto|N",
    type=PatientsPerDraw(),
    default=AUTO,
    show_default=True,
    help="Patients of each draw under each strategy. 'auto' runs a small pilot and chooses the "
    "number that takes least work, or, with --draws, leaves 5 % Monte Carlo noise.",
)
no_cache_option = click.option(
    "--no-cache", is_flag=True, help="Neither use results kept from before nor keep any."
)
