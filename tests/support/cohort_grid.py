"""Discrete time for the cohort model: cycles, stays with competing exits, and background mortality.

Nothing here comes from the program: NumPy and scipy alone.

Patients who enter a state are followed by the time they have spent in it (tunnel states). With
``e[j]`` patients entering in cycle j and ``L[m]`` the time spent, or the share leaving, in the m-th
cycle from entry on, cycle k holds ``sum over j of e[j] L[k - j]``: a convolution.

Transitions inside a cycle happen in its middle, and time in a cycle is the trapezium of its two
ends. Both errors are of second order in the length of the cycle.

Background mortality depends on age and not on the state. With ``G(t)`` its survival, the patients
in a state at t are ``G(t)`` times those of a cohort without it; for long-term survivors, whose hazard
is R times as high, ``G(t) ** R``. Flows are kept divided by this factor, so that no state needs to
know it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from scipy import fft, special

DAYS_PER_MONTH = 30.4375
DAYS_PER_YEAR = 365.25
SPIKES = 8
"""A flow of so few entries is spread one by one."""

CumulativeHazard = Callable[[np.ndarray], np.ndarray]
"""The functions below return the same object for the same arguments, so that stays can be kept."""


@lru_cache
def weibull(median: float, shape: float, hazard_ratio: float) -> CumulativeHazard:
    """``H(t) = HR log(2) (t / median) ** shape``."""
    return lambda t: hazard_ratio * np.log(2.0) * (t / median) ** shape


@lru_cache
def lognormal(median: float, sigma: float) -> CumulativeHazard:
    """``H(t) = -log(1 - Phi(log(t / median) / sigma))``."""
    return lambda t: -special.log_ndtr(-np.log(np.maximum(t, 1e-300) / median) / sigma)


@lru_cache
def mixture_cure(
    cured: float, median: float, sigma: float, hazard_ratio: float
) -> CumulativeHazard:
    """``H(t) = -log(pi + (1 - pi) S_u(t) ** HR)`` with ``S_u`` lognormal."""
    uncured = lognormal(median, sigma)
    return lambda t: -np.log(cured + (1.0 - cured) * np.exp(-hazard_ratio * uncured(t)))


@lru_cache
def constant_until(rate: float, end: float) -> CumulativeHazard:
    """``H(t) = rate min(t, end)``."""
    return lambda t: rate * np.minimum(t, end)


@lru_cache
def death_after_transplant(
    early: float, early_days: float, rate: float, end: float
) -> CumulativeHazard:
    """``S(t) = (1 - m min(t, d) / d) exp(-rate (min(t, end) - d)+)``, m early deaths in d days."""

    def risen(t: np.ndarray) -> np.ndarray:
        late = np.clip(np.minimum(t, end) - early_days, 0.0, None)
        return rate * late - np.log(1.0 - early * np.minimum(t, early_days) / early_days)

    return risen


@lru_cache
def present_between(
    probability: float, first: float, last: float, days: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Share in whom a complication is present: it begins evenly from `first` to `last`, for `days`."""

    def begun(t: np.ndarray) -> np.ndarray:
        return probability * np.clip((t - first) / (last - first), 0.0, 1.0)

    return lambda t: begun(t) - begun(t - days)


@lru_cache
def larger_loss(
    one: Callable[[np.ndarray], np.ndarray],
    other: Callable[[np.ndarray], np.ndarray],
    first: float,
    second: float,
) -> Callable[[np.ndarray], np.ndarray]:
    """Utility lost to two independent complications: while both are present the larger loss."""

    def lost(t: np.ndarray) -> np.ndarray:
        a, b = one(t), other(t)
        return first * a * (1.0 - b) + second * b * (1.0 - a) + max(first, second) * a * b

    return lost


class Kernel:
    """An amount by cycle since entry, and its Fourier transform."""

    def __init__(self, by_cycle: np.ndarray):
        self.by_cycle = by_cycle

    @cached_property
    def transform(self) -> np.ndarray:
        """The transform of the amounts, followed by as many zeros."""
        length = fft.next_fast_len(2 * len(self.by_cycle), real=True)
        return fft.rfft(self.by_cycle, length)


class Stay(NamedTuple):
    """Of one patient by cycle since entry: days spent, and the share that leaves by cause."""

    days: Kernel
    exits: tuple[Kernel, ...]


