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

The value of information before a decision: the expected value of perfect information.

With the net monetary benefit (NMB) of each strategy in each draw of the parameters, at one
threshold::

    EVPI          = E[max over strategies of NMB] - max over strategies of E[NMB]
    EVPPI(group)  = E[max over strategies of E[NMB | group]] - max over strategies of E[NMB]

both in currency per patient. The inner expectation is a regression of the differences in NMB
against the first strategy on the parameters of the group, over the draws.

Source: Strong M, Oakley JE, Brennan A, Med Decis Making 2014;34:311-26; Rothery C et al., Value
Health 2020;23:277-86 (ISPOR good practices); Luedtke AR, van der Laan MJ, Ann Stat
2016;44:713-42 (influence of a draw on the mean under the best decision).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.analyses.psa.acceptability import net_benefits
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.discounting import Discounting
from sim.economics.estimates import Array, Estimate, mean
from sim.engine.streams import uniforms
from sim.simulation.parameter_draws import Draw
from sim.spread.order import one_thread

KNOTS: Final = 5
"""At the 5 equally spaced quantiles, ends included."""
DEGREE: Final = 3
SIMULATED_FITS: Final = 100
MOST_PAIRED: Final = 12
"""Products are formed of the members of a group that alone correlate most with the targets."""
PENALTIES: Final = np.geomspace(1e-4, 1e4, 161)
"""Per draw; between the neighbours the evidence hardly differs."""
SCORE_SHIFT: Final = 0.5
ROUNDING: Final = 1e-10
NORMALS_KEPT: Final = 8
"""Tables of random numbers: those of a design are the same for each target and shuffle."""


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
    given = np.asarray(parameters, dtype=np.float64)
    scores = normal_scores(given[:, np.ptp(given, axis=0) > 0.0])
    members = scores.shape[1]
    if members == 0:
        return []
    additive = splines(scores)
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
    chosen = [_best_basis(candidates, wanted[:, t] - centre[t]) for t in range(wanted.shape[1])]
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
        np.add(expected[:, t], around.T, out=simulated[:, :, t])
    return Fit(expected, simulated)


def normal_scores(parameters: Array) -> Array:
    """Return the standard normal quantiles of the ranks, ``(rank - 1/2) / draws``, by column.

    Equal values share the mean of their ranks.
    """
    from scipy.special import ndtri

    ranks = np.empty(parameters.shape)
    for column, values in enumerate(parameters.T):
        _, place, number = np.unique(values, return_inverse=True, return_counts=True)
        ranks[:, column] = (np.cumsum(number) - (number - 1) / 2.0)[place]
    scores: Array = ndtri((ranks - SCORE_SHIFT) / len(parameters))
    return scores


def splines(scores: Array) -> Array:
    """Return the cubic B-splines of each column but its last, side by side.

    Knots beyond the ends go on in the step of the outermost two.

    Source: Eilers PHC, Marx BD, Stat Sci 1996;11:89-121.
    """
    from scipy.interpolate import BSpline

    inner = np.percentile(scores, np.linspace(0.0, 100.0, KNOTS), axis=0)
    first, last = inner[1] - inner[0], inner[-1] - inner[-2]
    below = np.linspace(inner[0] - DEGREE * first, inner[0] - first, DEGREE)
    above = np.linspace(inner[-1] + last, inner[-1] + DEGREE * last, DEGREE)
    knots = np.concatenate([below, inner, above])
    number = KNOTS + DEGREE - 1
    found = np.empty((len(scores), scores.shape[1] * number))
    for column, values in enumerate(scores.T):
        # Quantiles of equal draws may be the same knot, which the usual constructor refuses.
        basis = BSpline.construct_fast(knots[:, column], np.eye(number), DEGREE, extrapolate=False)
        found[:, column * number : (column + 1) * number] = basis(values)
    return found[:, [place for place in range(found.shape[1]) if (place + 1) % number]]


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


def _best_basis(candidates: Sequence[Design], target: Array) -> _Chosen:
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


@lru_cache(maxsize=NORMALS_KEPT)
def _standard_normals(seed: int, shape: tuple[int, ...], occurrence: int) -> Array:
    from scipy.special import ndtri

    numbers = uniforms(seed, 0, int(np.prod(shape)), Draw.REGRESSION, occurrence)
    normals: Array = ndtri(numbers).reshape(shape)
    normals.flags.writeable = False
    return normals


SHUFFLES: Final = 10


class PartialInformation(NamedTuple):
    """The value of knowing a group of parameters, in currency per patient.

    Attributes
    ----------
    value, se
        The EVPPI and its standard error: the finite draws, the regression and its bias.
    null, null_se
        The result of the same regression when the draws of the group are shuffled among each other,
        so that the true value is 0: its upward bias, and the spread of that.
    """

    value: float
    se: float
    null: float
    null_se: float

    @property
    def exceeds_bias(self) -> bool:
        """Whether the value exceeds its upward bias by twice its standard error."""
        return self.value - self.null > 2.0 * self.se


class Null(NamedTuple):
    """Mean and standard deviation of the EVPPI of shuffled parameters."""

    mean: float
    sd: float


def evpi(costs: npt.ArrayLike, qalys: npt.ArrayLike, threshold: float) -> Estimate:
    """Return the expected value of perfect information, in currency per patient.

    Parameters
    ----------
    costs, qalys
        In currency and in QALYs; shape (draws, strategies).
    threshold
        In currency per QALY.

    The error is that of the mean over draws of the loss of the strategy that is best on average.
    """
    (benefits,) = net_benefits(costs, qalys, [threshold])
    return mean(benefits.max(axis=1) - benefits[:, _best(benefits)])


