"""The values of a catalogue: arithmetic, distributions and the limits of units."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.catalog import UNITS
from sim.catalog.distribution import (
    Beta,
    Gamma,
    Lognormal,
    Normal,
    Posterior,
    Uniform,
    distribution_around,
)
from sim.catalog.values import evaluate

# Arithmetic


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("= 119/271", 119 / 271),
        ("= ln(119/152) - ln(33/101)", math.log(119 / 152) - math.log(33 / 101)),
        ("=logit(0.25)", -math.log(3)),
        ("= sqrt(2) ** 2 * -(1 - 3)", 4.0),
        ("= exp(ln(7.7)) / 1e1", 0.77),
        ("= 2 ** -1 + +1", 1.5),
    ],
)
def test_arithmetic_gives_the_number(text, expected):
    assert evaluate(text) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("= ", "cannot be read"),
        ("= 1 +", "cannot be read"),
        ("= (1", "cannot be read"),
        ("= __import__('os')", "the arithmetic holds"),
        ("= (1).real", "the arithmetic holds '1 .real'"),
        ("= x", "the arithmetic holds 'x'"),
        ("= [1][0]", "the arithmetic holds"),
        ("= 'a' * 9", "the arithmetic holds ''a''"),
        ("= True + 1", "the arithmetic holds 'True'"),
        ("= 1 if 1 else 2", "the arithmetic holds"),
        ("= 7 // 2", "the arithmetic holds '7 // 2'"),
        ("= ln(1, 2)", "the arithmetic holds"),
        ("= ln(x=1)", "the arithmetic holds"),
        ("= 9 ** 9 ** 9", "too large"),
        ("= exp(1000)", "too large"),
        ("= 1e999", "finite"),
        ("= ln(-1)", "no real result"),
        ("= ln((-8) ** 0.5)", "no real result"),
        ("= 0 ** -1", "no real result"),
        ("= logit(1)", "divides by zero"),
        ("= " + "-" * 990 + "1", "cannot be read"),
        ("= " + "1 + " * 500 + "1", "longer than 1000 characters"),
    ],
    ids=lambda text: text[:20],
)
def test_arithmetic_refuses_all_else(text, expected):
    with pytest.raises(ValueError, match="arithmetic") as error:
        evaluate(text)
    assert expected in str(error.value)


@given(st.text(alphabet="0123456789.+-*/() elnxpsqrt", max_size=25))
def test_arithmetic_never_fails_in_another_way(text):
    try:
        outcome = evaluate(text)
    except ValueError as error:
        outcome = str(error)
    assert (
        outcome.startswith("the arithmetic") if isinstance(outcome, str) else math.isfinite(outcome)
    )


# Distributions and units


@given(st.floats(0.001, 0.999))
def test_quantiles_are_those_of_scipy(p):
    routes = [
        (Beta(119, 152), stats.beta(119, 152)),
        (Beta.from_mean(0.2, 0.1), stats.beta(3.0, 12.0)),
        (Gamma.from_mean(100.0, 20.0), stats.gamma(25.0, scale=4.0)),
        (Lognormal(0.71, 0.134), stats.lognorm(0.134, scale=0.71)),
        (Normal(-0.1, 0.2), stats.norm(-0.1, 0.2)),
        (Uniform(2.0, 5.0), stats.uniform(2.0, 3.0)),
    ]
    for ours, theirs in routes:
        assert ours.quantile(p) == pytest.approx(theirs.ppf(p), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("family", "spread"),
    [
        ("beta", {"sd": 0.05}),
        ("gamma", {"sd": 0.05}),
        ("gamma", {"cv": 0.125}),
        ("normal", {"sd": 0.05}),
    ],
)
def test_mean_and_spread_are_those_asked_for(family, spread):
    """Integrated over the quantile function by the midpoint rule, n = 20,000; 1e-4 relative."""
    n = 20_000
    made = distribution_around(0.4, family, spread)
    draws = [made.quantile((i + 0.5) / n) for i in range(n)]
    mean = math.fsum(draws) / n
    sd = math.sqrt(math.fsum((x - mean) ** 2 for x in draws) / n)
    assert mean == pytest.approx(0.4, rel=1e-4)
    assert sd == pytest.approx(0.05, rel=1e-3)


def test_lognormal_is_centred_on_its_median():
    """TOWER's hazard ratio of death, 0.71 (0.55 to 0.93): the interval comes back."""
    made = distribution_around(0.71, "lognormal", {"ci": (0.55, 0.93)})
    low, high = made.interval()
    assert made.quantile(0.5) == pytest.approx(0.71)
    assert (low, high) == pytest.approx((0.55, 0.93), rel=0.01)
    assert high / low == pytest.approx(0.93 / 0.55, rel=1e-6)


def test_lognormal_from_a_coefficient_of_variation_has_it():
    made = distribution_around(5.0, "lognormal", {"cv": 0.3})
    theirs = stats.lognorm(made.sigma, scale=5.0)
    assert theirs.std() / theirs.mean() == pytest.approx(0.3, rel=1e-12)


@pytest.mark.parametrize("probability", [0.0, 0.025, 0.3, 0.5, 0.975, 1.0])
def test_quantile_of_draws_is_that_of_numpy(probability):
    draws = [3.0, 1.0, 7.0, 2.0, 11.0, 5.0]
    expected = float(np.quantile(draws, probability))
    assert Posterior.of(draws).quantile(probability) == pytest.approx(expected, rel=1e-12)


def test_interval_is_from_the_2_5_to_the_97_5_percent_quantile():
    assert Normal(10.0, 2.0).interval() == pytest.approx(stats.norm(10.0, 2.0).interval(0.95))


def test_fixed_value_does_not_vary():
    made = distribution_around(28.0, "fixed", {}, "by the label")
    assert made.interval() == (28.0, 28.0)
    assert made.quantile(0.9) == 28.0


@pytest.mark.parametrize(
    ("unit", "allowed", "refused"),
    [
        ("probability", (0.0, 0.5, 1.0), (-0.01, 1.01, math.nan, math.inf)),
        ("utility", (-1.0, 0.0, 1.0), (-1.01, 1.01)),
        ("log odds ratio", (-9.0, 9.0), (math.nan, -math.inf)),
        ("hazard ratio", (0.01, 9.0), (0.0, -1.0)),
        ("count", (0, 3), (1.5, -1)),
        ("annual rate", (0.0, 0.035), (1.0, -0.01)),
        ("USD", (0.0, 1e6), (-1.0, math.nan)),
        ("GBP per QALY", (20000.0,), (-1.0,)),
    ],
)
def test_unit_allows_what_makes_sense_in_it(unit, allowed, refused):
    assert [UNITS[unit].check(value) for value in allowed] == [None] * len(allowed)
    for value in refused:
        assert f"a value in '{unit}' must be" in UNITS[unit].check(value)
