"""A 95 % interval over draws, and the standard error of each of its ends.

An end is ``q = m + k (Q - m)``: the quantile Q of the draws pulled towards their mean m by
``k = sqrt(1 - W / S^2)``, with the variance S^2 of the draws and their mean noise variance W.
Its error is that of the mean of the draws' influences on it::

    (1 - k) (y - m) + k I(Q) + (Q - m) / (2 k) (W / S^4 ((y - m)^2 - S^2) - (w - W) / S^2)

over draws y with noise variances w, which holds the errors of the quantile, of the mean, of S^2
and of W. I(Q) is ``(p - 1{y <= Q})``, scaled to the bootstrap error of the quantile, which is
exact without resampling: a weighted variance of the ordered draws.

Pulled draws keep their shape, but noise is symmetric and has hidden some of the skewness g of
the expectation; the error of an end is, to the first order of Cornish and Fisher, ::

    sqrt(B) (z^2 - 1) / 6 g (1 - k^3),  B = S^2 - W,  g = skewness of the draws / k^3

The part beyond chance in normal draws is added to the error.

Source: Maritz JS, Jarrett RG, J Am Stat Assoc 1978;73:194-6 (error of a quantile); Hampel FR,
J Am Stat Assoc 1974;69:383-93 (influence); Cornish EA, Fisher RA, Rev Inst Int Stat 1938;5:307-20.

The spread between draws, split into uncertainty and Monte Carlo noise.

A draw's mean over n patients is its expectation plus noise. With N draws of patients of their
own, means ``y_k`` and their squared Monte Carlo errors ``s_k^2``, one-way analysis of variance
gives, without bias whatever n is::

    observed  S^2 = sum((y_k - y)^2) / (N - 1)       expects  between + within
    within        = sum(s_k^2) / N                   the noise of one draw's mean
    between       = max(S^2 - within, 0)             the uncertainty of the expectation
    error of the mean over draws = sqrt(S^2 / N)

Intervals are quantiles of draws that are pulled towards their mean until their variance is
`between`: ``y + sqrt(between / S^2) (y_k - y)``. Mean and shape stay as they are. The errors of
their ends, and when these are too large for an interval, are in `sim.analyses.psa.noise`.

Source: O'Hagan A, Stevenson M, Madan J, Health Econ 2007;16:1009-23, where ``s_k^2`` is the
pooled variance of patients divided by n; Searle SR, Casella G, McCulloch CE, Variance
Components, 1992, section 3.6.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from sim.analyses.shared.outcomes import is_constant
from sim.economics.estimates import NORMAL_97_5, Array

INTERVAL: Final = (0.025, 0.975)
FEWEST_DRAWS: Final = 100
"""An interval of fewer is not given: its ends would be the outermost one or two draws."""
LARGEST_ERROR: Final = 0.1
"""Of an end, as a share of the interval's width, from which on the interval is not given."""
MOST_NOISE: Final = 0.5
"""Share of noise in the variance of the draws from which on the interval is not given: the
shape of the distribution below the noise cannot be seen in any number of draws."""
SKEWED: Final = (NORMAL_97_5**2 - 1.0) / 6.0
"""Shift of both ends by a skewness of 1, in standard deviations."""
DENSITY: Final = math.exp(-0.5 * NORMAL_97_5**2) / math.sqrt(2.0 * math.pi)
QUANTILE: Final = INTERVAL[0] * INTERVAL[1] / DENSITY**2
"""Variance of a quantile of normal draws, times their number, in their own variance."""
FACTORS: Final = np.geomspace(1.0, 1e4, 801)
"""Factors by which the patients of a draw may have to be multiplied."""


class Ends(NamedTuple):
    """An interval with the standard errors of its ends; all are nan where it is not given.

    Attributes
    ----------
    more_draws, more_patients
        Where it is not given: how many times as many draws of as many patients, or patients in
        each of as many draws, would give it; ``inf`` where that alone would not. Else 1.
    """

    low: float
    low_se: float
    high: float
    high_se: float
    more_draws: float
    more_patients: float


NO_ENDS: Final = Ends(*[math.nan] * len(Ends._fields))


class Moments(NamedTuple):
    """Mean and variance of draws, and the mean of the noise variances of their own means."""

    mean: float
    observed: float
    within: float


