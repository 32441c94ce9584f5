"""Sobol indices of the model: the uncertainty of an outcome, by groups of parameters.

The first-order index is the variance removed by learning the group, ``V(E(Y | X_g)) / V(Y)``; the
total index is the variance left when everything else is known, ``E(V(Y | X_~g)) / V(Y)``. With
independent inputs the first-order indices of all groups add up to at most 1, and the rest is due to
interactions between groups.

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

Source: Saltelli A et al., Comput Phys Commun 2010;181:259-70 (indices, computed by SALib: Herman J,
Usher W, J Open Source Softw 2017;2:97); Owen AB, Prieur C, SIAM/ASA J Uncertain Quantif 2017;5:986-1002 (dependent inputs); Iooss B,
Prieur C, Int J Uncertain Quantif 2019;9:493-514 (linear model of normal inputs).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.shared.cube import (
    FITTED,
    RESAMPLES,
    Cube,
    Design,
    Ranking,
    group_of,
    problem,
    salib_seed,
)
from sim.analyses.shared.outcomes import is_constant
from sim.analyses.shared.paired_runs import PairedRuns
from sim.analyses.shared.target import Target
from sim.economics.estimates import NORMAL_97_5, Array
from sim.errors import UserError
from sim.spread.order import one_thread

INDICES: Final = ("first_order", "first_order_ci", "total", "total_ci")


def sobol_points(
    coordinates: Sequence[str], groups: Sequence[str] | None, *, draws: int, seed: int
) -> Array:
    """Return Saltelli's design over a scrambled Sobol sequence.

    Parameters
    ----------
    coordinates
        Their names.
    groups
        The group of each; None for an index of each coordinate.
    draws
        Points of the sequence, a power of 2.
    seed
        Of the scrambling.

    Returns
    -------
    Array
        Shape (draws (groups + 2), coordinates).

    Raises
    ------
    UserError
        When `draws` is not a power of 2.
    """
    from SALib.sample import sobol  # type: ignore[import-untyped]

    if draws <= 1 or draws & (draws - 1):
        raise UserError("must be a power of 2, at least 2", key="--draws", value=draws)
    points: Array = sobol.sample(
        problem(coordinates, groups), draws, calc_second_order=False, seed=salib_seed(seed)
    )
    return points


def sobol_indices(
    coordinates: Sequence[str], groups: Sequence[str] | None, outcomes: Array, *, seed: int
) -> pd.DataFrame:
    """Return the indices of each group from the outcomes at `sobol_points`.

    Confidence intervals are 95 % intervals, given as their half-width, from 1,000 bootstrap
    samples of the points. An outcome that does not vary has no indices: all are ``nan``.

    Returns
    -------
    DataFrame
        One row per group in order of first mention, with the columns of `INDICES`.
    """
    from SALib.analyze import sobol  # type: ignore[import-untyped]

    names = list(dict.fromkeys(coordinates if groups is None else groups))
    if is_constant(outcomes):
        return pd.DataFrame(math.nan, index=names, columns=list(INDICES))
    found = sobol.analyze(
        problem(coordinates, groups),
        outcomes,
        calc_second_order=False,
        num_resamples=RESAMPLES,
        seed=salib_seed(seed),
    )
    columns = [found[key] for key in ("S1", "S1_conf", "ST", "ST_conf")]
    return pd.DataFrame(dict(zip(INDICES, columns, strict=True)), index=names)


Places = np.ndarray[Any, np.dtype[np.intp]]
COLUMNS: Final = ("parameters", "share", "share_ci")
"""Number of parameters, share of the variance of the outcome, half-width of its 95 % interval."""
FEWEST_PER_PARAMETER: Final = 3
"""Points for each coefficient."""
SHAPLEY_RESAMPLES: Final = 1000
SMALLEST: Final = 1e-10
"""Eigenvalues below this share of the largest are rounding errors."""


@one_thread()
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
class Sobol(Ranking):
    """Sobol indices, the largest total index first, with the columns of `INDICES`.

    Attributes
    ----------
    draws
        Points of the sequence; the model was run ``draws (groups + 2)`` times.
    members
        Parameters of each group.
    mean, sd
        Of the outcome over the independent points.
    fitted
        Shares explained by the fitted parameters, by topic: `shapley_effects`.
    """

    LACKS = "no indices"

    draws: int
    members: dict[str, int]
    mean: float
    sd: float
    fitted: pd.DataFrame
    check: Check | None = None

    @property
    def runs(self) -> int:
        """Runs of the model, without those of the check."""
        return self.draws * (len(self.table) + 2)


def design(target: Target, space: Cube, *, grouped: bool, draws: int) -> Design:
    """Lay out the runs for the indices of groups, or of every parameter.

    Raises
    ------
    UserError
        When `draws` is not a power of 2.
    """
    groups = space.groups if grouped else None
    points = sobol_points(space.coordinates, groups, draws=draws, seed=target.question.seed)
    return Design(target, space, groups, points)


def sobol(planned: Design, *, check: bool) -> PairedRuns[Sobol]:
    """Return the runs of the model, with `check` also in twice the patients, and their indices."""

    def answer(outcomes: Array) -> Sobol:
        values, again = np.split(outcomes, [len(planned.points)])
        table = _table(planned, values)
        independent = _independent(values, len(table))
        return Sobol(
            **vars(planned.target),
            table=table,
            draws=len(planned.points) // (len(table) + 2),
            members=planned.inputs,
            mean=float(independent.mean()),
            sd=float(independent.std(ddof=1)),
            fitted=_by_topic(planned, independent),
            check=_checked(planned, values, again, table) if check else None,
        )

    return planned.runs(planned.points, answer, check=check)


def _table(planned: Design, values: Array) -> pd.DataFrame:
    names = planned.cube.coordinates
    table = sobol_indices(names, planned.groups, values, seed=planned.target.question.seed)
    return table.sort_values("total", ascending=False, kind="stable")


def _by_topic(planned: Design, outcomes: Array) -> pd.DataFrame:
    """Divide among topics what the fitted parameters explain; empty where there are none."""
    space = planned.cube
    places = [i for i, name in enumerate(space.coordinates) if name == FITTED]
    if not places or is_constant(outcomes):
        return pd.DataFrame(columns=list(COLUMNS))
    (part,) = (part for part in space.parts if part.group == FITTED)
    groups = len(planned.inputs)
    blocks = planned.points[:, places].reshape(-1, groups + 2)
    values = pd.DataFrame(part.values(blocks[:, [0, -1]].reshape(-1, 1)))
    posterior = pd.DataFrame(part.values((np.arange(POSTERIOR) + 0.5)[:, None] / POSTERIOR))
    topics = [group_of(str(name)) for name in values.columns]
    return shapley_effects(outcomes, values, posterior.cov(), topics, planned.target.question.seed)


def _independent(values: Array, groups: int) -> Array:
    """Return the outcomes at the two independent points of each draw."""
    blocks = values.reshape(-1, groups + 2)
    return blocks[:, [0, -1]].ravel()


def _checked(planned: Design, values: Array, again: Array, table: pd.DataFrame) -> Check:
    """Compare with twice the patients.

    With noises of equal variance s² in both halves of them, ``V(Y_n - Y_2n) = s² / 2``.
    """
    groups = len(table)
    spread = np.var(_independent(values - again, groups), ddof=1)
    total = np.var(_independent(values, groups), ddof=1)
    constant = is_constant(_independent(values, groups))
    share = math.nan if constant else min(float(2.0 * spread / total), 1.0)
    return Check(_table(planned, again).loc[table.index, list(INDICES)], share)
