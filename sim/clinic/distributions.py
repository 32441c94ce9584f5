"""Quantile functions, which turn a uniform number into an age, a time or a decision.

Each distribution has one parameterisation, chosen so that its parameters can be read off a
published table. Every function takes a uniform ``u`` in (0, 1), increases in it, and uses
it once; times come back in the unit of the parameters. Parameters are checked where they
are read, not here. At ``u = 1`` an unbounded distribution answers `NEVER`.

A function whose name ends in ``_of`` takes the standard exponential ``-log(1 - u)`` or the standard
normal ``z(u)`` of the uniform instead: they need no parameter, so the core engine computes them for
many patients at once.
"""

from typing import Final

from sim.clinic.arithmetic import LN2, exp, expm1, log1p, normal_quantile, power
from sim.clinic.units import NEVER

MEDIAN: Final = 0.5
LARGEST_BELOW_ONE: Final = 1.0 - 2.0**-53


def hit(u: float, probability: float) -> bool:
    """Return whether an event of the given probability occurs: ``u < probability``.

    Probability 0 never hits and probability 1 always does, since u is between them.
    """
    return u < probability


def uniform_quantile(u: float, low: float, high: float) -> float:
    """Return ``low + u (high - low)``."""
    return low + u * (high - low)


def piecewise_uniform_quantile(u: float, minimum: float, median: float, maximum: float) -> float:
    """Return the quantile known only by its minimum, median and maximum.

    ``minimum + 2 u (median - minimum)`` for u < 1/2, else
    ``median + (2 u - 1) (maximum - median)``: half of the mass spread evenly on each side of
    the median, since a baseline table that prints a median and a range supports no more.
    """
    if u < MEDIAN:
        return minimum + 2.0 * u * (median - minimum)
    return median + (2.0 * u - 1.0) * (maximum - median)


def normal_of(z: float, mean: float, sd: float) -> float:
    """Return ``mean + sd z``, normal for the standard normal `z`."""
    return mean + sd * z


def lognormal_quantile(u: float, median: float, sigma: float) -> float:
    """Return ``median exp(sigma z(u))``, with z the standard normal quantile.

    `sigma` is the standard deviation of the logarithm.
    """
    return lognormal_of(normal_quantile(u), median, sigma)


def lognormal_of(z: float, median: float, sigma: float) -> float:
    """Return `lognormal_quantile` for the standard normal `z`."""
    return median * exp(sigma * z)


def standard_exponential(u: float) -> float:
    """Return ``-log(1 - u)``, the cumulative hazard at which the event of `u` happens."""
    return -log1p(-u)


def exponential_of(e: float, rate: float) -> float:
    """Return ``e / rate``, the time of an event of constant hazard; `e` is standard exponential.

    Survival is ``S(t) = exp(-rate t)``; `rate` is per unit of the time returned. A rate of 0
    gives `NEVER`.
    """
    if rate == 0.0:
        return NEVER
    return e / rate


def weibull_hazard_of(e: float, median: float, shape: float, hazard_ratio: float) -> float:
    """Return ``median (e / (log(2) HR)) ** (1 / shape)``, a Weibull time under a hazard ratio.

    Survival is ``S(t) = 2 ** -(HR (t / median) ** shape)``: without the ratio half are without the
    event at the median. Below a shape of 1 the hazard falls with time, above it rises. The usual
    scale is ``median / log(2) ** (1 / shape)``. A hazard ratio of 0 gives `NEVER`.
    """
    if hazard_ratio == 0.0:
        return NEVER
    return median * power(e / (LN2 * hazard_ratio), 1.0 / shape)


def proportional_hazards(u: float, hazard_ratio: float) -> float:
    """Return the uniform that moves a quantile function to a proportional hazard.

    ``1 - (1 - u) ** (1 / HR)``: if ``Q(u)`` has survival S, then ``Q(u')`` has survival
    ``S ** HR``, and a hazard ratio below 1 postpones the event of the same patient.

    The result is in (0, 1), with full relative accuracy down to 0. Near 1 it cannot be
    finer than the spacing of float64, 1.1e-16: where ``(1 - u) ** (1 / HR)`` is less than
    that, the result is the largest number below 1, which ends the tail of ``Q`` there. A
    hazard ratio of 0 gives exactly 1, hence `NEVER` from an unbounded quantile function.
    """
    if hazard_ratio == 1.0:
        return u
    if hazard_ratio == 0.0:
        return 1.0
    return min(-expm1(log1p(-u) / hazard_ratio), LARGEST_BELOW_ONE)