def evppi(
    parameters: npt.ArrayLike,
    costs: npt.ArrayLike,
    qalys: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    *,
    seed: int = 0,
    nulls: Sequence[Null] | None = None,
) -> list[PartialInformation]:
    """Return the expected value of perfect information on a group of parameters.

    Parameters
    ----------
    parameters
        The draws of the group; shape (draws, members).
    costs, qalys
        As for `evpi`.
    thresholds
        In currency per QALY; there is a result for each.
    seed
        Of the simulated fits and of the shuffles.
    nulls
        The result of `shuffled`, if it is known from a group of as many members.

    The value is the mean over fits simulated from the posterior of the regression. Its error is
    that of ``NMB of the decision by the fit - NMB of the best strategy on average`` over draws,
    or the spread over the simulated fits where that is larger, with the spread of the null in
    quadrature.
    """
    known = evppi_by_draw(parameters, costs, qalys, thresholds, seed=seed, nulls=nulls)
    return [found for found, _ in known]


def evppi_by_draw(
    parameters: npt.ArrayLike,
    costs: npt.ArrayLike,
    qalys: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    *,
    seed: int = 0,
    nulls: Sequence[Null] | None = None,
) -> list[tuple[PartialInformation, Array]]:
    """Return `evppi`, and draw by draw what the decision by the fit gains over the best on average.

    Gains, in currency and of shape (draws,), tell apart two values from the same draws.
    """
    with one_thread():
        found, candidates = _prepared(parameters, costs, qalys, thresholds)
        known = _shuffled(candidates, found, seed) if nulls is None else nulls
        return [
            _partial(candidates, benefits, seed, null)
            for benefits, null in zip(found, known, strict=True)
        ]


def shuffled(
    parameters: npt.ArrayLike,
    costs: npt.ArrayLike,
    qalys: npt.ArrayLike,
    thresholds: npt.ArrayLike,
    *,
    seed: int = 0,
) -> list[Null]:
    """Return the EVPPI that the regression finds where the parameters are uninformative.

    The draws of the group are shuffled as whole rows. The regression sees parameters by their
    ranks, so the answer for one parameter is valid for any other of as many distinct values.
    """
    with one_thread():
        found, candidates = _prepared(parameters, costs, qalys, thresholds)
        return _shuffled(candidates, found, seed)


def effective_population(incidence_per_year: float, years: float, annual_rate: float) -> float:
    """Return the patients whose decisions the information improves, discounted.

    ``incidence * integral of (1 + r)^-t dt`` from 0 to the decision horizon, in patients: so many a
    year, for so many years, with an annual effective discount rate. The value of information for
    the population is this number of times that for a patient.

    Raises
    ------
    ValueError
        Where a number is negative or not finite.
    """
    for number in (incidence_per_year, years):
        if not (math.isfinite(number) and number >= 0.0):
            message = f"incidence and years are finite numbers of at least 0: {number}"
            raise ValueError(message)
    days = Discounting(annual_rate).days(0.0, years * DAYS_PER_YEAR)
    return incidence_per_year * days / DAYS_PER_YEAR


def _prepared(
    parameters: npt.ArrayLike, costs: npt.ArrayLike, qalys: npt.ArrayLike, thresholds: npt.ArrayLike
) -> tuple[list[Array], list[Design]]:
    """Return the net benefits at each threshold, and the designs of the group."""
    found = list(net_benefits(costs, qalys, thresholds))
    return found, designs(parameters, np.column_stack([_differences(each) for each in found]))


def _partial(
    candidates: Sequence[Design], benefits: Array, seed: int, null: Null
) -> tuple[PartialInformation, Array]:
    values, expected = _simulated(candidates, _differences(benefits), seed)
    decided = np.take_along_axis(benefits, _with_reference(expected).argmax(axis=1)[:, None], 1)
    gains = decided[:, 0] - benefits[:, _best(benefits)]
    error = math.hypot(max(mean(gains).se, float(values.std(ddof=1))), null.sd)
    return PartialInformation(float(values.mean()), error, null.mean, null.sd), gains


def _shuffled(candidates: Sequence[Design], found: Sequence[Array], seed: int) -> list[Null]:
    nulls = []
    for benefits in found:
        values = []
        for shuffle in range(SHUFFLES):
            # To shuffle the results is to shuffle the parameters the other way round.
            numbers = uniforms(seed, 0, len(benefits), Draw.SHUFFLE, shuffle)
            order = np.argsort(numbers, kind="stable")
            values.append(_simulated(candidates, _differences(benefits)[order], seed)[0].mean())
        nulls.append(Null(float(np.mean(values)), float(np.std(values, ddof=1))))
    return nulls


def _simulated(candidates: Sequence[Design], differences: Array, seed: int) -> tuple[Array, Array]:
    """Return the EVPPI of each simulated fit, and the expected differences of each draw."""
    if not differences.shape[1]:
        return np.zeros(2), differences
    fitted = fit(candidates, differences, seed=seed)
    # The reference strategy differs from itself by 0.
    best = np.maximum(fitted.simulated.max(axis=2), 0.0).mean(axis=1)
    alone = np.maximum(fitted.simulated.mean(axis=1).max(axis=1), 0.0)
    return np.maximum(best - alone, 0.0), fitted.expected


def _differences(benefits: Array) -> Array:
    return benefits[:, 1:] - benefits[:, :1]


def _with_reference(differences: Array) -> Array:
    return np.column_stack([np.zeros(len(differences)), differences])


def _best(benefits: Array) -> int:
    return int(benefits.mean(axis=0).argmax())