def interval(values: Array, noise: Array, quiet: Array, moments: Moments) -> Ends:
    """Return the 95 % interval of draws without their noise, where it can be estimated.

    It is given for `FEWEST_DRAWS` draws or more with at most `MOST_NOISE` of noise, whose ends
    have errors of at most `LARGEST_ERROR` of its width. Of draws that are all the same it is that value, without error.

    Parameters
    ----------
    values, noise
        Of each draw the mean, and its Monte Carlo variance; shape (draws,).
    quiet
        The draws without noise.
    moments
        Of values and noise; the within variance is finite.
    """
    if moments.observed == 0.0:
        return Ends(moments.mean, 0.0, moments.mean, 0.0, 1.0, 1.0)
    low, high = np.quantile(quiet, INTERVAL).tolist()
    sampling = [_sampling_error(values, noise, p, moments) for p in INTERVAL]
    shape = _shape_error(values, moments)
    low_se, high_se = (math.hypot(error, shape) for error in sampling)
    clear = len(values) >= FEWEST_DRAWS and moments.within <= MOST_NOISE * moments.observed
    if clear and max(low_se, high_se) <= LARGEST_ERROR * (high - low):
        return Ends(low, low_se, high, high_se, 1.0, 1.0)
    return NO_ENDS._replace(**_needed(len(values), max(sampling), shape, high - low, moments))


def quantile_error(values: Array, probability: float) -> float:
    """Return the bootstrap standard error of a quantile of draws, exact without resampling."""
    weights = _weights(len(values), probability)
    ordered = np.sort(values)
    centre = float(weights @ ordered)
    return math.sqrt(float(weights @ (ordered - centre) ** 2))


@lru_cache(maxsize=4)
def _weights(draws: int, probability: float) -> Array:
    """Return the probability that each ordered draw is the quantile of a resample of the draws."""
    from scipy.special import betainc

    rank = (draws - 1) * probability + 1.0
    bounds = betainc(rank, draws + 1.0 - rank, np.arange(draws + 1) / draws)
    return np.asarray(np.diff(bounds), dtype=np.float64)


def _sampling_error(values: Array, noise: Array, probability: float, moments: Moments) -> float:
    mean, observed, within = moments
    kept = math.sqrt(max(1.0 - within / observed, 0.0))
    if kept == 0.0:
        return math.inf
    draws, around = len(values), values - mean
    quantile = float(np.quantile(values, probability))
    below = probability - (values <= quantile)
    scale = quantile_error(values, probability) * math.sqrt(draws)
    rank = scale * (below - below.mean()) / math.sqrt(INTERVAL[0] * INTERVAL[1])
    squares = within / observed**2 * (around**2 - observed) - (noise - within) / observed
    influence = (1.0 - kept) * around + kept * rank
    influence += (quantile - mean) / (2.0 * kept) * squares
    return float(influence.std(ddof=1)) / math.sqrt(draws)


def _shape_error(values: Array, moments: Moments) -> float:
    """Return the error of an end from skewness hidden by the noise, beyond chance."""
    kept = math.sqrt(max(1.0 - moments.within / moments.observed, 0.0))
    if kept == 0.0:
        return 0.0
    skewness = float((((values - moments.mean) / math.sqrt(moments.observed)) ** 3).mean())
    beyond = math.sqrt(max(skewness**2 - 6.0 / len(values), 0.0))
    return SKEWED * kept * math.sqrt(moments.observed) * beyond * (1.0 / kept**3 - 1.0)


def _needed(
    draws: int, sampling: float, shape: float, width: float, moments: Moments
) -> dict[str, float]:
    """Return the factors by which draws, or patients in each, would have to be increased.

    Errors are scaled from those found, as those of normal draws do (`_normal_error`); where the
    draws do not vary more than their noise, the variance of their expectation is taken to be the
    standard error of their variance, ``S^2 sqrt(2 / (N - 1))``.
    """
    least = math.sqrt(2.0 / max(draws - 1, 1))
    share = min(moments.within / moments.observed, max(1.0 - least, 0.0))
    expected = _normal_error(np.array(share), draws)
    found = sampling / width if width > 0.0 and math.isfinite(sampling) else float(expected)
    hidden = shape / width if width > 0.0 else 0.0
    left = LARGEST_ERROR**2 - hidden**2 if share <= MOST_NOISE else 0.0
    more_draws = max((found**2 / left) if left > 0.0 else math.inf, FEWEST_DRAWS / draws)
    # A share that is low by chance would give too few patients.
    likely = min(share * (1.0 + 2.0 * least), max(1.0 - least, share))
    shares = likely / (likely + (1.0 - likely) * FACTORS)
    skews = _hidden_skew(shares) / _hidden_skew(np.array(share)) if share > 0.0 else 0.0
    errors = np.hypot(found / expected * _normal_error(shares, draws), hidden * skews)
    enough = FACTORS[(errors <= LARGEST_ERROR) & (shares <= MOST_NOISE)]
    few = draws < FEWEST_DRAWS or not enough.size
    return {"more_draws": more_draws, "more_patients": math.inf if few else float(enough[0])}


