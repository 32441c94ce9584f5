"""Screening by the method of Morris: the influential inputs, with few model runs.

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
from typing import Final

import numpy as np
import pandas as pd

from sim.analyses.shared.cube import RESAMPLES, Cube, Design, Ranking, problem, salib_seed
from sim.analyses.shared.outcomes import is_constant
from sim.analyses.shared.paired_runs import PairedRuns
from sim.analyses.shared.target import Target
from sim.economics.estimates import Array

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
