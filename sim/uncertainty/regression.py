"""What a result is expected to be, given some of the parameters: a regression over draws.

Each parameter enters by a cubic spline of its normal scores, a group of parameters by the sum of
their splines and, where the evidence is in favour, by products of pairs. The coefficients are
those of a Bayesian ridge regression, whose penalty is that of the greatest marginal likelihood.
The fitted values are too even, because the penalty takes some of the signal away; the fits
simulated from the posterior vary as much as the truth does.

Source: Strong M, Oakley JE, Brennan A, Med Decis Making 2014;34:311-26 (regression of net benefit
on parameters, posterior simulation of the fit); MacKay DJC, Neural Comput 1992;4:415-47 (evidence).
"""

from __future__ import annotations

from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.economics.estimates import Array
from sim.engine.streams import uniforms

KNOTS: Final = 5
"""At the 5 equally spaced quantiles, ends included."""
SIMULATED_FITS: Final = 100
MOST_PAIRED: Final = 12
"""Products are formed of the members of a group that alone correlate most with the targets."""
POSTERIOR_STREAM: Final = 0x80000001
"""Place in the key of the random numbers; no decision of a patient reaches up to here."""
STEPS: Final = 300
TOLERANCE: Final = 1e-4
SCORE_SHIFT: Final = 0.5


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


def fit(parameters: npt.ArrayLike, targets: npt.ArrayLike, *, seed: int) -> Fit:
    """Regress targets on parameters over draws.

    Parameters
    ----------
    parameters
        Shape (draws, parameters), in any unit: only their ranks among the draws matter.
    targets
        Shape (draws, targets). Targets may be correlated; their simulated fits then are too.
    seed
        Of the simulated fits.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Many small systems: threads would only wait for each other, and change the last digits.
    with threadpool_limits(1):
        return _fit(
            np.asarray(parameters, dtype=np.float64), np.asarray(targets, dtype=np.float64), seed
        )


def normal_scores(parameters: Array) -> Array:
    """Return the standard normal quantiles of the ranks, ``(rank - 1/2) / draws``, by column."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(parameters, axis=0)
    scores: Array = ndtri((ranks - SCORE_SHIFT) / len(parameters))
    return scores


def _fit(given: Array, wanted: Array, seed: int) -> Fit:
    centre = wanted.mean(axis=0)
    scores = normal_scores(given[:, np.ptp(given, axis=0) > 0.0])
    if not scores.shape[1]:
        expected = np.broadcast_to(centre, wanted.shape)
        return Fit(expected, np.stack([expected, expected]))
    designs = _designs(scores, wanted)
    chosen = [_best(designs, wanted[:, t]) for t in range(wanted.shape[1])]
    expected = centre + np.column_stack([values for values, _, _ in chosen])
    mixing = _correlation_root(wanted - expected)
    simulated = np.empty((SIMULATED_FITS, *wanted.shape))
    for t, (values, design, root) in enumerate(chosen):
        noise = np.zeros((root.shape[1], SIMULATED_FITS))
        for source in np.flatnonzero(mixing[t]):
            noise += mixing[t, source] * _standard_normals(seed, noise.shape, int(source))
        simulated[:, :, t] = (centre[t] + values + (design @ (root @ noise)).T).reshape(
            SIMULATED_FITS, -1
        )
    return Fit(expected, simulated)


def _designs(scores: Array, targets: Array) -> list[Array]:
    """Return the additive design and, for a group, the one with products as well."""
    from sklearn.preprocessing import SplineTransformer  # type: ignore[import-untyped]

    spline = SplineTransformer(KNOTS, knots="quantile", extrapolation="linear", include_bias=False)
    additive = spline.fit_transform(scores)
    members = scores.shape[1]
    if members == 1:
        return [_standardised(additive)]
    leaders = np.arange(members)
    if members > MOST_PAIRED:
        centred = targets - targets.mean(axis=0)
        spread = np.maximum(centred.std(axis=0), np.finfo(float).tiny)
        strength = ((scores.T @ centred / spread) ** 2).sum(axis=1)
        leaders = np.sort(np.argsort(-strength, kind="stable")[:MOST_PAIRED])
    products = [scores[:, i] * scores[:, j] for i, j in combinations(leaders, 2)]
    return [_standardised(additive), _standardised(np.column_stack([additive, *products]))]


def _standardised(columns: Array) -> Array:
    centred = columns - columns.mean(axis=0)
    spread = centred.std(axis=0)
    kept: Array = centred[:, spread > 0.0] / spread[spread > 0.0]
    return kept


def _best(designs: list[Array], target: Array) -> tuple[Array, Array, Array]:
    """Return fitted values around 0, design and root of the covariance of its coefficients."""
    from sklearn.linear_model import BayesianRidge  # type: ignore[import-untyped]

    spread = target.std()
    if spread == 0.0:
        return np.zeros(len(target)), designs[0], np.zeros((designs[0].shape[1], 1))
    standard = (target - target.mean()) / spread
    best = None
    for design in designs:
        model = BayesianRidge(
            max_iter=STEPS, tol=TOLERANCE, compute_score=True, fit_intercept=False
        ).fit(design, standard)
        if best is None or model.scores_[-1] > best[0].scores_[-1]:
            best = model, design
    assert best is not None
    model, design = best
    sizes, directions = np.linalg.eigh(model.sigma_)
    root = directions * np.sqrt(np.maximum(sizes, 0.0))
    return spread * (design @ model.coef_), design, spread * root


def _correlation_root(residuals: Array) -> Array:
    """Return a lower triangle that gives independent numbers the targets' correlation."""
    covariance = np.atleast_2d(np.cov(residuals, rowvar=False))
    spread = np.sqrt(np.diag(covariance))
    varied = spread > 0.0
    root = np.eye(len(spread))
    if varied.any():
        scale = np.outer(spread[varied], spread[varied])
        sizes, directions = np.linalg.eigh(covariance[np.ix_(varied, varied)] / scale)
        root[np.ix_(varied, varied)] = directions * np.sqrt(np.maximum(sizes, 0.0))
    return root


def _standard_normals(seed: int, shape: tuple[int, ...], occurrence: int) -> Array:
    from scipy.special import ndtri

    numbers = uniforms(seed, 0, int(np.prod(shape)), POSTERIOR_STREAM, occurrence)
    normals: Array = ndtri(numbers).reshape(shape)
    return normals
