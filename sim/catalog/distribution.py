"""The uncertainty of a parameter: one small family of distributions per kind of number.

Each distribution turns a probability into a value by inverting its distribution function,
so that one uniform number gives one draw. The catalogue gives the value and a measure of
spread; the value is the mean, but the median of a lognormal.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LOWER_TAIL: Final = 0.025
UPPER_TAIL: Final = 0.975
INTERVAL_IN_SD: Final = 2 * 1.959964
"""Width of a 95 % confidence interval in standard errors."""

MEAN_TOLERANCE: Final = 0.005
"""How far the mean of a beta distribution given by its counts may be from the value."""

CENTRE_TOLERANCE_SD: Final = 1.0
"""How far a published estimate may be from the centre of its published interval."""

_STANDARD_NORMAL: Final = NormalDist()

Spread = Mapping[str, float | tuple[float, float]]
"""Numbers that a catalogue entry gives for a distribution, by key."""

FORMS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "fixed": (("why",),),
    "beta": (("alpha", "beta"), ("sd",)),
    "gamma": (("sd",), ("cv",)),
    "lognormal": (("sigma",), ("ci",), ("cv",)),
    "normal": (("sd",), ("ci",)),
    "uniform": (("low", "high"),),
    "posterior": ((),),
}
"""The families and the keys with which each may be written: one of the alternatives."""


class Distribution(ABC):
    """The interface of every family; `family` is its name in the catalogue."""

    family: ClassVar[str]

    @abstractmethod
    def quantile(self, probability: float) -> float:
        """Return the value below which the parameter is with `probability` in (0, 1)."""

    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Return the quantile of each probability."""
        return np.array([self.quantile(each) for each in np.asarray(probabilities).tolist()])

    def interval(self) -> tuple[float, float]:
        """Return the 2.5 % and 97.5 % quantiles."""
        return self.quantile(LOWER_TAIL), self.quantile(UPPER_TAIL)

    def __str__(self) -> str:
        """Name the family and its numbers: ``beta(alpha 119, beta 152)``."""
        numbers = ", ".join(f"{name} {number:.4g}" for name, number in vars(self).items())
        return f"{self.family}({numbers})"


@dataclass(frozen=True)
class Fixed(Distribution):
    """A number that is not varied, and `why` it is not."""

    family: ClassVar[str] = "fixed"
    value: float
    why: str

    def quantile(self, probability: float) -> float:  # noqa: ARG002 - the same at any probability
        """Return the fixed value."""
        return self.value

    def __str__(self) -> str:
        """Return the name alone: the value is shown next to it."""
        return self.family


@dataclass(frozen=True)
class Beta(Distribution):
    """``f(x) = x^(alpha-1) (1-x)^(beta-1) / B(alpha, beta)`` on (0, 1)."""

    family: ClassVar[str] = "beta"
    alpha: float
    beta: float

    @classmethod
    def from_mean(cls, mean: float, sd: float) -> Beta:
        """Match moments: ``alpha + beta = mean (1 - mean) / sd^2 - 1``."""
        if not 0.0 < mean < 1.0:
            raise ValueError("a beta distribution needs a value between 0 and 1; use fixed")
        total = mean * (1.0 - mean) / sd**2 - 1.0
        if total <= 0.0:
            largest = math.sqrt(mean * (1.0 - mean))
            raise ValueError(f"the sd of a beta distribution here must be below {largest:.4g}")
        return cls(mean * total, (1.0 - mean) * total)

    def quantile(self, probability: float) -> float:
        """Invert the regularized incomplete beta function."""
        return float(self.quantiles(probability))

    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Return the quantile of each probability: the same numbers as one by one."""
        from scipy.special import betaincinv

        return np.asarray(betaincinv(self.alpha, self.beta, probabilities))


@dataclass(frozen=True)
class Gamma(Distribution):
    """``f(x) = x^(k-1) exp(-x/s) / (Gamma(k) s^k)`` with `shape` k and `scale` s."""

    family: ClassVar[str] = "gamma"
    shape: float
    scale: float

    @classmethod
    def from_mean(cls, mean: float, sd: float) -> Gamma:
        """Match moments: ``shape = (mean / sd)^2``, ``scale = sd^2 / mean``."""
        if mean <= 0.0:
            raise ValueError("a gamma distribution needs a value above 0; use fixed")
        return cls((mean / sd) ** 2, sd**2 / mean)

    def quantile(self, probability: float) -> float:
        """Invert the regularized lower incomplete gamma function."""
        return float(self.quantiles(probability))

    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Return the quantile of each probability: the same numbers as one by one."""
        from scipy.special import gammaincinv

        return np.asarray(self.scale * gammaincinv(self.shape, probabilities))


def _standard_normals(probabilities: npt.ArrayLike) -> list[float]:
    quantile = _STANDARD_NORMAL.inv_cdf
    return [quantile(each) for each in np.asarray(probabilities).tolist()]


