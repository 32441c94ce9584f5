"""Estimates and their Monte Carlo errors, against numpy, scipy, formulas and the bootstrap."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ecdf

from sim.economics.estimates import (
    Estimate,
    mean,
    median,
    percent,
    restricted_mean,
    survival_curve,
    survival_percent,
)

INF = math.inf
samples = arrays(np.float64, st.integers(2, 40), elements=st.floats(-1e6, 1e6))


def lognormal(n, seed=11, sigma=1.1):
    return np.random.default_rng(seed).lognormal(mean=5.0, sigma=sigma, size=n)


@given(samples)
def test_mean_and_error_are_those_of_numpy(values):
    estimate = mean(values)
    assert estimate.mean == pytest.approx(np.mean(values), rel=1e-12, abs=1e-9)
    assert estimate.se == pytest.approx(
        np.std(values, ddof=1) / math.sqrt(len(values)), rel=1e-9, abs=1e-9
    )


def test_mean_and_error_by_hand():
    """1, 2, 6: mean 3, squares 4 + 1 + 9 = 14, se = sqrt(14 / 2 / 3)."""
    assert mean([1.0, 2.0, 6.0]) == Estimate(3.0, pytest.approx(math.sqrt(7.0 / 3.0)))


def test_mean_does_not_depend_on_the_order_of_summation():
    """1e16 swallows 1 in a plain sum; every order of an exact sum gives the same bits."""
    orders = permutations([1e16, 1.0, -1e16, 1.0, 3.0])
    assert {mean(order) for order in orders} == {mean([1e16, 1.0, -1e16, 1.0, 3.0])}
    assert mean([1e16, 1.0, -1e16, 1.0, 3.0]).mean == 1.0


def test_equal_values_have_no_error():
    assert mean([0.1] * 7).se == pytest.approx(0.0, abs=1e-16)
    assert mean([5.0] * 7) == Estimate(5.0, 0.0)


def test_one_patient_has_no_error_and_none_has_no_mean():
    one = mean([5.0])
    assert one.mean == 5.0
    assert math.isnan(one.se)
    for nothing in (mean([]), percent([]), median([])):
        assert math.isnan(nothing.mean)
        assert math.isnan(nothing.se)


@pytest.mark.parametrize("bad", [math.nan, INF, -INF])
def test_a_mean_of_values_that_are_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        mean([1.0, bad])


@pytest.mark.parametrize(("happened", "n"), [(0, 10), (1, 10), (37, 100), (250, 1000), (9, 9)])
def test_percent_is_the_binomial_formula(happened, n):
    p = happened / n
    estimate = percent([True] * happened + [False] * (n - happened))
    assert estimate.mean == pytest.approx(100 * p)
    assert estimate.se == pytest.approx(100 * math.sqrt(p * (1 - p) / n), abs=1e-14)


def test_percent_takes_ones_and_zeros_and_nothing_else():
    assert percent([1, 0, 1, 0]) == percent([True, False, True, False])
    for bad in (math.nan, 2.0, 0.5):
        with pytest.raises(ValueError, match="true or false"):
            percent([1.0, bad])


def test_percent_error_covers_the_truth_as_often_as_it_says():
    """2,000 samples of n = 400 at p = 0.3: 95 % +- 2 % of intervals hold 30 %. Seed 5."""
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(2000):
        estimate = percent(rng.random(400) < 0.3)
        covered += abs(estimate.mean - 30.0) <= 1.96 * estimate.se
    assert covered / 2000 == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 100, 101])
def test_median_and_curve_are_those_of_kaplan_and_meier(n):
    times = lognormal(n)
    curve = ecdf(times).sf
    assert median(times).mean == curve.quantiles[curve.probabilities <= 0.5 + 1e-12][0]
    grid = np.concatenate([[0.0], np.sort(times), np.sort(times) + 1e-6, [1e5]])
    assert survival_curve(times, grid) == pytest.approx(curve.evaluate(grid), abs=1e-12)


def test_ties_are_those_of_kaplan_and_meier():
    times = np.array([3.0, 1.0, 3.0, 2.0, 3.0, 2.0, 7.0, 3.0])
    curve = ecdf(times).sf
    grid = np.arange(0.0, 9.0, 0.5)
    assert survival_curve(times, grid) == pytest.approx(curve.evaluate(grid), abs=1e-12)
    assert median(times).mean == curve.quantiles[curve.probabilities <= 0.5][0]


@pytest.mark.parametrize("sigma", [0.5, 1.1])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_error_of_the_median_is_that_of_the_bootstrap(seed, sigma):
    """Lognormal, n = 2,000, 1,000 resamples, within 15 %.

    The bootstrap's own Monte Carlo error is 2 %; the rest is the two estimates of the density.
    """
    sample = lognormal(2000, seed=seed, sigma=sigma)
    rng = np.random.default_rng(100 + seed)
    medians = [np.median(rng.choice(sample, size=2000)) for _ in range(1000)]
    assert median(sample).se == pytest.approx(np.std(medians, ddof=1), rel=0.15)


def test_error_of_the_median_is_the_asymptotic_one():
    """Exponential quantiles at n = 100,001: se = 1 / (2 f sqrt(n)) with f = 1/2 at ln 2; 1 %."""
    n = 100_001
    quantiles = -np.log1p(-(np.arange(n) + 0.5) / n)
    estimate = median(quantiles)
    assert estimate.mean == pytest.approx(math.log(2.0), rel=1e-9)
    assert estimate.se == pytest.approx(1.0 / math.sqrt(n), rel=0.01)


def test_error_of_the_median_by_hand():
    """n = 100: ranks floor(50 - 9.8) = 40 and ceil(50 + 9.8) = 60; of the squares 1..100^2."""
    squares = np.arange(1.0, 101.0) ** 2
    expected = 5.0 * (60.0**2 - 40.0**2) / 20.0
    assert median(squares[::-1]) == Estimate(2500.0, pytest.approx(expected))


def test_a_median_that_is_not_reached_is_infinite():
    times = [1.0, 2.0, INF, INF, INF]
    assert median(times).mean == INF
    assert math.isnan(median(times).se)


def test_a_median_whose_upper_limit_is_not_reached_has_no_error():
    """n = 100: the limits are ranks 40 and 60."""
    reached = median([float(i) for i in range(60)] + [INF] * 40)
    not_reached = median([float(i) for i in range(59)] + [INF] * 41)
    assert math.isfinite(reached.se)
    assert not_reached.mean == 49.0
    assert math.isnan(not_reached.se)


def test_exactly_half_with_an_event_is_a_median_that_is_reached():
    assert median([1.0, 2.0, INF, INF]).mean == 2.0


def test_a_median_of_no_number_is_refused():
    with pytest.raises(ValueError, match="numbers"):
        median([1.0, math.nan, INF])


def test_survival_counts_those_alive_strictly_after_the_time():
    times = [10.0, 20.0, 20.0, INF]
    assert survival_percent(times, 20.0) == percent([False, False, False, True])
    assert survival_percent(times, 19.999) == percent([False, True, True, True])
    assert survival_curve(times, [0.0, 10.0, 20.0, 1e9]).tolist() == [1.0, 0.75, 0.25, 0.25]


@given(samples, st.floats(-1e6, 1e6))
def test_the_curve_passes_through_the_landmark(values, at):
    assert 100 * survival_curve(values, [at])[0] == pytest.approx(survival_percent(values, at).mean)


def test_restricted_mean_is_the_area_under_the_curve():
    """Trapezium rule on 200,001 points of a step curve of 500 patients, tolerance 1e-3 days."""
    times = lognormal(500)
    times[::7] = INF
    grid = np.linspace(0.0, 365.25, 200_001)
    area = np.trapezoid(survival_curve(times, grid), grid)
    assert restricted_mean(times, 365.25).mean == pytest.approx(area, abs=1e-3)
    assert restricted_mean(times, 365.25) == mean(np.minimum(times, 365.25))


def test_the_curve_of_nobody_is_not_a_number():
    assert np.isnan(survival_curve([], [0.0, 1.0])).all()
