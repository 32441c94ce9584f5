"""Increments between strategies in the same patients: signs, errors, ratios, net benefit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim.economics.estimates import Estimate, mean
from sim.economics.incremental import PatientTotals, increment, paired_difference

N = 5000
amounts = st.floats(-1e6, 1e6, allow_subnormal=False)
tables = st.integers(2, 30).flatmap(lambda n: arrays(np.float64, (6, n), elements=amounts))


def pair(table):
    """Return two strategies from six rows: costs, QALYs, life-years of each."""
    return PatientTotals("A", *table[:3]), PatientTotals("B", *table[3:])


def at(cost, qalys):
    """Return an increment that is `cost` and `qalys` for each of two patients."""
    zero = np.zeros(2)
    new = PatientTotals("new", zero + cost, zero + qalys, zero)
    return increment(new, PatientTotals("old", zero, zero, zero))


def correlated(seed=3):
    """Return two strategies whose patients share their luck: shared sd 4, own sd 1 in QALYs."""
    rng = np.random.default_rng(seed)
    luck = rng.normal(0.0, 4.0, N)
    new, old = (luck + rng.normal(shift, 1.0, N) for shift in (6.0, 5.0))
    costs = [20_000.0 * x + rng.normal(base, 5_000.0, N) for x, base in ((new, 4e4), (old, 1e4))]
    return PatientTotals("new", costs[0], new, new), PatientTotals("old", costs[1], old, old)


def test_paired_error_is_that_of_numpy_and_below_the_unpaired():
    """With shared sd 4 and own sd 1 the paired error is a quarter of the unpaired; < 0.3."""
    new, old = correlated()
    paired = paired_difference(new.qalys, old.qalys)
    difference = new.qalys - old.qalys
    assert paired.mean == pytest.approx(np.mean(difference), rel=1e-12)
    assert paired.se == pytest.approx(np.std(difference, ddof=1) / math.sqrt(N), rel=1e-12)
    unpaired = math.hypot(mean(new.qalys).se, mean(old.qalys).se)
    assert paired.se < 0.3 * unpaired


@given(tables)
def test_an_increment_is_the_difference_of_the_means(table):
    a, b = pair(table)
    result = increment(a, b)
    for name in ("cost", "qalys", "life_years"):
        expected = mean(getattr(a, name)).mean - mean(getattr(b, name)).mean
        assert getattr(result, name).mean == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(tables)
def test_identical_strategies_differ_by_exactly_nothing(table):
    a, _ = pair(table)
    result = increment(a, a._replace(name="B"))
    assert result.cost == result.qalys == result.life_years == Estimate(0.0, 0.0)
    assert result.nmb(30_000.0) == result.nhb(30_000.0) == Estimate(0.0, 0.0)
    assert result.icer is None
    assert result.icer_se is None
    assert result.quadrant == "equal"


@given(tables, st.floats(1.0, 1e6))
def test_exchanging_the_strategies_flips_every_sign_exactly(table, threshold):
    a, b = pair(table)
    there, back = increment(a, b), increment(b, a)
    assert (back.strategy, back.comparator) == ("B", "A")
    outcomes = [
        (r.cost, r.qalys, r.life_years, r.nmb(threshold), r.nhb(threshold)) for r in (there, back)
    ]
    for forward, backward in zip(*outcomes, strict=True):
        assert backward == Estimate(-forward.mean, forward.se)
    assert back.icer == there.icer
    assert back.icer_se == there.icer_se
    assert (there.quadrant, back.quadrant) in {
        ("more effective and costlier", "less effective and cheaper"),
        ("less effective and cheaper", "more effective and costlier"),
        ("dominant", "dominated"),
        ("dominated", "dominant"),
        ("equal", "equal"),
    }


@pytest.mark.parametrize(
    ("cost", "qalys", "quadrant", "icer"),
    [
        (30_000.0, 2.0, "more effective and costlier", 15_000.0),
        (-30_000.0, 2.0, "dominant", -15_000.0),
        (30_000.0, -2.0, "dominated", -15_000.0),
        (-30_000.0, -2.0, "less effective and cheaper", 15_000.0),
        (0.0, 2.0, "dominant", 0.0),
        (0.0, -2.0, "dominated", 0.0),
        (30_000.0, 0.0, "dominated", None),
        (-30_000.0, 0.0, "dominant", None),
        (0.0, 0.0, "equal", None),
    ],
)
def test_every_quadrant_and_axis_of_the_plane(cost, qalys, quadrant, icer):
    result = at(cost, qalys)
    assert result.quadrant == quadrant
    assert result.icer == icer


@pytest.mark.parametrize("threshold", [10_000.0, 20_000.0])
@pytest.mark.parametrize("cost", [-30_000.0, 30_000.0])
@pytest.mark.parametrize("qalys", [-2.0, 2.0])
def test_net_benefit_decides_as_the_ratio_does_in_its_quadrant(cost, qalys, threshold):
    """More effective: worth it when the ratio is below the threshold; less effective: above."""
    result = at(cost, qalys)
    worth_it = result.icer < threshold if qalys > 0 else result.icer > threshold
    assert (result.nmb(threshold).mean > 0) == worth_it
    assert (result.nhb(threshold).mean > 0) == worth_it


def test_icer_is_the_ratio_of_means_and_not_the_mean_of_ratios():
    """Costs 10 and 50 for QALYs 1 and 2: 60 / 3 = 20; the mean of the ratios is 17.5."""
    zero = np.zeros(2)
    new = PatientTotals("new", np.array([10.0, 50.0]), np.array([1.0, 2.0]), zero)
    assert increment(new, PatientTotals("old", zero, zero, zero)).icer == 20.0


def test_error_of_the_icer_is_the_delta_method_with_the_covariance():
    new, old = correlated()
    result = increment(new, old)
    cost, qalys = new.cost - old.cost, new.qalys - old.qalys
    ratio = np.mean(cost) / np.mean(qalys)
    covariance = np.cov(cost, qalys, ddof=1) / N
    gradient = np.array([1.0, -ratio]) / np.mean(qalys)
    assert result.icer == pytest.approx(ratio, rel=1e-12)
    assert result.icer_se == pytest.approx(math.sqrt(gradient @ covariance @ gradient), rel=1e-9)


def test_error_of_the_icer_is_that_of_the_bootstrap():
    """n = 5,000, 1,000 resamples of patients, within 10 %: the bootstrap's own error is 2 %."""
    new, old = correlated()
    cost, qalys = new.cost - old.cost, new.qalys - old.qalys
    rng = np.random.default_rng(17)
    draws = rng.integers(0, N, size=(1000, N))
    ratios = [cost[draw].mean() / qalys[draw].mean() for draw in draws]
    assert increment(new, old).icer_se == pytest.approx(np.std(ratios, ddof=1), rel=0.1)


