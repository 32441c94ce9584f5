"""CEAC, CEAF and expected loss against counting by hand and against the incremental analysis."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim.analyses.psa.acceptability import (
    ceac,
    ceaf,
    expected_loss,
    share_errors,
    switching_thresholds,
)
from sim.economics.incremental import Strategy, optimal

# Four draws of three strategies, counted by hand at 0, 20 000 and 50 000 per QALY.
COSTS = np.array([[10e3, 30e3, 90e3], [10e3, 40e3, 80e3], [20e3, 30e3, 90e3], [10e3, 30e3, 70e3]])
QALYS = np.array([[1.0, 1.5, 3.0], [1.0, 3.0, 2.0], [1.0, 1.5, 2.0], [1.0, 1.0, 2.0]])
GRID = np.array([0.0, 20e3, 50e3])

# Whole numbers, so that ties and dominance are frequent and sums are exact.
shapes = st.tuples(st.integers(1, 8), st.integers(1, 5))


@st.composite
def drawn_results(draw):
    shape = draw(shapes)
    values = st.integers(0, 12).map(float)
    return draw(arrays(float, shape, elements=values)), draw(arrays(float, shape, elements=values))


def test_ceac_counts_the_draws_in_which_a_strategy_is_best():
    # NMB at 20 000: [10, 0, -30], [10, 20, -40], [0, 0, -50], [10, -10, -30] thousand; at
    # 50 000: [40, 45, 60], [40, 110, 20], [30, 45, 10], [40, 20, 30] thousand.
    expected = [[1.0, 0.0, 0.0], [2.5 / 4, 1.5 / 4, 0.0], [0.25, 0.5, 0.25]]
    np.testing.assert_array_equal(ceac(COSTS, QALYS, GRID), expected)


def test_expected_loss_is_the_mean_of_what_is_forgone():
    # At 50 000: best 60, 110, 45, 40 thousand, mean 63.75; means 37.5, 55, 30.
    loss = expected_loss(COSTS, QALYS, GRID)
    np.testing.assert_allclose(loss.value[2], [26250.0, 8750.0, 33750.0], rtol=1e-12)
    forgone = np.array([20e3, 70e3, 15e3, 0.0])
    assert loss.se[2, 0] == pytest.approx(np.std(forgone, ddof=1) / 2.0, rel=1e-12)


@given(drawn_results())
def test_ceac_sums_to_one_over_strategies_and_lies_between_zero_and_one(results):
    curves = ceac(*results, np.linspace(0.0, 5.0, 11))
    assert ((curves >= 0.0) & (curves <= 1.0)).all()
    np.testing.assert_allclose(curves.sum(axis=1), 1.0, rtol=0, atol=1e-12)


@given(drawn_results(), st.randoms(use_true_random=False))
def test_the_order_of_strategies_does_not_matter(results, random):
    costs, qalys = results
    order = list(range(costs.shape[1]))
    random.shuffle(order)
    grid = np.linspace(0.0, 5.0, 11)
    curves, shuffled = ceac(costs, qalys, grid), ceac(costs[:, order], qalys[:, order], grid)
    np.testing.assert_array_equal(shuffled, curves[:, order])
    thresholds = [switch.threshold for switch in ceaf(costs, qalys, grid).switches]
    again = ceaf(costs[:, order], qalys[:, order], grid).switches
    assert [switch.threshold for switch in again] == thresholds


@given(drawn_results())
def test_the_frontier_follows_the_most_expected_net_benefit(results):
    costs, qalys = results
    grid = np.linspace(0.0, 7.0, 15) + 0.013
    found = ceaf(costs, qalys, grid)
    means = [
        Strategy(str(s), float(costs[:, s].mean()), float(qalys[:, s].mean()))
        for s in range(costs.shape[1])
    ]
    for threshold, strategy in zip(grid, found.strategy, strict=True):
        chosen, best = means[strategy], means[int(optimal(means, threshold))]
        assert threshold * chosen.effect - chosen.cost == pytest.approx(
            threshold * best.effect - best.cost, abs=1e-9
        )
    shares = ceac(costs, qalys, grid)
    np.testing.assert_array_equal(found.probability, shares[np.arange(15), found.strategy])
    np.testing.assert_array_equal(found.se, share_errors(found.probability, len(costs)))


@given(drawn_results())
def test_the_frontier_switches_where_expected_net_benefits_cross(results):
    costs, qalys = results
    mean_cost, mean_qaly = costs.mean(axis=0), qalys.mean(axis=0)
    for threshold, before, after in ceaf(costs, qalys, [1.0]).switches:
        benefits = threshold * mean_qaly - mean_cost
        assert benefits[before] == pytest.approx(benefits[after], abs=1e-9)
        assert benefits[before] == pytest.approx(benefits.max(), abs=1e-9)


def test_a_switch_off_the_grid_is_exact():
    costs, qalys = np.array([[0.0, 10.0, 40.0]]), np.array([[0.0, 1.0, 2.0]])
    assert switching_thresholds(costs[0], qalys[0]) == ((10.0, 0, 1), (30.0, 1, 2))
    assert ceaf(costs, qalys, [9.0, 10.0, 11.0, 29.0, 31.0]).strategy.tolist() == [0, 0, 1, 1, 2]


@given(drawn_results())
def test_the_least_expected_loss_is_that_of_the_best_strategy(results):
    costs, qalys = results
    grid = np.linspace(0.0, 7.0, 8) + 0.013
    loss, best = expected_loss(costs, qalys, grid).value, ceaf(costs, qalys, grid).strategy
    assert (loss >= 0.0).all()
    np.testing.assert_allclose(loss[np.arange(8), best], loss.min(axis=1), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("costs", "qalys", "thresholds", "problem"),
    [
        ([1.0], [1.0], [1.0], "by draw and strategy"),
        ([[1.0, 2.0]], [[1.0]], [1.0], "by draw and strategy"),
        (np.empty((0, 2)), np.empty((0, 2)), [1.0], "by draw and strategy"),
        ([[1.0]], [[1.0]], [-1.0], "at least 0"),
        ([[np.nan]], [[1.0]], [1.0], "must be finite"),
    ],
)
def test_what_is_not_a_set_of_draws_is_refused(costs, qalys, thresholds, problem):
    with pytest.raises(ValueError, match=problem):
        ceac(costs, qalys, thresholds)