class Grid(NamedTuple):
    """Cycles of equal length from entry on."""

    cycle_days: float
    cycles: int

    @property
    def middles(self) -> np.ndarray:
        """The middle of each cycle, in days."""
        return (np.arange(self.cycles) + 0.5) * self.cycle_days

    def entries(self, half: bool) -> np.ndarray:
        """Days on which patients enter: in the middle of the cycle, or on its first day."""
        return self.middles if half else np.arange(self.cycles) * self.cycle_days

    def edges(self, half: bool) -> np.ndarray:
        """Days since entry at the ends of the cycles; the first is a half for entries in its middle."""
        ends = np.arange(self.cycles + 1) * self.cycle_days
        return np.maximum(ends - self.cycle_days / 2.0, 0.0) if half else ends

    def nothing(self) -> np.ndarray:
        """An empty flow."""
        return np.zeros(self.cycles)

    def later(self, flow: np.ndarray, days: float) -> np.ndarray:
        """Return the flow so many days later; they are whole cycles."""
        steps = round(days / self.cycle_days)
        if abs(steps * self.cycle_days - days) > 1e-9:
            message = f"{days} days are not whole cycles of {self.cycle_days}"
            raise ValueError(message)
        return np.concatenate((np.zeros(steps), flow[: self.cycles - steps]))

    def spread(self, flow: np.ndarray, *kernels: Kernel) -> list[np.ndarray]:
        """Return ``sum over j of flow[j] kernel[k - j]`` for each kernel, by Fourier transforms."""
        entered = np.flatnonzero(flow)
        if len(entered) <= SPIKES:
            results = [self.nothing() for _ in kernels]
            for result, kernel in zip(results, kernels, strict=True):
                for j in entered:
                    result[j:] += flow[j] * kernel.by_cycle[: self.cycles - j]
            return results
        length = fft.next_fast_len(2 * self.cycles, real=True)
        transform = fft.rfft(flow, length)
        return [
            fft.irfft(transform * kernel.transform, length)[: self.cycles] for kernel in kernels
        ]


@lru_cache(maxsize=1000)
def stay(
    grid: Grid,
    half: bool,
    hazards: tuple[CumulativeHazard, ...],
    start: float = 0.0,
    stop: float = np.inf,
    weight: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Stay:
    """Follow a patient from `start` to `stop` days after entry, under competing hazards.

    With ``S = exp(-sum of H)`` a cycle from a to b holds ``(b - a)(S(a) + S(b)) / 2`` days, times
    `weight` in its middle, and ``S(a) - S(b)`` leave, by cause as their hazards rise.
    """
    ends = np.clip(grid.edges(half), start, stop)
    risen = [hazard(ends) for hazard in hazards]
    present = np.exp(-np.sum(risen, axis=0)) if risen else np.ones_like(ends)
    rises = [np.diff(each) for each in risen]
    total = np.sum(rises, axis=0) if rises else np.zeros(grid.cycles)
    share = np.divide(
        present[:-1] - present[1:], total, out=np.zeros(grid.cycles), where=total > 0.0
    )
    days = np.diff(ends) * (present[1:] + present[:-1]) / 2.0
    if weight is not None:
        days = days * weight((ends[1:] + ends[:-1]) / 2.0)
    return Stay(Kernel(days), tuple(Kernel(each * share) for each in rises))


class Background(NamedTuple):
    """Background mortality: a hazard per year that is log-linear in age between knots."""

    ages: tuple[float, ...]
    hazards: tuple[float, ...]

    def risen(self, from_age: float, days: np.ndarray) -> np.ndarray:
        """Return the cumulative hazard from `from_age` on, by the integral of each stretch.

        ``h (exp(b y) - 1) / b`` over y years with slope b; the last slope goes on.
        """
        return self._to_age(from_age + days / DAYS_PER_YEAR) - self._to_age(np.array(from_age))

    def _to_age(self, age: np.ndarray) -> np.ndarray:
        ages, logs = np.array(self.ages), np.log(self.hazards)
        slopes = np.diff(logs) / np.diff(ages)
        lows = ages[:-1]
        highs = np.concatenate((ages[1:-1], [np.inf]))
        total = np.zeros_like(age)
        for low, high, log_hazard, slope in zip(lows, highs, logs[:-1], slopes, strict=True):
            years = np.clip(age, low, high) - low
            total = total + np.exp(log_hazard) * np.expm1(slope * years) / slope
        return total


NO_BACKGROUND = Background((0.0, 1.0), (1e-300, 1.1e-300))
"""Nobody dies of anything else."""
