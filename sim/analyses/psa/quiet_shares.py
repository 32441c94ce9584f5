"""The probability that each strategy is the best, without the Monte Carlo noise of each draw.

Each strategy's benefits are pulled towards their mean (`sim.analyses.psa.noise`) and draws are
counted. How far they are pulled is itself estimated, so that the binomial error of a share is
too small; the error here is that of the jackknife over 20 groups of draws::

    sqrt((G - 1) / G * sum((share without group g - their mean)^2))

Source: Efron B, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, chapter 3.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from sim.analyses.psa.acceptability import Estimates, ceac
from sim.analyses.psa.noise import without_noise
from sim.economics.estimates import Array

GROUPS: Final = 20
"""Of draws, each left out in turn; as many as there are draws, where these are fewer."""


def quiet(benefits: Array, noise: Array) -> Array:
    """Return benefits without noise; all of the shape (draws, strategies)."""
    columns = (without_noise(*pair) for pair in zip(benefits.T, noise.T, strict=True))
    return np.column_stack(list(columns))


def best_shares(benefits: Array) -> Array:
    """Return the share of draws in which each strategy has the most benefit."""
    # With equal QALYs the benefit is the saving in cost, at any threshold.
    shares: Array = ceac(-benefits, np.zeros_like(benefits), [0.0])[0]
    return shares


def quiet_shares(benefits: Array, noise: Array) -> Estimates:
    """Return the share of draws in which each strategy is best without noise, and its error.

    Parameters
    ----------
    benefits, noise
        Net monetary benefits and their Monte Carlo variances; shape (draws, strategies).

    Both arrays have the shape (strategies,); of a single draw there is no error (``nan``).
    """
    shares = best_shares(quiet(benefits, noise))
    draws = len(benefits)
    if draws == 1:
        return Estimates(shares, np.full_like(shares, math.nan))
    groups = min(GROUPS, draws)
    group = np.arange(draws) % groups
    left = [group != g for g in range(groups)]
    without = np.array([best_shares(quiet(benefits[rest], noise[rest])) for rest in left])
    spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return Estimates(shares, np.sqrt((groups - 1.0) / groups * spread))
