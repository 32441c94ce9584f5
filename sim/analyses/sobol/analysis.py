"""Sobol indices of the model: the uncertainty of an outcome, by groups of parameters.

Groups are independent of each other, but for the parameters that were fitted together, which are
one group. What that group explains is divided among its topics by Shapley effects
(`sim.analyses.sobol.shapley`), which need no more runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.psa.draws_run import Store
from sim.analyses.shared.constant import is_constant
from sim.analyses.shared.global_sensitivity import INDICES, sobol_indices, sobol_points
from sim.analyses.shared.groups import FITTED, group_of
from sim.analyses.shared.paired_runs import Progress
from sim.analyses.shared.points import (
    VALUE,
    CubeTarget,
    Target,
    chunks_of,
    outcomes_at,
    points_to_simulate,
    with_twice_the_patients,
)
from sim.analyses.sobol.shapley import COLUMNS, shapley_effects
from sim.economics.estimates import Array
from sim.simulation.question import Question

POSTERIOR: Final = 10_000
"""Evenly spread draws of the posterior from which its covariance is taken."""


class Check(NamedTuple):
    """The same analysis in twice the patients.

    Attributes
    ----------
    table
        Its indices, as in `Sobol.table`.
    noise_share
        Of the variance of the outcome over the points in the requested patients: Monte Carlo
        noise that is not common to all points; ``nan`` where the outcome does not vary.
    """

    table: pd.DataFrame
    noise_share: float


@dataclass(frozen=True)
class Sobol:
    """Sobol indices.

    Attributes
    ----------
    draws
        Points of the sequence; the model was run ``draws (groups + 2)`` times.
    members
        Parameters of each group.
    table
        One row per group, the largest total index first, with the columns of `INDICES`.
    mean, sd
        Of the outcome over the independent points.
    fitted
        Shares explained by the fitted parameters, by topic: `sim.analyses.sobol.shapley.shapley_effects`.
    """

    target: Target
    draws: int
    members: dict[str, int]
    table: pd.DataFrame
    mean: float
    sd: float
    fitted: pd.DataFrame
    check: Check | None = None

    @property
    def question(self) -> Question:
        """The question."""
        return self.target.question

    @property
    def is_constant(self) -> bool:
        """Whether the outcome is the same at all points, so that there are no indices."""
        return bool(self.table["total"].isna().all())


@dataclass(frozen=True)
class Plan:
    """The points at which to run the model, and the indices."""

    target: CubeTarget
    groups: list[str] | None
    draws: int
    points: Array
    check: bool

    @property
    def runs(self) -> int:
        """Runs of the model, those of the check counted twice for their patients."""
        return len(self.points) * (3 if self.check else 1)

    @property
    def chunks(self) -> int:
        """Chunks in which they are stored."""
        return chunks_of(len(self.points)) * (2 if self.check else 1)

    def work(self, kept: set[int]) -> int:
        """Return the runs that are left to do, those of the check counted twice."""
        runs = points_to_simulate(len(self.points), kept)
        if self.check:
            runs += 2 * points_to_simulate(len(self.points), kept, chunks_of(len(self.points)))
        return runs


def plan(looked_at: CubeTarget, *, grouped: bool, draws: int, check: bool) -> Plan:
    """Lay out the runs for the indices of groups, or of every parameter.

    Raises
    ------
    UserError
        When `draws` is not a power of 2.
    """
    space = looked_at.cube
    groups = space.groups if grouped else None
    seed = looked_at.question.seed
    points = sobol_points(space.coordinates, groups, draws=draws, seed=seed)
    return Plan(looked_at, groups, draws, points, check)


def sobol(
    planned: Plan,
    *,
    threads: int | None = None,
    progress: Progress = lambda _: None,
    store: Store | None = None,
) -> Sobol:
    """Run the model as planned and return the indices.

    Parameters
    ----------
    planned
        From `plan`.
    threads
        Runs at the same time; results do not depend on it.
    progress
        Called with the number of runs finished, those of the check counted twice.
    store
        Stores chunks of runs as they are finished.

    Raises
    ------
    UserError
        When the outcome is not defined at a point.
    """
    looked_at, points = planned.target, planned.points
    found = outcomes_at(looked_at, points, threads=threads, progress=progress, store=store)
    values = found[VALUE].to_numpy()
    table = _table(planned, values)
    independent = _independent(values, len(table))
    result = Sobol(
        target=looked_at,
        draws=planned.draws,
        members=_members(planned),
        table=table,
        mean=float(independent.mean()),
        sd=float(independent.std(ddof=1)),
        fitted=_by_topic(planned, independent),
    )
    if not planned.check:
        return result
    again = outcomes_at(
        with_twice_the_patients(looked_at),
        points,
        threads=threads,
        progress=lambda runs: progress(2 * runs),
        store=store,
        first_chunk=chunks_of(len(points)),
    )
    return replace(result, check=_checked(planned, values, again[VALUE].to_numpy(), table))


def _table(planned: Plan, values: Array) -> pd.DataFrame:
    names = planned.target.cube.coordinates
    table = sobol_indices(names, planned.groups, values, seed=planned.target.question.seed)
    return table.sort_values("total", ascending=False, kind="stable")


def _by_topic(planned: Plan, outcomes: Array) -> pd.DataFrame:
    """Divide among topics what the fitted parameters explain; empty where there are none."""
    space = planned.target.cube
    places = [i for i, name in enumerate(space.coordinates) if name == FITTED]
    if not places or is_constant(outcomes):
        return pd.DataFrame(columns=list(COLUMNS))
    (part,) = (part for part in space.parts if part.group == FITTED)
    groups = len(_members(planned))
    blocks = planned.points[:, places].reshape(-1, groups + 2)
    values = pd.DataFrame(part.values(blocks[:, [0, -1]].reshape(-1, 1)))
    posterior = pd.DataFrame(part.values((np.arange(POSTERIOR) + 0.5)[:, None] / POSTERIOR))
    topics = [group_of(str(name)) for name in values.columns]
    return shapley_effects(outcomes, values, posterior.cov(), topics, planned.target.question.seed)


def _independent(values: Array, groups: int) -> Array:
    """Return the outcomes at the two independent points of each draw."""
    blocks = values.reshape(-1, groups + 2)
    return blocks[:, [0, -1]].ravel()


def _members(planned: Plan) -> dict[str, int]:
    names = planned.target.cube.coordinates
    groups = names if planned.groups is None else planned.groups
    return {group: groups.count(group) for group in dict.fromkeys(groups)}


def _checked(planned: Plan, values: Array, again: Array, table: pd.DataFrame) -> Check:
    """Compare with twice the patients.

    With noises of equal variance s² in both halves of them, ``V(Y_n - Y_2n) = s² / 2``.
    """
    groups = len(table)
    spread = np.var(_independent(values - again, groups), ddof=1)
    total = np.var(_independent(values, groups), ddof=1)
    constant = is_constant(_independent(values, groups))
    share = math.nan if constant else min(float(2.0 * spread / total), 1.0)
    return Check(_table(planned, again).loc[table.index, list(INDICES)], share)
