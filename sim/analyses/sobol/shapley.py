"""The variance explained by parameters that were fitted together, divided among their topics.

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
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.economics.estimates import NORMAL_97_5, Array

Places = np.ndarray[Any, np.dtype[np.intp]]
COLUMNS: Final = ("parameters", "share", "share_ci")
"""Number of parameters, share of the variance of the outcome, half-width of its 95 % interval."""
FEWEST_PER_PARAMETER: Final = 3
"""Points for each coefficient."""
RESAMPLES: Final = 1000
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
        for rows in random.integers(points, size=(RESAMPLES, points))
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
