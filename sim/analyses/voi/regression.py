"""The expectation of a result given some of the parameters: a regression over draws.

Each parameter enters by a cubic spline of its normal scores, a group of parameters by the sum of
their splines and, where the evidence is in favour, by products of pairs. With the standardised
columns ``X = U S V'`` and a target y around its mean, both over n draws::

    y ~ Normal(X b, v),  b ~ Normal(0, v / k)
    log evidence = -n/2 log(y'y - sum(w (U'y)^2)) + 1/2 sum(log(1 - w)),  w = S^2 / (S^2 + k)
    expected fit = U w U'y,  variance of the posterior = v U w U'

The penalty k is that of the most evidence. The expected fit is too even, because the penalty
removes some of the signal; fits simulated from the posterior vary as much as the truth does.

Source: Strong M, Oakley JE, Brennan A, Med Decis Making 2014;34:311-26 (regression of net benefit
on parameters, posterior simulation of the fit); MacKay DJC, Neural Comput 1992;4:415-47 (evidence).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.economics.estimates import Array
from sim.engine.streams import uniforms
from sim.simulation.parameter_draws import Draw

KNOTS: Final = 5
"""At the 5 equally spaced quantiles, ends included."""
SIMULATED_FITS: Final = 100
MOST_PAIRED: Final = 12
"""Products are formed of the members of a group that alone correlate most with the targets."""
PENALTIES: Final = np.geomspace(1e-4, 1e4, 161)
"""Per draw; between the neighbours the evidence hardly differs."""
SCORE_SHIFT: Final = 0.5
ROUNDING: Final = 1e-10


class Design(NamedTuple):
    """Standardised columns in their singular value decomposition ``U S V'``."""

    left: Array
    sizes: Array
    right: Array


class Fit(NamedTuple):
    """The expectation of each target, given the parameters of each draw.

    Attributes
    ----------
    expected
        Shape (draws, targets).
    simulated
        Fits drawn from the posterior around `expected`; shape (fits, draws, targets).
    """

    expected: Array
    simulated: Array


class _Chosen(NamedTuple):
    """The design and the penalty of the most evidence for one target."""

    evidence: float
    design: Design
    kept: Array
    projected: Array
    noise_sd: float


def designs(parameters: npt.ArrayLike, targets: npt.ArrayLike) -> list[Design]:
    """Return the designs among which the evidence chooses.

    Parameters
    ----------
    parameters
        Shape (draws, parameters), in any unit: only their ranks among the draws matter. Those
        without variation are left out.
    targets
        Shape (draws, targets); they say which products are formed in a large group.
    """
    from sklearn.preprocessing import SplineTransformer

    given = np.asarray(parameters, dtype=np.float64)
    scores = normal_scores(given[:, np.ptp(given, axis=0) > 0.0])
    members = scores.shape[1]
    if members == 0:
        return []
    spline = SplineTransformer(KNOTS, knots="quantile", extrapolation="linear", include_bias=False)
    additive = spline.fit_transform(scores)
    found = [_decomposed(additive)]
    if members > 1:
        pairs = combinations(_leaders(scores, np.asarray(targets, dtype=np.float64)), 2)
        products = [scores[:, i] * scores[:, j] for i, j in pairs]
        found.append(_decomposed(np.column_stack([additive, *products])))
    return found


