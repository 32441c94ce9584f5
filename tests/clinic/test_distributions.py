"""The quantile functions are those of the distributions they name."""

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.clinic.arithmetic import normal_quantile
from sim.clinic.distributions import (
    exponential_of,
    hit,
    lognormal_quantile,
    normal_of,
    piecewise_uniform_quantile,
    proportional_hazards,
    standard_exponential,
    uniform_quantile,
    weibull_hazard_of,
)
from sim.clinic.units import NEVER

SMALLEST, LARGEST = 2.0**-53, 1.0 - 2.0**-53
STEPS = 2**52

Quantile = Callable[[float], float]
uniforms = st.integers(0, STEPS - 1).map(lambda step: (step + 0.5) / STEPS)
hazard_ratios = st.floats(min_value=0.05, max_value=20.0)
medians = st.floats(min_value=0.1, max_value=1e4)
shapes = st.floats(min_value=0.3, max_value=5.0)


def normal_quantile_of(u, mean, sd):
    return normal_of(normal_quantile(u), mean, sd)


def exponential_quantile(u, rate):
    return exponential_of(standard_exponential(u), rate)


def weibull_quantile(u, median, shape):
    return weibull_hazard_of(standard_exponential(u), median, shape, 1.0)


def scipy_weibull(median, shape):
    return stats.weibull_min(shape, scale=median / math.log(2.0) ** (1.0 / shape))


# Each quantile function with the distribution of another library that it should be.
DISTRIBUTIONS = {
    "uniform": (partial(uniform_quantile, low=18.0, high=80.0), stats.uniform(18.0, 62.0)),
    "piecewise uniform": (
        partial(piecewise_uniform_quantile, minimum=18.0, median=41.0, maximum=80.0),
        stats.rv_histogram((np.array([0.5, 0.5]), np.array([18.0, 41.0, 80.0])), density=False),
    ),
    "normal": (partial(normal_quantile_of, mean=170.0, sd=9.5), stats.norm(170.0, 9.5)),
    "lognormal": (
        partial(lognormal_quantile, median=63.0, sigma=0.67),
        stats.lognorm(0.67, scale=63.0),
    ),
    "exponential": (partial(exponential_quantile, rate=0.007), stats.expon(scale=1 / 0.007)),
    "Weibull, falling": (
        partial(weibull_quantile, median=100.0, shape=0.89),
        scipy_weibull(100.0, 0.89),
    ),
    "Weibull, rising": (
        partial(weibull_quantile, median=170.0, shape=1.7),
        scipy_weibull(170.0, 1.7),
    ),
}
every_distribution = pytest.mark.parametrize(
    ("quantile", "expected"), DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys()
)
every_quantile = pytest.mark.parametrize(
    "quantile", [quantile for quantile, _ in DISTRIBUTIONS.values()], ids=DISTRIBUTIONS.keys()
)


@every_distribution
def test_quantile_agrees_with_scipy(quantile, expected):
    """n = 3000, both tails to 1e-15; relative tolerance 1e-12."""
    tail = np.logspace(-15, -1, 1000)
    u = np.concatenate([tail, np.linspace(0.1, 0.9, 1000), 1.0 - tail])
    np.testing.assert_allclose([quantile(x) for x in u.tolist()], expected.ppf(u), rtol=1e-12)


@every_distribution
def test_distribution_function_undoes_the_quantile(quantile, expected):
    """n = 999."""
    u = np.linspace(0.0, 1.0, 1001)[1:-1]
    np.testing.assert_allclose(expected.cdf([quantile(x) for x in u.tolist()]), u, rtol=1e-12)


@every_quantile
@given(step=st.integers(0, STEPS - 1), gap=st.integers(2**12, STEPS))
def test_quantile_increases_with_u(quantile, step, gap):
    """For numbers at least 1e-12 apart."""
    u, v = (step + 0.5) / STEPS, (min(step + gap, STEPS - 1) + 0.5) / STEPS
    assert quantile(u) <= quantile(v)


@every_quantile
@pytest.mark.parametrize("place", [0.0, 0.075, 0.5, 1.0 - 1.0 / math.e, 0.925, 1.0])
def test_quantile_does_not_decrease_between_neighbouring_uniforms(quantile, place):
    """n = 400 neighbours around the places where a formula changes over."""
    first = min(max(round(place * STEPS) - 200, 0), STEPS - 400)
    values = [quantile((step + 0.5) / STEPS) for step in range(first, first + 400)]
    assert values == sorted(values)


@every_quantile
def test_quantile_of_every_uniform_is_finite(quantile):
    assert math.isfinite(quantile(SMALLEST))
    assert math.isfinite(quantile(LARGEST))


@given(median=medians, shape=shapes)
def test_half_of_the_patients_exceed_the_median(median, shape):
    assert weibull_quantile(0.5, median, shape) == pytest.approx(median, rel=1e-14)
    assert lognormal_quantile(0.5, median, shape) == median
    assert piecewise_uniform_quantile(0.5, 0.0, median, 2e4) == median