@dataclass(frozen=True)
class Lognormal(Distribution):
    """``ln x ~ Normal(ln median, sigma)``."""

    family: ClassVar[str] = "lognormal"
    median: float
    sigma: float

    def quantile(self, probability: float) -> float:
        """Return ``median exp(sigma z)`` with z the standard normal quantile."""
        return self.median * math.exp(self.sigma * _STANDARD_NORMAL.inv_cdf(probability))

    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Return the quantile of each probability: the same numbers as one by one."""
        median, sigma, exp = self.median, self.sigma, math.exp
        return np.array([median * exp(sigma * z) for z in _standard_normals(probabilities)])


@dataclass(frozen=True)
class Normal(Distribution):
    """``x ~ Normal(mean, sd)``."""

    family: ClassVar[str] = "normal"
    mean: float
    sd: float

    def quantile(self, probability: float) -> float:
        """Return ``mean + sd z`` with z the standard normal quantile."""
        return self.mean + self.sd * _STANDARD_NORMAL.inv_cdf(probability)

    def quantiles(self, probabilities: npt.ArrayLike) -> Array:
        """Return the quantile of each probability: the same numbers as one by one."""
        return np.asarray(self.mean + self.sd * np.array(_standard_normals(probabilities)))


@dataclass(frozen=True)
class Uniform(Distribution):
    """Every value between `low` and `high` alike."""

    family: ClassVar[str] = "uniform"
    low: float
    high: float

    def quantile(self, probability: float) -> float:
        """Return ``low + (high - low) p``."""
        return self.low + (self.high - self.low) * probability


@dataclass(frozen=True)
class Posterior(Distribution):
    """The marginal of the joint posterior: `draws` in rising order."""

    family: ClassVar[str] = "posterior"
    draws: tuple[float, ...]

    @classmethod
    def of(cls, draws: Sequence[float]) -> Posterior:
        """Return the distribution of draws in any order."""
        return cls(tuple(sorted(draws)))

    def quantile(self, probability: float) -> float:
        """Return the draw at rank ``(n - 1) p``, interpolated between neighbours."""
        rank = (len(self.draws) - 1) * min(max(probability, 0.0), 1.0)
        below = min(int(rank), len(self.draws) - 1)
        above = min(below + 1, len(self.draws) - 1)
        low, high = self.draws[below], self.draws[above]
        return low + (high - low) * (rank - below)

    def __str__(self) -> str:
        """Return the number of draws in words."""
        return f"{self.family}({len(self.draws)} draws)"


def distribution_around(value: float, family: str, spread: Spread, why: str = "") -> Distribution:
    """Return the distribution of `family` that has `value` as its mean or median.

    `spread` holds the numbers of one of the alternatives in `FORMS`; `why` is the reason
    of a fixed value. A standard deviation comes from a 95 % confidence interval as
    ``(high - low) / (2 * 1.959964)``, on the log scale for a lognormal; sigma of a
    lognormal comes from a coefficient of variation as ``sqrt(ln(1 + cv^2))``.

    Raises
    ------
    ValueError
        With a sentence, when the numbers fit neither each other nor the value.
    """
    for key in ("alpha", "beta", "sd", "cv", "sigma"):
        number = spread.get(key)
        if isinstance(number, float) and number <= 0.0:
            raise ValueError(f"'{key}' of the distribution must be above 0")
    if family == "lognormal" and value <= 0.0:
        raise ValueError("a lognormal distribution needs a value above 0; use fixed")
    match family, dict(spread):
        case "fixed", _:
            return Fixed(value, why)
        case "beta", {"alpha": float(alpha), "beta": float(beta)}:
            mean = alpha / (alpha + beta)
            if abs(mean - value) > MEAN_TOLERANCE:
                raise ValueError(f"the mean of the beta distribution, {mean:.4g}, is not the value")
            return Beta(alpha, beta)
        case "beta", {"sd": float(sd)}:
            return Beta.from_mean(value, sd)
        case "gamma", {"sd": float(sd)}:
            return Gamma.from_mean(value, sd)
        case "gamma", {"cv": float(cv)}:
            return Gamma.from_mean(value, cv * abs(value))
        case "lognormal", {"sigma": float(sigma)}:
            return Lognormal(value, sigma)
        case "lognormal", {"cv": float(cv)}:
            return Lognormal(value, math.sqrt(math.log1p(cv**2)))
        case "lognormal", {"ci": (low, high)}:
            if low <= 0.0:
                raise ValueError("the confidence interval of a lognormal must be above 0")
            return Lognormal(value, _standard_error(math.log(value), math.log(low), math.log(high)))
        case "normal", {"sd": float(sd)}:
            return Normal(value, sd)
        case "normal", {"ci": (low, high)}:
            return Normal(value, _standard_error(value, low, high))
        case "uniform", {"low": float(low), "high": float(high)}:
            if not low <= value <= high or low == high:
                raise ValueError("the value is not between low and high")
            return Uniform(low, high)
    raise ValueError(f"the keys {', '.join(spread)} do not describe a {family} distribution")


def _standard_error(value: float, low: float, high: float) -> float:
    if not low < value < high:
        raise ValueError("the value is not inside the confidence interval")
    standard_error = (high - low) / INTERVAL_IN_SD
    if abs((low + high) / 2 - value) > CENTRE_TOLERANCE_SD * standard_error:
        raise ValueError("the value is more than one standard error from the interval's centre")
    return standard_error
