"""The full incremental analysis with errors: against the frontier, the bootstrap and Fieller."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.economics.estimates import Estimate
from sim.economics.incremental import (
    Increment,
    PatientTotals,
    Strategy,
    analyse,
    frontier,
    increment,
    previous_on_frontier,
)
from sim.simulation.run import run
from sim.simulation.summary import summarise

N = 400
points = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), min_size=1, max_size=8)


def constant(name, cost, qalys):
    """A strategy that costs and gives the same to each of two patients."""
    return PatientTotals(name, np.full(2, float(cost)), np.full(2, float(qalys)), np.zeros(2))


def sampled(name, cost, qalys, seed):
    """A strategy of N patients whose luck in QALYs is shared by all strategies."""
    luck = np.random.default_rng(0).normal(0.0, 1.0, N)
    own = np.random.default_rng(seed).normal(0.0, 0.3, (2, N))
    effect = qalys + luck + own[0]
    return PatientTotals(name, cost + 5e3 * (luck + own[1]), effect, effect)


@given(points, st.randoms(use_true_random=False))
def test_the_analysis_is_the_frontier_whatever_the_order(drawn, random):
    strategies = [constant(f"s{i}", *point) for i, point in enumerate(drawn)]
    expected = frontier(
        Strategy(f"s{i}", float(cost), float(effect)) for i, (cost, effect) in enumerate(drawn)
    )
    random.shuffle(strategies)
    rows = analyse(strategies, "s0")
    assert [row.name for row in rows] == [row.name for row in expected]
    assert [row.status for row in rows] == [row.status for row in expected]
    assert [row.step and row.step.icer for row in rows] == [row.icer for row in expected]
    assert next(row for row in rows if row.name == "s0").gain.cost == (0.0, 0.0)


def test_errors_are_those_of_paired_differences_with_the_next_cheaper_on_the_frontier():
    a, b, c = (
        sampled(*each, seed)
        for seed, each in enumerate([("A", 1e4, 1.0), ("B", 2e4, 1.2), ("C", 6e4, 3.0)])
    )
    rows = analyse([c, a, b], "A")
    assert [(row.name, row.status) for row in rows] == [
        ("A", "frontier"),
        ("B", "extendedly dominated"),
        ("C", "frontier"),
    ]
    assert rows[0].step is None
    assert rows[1].step is None
    assert rows[2].step == increment(c, a)
    assert rows[1].gain == increment(b, a)
    assert rows[2].gain.nmb(3e4) == increment(c, a).nmb(3e4)


def test_a_reference_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no strategy is called B"):
        analyse([constant("A", 1, 1)], "B")


def at(cost, qalys, cost_se=1.0, qalys_se=0.1, covariance=0.0):
    gain = Estimate(cost, cost_se), Estimate(qalys, qalys_se), Estimate(qalys, qalys_se)
    return Increment("new", "old", *gain, covariance)


@pytest.mark.parametrize("covariance", [-0.05, 0.0, 0.08])
def test_fieller_limits_are_where_the_net_benefit_is_1_96_errors_from_zero(covariance):
    gain = at(20.0, 1.0, covariance=covariance)
    low, high = gain.icer_interval
    assert low < gain.icer < high
    for limit in (low, high):
        benefit = gain.nmb(limit)
        assert abs(benefit.mean / benefit.se) == pytest.approx(1.959963984540054, rel=1e-9)


def test_fieller_limits_are_the_delta_method_where_errors_are_small():
    gain = at(20.0, 1.0, cost_se=0.01, qalys_se=0.001, covariance=5e-6)
    low, high = gain.icer_interval
    assert (high - low) / (2.0 * 1.959963984540054) == pytest.approx(gain.icer_se, rel=1e-4)


def test_fieller_limits_are_undefined_where_the_sign_of_the_effect_is_open():
    assert at(20.0, 0.15).icer_interval is None
    assert at(20.0, 0.0).icer_interval is None
    assert at(20.0, -1.0).icer_interval is not None
    assert at(20.0, 1.0, cost_se=math.nan, qalys_se=math.nan).icer_interval is None
    low, high = at(20.0, 1.0, cost_se=0.0, qalys_se=0.0).icer_interval
    assert low == high == 20.0


def test_fieller_limits_cover_the_ratio():
    # 400 samples of 100 patients with true ICER 3 / 1.5 = 2: 95 % within 4 binomial errors, 4.4 %.
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        luck = rng.normal(0.0, 2.0, 100)
        qalys, cost = 1.5 + luck, 3.0 + luck + rng.normal(0.0, 3.0, 100)
        zero = np.zeros(100)
        gain = increment(
            PatientTotals("new", cost, qalys, qalys), PatientTotals("old", zero, zero, zero)
        )
        low, high = gain.icer_interval
        covered += low <= 2.0 <= high
    assert covered / 400 == pytest.approx(0.95, abs=0.044)


def test_a_run_gives_the_icers_of_its_frontier_their_errors(ask):
    # n = 200; kept patients tell every step, counted ones those over the comparator.
    question = ask("blinatumomab_then_inotuzumab", patients=200)
    kept = summarise(run(question))
    steps = [row for row in kept.frontier if row.icer is not None]
    assert steps
    assert set(kept.steps) == {row.name for row in steps}
    previous = previous_on_frontier(kept.frontier)
    for row in steps:
        step = kept.steps[row.name]
        assert step.against == previous[row.name]
        assert step.icer_se > 0.0
        assert (
            step.icer_interval is None or step.icer_interval[0] < row.icer < step.icer_interval[1]
        )
    counted = summarise(run(question, keep_patients=False))
    for name, step in counted.steps.items():
        assert step.against == "salvage_chemotherapy"
        assert step.icer_se == pytest.approx(kept.steps[name].icer_se, rel=1e-9)
