"""Intervals and standard errors agree with scipy, with hand calculation and with printed trials."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.evidence.study import (
    Endpoint,
    error_of_interval,
    exact_interval,
    log,
    logit,
    logit_error,
    unchanged,
)

Z = 1.959963984540054


def endpoint(word="response", **changes):
    kept = {"arm": "a", "endpoint": word, "source": "s", "place": "p", "role": "described"}
    return Endpoint.model_validate({**kept, "why": "", **changes})


@st.composite
def counts(draw):
    n = draw(st.integers(1, 2000))
    return draw(st.integers(0, n)), n


@given(counts(), st.floats(60, 99.5))
def test_exact_interval_is_that_of_scipy(counted, level):
    events, n = counted
    expected = stats.binomtest(events, n).proportion_ci(level / 100, method="exact")
    assert exact_interval(events, n, level) == pytest.approx(
        (100 * expected.low, 100 * expected.high), abs=1e-6
    )


def test_exact_interval_is_what_tower_printed():
    # Kantarjian 2017: 119 of 271 responded, 44 % (95 % CI 38 to 50); 33 of 134, 25 % (18 to 33).
    assert exact_interval(119, 271, 95) == pytest.approx((37.9, 50.0), abs=0.06)
    assert exact_interval(33, 134, 95) == pytest.approx((17.6, 32.8), abs=0.06)


def test_logit_error_is_the_delta_method_on_the_share():
    n, share = 200, 0.3
    error_of_share = math.sqrt(share * (1 - share) / n)
    assert logit_error(60, n) == pytest.approx(error_of_share / (share * (1 - share)))


def test_logit_error_without_events_is_finite_and_symmetric():
    assert logit_error(0, 20) == logit_error(20, 20) == pytest.approx(math.sqrt(2 + 1 / 20.5))


@given(st.floats(-3, 3), st.floats(0.05, 1), st.sampled_from([90.0, 95.0, 97.5]))
def test_error_comes_back_from_a_normal_interval(middle, error, level):
    z = stats.norm.ppf((1 + level / 100) / 2)
    ends = [middle - z * error, middle + z * error]
    months = tuple(math.exp(end) for end in ends)
    percents = tuple(100 / (1 + math.exp(-end)) for end in ends)

    def of(value, interval, scale):
        return error_of_interval(value, interval, level, scale)

    value = math.exp(middle)
    assert of(100 / (1 + math.exp(-middle)), percents, logit) == pytest.approx(error)
    assert of(middle, tuple(ends), unchanged) == pytest.approx(error)
    assert of(value, months, log) == pytest.approx(error)
    assert of(value, (months[0], None), log) == pytest.approx(error)
    assert of(value, (None, months[1]), log) == pytest.approx(error)
    assert of(value, (0.0, months[1]), log) == pytest.approx(error)


def test_hazard_ratio_of_inovate_has_the_error_of_its_own_level():
    # INO-VATE: 0.751, 97.5 % interval 0.568 to 0.993; z of 97.5 % is 2.2414.
    ratio = endpoint(
        "os_hazard_ratio", value=0.751, interval=[0.568, 0.993], level=97.5, against="b"
    )
    assert ratio.standard_error == pytest.approx(math.log(0.993 / 0.568) / (2 * 2.2414), rel=1e-4)


def test_share_is_weighed_by_its_counts_and_a_landmark_by_its_interval():
    printed = {"n": 100, "events": 40, "value": 40.0, "interval": [25, 55], "level": 95}
    by_counts = math.sqrt(1 / 40 + 1 / 60)
    by_interval = (math.log(55 / 45) - math.log(25 / 75)) / (2 * Z)
    assert endpoint(**printed).standard_error == pytest.approx(by_counts)
    landmark = endpoint("os_percent", at_months=12, **printed)
    assert landmark.standard_error == pytest.approx(by_interval)


def test_landmark_with_a_number_at_risk_alone_is_weighed_as_a_share():
    landmark = endpoint("os_percent", at_months=12, n=50, value=20.0)
    assert landmark.standard_error == pytest.approx(math.sqrt(1 / 10 + 1 / 40))


@pytest.mark.parametrize(
    "printed",
    [
        {"endpoint": "os_median_months", "value": 7.7},
        {"endpoint": "os_median_months", "value": 7.7, "n": 271},
        {"endpoint": "os_median_months", "value": None, "interval": [4.0, None], "level": 95},
        {"endpoint": "os_median_months", "value": 4.0, "interval": [4.0, None], "level": 95},
        {"endpoint": "response", "value": 40.0},
    ],
)
def test_error_is_unknown_where_nothing_says_it(printed):
    assert endpoint(printed.pop("endpoint"), **printed).standard_error is None


def test_interval_is_printed_or_exact_or_unknown():
    assert endpoint(n=10, events=5, value=50.0).known_interval == exact_interval(5, 10, 95)
    printed = endpoint(n=10, events=5, value=50.0, interval=[20, 80], level=90)
    assert printed.known_interval == (20, 80)
    assert endpoint(n=10, value=50.0).known_interval is None
    assert endpoint(n=8, events=2).best == 25.0