def fit(candidates: Sequence[Design], targets: npt.ArrayLike, *, seed: int) -> Fit:
    """Regress targets on the parameters of the designs.

    Parameters
    ----------
    candidates
        From `designs`; where there are none every expectation is the mean.
    targets
        Shape (draws, targets). Targets may be correlated; their simulated fits then are too.
    seed
        Of the simulated fits.
    """
    wanted = np.asarray(targets, dtype=np.float64)
    centre = wanted.mean(axis=0)
    if not candidates:
        expected = np.broadcast_to(centre, wanted.shape)
        return Fit(expected, np.stack([expected, expected]))
    chosen = [_best(candidates, wanted[:, t] - centre[t]) for t in range(wanted.shape[1])]
    expected = centre + np.column_stack(
        [each.design.left @ (each.kept * each.projected) for each in chosen]
    )
    mixing = _correlation_root(wanted - expected)
    simulated = np.empty((SIMULATED_FITS, *wanted.shape))
    for t, each in enumerate(chosen):
        right = each.design.right
        noise = np.zeros((right.shape[1], SIMULATED_FITS))
        for source in np.flatnonzero(mixing[t]):
            noise += mixing[t, source] * _standard_normals(seed, noise.shape, int(source))
        spread = each.noise_sd * np.sqrt(each.kept)
        around = each.design.left @ (spread[:, None] * (right @ noise))
        simulated[:, :, t] = expected[:, t] + around.T
    return Fit(expected, simulated)


def normal_scores(parameters: Array) -> Array:
    """Return the standard normal quantiles of the ranks, ``(rank - 1/2) / draws``, by column."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(parameters, axis=0)
    scores: Array = ndtri((ranks - SCORE_SHIFT) / len(parameters))
    return scores


def _leaders(scores: Array, targets: Array) -> list[int]:
    members = scores.shape[1]
    if members <= MOST_PAIRED:
        return list(range(members))
    centred = targets - targets.mean(axis=0)
    spread = np.maximum(centred.std(axis=0), np.finfo(float).tiny)
    strength = ((scores.T @ (centred / spread)) ** 2).sum(axis=1)
    strongest = np.argsort(-strength, kind="stable")[:MOST_PAIRED]
    return sorted(strongest.tolist())


def _decomposed(columns: Array) -> Design:
    centred = columns - columns.mean(axis=0)
    spread = centred.std(axis=0)
    varied = spread > ROUNDING
    left, sizes, right = np.linalg.svd(centred[:, varied] / spread[varied], full_matrices=False)
    real = sizes > ROUNDING * sizes[0]
    return Design(left[:, real], sizes[real], right[real])


def _best(candidates: Sequence[Design], target: Array) -> _Chosen:
    """Return the choice with the most evidence; `target` has mean 0."""
    return max((_most_evident(each, target) for each in candidates), key=lambda each: each.evidence)


def _most_evident(design: Design, target: Array) -> _Chosen:
    draws = len(target)
    projected = design.left.T @ target
    squares = design.sizes**2
    kept = squares / (squares + draws * PENALTIES[:, None])
    total = float(target @ target)
    # Never below the rounding error of a perfect fit.
    rest = np.maximum(total - kept @ projected**2, ROUNDING * total + np.finfo(float).tiny)
    evidence = -draws / 2.0 * np.log(rest) + np.log1p(-kept).sum(axis=1) / 2.0
    best = int(evidence.argmax())
    noise_sd = float(np.sqrt(rest[best] / draws)) if total > 0.0 else 0.0
    return _Chosen(float(evidence[best]), design, kept[best], projected, noise_sd)


def _correlation_root(residuals: Array) -> Array:
    """Return a matrix that gives independent numbers the targets' correlation."""
    covariance = np.atleast_2d(np.cov(residuals, rowvar=False))
    spread = np.sqrt(np.diag(covariance))
    varied = spread > 0.0
    root = np.eye(len(spread))
    if varied.any():
        scale = np.outer(spread[varied], spread[varied])
        sizes, directions = np.linalg.eigh(covariance[np.ix_(varied, varied)] / scale)
        root[np.ix_(varied, varied)] = (directions * np.sqrt(np.maximum(sizes, 0.0))) @ directions.T
    return root


def _standard_normals(seed: int, shape: tuple[int, ...], occurrence: int) -> Array:
    from scipy.special import ndtri

    numbers = uniforms(seed, 0, int(np.prod(shape)), Draw.REGRESSION, occurrence)
    normals: Array = ndtri(numbers).reshape(shape)
    return normals
