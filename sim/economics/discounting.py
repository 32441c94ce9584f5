"""Present values at an annual effective discount rate, in continuous time.

The rate of a reference case is annual and effective: the present value of 1 in a year is ``1 / (1 +
r)``. The continuous force of interest is therefore ``ln(1 + r)`` a year and not ``r``: a stream of
40 years at 3.5 % is worth 0.93 % more than ``exp(-r t)`` makes it. Logarithm and exponential come
from `sim.clinic.arithmetic`, so that every machine gives the same digits.

Source: Drummond MF et al., Methods for the Economic Evaluation of Health Care Programmes,
4th edition, 2015.
"""

from __future__ import annotations

from sim.clinic.arithmetic import exp, expm1, log1p
from sim.clinic.units import DAYS_PER_YEAR


def factor_at(force_per_day: float, time_days: float) -> float:
    """Return ``exp(-d t)``, the present value of 1 at a time, with force of interest d per day."""
    return exp(-force_per_day * time_days)


def days_between(force_per_day: float, start_days: float, end_days: float) -> float:
    """Return the integral of ``exp(-d t)`` from start to end; see `Discounting.days`."""
    length_days = end_days - start_days
    exponent = force_per_day * length_days
    # Length times mean factor: rounding cannot then make the result exceed the length, as a
    # division by the force could.
    mean_factor = 1.0 if exponent == 0.0 else -expm1(-exponent) / exponent
    return exp(-force_per_day * start_days) * (length_days * mean_factor)


class Discounting:
    """Discount with one annual effective rate r; the force of interest is computed once.

    Times are days since the first dose of the first line, the origin of discounting.

    Attributes
    ----------
    annual_rate
        r, as a fraction: 0.035 for 3.5 % a year.
    force_per_day
        ``ln(1 + r) / 365.25``.

    Raises
    ------
    ValueError
        Where the rate is negative or not a finite number.
    """

    __slots__ = ("annual_rate", "force_per_day")

    def __init__(self, annual_rate: float) -> None:
        if not 0.0 <= annual_rate < float("inf"):
            message = f"an annual discount rate is a finite fraction of at least 0: {annual_rate}"
            raise ValueError(message)
        self.annual_rate = annual_rate
        self.force_per_day = log1p(annual_rate) / DAYS_PER_YEAR

    def factor(self, time_days: float) -> float:
        """Return ``(1 + r)^(-t / 365.25)``, the present value of 1 at a time in days."""
        return factor_at(self.force_per_day, time_days)

    def days(self, start_days: float, end_days: float) -> float:
        """Return the discounted length of an interval, in days.

        The integral of the factor over the interval, with force of interest d per day::

            (1 + r)^(-start / 365.25) * (1 - exp(-d (end - start))) / d

        A rate of 0 gives exactly ``end - start``. As any integral, it changes sign when the
        limits are exchanged. Both times are finite.
        """
        return days_between(self.force_per_day, start_days, end_days)


def discount_factor(time_days: float, annual_rate: float) -> float:
    """Return ``(1 + r)^(-t / 365.25)``, the present value of 1 at a time in days.

    `Discounting` says more, and is faster where one rate serves many times.
    """
    return Discounting(annual_rate).factor(time_days)


def discounted_days(start_days: float, end_days: float, annual_rate: float) -> float:
    """Return the integral of the discount factor from start to end, in days.

    `Discounting` says more, and is faster where one rate serves many intervals.
    """
    return Discounting(annual_rate).days(start_days, end_days)
