"""How precisely a published number is known: exact intervals and standard errors.

A share is judged on the logit scale, a median time or a ratio on the log scale, where their
sampling distributions are near to normal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

PERCENT: Final = 100.0
CONTINUITY: Final = 0.5
"""Patients added to both outcomes when one of them is empty (Haldane 1955, Anscombe 1956)."""

Interval = tuple[float | None, float | None]
"""Low and high end; an end that was not reached or not estimable is None."""

Scale = Callable[[float], float]
"""A transform of a number to one whose sampling distribution is near to normal."""


def exact_interval(events: int, n: int, level: float) -> tuple[float, float]:
    r"""Return the Clopper-Pearson interval of `events` out of `n`, in per cent.

    .. math:: B^{-1}(\alpha/2;\ x,\ n-x+1), \quad B^{-1}(1-\alpha/2;\ x+1,\ n-x)

    with `level` :math:`= 100 (1-\alpha)` in per cent. Clopper and Pearson, Biometrika
    1934;26:404-413; it is the interval that the trials of this field print.
    """
    from scipy.special import betaincinv

    tail = (1 - level / PERCENT) / 2
    low = betaincinv(events, n - events + 1, tail) if events else 0.0
    high = betaincinv(events + 1, n - events, 1 - tail) if events < n else 1.0
    return PERCENT * float(low), PERCENT * float(high)


def logit_error(events: float, n: int) -> float:
    r"""Return the standard error of the logit of `events` out of `n`.

    .. math:: \sqrt{1/x + 1/(n-x)}

    with `CONTINUITY` added to both where one is 0. `events` need not be whole: it may be a
    printed per cent of `n`.
    """
    failures = n - events
    if min(events, failures) <= 0:
        events, failures = events + CONTINUITY, failures + CONTINUITY
    return math.sqrt(1 / events + 1 / failures)


def error_of_interval(value: float, interval: Interval, level: float, scale: Scale) -> float | None:
    r"""Return the standard error behind a normal interval on `scale`.

    .. math:: (g(high) - g(low)) / 2z

    Where only one end is finite on the scale, the distance between it and the value, over z;
    None where there is no such distance.
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + level / PERCENT) / 2))
    known = [scale(end) for end in interval if end is not None]
    ends = [end for end in known if math.isfinite(end)]
    middle = scale(value)
    if len(ends) == len(interval):
        return (ends[1] - ends[0]) / (2 * z)
    if ends and math.isfinite(middle) and ends[0] != middle:
        return abs(ends[0] - middle) / z
    return None


def log(value: float) -> float:
    """Return the logarithm of a time or ratio, minus infinity at 0."""
    return math.log(value) if value > 0 else -math.inf


def logit(percent: float) -> float:
    """Return the log odds of a per cent, infinite at 0 and 100."""
    if not 0 < percent < PERCENT:
        return math.copysign(math.inf, percent - PERCENT / 2)
    return math.log(percent / (PERCENT - percent))


def unchanged(value: float) -> float:
    """Return a difference as it is."""
    return value
