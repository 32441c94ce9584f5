"""EVPI and EVPPI against closed forms, and the order in which they must lie."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from sim.analyses.psa.acceptability import expected_loss
from sim.analyses.voi.information import (
    Null,
    designs,
    effective_population,
    evpi,
    fit,
    normal_scores,
    shuffled,
    splines,
)
from sim.analyses.voi.information import evppi as evppi_at

THRESHOLD = 50_000.0
SCALE = 10_000.0
N = 2500


def unit_normal_loss(mean, sd):
    """E[max(0, X)] - max(0, E[X]) of a normal X."""
    return sd * norm.pdf(mean / sd) + mean * norm.cdf(mean / sd) - max(mean, 0.0)


def results(*differences):
    """Costs and QALYs whose differences in NMB from the first strategy are as given."""
    columns = np.column_stack([np.zeros(len(differences[0])), *differences])
    qalys = np.tile(np.linspace(1.0, 2.0, columns.shape[1]), (len(columns), 1))
    return THRESHOLD * qalys - columns, qalys


def linear(seed, mean, sds, draws=N):
    """Draws of independent normal parameters and the sum of their effects, in currency."""
    z = np.random.default_rng(seed).standard_normal((draws, len(sds)))
    return z, SCALE * (mean + z @ np.array(sds))


def evppi(parameters, costs, qalys, threshold, **known):
    (found,) = evppi_at(parameters, costs, qalys, [threshold], **known)
    return found


def near(found, expected, se):
    """Within 2 %, 3 standard errors, or 0.1 % of the scale of what is worth nearly nothing."""
    return abs(found - expected) <= max(0.02 * expected, 3.0 * se, 0.001 * SCALE)


@pytest.mark.parametrize(
    ("mean", "sd"), [(0.0, 1.0), (0.5, 1.0), (-0.5, 1.0), (1.0, 0.6), (-2.0, 1.0)]
)
def test_evpi_of_a_normal_difference_is_its_unit_normal_loss(mean, sd):
    # n = 20 000 draws; within 2 % or 3 standard errors.
    _, difference = linear(1, mean, [sd], draws=20_000)
    found = evpi(*results(difference), THRESHOLD)
    assert near(found.mean, SCALE * unit_normal_loss(mean, sd), found.se)


def test_the_error_of_evpi_is_that_over_samples():
    # 200 samples of 500 draws: the spread has an error of 5 %; within 20 %.
    found = [
        evpi(*results(linear(seed, 0.5, [1.0], draws=500)[1]), THRESHOLD) for seed in range(200)
    ]
    spread = np.std([each.mean for each in found], ddof=1)
    assert np.mean([each.se for each in found]) == pytest.approx(spread, rel=0.2)


def test_evpi_is_the_least_expected_loss():
    rng = np.random.default_rng(2)
    costs, qalys = rng.normal(50e3, 20e3, (300, 4)), rng.normal(2.0, 0.5, (300, 4))
    grid = np.array([0.0, 20e3, 50e3, 100e3])
    loss = expected_loss(costs, qalys, grid)
    least = loss.value.argmin(axis=1)
    for k, threshold in enumerate(grid.tolist()):
        expected = (loss.value[k, least[k]], loss.se[k, least[k]])
        np.testing.assert_allclose(evpi(costs, qalys, threshold), expected, rtol=1e-10)


def test_evpi_is_zero_where_one_strategy_always_wins():
    _, difference = linear(3, 50.0, [1.0])
    costs, qalys = results(difference)
    assert evpi(costs, qalys, THRESHOLD) == (0.0, 0.0)
    assert evpi(costs[:, :1], qalys[:, :1], THRESHOLD) == (0.0, 0.0)


@pytest.mark.parametrize(("mean", "share"), [(0.0, 0.2), (0.5, 0.6), (-1.0, 0.6), (0.5, 0.95)])
def test_evppi_of_a_normal_difference_is_the_loss_of_its_partial_variance(mean, share):
    # Two parameters hold the shares of the variance; n = 2500; within 2 % or 3 standard errors.
    sds = np.sqrt([share, 1.0 - share])
    z, difference = linear(4, mean, sds)
    for member, sd in enumerate(sds):
        found = evppi(z[:, [member]], *results(difference), THRESHOLD)
        assert near(found.value, SCALE * unit_normal_loss(mean, sd), found.se)


def test_evppi_of_a_group_is_the_loss_of_its_share_of_the_variance():
    # 8 of 10 equal parameters; the group's standard deviation is sqrt(0.8).
    z, difference = linear(5, 0.5, np.full(10, math.sqrt(0.1)))
    found = evppi(z[:, :8], *results(difference), THRESHOLD)
    assert near(found.value, SCALE * unit_normal_loss(0.5, math.sqrt(0.8)), found.se)
    assert found.value > found.null + 4.0 * found.se


def test_evppi_sees_through_any_increasing_change_of_unit():
    z, difference = linear(6, 0.2, [0.7, 0.7])
    costs, qalys = results(difference)
    plain = evppi(z[:, [0]], costs, qalys, THRESHOLD)
    assert evppi(np.exp(3.0 * z[:, [0]]), costs, qalys, THRESHOLD) == plain


def test_evppi_finds_what_only_a_pair_of_parameters_tells():
    # E[max(0, xy)] = E|x| E|y| / 2 = 1 / pi; each alone tells nothing.
    z = np.random.default_rng(7).standard_normal((N, 2))
    outcome = results(SCALE * z[:, 0] * z[:, 1])
    pair = evppi(z, *outcome, THRESHOLD)
    assert near(pair.value, SCALE / math.pi, pair.se)
    alone = evppi(z[:, [0]], *outcome, THRESHOLD)
    assert alone.value < 0.1 * pair.value


def test_evppi_follows_a_curve():
    # E[max(0, x^2 - 1)] = 2 phi(1) for a standard normal x: twice the density at 1.
    z = np.random.default_rng(8).standard_normal((N, 1))
    noise = np.random.default_rng(9).standard_normal(N)
    found = evppi(z, *results(SCALE * (z[:, 0] ** 2 - 1.0 + noise)), THRESHOLD)
    assert near(found.value, SCALE * 2.0 * norm.pdf(1.0), found.se)


def test_evppi_of_three_strategies_is_the_integral_of_the_best():
    # NMB differences x + e and 0.8 - x + e', so that E[max(0, x, 0.8 - x)] is an integral.
    z, _ = linear(10, 0.0, [1.0, 1.0, 1.0])
    outcome = results(SCALE * (z[:, 0] + z[:, 1]), SCALE * (0.8 - z[:, 0] + z[:, 2]))
    best, _ = quad(lambda x: max(0.0, x, 0.8 - x) * norm.pdf(x), -8.0, 8.0, points=[0.4])
    found = evppi(z[:, [0]], *outcome, THRESHOLD)
    assert near(found.value, SCALE * (best - 0.8), found.se)


@pytest.mark.parametrize("mean", [0.0, 0.2, 3.0])
@pytest.mark.parametrize("members", [1, 5])
def test_evppi_of_what_nothing_uses_is_zero_within_its_error(mean, members):
    _, difference = linear(11, mean, [1.0])
    other = np.random.default_rng(12).standard_normal((N, members))
    found = evppi(other, *results(difference), THRESHOLD)
    assert 0.0 <= found.value <= found.null + 3.0 * found.se
    assert not found.exceeds_bias
    # Less than 3 % of what knowing everything is worth where it is worth most.
    assert found.value < 0.03 * SCALE * unit_normal_loss(0.0, 1.0)


def test_evppi_of_nothing_is_zero():
    _, difference = linear(13, 0.1, [1.0])
    outcome = results(difference)
    assert evppi(np.empty((N, 0)), *outcome, THRESHOLD) == (0.0, 0.0, 0.0, 0.0)
    assert evppi(np.ones((N, 1)), *outcome, THRESHOLD) == (0.0, 0.0, 0.0, 0.0)
    alone = np.ones((N, 1))
    assert evppi(difference[:, None], alone, alone, THRESHOLD) == (0.0, 0.0, 0.0, 0.0)


def test_a_known_null_is_taken_over():
    z, difference = linear(14, 0.1, [1.0, 1.0], draws=500)
    outcome = results(difference)
    (null,) = shuffled(z[:, [1]], *outcome, [THRESHOLD])
    assert 0.0 <= null.mean < 0.05 * SCALE
    assert null.sd >= 0.0
    found = evppi(z[:, [0]], *outcome, THRESHOLD, nulls=[Null(7.0, 3.0)])
    assert (found.null, found.null_se) == (7.0, 3.0)
    own = evppi(z[:, [0]], *outcome, THRESHOLD)
    # By its ranks one parameter is as another.
    assert (own.null, own.null_se) == pytest.approx((null.mean, null.sd), abs=0.01 * SCALE)
    assert found.value == own.value


def test_several_thresholds_are_answered_as_one_by_one():
    z, difference = linear(17, 0.1, [1.0, 1.0], draws=300)
    costs, qalys = results(difference)
    both = evppi_at(z[:, [0]], costs, qalys, [20e3, THRESHOLD])
    alone = [*evppi_at(z[:, [0]], costs, qalys, [20e3]), evppi(z[:, [0]], costs, qalys, THRESHOLD)]
    for ours, theirs in zip(both, alone, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)


@settings(max_examples=15)
@given(
    st.lists(st.floats(0.0, 2.0), min_size=3, max_size=3),
    st.floats(-1.5, 1.5),
    st.integers(0, 1000),
)
def test_all_is_worth_more_than_a_group_and_a_group_more_than_a_member(sds, mean, seed):
    # n = 400 draws; within 4 standard errors of both.
    z, difference = linear(seed, mean, sds, draws=400)
    outcome = results(difference)
    everything = evpi(*outcome, THRESHOLD)
    group, member = (evppi(z[:, :m], *outcome, THRESHOLD) for m in (2, 1))
    assert everything.mean >= group.value - 4.0 * math.hypot(everything.se, group.se) - group.null
    assert group.value >= member.value - 4.0 * math.hypot(group.se, member.se) - member.null
    assert member.value >= 0.0


@pytest.mark.slow
@pytest.mark.parametrize(("members", "sd"), [(1, 1.0), (5, 1.0), (20, 1.0), (1, 0.6)])
def test_the_error_of_evppi_covers_the_truth(members, sd):
    # 40 samples of 1000 draws, where the group has 1/9 or less of the variance: the standardised
    # errors have a mean within 0.6 and a standard deviation below 1.3.
    truth = SCALE * unit_normal_loss(0.5, sd)
    rest = math.sqrt(9.0 - sd**2)
    scores = []
    for seed in range(40):
        sds = [*np.full(members, sd / math.sqrt(members)), rest]
        z, difference = linear(seed, 0.5, sds, draws=1000)
        found = evppi(z[:, :members], *results(difference), THRESHOLD)
        scores.append((found.value - truth) / found.se)
    assert abs(np.mean(scores)) < 0.6
    assert np.std(scores) < 1.3


def test_simulated_fits_vary_around_the_expected_ones_with_their_correlation():
    z, difference = linear(15, 0.0, [1.0, 1.0], draws=500)
    noise = np.random.default_rng(16).standard_normal(500)
    targets = np.column_stack([difference, 2.0 * difference, noise])
    found = fit(designs(z[:, [0]], targets), targets, seed=1)
    around = found.simulated - found.expected
    # 100 fits: the mean of each value lies within 5 of its own standard errors.
    assert (np.abs(around.mean(axis=0)) < 0.5 * around.std(axis=0) + 1e-9).all()
    np.testing.assert_allclose(around[:, :, 1], 2.0 * around[:, :, 0], rtol=0, atol=0.01)


@pytest.mark.parametrize("signal", [0.2, 1.0, 5.0])
def test_the_regression_is_that_of_scikit_learn(signal):
    # The same columns; both maximise the evidence, one on a grid, the other by iteration.
    z, _ = linear(18, 0.0, [1.0, 1.0], draws=400)
    target = signal * np.sin(z[:, 0]) + np.random.default_rng(19).standard_normal(400)
    (design,) = designs(z[:, [0]], target[:, None])
    columns = design.left * design.sizes @ design.right
    from sklearn.linear_model import BayesianRidge  # loaded late, for it is heavy

    model = BayesianRidge(tol=1e-9, max_iter=5000).fit(columns, target)
    found = fit([design], target[:, None], seed=0)
    scale = np.std(model.predict(columns))
    np.testing.assert_allclose(
        found.expected[:, 0], model.predict(columns), rtol=0.05, atol=0.03 * scale
    )
    # 100 fits: the spread of each value within 40 %, on average within 4 %.
    spread = found.simulated[:, :, 0].std(axis=0, ddof=1)
    exact = np.sqrt(np.einsum("ij,jk,ik->i", columns, model.sigma_, columns))
    np.testing.assert_allclose(spread, exact, rtol=0.4)
    assert spread.mean() == pytest.approx(exact.mean(), rel=0.08)


def test_normal_scores_are_those_of_the_ranks():
    found = normal_scores(np.array([[30.0], [10.0], [20.0], [40.0]]))
    np.testing.assert_allclose(norm.cdf(found[:, 0]), [0.625, 0.125, 0.375, 0.875], rtol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_splines_and_ranks_are_those_of_the_libraries(ties):
    """To the last bit, also where draws are equal."""
    from scipy.stats import rankdata
    from sklearn.preprocessing import SplineTransformer  # loaded late, for it is heavy

    given = np.random.default_rng(21).normal(size=(200, 3))
    given = np.round(given) if ties else given
    scores = normal_scores(given)
    np.testing.assert_array_equal(scores, norm.ppf((rankdata(given, axis=0) - 0.5) / 200))
    theirs = SplineTransformer(5, knots="quantile", extrapolation="linear", include_bias=False)
    np.testing.assert_array_equal(splines(scores), theirs.fit_transform(scores))


def test_the_population_is_the_integral_of_discounted_patients():
    expected, _ = quad(lambda t: 400.0 * 1.035**-t, 0.0, 10.0)
    assert effective_population(400.0, 10.0, 0.035) == pytest.approx(expected, rel=1e-10)
    assert effective_population(400.0, 10.0, 0.0) == pytest.approx(4000.0, rel=1e-12)
    assert effective_population(400.0, 0.0, 0.035) == 0.0
    with pytest.raises(ValueError, match="at least 0"):
        effective_population(-1.0, 10.0, 0.035)
    with pytest.raises(ValueError, match="at least 0"):
        effective_population(1.0, math.inf, 0.035)
