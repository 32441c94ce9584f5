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

from sim.analyses.psa.draws_run import Store
from sim.analyses.shared.cube import (
    RESAMPLES,
    VALUE,
    CubeTarget,
    Model,
    Target,
    outcomes_at,
    problem,
    salib_seed,
)
from sim.analyses.shared.outcomes import is_constant
from sim.analyses.shared.paired_runs import Progress
from sim.economics.estimates import Array
from sim.simulation.question import Question

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
class Screening:
    """Elementary effects of the model.

    Attributes
    ----------
    trajectories
        The model was run ``trajectories (inputs + 1)`` times.
    table
        One row per input, the largest mu* first, with the columns of `EFFECTS`.
    """

    target: Target
    trajectories: int
    runs: int
    table: pd.DataFrame

    @property
    def question(self) -> Question:
        """The question."""
        return self.target.question

    @property
    def is_constant(self) -> bool:
        """Whether the outcome is the same in all runs."""
        return bool(self.table["mu_star"].isna().all())


@dataclass(frozen=True)
class Plan:
    """The points at which to run the model, and the inputs."""

    target: CubeTarget
    groups: list[str] | None
    trajectories: int
    points: Array


def plan(looked_at: CubeTarget, *, grouped: bool, trajectories: int) -> Plan:
    """Lay out the runs for the effects of groups, or of every parameter."""
    space = looked_at.cube
    groups = space.groups if grouped else None
    seed = looked_at.question.seed
    points = morris_points(space.coordinates, groups, trajectories=trajectories, seed=seed)
    return Plan(looked_at, groups, trajectories, points)


def screen(
    planned: Plan,
    *,
    threads: int | None = None,
    progress: Progress = lambda _: None,
    store: Store | None = None,
) -> Screening:
    """Run the model as planned and return the elementary effects.

    Parameters
    ----------
    planned
        From `plan`.
    threads
        Runs at the same time; results do not depend on it.
    progress
        Called with 1 for each run that is finished.
    store
        Stores chunks of runs as they are finished.

    Raises
    ------
    UserError
        When the outcome is not defined at a point.
    """
    points = quantiles_of(planned.points)
    found = outcomes_at(planned.target, points, threads=threads, progress=progress, store=store)
    table = morris_effects(
        planned.target.cube.coordinates,
        planned.groups,
        planned.points,
        found[VALUE].to_numpy(),
        seed=planned.target.question.seed,
    ).sort_values("mu_star", ascending=False, kind="stable")
    return Screening(planned.target, planned.trajectories, len(points), table)


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
