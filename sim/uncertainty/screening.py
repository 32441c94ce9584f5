"""Screening by the method of Morris: which inputs matter at all, with few model runs.

Trajectories through the unit cube change one coordinate at a time by 2/3 of its range; the
outcome's change divided by the step is an elementary effect. ``mu*``, the mean of their absolute
values, ranks the inputs; sigma, their standard deviation, shows curvature and interaction.

Source: Morris MD, Technometrics 1991;33:161-74; Campolongo F et al., Environ Model Softw
2007;22:1509-18; computed by SALib.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from sim.economics.estimates import Array
from sim.uncertainty.global_sensitivity import RESAMPLES, Model, problem, salib_seed

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
    from SALib.sample import morris

    points: Array = morris.sample(
        problem(coordinates, groups), trajectories, num_levels=LEVELS, seed=salib_seed(seed)
    )
    return points


def quantiles_of(points: Array) -> Array:
    """Return the probabilities that points stand for: from the 2.5 % to the 97.5 % quantile."""
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
    sigma is empty for a group of several coordinates.

    Returns
    -------
    DataFrame
        One row per group in order of first mention, with the columns of `EFFECTS`.
    """
    from SALib.analyze import morris

    names = list(dict.fromkeys(coordinates if groups is None else groups))
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


def morris_of(
    model: Model,
    coordinates: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    trajectories: int,
    seed: int,
) -> pd.DataFrame:
    """Return the elementary effects of a model over the unit cube; see `morris_effects`."""
    points = morris_points(coordinates, groups, trajectories=trajectories, seed=seed)
    return morris_effects(coordinates, groups, points, model(points), seed=seed)