@given(u=uniforms, median=medians)
def test_weibull_of_shape_one_is_exponential(u, median):
    expected = exponential_quantile(u, math.log(2.0) / median)
    assert weibull_quantile(u, median, 1.0) == pytest.approx(expected, rel=1e-13)


def test_piecewise_uniform_stays_in_the_range():
    assert 18.0 <= piecewise_uniform_quantile(SMALLEST, 18.0, 41.0, 80.0) < 18.001
    assert 79.999 < piecewise_uniform_quantile(LARGEST, 18.0, 41.0, 80.0) <= 80.0


def test_an_event_of_rate_zero_never_happens():
    assert exponential_quantile(0.5, 0.0) == NEVER


@given(u=uniforms)
def test_certain_events_hit_and_impossible_ones_do_not(u):
    assert hit(u, 1.0)
    assert not hit(u, 0.0)


def test_hits_occur_below_the_probability():
    assert hit(math.nextafter(0.3, 0.0), 0.3)
    assert not hit(0.3, 0.3)


# Proportional hazards.


@pytest.mark.parametrize("hazard_ratio", [0.3, 0.7, 1.0, 1.95, 8.0])
@pytest.mark.parametrize(
    "name", ["lognormal", "exponential", "Weibull, falling", "Weibull, rising"]
)
def test_survival_is_raised_to_the_hazard_ratio(name, hazard_ratio):
    """n = 999; the survival of scipy at our time, to the power HR, is 1 - u."""
    quantile, expected = DISTRIBUTIONS[name]
    u = np.linspace(0.0, 0.999, 1000)[1:]
    times = [quantile(proportional_hazards(x, hazard_ratio)) for x in u.tolist()]
    # 1 - u' carries an absolute error of 1e-16; the least survival here is 0.001**(1/0.3).
    np.testing.assert_allclose(expected.sf(times) ** hazard_ratio, 1.0 - u, rtol=1e-6)
    early = u <= 0.9
    np.testing.assert_allclose(
        expected.sf(np.array(times)[early]) ** hazard_ratio, 1.0 - u[early], rtol=1e-11
    )


@given(u=st.floats(min_value=1e-300, max_value=0.5), hazard_ratio=hazard_ratios)
def test_hazard_ratio_is_accurate_for_the_smallest_uniforms(u, hazard_ratio):
    with localcontext(prec=400):
        exact = 1 - ((1 - Decimal(u)).ln() / Decimal(hazard_ratio)).exp()
        error = abs(Decimal(proportional_hazards(u, hazard_ratio)) / exact - 1)
    # Of an exponent of 14, the largest here, the rounding alone is 2e-15, damped near 1.
    assert error < Decimal("2e-15")


@given(u=uniforms, hazard_ratio=st.floats(min_value=1e-3, max_value=1e3))
def test_hazard_ratio_gives_a_uniform_in_the_open_interval(u, hazard_ratio):
    assert 0.0 < proportional_hazards(u, hazard_ratio) < 1.0


@given(u=uniforms)
def test_hazard_ratio_of_one_changes_nothing(u):
    assert proportional_hazards(u, 1.0) == pytest.approx(u, rel=4e-16)


@given(
    u=st.floats(min_value=1e-300, max_value=0.5),
    a=st.floats(min_value=0.5, max_value=20.0),
    b=st.floats(min_value=0.5, max_value=20.0),
)
def test_hazard_ratios_multiply(u, a, b):
    # The survival 1 - u' is at least 1/16 here, known to 1e-16.
    combined = proportional_hazards(proportional_hazards(u, a), b)
    assert combined == pytest.approx(proportional_hazards(u, a * b), rel=1e-14)


@given(u=uniforms, low=hazard_ratios, high=hazard_ratios)
def test_higher_hazard_is_never_later(u, low, high):
    low, high = sorted((low, high))
    late = weibull_quantile(proportional_hazards(u, low), 100.0, 0.89)
    early = weibull_quantile(proportional_hazards(u, high), 100.0, 0.89)
    assert early <= late * (1 + 1e-12)


@given(
    u=st.floats(min_value=1e-12, max_value=0.9),
    hazard_ratio=st.floats(min_value=0.25, max_value=20.0),
    shape=shapes,
)
def test_hazard_ratio_of_a_weibull_scales_its_median(u, hazard_ratio, shape):
    moved = weibull_quantile(proportional_hazards(u, hazard_ratio), 100.0, shape)
    median = 100.0 * hazard_ratio ** (-1.0 / shape)
    assert moved == pytest.approx(weibull_quantile(u, median, shape), rel=1e-11)


@pytest.mark.parametrize(
    "quantile",
    [
        partial(exponential_quantile, rate=0.1),
        partial(weibull_quantile, median=100.0, shape=0.89),
        partial(lognormal_quantile, median=100.0, sigma=1.1),
    ],
    ids=["exponential", "Weibull", "lognormal"],
)
def test_without_hazard_the_event_never_happens(quantile):
    assert quantile(proportional_hazards(SMALLEST, 0.0)) == NEVER
