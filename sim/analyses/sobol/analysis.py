"""Sobol indices of the model: the uncertainty of an outcome, by groups of parameters.

Groups are independent of each other, but for the parameters that were fitted together, which are
one group. What that group explains is divided among its topics by Shapley effects, which need no more
runs.

Parameters of one posterior are dependent, so that Sobol indices of their topics neither add up nor
tell them apart. Shapley effects do: a topic receives what learning it takes off the variance of the
outcome Y, averaged over all orders in which k topics can be learnt::

    effect_i = mean over orders of v(those before i, and i) - v(those before i)
    v(S)     = V(E(Y | X_S))

The effects, but not their estimates, are at least 0, and they add up to v of all topics. They are computed from the linear part of the
outcome, with coefficients b, and the covariance C of the joint posterior, taken as normal::

    v(S) = b' C_.S inverse(C_SS) C_S. b

The coefficients are those of least squares; what their errors add to v on average is taken out.
What the linear part does not explain remains for the whole group only.

Source: Owen AB, Prieur C, SIAM/ASA J Uncertain Quantif 2017;5:986-1002 (dependent inputs); Iooss B,
Prieur C, Int J Uncertain Quantif 2019;9:493-514 (linear model of normal inputs).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.psa.draws_run import Store
from sim.analyses.shared.arguments import PartDone
from sim.analyses.shared.cube import (
    FITTED,
    INDICES,
    VALUE,
    CubeTarget,
    Target,
    chunks_of,
    group_of,
    outcomes_at,
    points_to_simulate,
    sobol_indices,
    sobol_points,
    with_twice_the_patients,
)
from sim.analyses.shared.outcomes import is_constant
from sim.analyses.shared.paired_runs import Progress
from sim.economics.estimates import NORMAL_97_5, Array
from sim.simulation.question import Question

Places = np.ndarray[Any, np.dtype[np.intp]]
COLUMNS: Final = ("parameters", "share", "share_ci")
"""Number of parameters, share of the variance of the outcome, half-width of its 95 % interval."""
FEWEST_PER_PARAMETER: Final = 3
"""Points for each coefficient."""
SHAPLEY_RESAMPLES: Final = 1000
SMALLEST: Final = 1e-10
"""Eigenvalues below this share of the largest are rounding errors."""


def shapley_effects(
    outcomes: Array,
    values: pd.DataFrame,
    covariance: pd.DataFrame,
    topics: Sequence[str],
    seed: int,
) -> pd.DataFrame:
    """Return the Shapley effect of each topic as a share of the variance of the outcome.

    Parameters
    ----------
    outcomes
        At independent points.
    values
        Of the parameters at these points; one column for each.
    covariance
        Of the same columns, in the joint posterior.
    topics
        The topic of each column.
    seed
        Of the bootstrap over the points, for the intervals.

    Returns
    -------
    DataFrame
        One row per topic, the largest first, with the columns `COLUMNS`; empty where there are
        too few points for so many parameters.
    """
    sd = np.sqrt(np.diag(covariance))
    varies = sd > 0.0
    points, columns = len(outcomes), int(varies.sum())
    if points < FEWEST_PER_PARAMETER * columns or not columns:
        return pd.DataFrame(columns=list(COLUMNS))
    scaled = values.to_numpy()[:, varies] / sd[varies]
    correlation = covariance.to_numpy()[np.ix_(varies, varies)] / np.outer(sd[varies], sd[varies])
    of = np.array(topics)[varies]
    names = list(dict.fromkeys(of.tolist()))
    forms = _forms(correlation, [np.flatnonzero(of == name) for name in names])
    random = np.random.default_rng(seed)
    found = _shares(outcomes, scaled, forms)
    again = [
        _shares(outcomes[rows], scaled[rows], forms)
        for rows in random.integers(points, size=(SHAPLEY_RESAMPLES, points))
    ]
    half_width = NORMAL_97_5 * np.std(again, axis=0, ddof=1)
    table = pd.DataFrame(
        {"parameters": [int((of == name).sum()) for name in names], "share": found},
        index=pd.Index(names, name="topic"),
    ).assign(share_ci=half_width)
    return table.sort_values("share", ascending=False, kind="stable")


def _shares(outcomes: Array, values: Array, forms: Array) -> Array:
    """Return the effects, quadratic forms of the coefficients, less what their errors add."""
    points, columns = values.shape
    centred = values - values.mean(axis=0)
    inverse = np.linalg.pinv(centred.T @ centred, rcond=SMALLEST, hermitian=True)
    about_mean = outcomes - outcomes.mean()
    b = inverse @ centred.T @ about_mean
    rest = about_mean - centred @ b
    noise = float(rest @ rest) / (points - columns - 1)
    added = noise * np.einsum("tij,ji->t", forms, inverse)
    effects: Array = np.einsum("i,tij,j->t", b, forms, b) - added
    return effects / float(outcomes.var(ddof=1))


def _forms(correlation: Array, places: Sequence[Places]) -> Array:
    """Return the matrix Q of each topic, for which its effect is ``b' Q b``."""
    k = len(places)
    explained = {
        members: _explained(correlation, [place for t in members for place in places[t]])
        for size in range(k + 1)
        for members in combinations(range(k), size)
    }
    forms = np.zeros((k, *correlation.shape))
    for members, before in explained.items():
        for topic in set(range(k)) - set(members):
            weight = 1.0 / (k * math.comb(k - 1, len(members)))
            forms[topic] += weight * (explained[tuple(sorted((*members, topic)))] - before)
    return forms


def _explained(correlation: Array, known: Sequence[int]) -> Array:
    """Return the matrix of ``v(S)`` for the columns that are `known`."""
    across = correlation[:, known]
    inverse = np.linalg.pinv(correlation[np.ix_(known, known)], rcond=SMALLEST, hermitian=True)
    explained: Array = across @ inverse @ across.T
    return explained


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
        Shares explained by the fitted parameters, by topic: `sim.analyses.sobol.analysis.shapley_effects`.
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
    try:
        found = outcomes_at(looked_at, points, threads=threads, progress=progress, store=store)
    except PartDone:
        if planned.check:
            _twice(planned, threads, progress, store)
        raise
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
    again = _twice(planned, threads, progress, store)
    return replace(result, check=_checked(planned, values, again[VALUE].to_numpy(), table))


def _twice(
    planned: Plan, threads: int | None, progress: Progress, store: Store | None
) -> pd.DataFrame:
    """Return the outcomes at the points in twice the patients."""
    return outcomes_at(
        with_twice_the_patients(planned.target),
        planned.points,
        threads=threads,
        progress=lambda runs: progress(2 * runs),
        store=store,
        first_chunk=chunks_of(len(planned.points)),
    )


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