def _hidden_skew(shares: Array) -> Array:
    """Return ``1 - (1 - t)^1.5``, the part of the skewness that a share t of noise hides."""
    return np.asarray(-np.expm1(1.5 * np.log1p(-shares)), dtype=np.float64)


def _normal_error(shares: Array, draws: int) -> Array:
    """Return the error of an end in normal draws, as a share of the width of the interval.

    With t the share of noise in the variance of the draws, and c that of a quantile::

        sqrt((t + (1 - t) c + z^2 t + z^2 t^2 / (2 (1 - t))) / N) / (2 z sqrt(1 - t))
    """
    square, rest = NORMAL_97_5**2, 1.0 - shares
    variance = shares + rest * QUANTILE + square * shares + square * shares**2 / (2.0 * rest)
    return np.asarray(np.sqrt(variance / draws / rest) / (2.0 * NORMAL_97_5), dtype=np.float64)


class Split(NamedTuple):
    """An outcome over draws, in its own unit; ``nan`` where it cannot be estimated.

    Attributes
    ----------
    mean, se
        Over draws, with the standard error from finite numbers of draws and patients.
    between_sd
        Standard deviation of the expectation between draws, the noise taken out.
    noise_sd
        Monte Carlo standard error of one draw.
    noise_share
        Share of the observed variance between draws that is Monte Carlo noise, 0 to 1; ``nan``
        where the draws do not vary.
    low, low_se, high, high_se
        95 % interval, the noise taken out, and the standard errors of its ends; ``nan`` where
        they are too large, as `sim.analyses.psa.noise` says.
    more_draws, more_patients
        Where there is no interval: how many times as many draws of as many patients, or patients
        in each of as many draws, would give one; ``inf`` where that alone would not.
    """

    mean: float
    se: float
    between_sd: float
    noise_sd: float
    noise_share: float
    low: float
    low_se: float
    high: float
    high_se: float
    more_draws: float
    more_patients: float

    @property
    def has_interval(self) -> bool:
        """Whether the ends of the interval can be estimated."""
        return math.isfinite(self.low)

    @property
    def is_constant(self) -> bool:
        """Whether the outcome is the same in every draw."""
        return self.has_interval and self.low_se == self.high_se == 0.0


UNKNOWN: Final = Split(*[math.nan] * len(Split._fields))


def split(values: Array, noise: Array) -> Split:
    """Split the variance of an outcome over draws.

    Parameters
    ----------
    values
        The outcome's mean in each draw; shape (draws,).
    noise
        The Monte Carlo variance of each of them; shape (draws,).
    """
    if len(values) <= 1 or not np.isfinite(values).all():
        return UNKNOWN
    found = _moments(values, _mean(noise))
    mean, within = found.mean, found.within
    quiet = _pulled(values, found)
    if is_constant(values):
        found = found._replace(observed=0.0)
    observed = found.observed
    known = math.isfinite(within)
    ends = interval(values, noise, quiet, found) if known else NO_ENDS
    return Split(
        mean=mean,
        se=math.sqrt(observed / len(values)),
        between_sd=math.sqrt(max(observed - within, 0.0)) if known else math.nan,
        noise_sd=math.sqrt(within),
        noise_share=min(within / observed, 1.0) if observed > 0.0 and known else math.nan,
        **ends._asdict(),
    )


def without_noise(values: Array, noise: Array) -> Array:
    """Pull draws towards their mean until only the variance between draws is left.

    Shape and unit are those of `values`. Draws that vary less than their noise become their
    mean; draws without noise stay as they are.
    """
    within = _mean(noise) if noise.any() else 0.0
    return _pulled(values, _moments(values, within)) if len(values) > 1 and within > 0.0 else values


def _pulled(values: Array, moments: Moments) -> Array:
    mean, observed, within = moments
    if not within > 0.0:
        return values
    kept = math.sqrt(max(observed - within, 0.0) / observed) if observed > 0.0 else 0.0
    return np.asarray(mean + kept * (values - mean), dtype=np.float64)


def _moments(values: Array, within: float) -> Moments:
    """Return exact means, which do not depend on how the draws were divided."""
    mean = _mean(values)
    count = len(values)
    return Moments(mean, _mean((values - mean) ** 2) * count / (count - 1), within)


def _mean(values: Array) -> float:
    return math.fsum(values.tolist()) / len(values)
