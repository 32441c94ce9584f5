"""``morris``: the influential inputs, screened with few model runs by the method of Morris.

Trajectories through the unit cube change one coordinate at a time by 2/3 of its range; the
outcome's change divided by the step is an elementary effect. ``mu*``, the mean of their absolute
values, ranks the inputs; sigma, their standard deviation, shows curvature and interaction.

Source: Morris MD, Technometrics 1991;33:161-74; Campolongo F et al., Environ Model Softw
2007;22:1509-18; computed by SALib.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import pandas as pd
from rich.console import Console

from sim.analyses.shared.arguments import (
    TOP,
    Cluster,
    Groups,
    Option,
    Out,
    Part,
    Patients,
    Seed,
    Threads,
    Threshold,
    Top,
    Whole,
    checked,
)
from sim.analyses.shared.cube import RESAMPLES, Cube, Design, Ranking, cube, problem, salib_seed
from sim.analyses.shared.outcomes import is_constant
from sim.analyses.shared.paired_runs import PairedRuns
from sim.analyses.shared.ranges import shown_label
from sim.analyses.shared.result import Layout, RankedResult
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.store import MANIFEST
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.target import Target, aimed, stored_target
from sim.analyses.shared.text import SAME_PATIENTS, amount, folded, print_notes
from sim.analyses.shared.work import place_of_work
from sim.economics.estimates import Array
from sim.layout.schema import Schema, number, records, text
from sim.layout.table import Row, Table, print_table
from sim.limits import FEWEST_TRAJECTORIES, MOST_TRAJECTORIES
from sim.simulation.parameter_draws import REST, fitted_draws, wholes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


LEVELS: Final = 4
"""Values of each coordinate: 0, 1/3, 2/3 and 1 of its range."""
LOW: Final = 0.025
HIGH: Final = 0.975
"""The range of a coordinate: between these quantiles."""
EFFECTS: Final = ("mu_star", "mu_star_ci", "mu", "sigma")


def morris_points(
    coordinates: Sequence[str], groups: Sequence[str] | None, *, trajectories: int, seed: int
) -> Array:
    """Return the trajectories over the unit cube.

    Returns
    -------
    Array
        Shape (trajectories (groups + 1), coordinates), every value one of the four levels.
    """
    from SALib.sample import morris  # type: ignore[import-untyped]

    points: Array = morris.sample(
        problem(coordinates, groups), trajectories, num_levels=LEVELS, seed=salib_seed(seed)
    )
    return points


def quantiles_of(points: Array) -> Array:
    """Return the probabilities at points: from the 2.5 % to the 97.5 % quantile."""
    return LOW + (HIGH - LOW) * points


def morris_effects(
    coordinates: Sequence[str],
    groups: Sequence[str] | None,
    points: Array,
    outcomes: Array,
    *,
    seed: int,
) -> pd.DataFrame:
    """Return the elementary effects of each group from the outcomes at `points`.

    They are changes of the outcome over the whole range of a coordinate. The interval of mu* is
    a 95 % interval, given as its half-width, from 1,000 bootstrap samples of the trajectories.
    sigma is empty for a group of several coordinates. An outcome that does not vary has no
    effects: all are ``nan``.

    Returns
    -------
    DataFrame
        One row per group in order of first mention, with the columns of `EFFECTS`.
    """
    from SALib.analyze import morris  # type: ignore[import-untyped]

    names = list(dict.fromkeys(coordinates if groups is None else groups))
    if is_constant(outcomes):
        return pd.DataFrame(math.nan, index=names, columns=list(EFFECTS))
    found = morris.analyze(
        problem(coordinates, groups),
        points,
        outcomes,
        num_levels=LEVELS,
        num_resamples=RESAMPLES,
        seed=salib_seed(seed),
    )
    table = pd.DataFrame(
        {
            "mu_star": found["mu_star"],
            "mu_star_ci": found["mu_star_conf"],
            "mu": found["mu"],
            "sigma": found["sigma"],
        },
        index=list(found["names"]),
        dtype=np.float64,
    )
    return table.loc[names]


@dataclass(frozen=True)
class Screening(Ranking):
    """Elementary effects of the model, the largest mu* first, in the columns of `EFFECTS`.

    The model was run ``trajectories (inputs + 1)`` times.
    """

    LACKS = "no effects and no ranks"

    trajectories: int
    runs: int


def design(target: Target, space: Cube, *, grouped: bool, trajectories: int) -> Design:
    """Lay out the trajectories for the effects of groups, or of every parameter."""
    groups = space.groups if grouped else None
    seed = target.question.seed
    points = morris_points(space.coordinates, groups, trajectories=trajectories, seed=seed)
    return Design(target, space, groups, points)


def screen(planned: Design) -> PairedRuns[Screening]:
    """Return the runs of the model, and the elementary effects that follow from them."""
    target, points = planned.target, planned.points
    trajectories = len(points) // (len(planned.inputs) + 1)

    def answer(outcomes: Array) -> Screening:
        table = morris_effects(
            planned.cube.coordinates, planned.groups, points, outcomes, seed=target.question.seed
        ).sort_values("mu_star", ascending=False, kind="stable")
        return Screening(**vars(target), table=table, trajectories=trajectories, runs=len(points))

    return planned.runs(quantiles_of(points), answer)


ANALYSIS: Final = "morris"
NAMES: Final = names_of(ANALYSIS)
TABLE: Final = Schema(
    f"{ANALYSIS}.csv",
    (
        text("input"),
        text("label"),
        *(number(name, "in `unit`; see `sim.analyses.morris.result`") for name in EFFECTS),
        text("unit", "that of the outcome"),
    ),
)
"""One row per input, the largest `mu_star` first."""


def morris_table(result: Screening) -> pd.DataFrame:
    """Return the effects as `TABLE`."""
    table = result.table.rename_axis("input").reset_index()
    table.insert(1, "label", [_label(result, str(name)) for name in table["input"]])
    table["unit"] = result.outcome.file_unit
    return table[list(TABLE.names)]


def _label(target: Target, name: str) -> str:
    if name in target.question.parameters:
        return shown_label(target.question, name)
    for whole in wholes(target.question.parameters):
        if name == f"{whole.name}.{REST}":
            members = (shown_label(target.question, member) for member in whole.counts)
            return f"Rest beside: {'; '.join(members)}"
    return name


def morris_summary(result: Screening) -> dict[str, Any]:
    """Return the content of morris.json after its heading."""
    return {
        **result.summary(),
        "varies": not result.is_constant,
        "trajectories": result.trajectories,
        "runs": result.runs,
        "inputs": records(morris_table(result)),
    }


def read_morris(stored: Stored) -> Screening:
    """Return the effects that are stored in a folder; raise `UserError` where a file is broken."""
    told, table = stored.summary, stored.table(TABLE).set_index("input")[list(EFFECTS)]
    sizes = {"trajectories": told["trajectories"], "runs": told["runs"]}
    return Screening(**stored_target(stored), table=table, **sizes)


def _figure(result: Screening, top: int) -> Figure:
    from sim.analyses.morris.figure import morris_figure

    return morris_figure(result, morris_table(result), top)


def print_morris(console: Console, result: Screening, top: int) -> None:
    """Print the inputs with the largest effects, or that there are none."""
    result.print_heading(console)
    if result.is_constant:
        print_notes(console, result.lacking, *result.fixed())
        return
    outcome = result.outcome
    rows = [
        Row(
            folded(_label(result, str(name))),
            [
                amount(outcome, row["mu_star"], row["mu_star_ci"]),
                amount(outcome, row["mu"]),
                amount(outcome, row["sigma"]),
            ],
        )
        for name, row in result.table.head(top).iterrows()
    ]
    headings = ["mu* (95 % +/-)", "mu", "sigma"]
    print_table(console, Table(f"First {len(rows)} of {len(result.table)}", headings, [rows]))
    without = int((result.table["mu_star"] == 0.0).sum())
    print_notes(
        console,
        "mu* is the mean size of the change of the outcome over the range of an input, from its "
        "2.5 % to its 97.5 % quantile; mu is its mean with its sign; sigma shows curvature and "
        "interaction.",
        f"{result.trajectories} trajectories, {result.runs:,} runs. {SAME_PATIENTS} {without} "
        "inputs change nothing for any patient.",
        *result.fixed(),
    )


FILE_LAYOUT: Final = Layout(
    ANALYSIS, morris_table, morris_summary, _figure, print_morris, read_morris
)


class MorrisResult(RankedResult[Screening]):
    """Elementary effects of every uncertain parameter on an outcome."""

    COMMAND = "morris"
    FILES = (*NAMES, MANIFEST)
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def effects(self) -> pd.DataFrame:
        """A row per input, as in morris.csv: `sim.analyses.morris.result.TABLE`."""
        return morris_table(self._found)


@checked
def morris(
    scenario: Asked,
    *,
    outcome: str = "nmb",
    threshold: Threshold = None,
    strategy: str | None = None,
    groups: Groups = "none",
    trajectories: Annotated[int, Option("R", Whole(FEWEST_TRAJECTORIES, MOST_TRAJECTORIES))] = 10,
    top: Top = TOP,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
    cluster: Cluster = None,
    part: Part = None,
) -> MorrisResult:
    """Screen the uncertain parameters by elementary effects: which are influential, with few runs.

    The method of Morris changes one input after the other along random trajectories.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    groups
        With ``default`` the effects of groups of related parameters, with ``none`` of each.
    trajectories
        Elementary effects of each input; the model is run once more than there are inputs for each.
    outcome, threshold, strategy, top, patients, seed, out, resume, threads, cluster, part
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed, the outcome is not defined at a point, or the folder cannot
        be used.

    Examples
    --------
    >>> from sim import Scenario, morris
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=20)
    >>> found = morris(scenario, groups="default", trajectories=2)
    >>> bool((found.effects["mu_star"] >= 0.0).all())
    True
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=MANY_SETS_PATIENTS)
    place = place_of_work(NAMES, out, resume=resume, part=part, cluster=cluster)
    target, _ = aimed(chosen.question, outcome, threshold, strategy)
    space = cube(chosen.question, fitted_draws(chosen.question))
    planned = design(target, space, grouped=groups == "default", trajectories=trajectories)
    settings = planned.settings(trajectories, groups=groups, top=top)
    return MorrisResult.of(chosen, screen(planned), settings, place, threads, top)