def test_net_benefit_and_its_error_follow_from_variances_and_covariance():
    new, old = correlated()
    result = increment(new, old)
    threshold = 30_000.0
    covariance = np.cov(new.cost - old.cost, new.qalys - old.qalys, ddof=1) / N
    weights = np.array([-1.0, threshold])
    nmb = result.nmb(threshold)
    assert nmb.mean == pytest.approx(threshold * result.qalys.mean - result.cost.mean, rel=1e-10)
    assert nmb.se == pytest.approx(math.sqrt(weights @ covariance @ weights), rel=1e-9)
    nhb = result.nhb(threshold)
    assert nhb.mean == pytest.approx(nmb.mean / threshold, rel=1e-10)
    assert nhb.se == pytest.approx(nmb.se / threshold, rel=1e-10)


def test_net_benefit_is_zero_at_the_icer():
    """To 1e-9 of the cost increment."""
    result = increment(*correlated())
    assert result.nmb(result.icer).mean == pytest.approx(0.0, abs=1e-9 * result.cost.mean)


def test_one_patient_has_increments_without_errors():
    new = PatientTotals("new", [5.0], [1.0], [1.0])
    result = increment(new, PatientTotals("old", [1.0], [0.5], [0.5]))
    assert result.cost.mean == 4.0
    assert result.icer == 8.0
    assert math.isnan(result.cost.se)
    assert math.isnan(result.icer_se)


def test_a_ratio_beyond_all_numbers_is_undefined():
    assert at(1e300, 1e-300).icer is None


def test_different_patients_are_refused():
    with pytest.raises(ValueError, match="same patients"):
        paired_difference([1.0, 2.0], [1.0])


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan])
def test_net_health_benefit_needs_a_threshold(threshold):
    with pytest.raises(ValueError, match="threshold"):
        at(1.0, 1.0).nhb(threshold)
