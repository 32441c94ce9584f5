"""Discounting at annual effective rates, against quadrature, hand values and `math`.

Tolerances are relative. 1e-12 is the quadrature's own limit on these smooth integrands and
far above the few roundings of the closed form.
"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from sim.economics.discounting import Discounting, discount_factor, discounted_days

YEAR = 365.25
rates = st.floats(0.0, 0.2)
times = st.floats(0.0, 100 * YEAR)


def quadrature(start_days, end_days, rate):
    value, _ = quad(
        lambda t: (1.0 + rate) ** (-t / YEAR), start_days, end_days, epsabs=0, epsrel=1e-13
    )
    return value


@pytest.mark.parametrize("rate", [1e-9, 1e-4, 0.015, 0.03, 0.035, 0.06, 0.2])
@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 1), (0, 28), (3.5, 3.5001), (100, 465.25), (0, 40 * YEAR), (20 * YEAR, 80 * YEAR)],
)
def test_discounted_days_are_the_integral_of_the_factor(rate, start, end):
    assert discounted_days(start, end, rate) == pytest.approx(
        quadrature(start, end, rate), rel=1e-12
    )


def test_a_lump_sum_after_two_years_is_divided_by_the_square_of_one_plus_the_rate():
    assert discount_factor(2 * YEAR, 0.03) == pytest.approx(1 / 1.03**2, rel=1e-15)


def test_today_is_not_discounted():
    assert discount_factor(0.0, 0.035) == 1.0


def test_stream_of_one_year_at_three_percent_by_hand():
    """(1 - 1/1.03) / ln(1.03) = 0.0291262136 / 0.0295588022 = 0.985365145 of a year."""
    assert discounted_days(0.0, YEAR, 0.03) / YEAR == pytest.approx(0.985365145, abs=1e-8)


def test_the_rate_is_effective_and_not_the_force_of_interest():
    """Taken as a force, 3.5 % makes 40 years worth 21.526 years; they are worth 21.727, 0.93 % more."""
    effective = discounted_days(0.0, 40 * YEAR, 0.035) / YEAR
    as_a_force = (1.0 - math.exp(-0.035 * 40)) / 0.035
    assert effective == pytest.approx(21.727, abs=5e-4)
    assert as_a_force == pytest.approx(21.526, abs=5e-4)
    assert 100 * (effective - as_a_force) / as_a_force == pytest.approx(0.93, abs=0.005)


@given(times, times)
def test_rate_zero_gives_exactly_the_length(start, end):
    assert discounted_days(start, end, 0.0) == end - start
    assert discount_factor(end, 0.0) == 1.0


@given(times, times, times, rates)
def test_intervals_add_up(a, b, c, rate):
    """Absolute tolerance 1e-9 days: three intervals of up to 36,525 days, each rounded."""
    start, middle, end = sorted((a, b, c))
    parts = discounted_days(start, middle, rate) + discounted_days(middle, end, rate)
    assert parts == pytest.approx(discounted_days(start, end, rate), rel=1e-13, abs=1e-9)


@given(times, times, rates)
def test_exchanged_limits_change_the_sign(start, end, rate):
    assert discounted_days(end, start, rate) == pytest.approx(
        -discounted_days(start, end, rate), rel=1e-13, abs=1e-300
    )


@given(times, st.floats(0.0, 100 * YEAR), rates)
def test_discounted_is_never_more_than_undiscounted(start, length, rate):
    end = start + length
    assert 0.0 <= discounted_days(start, end, rate) <= end - start
    assert 0.0 < discount_factor(start, rate) <= 1.0


@given(st.floats(1.0, 100 * YEAR), st.floats(0.0, 0.1), st.floats(1e-4, 0.1))
def test_a_higher_rate_is_worth_less(time, rate, more):
    assert discount_factor(time, rate + more) < discount_factor(time, rate)
    assert discounted_days(0.0, time, rate + more) < discounted_days(0.0, time, rate)


@pytest.mark.parametrize("rate", [1e-18, 1e-15, 1e-12, 1e-9, 1e-6])
def test_tiny_rates_lose_no_digits(rate):
    """Against the second-order expansion in force * length, whose error is under 1e-16 here."""
    length = YEAR
    x = math.log1p(rate)
    assert discounted_days(0.0, length, rate) == pytest.approx(
        length * (1.0 - x / 2.0 + x * x / 6.0), rel=4e-16
    )
    assert Discounting(rate).force_per_day == pytest.approx(math.log1p(rate) / YEAR, rel=1e-15)


@pytest.mark.parametrize("length", [1e-12, 1e-9, 1e-6, 1e-3])
def test_tiny_intervals_lose_no_digits(length):
    """Over so short a time the factor is constant to 1e-7 of itself times the length in days."""
    factor_at_middle = math.exp(-math.log1p(0.035) * length / 2.0 / YEAR)
    assert discounted_days(0.0, length, 0.035) == pytest.approx(
        length * factor_at_middle, rel=1e-15
    )


@given(times, times, rates)
def test_one_object_gives_what_the_functions_give(start, end, rate):
    discounting = Discounting(rate)
    assert discounting.factor(start) == discount_factor(start, rate)
    assert discounting.days(start, end) == discounted_days(start, end, rate)


@pytest.mark.parametrize("rate", [-0.01, -1.0, math.nan, math.inf])
def test_a_negative_or_infinite_rate_is_refused(rate):
    with pytest.raises(ValueError, match="annual discount rate"):
        Discounting(rate)
