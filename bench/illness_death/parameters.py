"""The illness-death model: its numbers, parameter sets, results and closed-form means.

Adults start in ``treatment``. At day 28 a patient has responded or not, with a probability by arm.
Responders are in ``remission`` until relapse, a Weibull time after day 28 whose scale differs by
arm and whose shape does not. A responder is ``progressed`` from relapse until death, a Weibull time after relapse. Death of a non-responder is a
Weibull time after the start: before day 28 it ends ``treatment``, after it ``progressed``. No
other death, no end of the horizon. Times are in days, years of 365.25 days; costs and QALYs are
discounted by ``(1 + r) ** -t`` in continuous time, life-years are not.

All numbers are round and for comparison of programs only; they describe no treatment.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.integrate import quad

DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = DAYS_PER_YEAR / 12
RESPONSE_DAY = 28.0
STATES = ("treatment", "remission", "progressed")
OUTCOMES = ("life_years", "qalys", "cost")


@dataclass(frozen=True)
class Weibull:
    """A time of survival ``S(t) = exp(-(t / scale) ** shape)``."""

    shape: float
    scale_days: float

    def days(self, exponential):
        """Turn standard exponential variates into times: ``scale e ** (1 / shape)``."""
        return self.scale_days * exponential ** (1.0 / self.shape)


@dataclass(frozen=True)
class Arm:
    """What differs between the arms; the drug is paid for at day 0."""

    response_probability: float
    relapse: Weibull
    drug_cost: float


@dataclass(frozen=True)
class IllnessDeath:
    """All numbers of the model; amounts by state are in the order of `STATES`."""

    arms: Mapping[str, Arm]
    refractory_death: Weibull
    relapsed_death: Weibull
    cost_per_day: tuple[float, float, float]
    qaly_weight: tuple[float, float, float]
    annual_rate: float = 0.03

    @property
    def force_per_day(self):
        """The continuous force of interest of the annual rate: ``ln(1 + r) / 365.25``."""
        return math.log1p(self.annual_rate) / DAYS_PER_YEAR


RELAPSE_SHAPE = 0.90
BASE = IllnessDeath(
    arms={
        "A": Arm(0.30, Weibull(RELAPSE_SHAPE, 220.0), 20_000.0),
        "B": Arm(0.50, Weibull(RELAPSE_SHAPE, 380.0), 150_000.0),
    },
    refractory_death=Weibull(0.90, 150.0),
    relapsed_death=Weibull(1.10, 240.0),
    cost_per_day=(1_500.0, 60.0, 350.0),
    qaly_weight=(0.60, 0.80, 0.40),
)


class Estimate(NamedTuple):
    """A mean and its Monte Carlo standard error."""

    mean: float
    se: float


def estimate(values, scale=1.0, shift=0.0):
    """Return the mean of ``shift + scale values`` with its standard error."""
    return Estimate(
        shift + scale * float(values.mean()), scale * float(values.std(ddof=1)) / len(values) ** 0.5
    )


def parameter_sets(number, seed=2024):
    """Draw parameter sets around `BASE`: beta chances and weights, lognormal times and costs."""
    generator = np.random.default_rng(seed)

    def chance(mean, strength=200.0):
        return float(generator.beta(mean * strength, (1.0 - mean) * strength))

    def positive(median, sigma):
        return float(median * np.exp(sigma * generator.standard_normal()))

    def weibull(base, shape=None):
        return Weibull(shape or positive(base.shape, 0.05), positive(base.scale_days, 0.15))

    def arms():
        shape = positive(RELAPSE_SHAPE, 0.05)
        return {
            name: Arm(chance(arm.response_probability), weibull(arm.relapse, shape), arm.drug_cost)
            for name, arm in BASE.arms.items()
        }

    return [
        IllnessDeath(
            arms=arms(),
            refractory_death=weibull(BASE.refractory_death),
            relapsed_death=weibull(BASE.relapsed_death),
            cost_per_day=tuple(positive(cost, 0.20) for cost in BASE.cost_per_day),
            qaly_weight=tuple(chance(weight) for weight in BASE.qaly_weight),
        )
        for _ in range(number)
    ]


def mean_days(time, force_per_day, until_days=math.inf):
    """Integrate ``exp(-d t) S(t)`` from 0: the mean discounted days until the event or `until`."""

    def integrand(x):
        return math.exp(-force_per_day * time.scale_days * x - x**time.shape)

    # Two pieces, since the survival of a shape below 1 is steep at 0.
    end = until_days / time.scale_days
    middle = min(1.0, end)
    early = quad(integrand, 0.0, middle, epsabs=1e-11, epsrel=1e-11)[0]
    late = quad(integrand, middle, end, epsabs=1e-11, epsrel=1e-11)[0] if end > middle else 0.0
    return time.scale_days * (early + late)


def mean_days_by_state(parameters, arm, force_per_day):
    """Return the mean discounted days in each state, by numerical integration.

    After a time R of Laplace transform ``L(d) = E exp(-d R) = 1 - d E[discounted days in R]``,
    whatever follows is worth ``L(d)`` of its value at its own start.
    """
    p = arm.response_probability
    at_response = math.exp(-force_per_day * RESPONSE_DAY)
    whole_treatment = (
        RESPONSE_DAY
        if force_per_day == 0.0
        else -math.expm1(-force_per_day * RESPONSE_DAY) / force_per_day
    )
    refractory = mean_days(parameters.refractory_death, force_per_day)
    refractory_treated = mean_days(parameters.refractory_death, force_per_day, RESPONSE_DAY)
    remission = mean_days(arm.relapse, force_per_day)
    relapsed = mean_days(parameters.relapsed_death, force_per_day)
    return (
        p * whole_treatment + (1.0 - p) * refractory_treated,
        p * at_response * remission,
        p * at_response * (1.0 - force_per_day * remission) * relapsed
        + (1.0 - p) * (refractory - refractory_treated),
    )


def exact_means(parameters):
    """Return the true mean of every outcome by arm and outcome."""
    means = {}
    for name, arm in parameters.arms.items():
        plain = mean_days_by_state(parameters, arm, 0.0)
        discounted = mean_days_by_state(parameters, arm, parameters.force_per_day)
        means[name] = {
            "life_years": sum(plain) / DAYS_PER_YEAR,
            "qalys": float(np.dot(parameters.qaly_weight, discounted)) / DAYS_PER_YEAR,
            "cost": arm.drug_cost + float(np.dot(parameters.cost_per_day, discounted)),
        }
    return means
