"""The spread between draws, split into uncertainty and Monte Carlo noise.

A draw's mean over n patients is its expectation plus noise. With N draws of patients of their
own, means ``y_k`` and their squared Monte Carlo errors ``s_k^2``, one-way analysis of variance
gives, without bias whatever n is::

    observed  S^2 = sum((y_k - y)^2) / (N - 1)       expects  between + within
    within        = sum(s_k^2) / N                   the noise of one draw's mean
    between       = max(S^2 - within, 0)             the uncertainty of the expectation
    error of the mean over draws = sqrt(S^2 / N)

Intervals are quantiles of draws that are pulled towards their mean until their variance is
`between`: ``y + sqrt(between / S^2) (y_k - y)``. Mean and shape stay as they are. The errors of
their ends, and when these are too large for an interval, are in `sim.analyses.psa.intervals`.

Source: O'Hagan A, Stevenson M, Madan J, Health Econ 2007;16:1009-23, where ``s_k^2`` is the
pooled variance of patients divided by n; Searle SR, Casella G, McCulloch CE, Variance
Components, 1992, section 3.6.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from sim.analyses.psa.intervals import NO_ENDS, Moments, interval
from sim.analyses.shared.constant import is_constant
from sim.economics.estimates import Array


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
        they are too large, as `sim.analyses.psa.intervals` says.
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
    mean, within = _mean(values), _mean(noise)
    constant = is_constant(values)
    observed = 0.0 if constant else _variance(values, mean)
    between = max(observed - within, 0.0)
    quiet = without_noise(values, noise)
    known = math.isfinite(within)
    ends = interval(values, noise, quiet, Moments(mean, observed, within)) if known else NO_ENDS
    return Split(
        mean=mean,
        se=math.sqrt(observed / len(values)),
        between_sd=math.sqrt(between) if known else math.nan,
        noise_sd=math.sqrt(within),
        noise_share=min(within / observed, 1.0) if observed > 0.0 and known else math.nan,
        **ends._asdict(),
    )


def without_noise(values: Array, noise: Array) -> Array:
    """Pull draws towards their mean until only the variance between draws is left.

    Shape and unit are those of `values`. Draws that vary less than their noise become their
    mean; draws without noise stay as they are.
    """
    within = _mean(noise)
    if len(values) <= 1 or not within > 0.0:
        return values
    mean = _mean(values)
    observed = _variance(values, mean)
    kept = math.sqrt(max(observed - within, 0.0) / observed) if observed > 0.0 else 0.0
    return np.asarray(mean + kept * (values - mean), dtype=np.float64)


def _variance(values: Array, mean: float) -> float:
    return _mean((values - mean) ** 2) * len(values) / (len(values) - 1)


def _mean(values: Array) -> float:
    """Return the mean of an exact sum, which does not depend on how the draws were divided."""
    return math.fsum(values.tolist()) / len(values)
