"""The full incremental analysis: fixtures worked by hand, and net benefit as the second route."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.economics.incremental import FrontierRow, Strategy, frontier, optimal

# Whole costs and effects make ties frequent, and every difference exact.
point = st.tuples(st.integers(0, 40), st.integers(0, 12))
whole = st.lists(point, min_size=1, max_size=8)
real = st.lists(
    st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 20.0).map(lambda x: round(x, 6))),
    min_size=1,
    max_size=8,
)


def named(points):
    return [
        Strategy(f"s{i}", float(cost), float(effect)) for i, (cost, effect) in enumerate(points)
    ]


def test_strict_and_extended_dominance_by_hand():
    """Five strategies.

    D costs 22,000 for 1.8, more than C (20,000) for less than C's 2.0: dominated.
    A to B: 10,000 / 0.25 = 40,000; B to C: 10,000 / 0.75 = 13,333. 40,000 > 13,333, so B is
    extendedly dominated, and C is compared with A: 20,000 / 1.0 = 20,000.
    C to E: 30,000 / 0.5 = 60,000, above 20,000: E stays.
    """
    rows = frontier(
        [
            Strategy("E", 50_000.0, 2.5),
            Strategy("B", 10_000.0, 1.25),
            Strategy("D", 22_000.0, 1.8),
            Strategy("A", 0.0, 1.0),
            Strategy("C", 20_000.0, 2.0),
        ]
    )
    assert rows == [
        FrontierRow("A", 0.0, 1.0, "frontier", None),
        FrontierRow("B", 10_000.0, 1.25, "extendedly dominated", None),
        FrontierRow("C", 20_000.0, 2.0, "frontier", 20_000.0),
        FrontierRow("D", 22_000.0, 1.8, "dominated", None),
        FrontierRow("E", 50_000.0, 2.5, "frontier", 60_000.0),
    ]


def test_one_exclusion_can_bring_about_another():
    """Successive ICERs of 30, 20 and 10 leave the first strategy and the last.

    A (0, 0), B (30, 1), C (50, 2), D (60, 3). C falls to D (20 > 10); then B, since A to B is
    30 and B to D is 30 / 2 = 15. D against A: 60 / 3 = 20.
    """
    rows = frontier(named([(0, 0), (30, 1), (50, 2), (60, 3)]))
    assert [row.status for row in rows] == ["frontier", *["extendedly dominated"] * 2, "frontier"]
    assert rows[-1].icer == 20.0


def test_a_strategy_alone_is_the_frontier():
    assert frontier([Strategy("A", 5.0, 1.0)]) == [FrontierRow("A", 5.0, 1.0, "frontier", None)]
    assert frontier([]) == []


def test_cheapest_and_most_effective_dominates_all():
    rows = frontier(named([(1, 9), (2, 8), (3, 9), (1, 8)]))
    assert [row.status for row in rows] == ["frontier", *["dominated"] * 3]


def test_of_equal_cost_the_more_effective_stands_first():
    rows = frontier([Strategy("A", 5.0, 1.0), Strategy("B", 5.0, 2.0)])
    assert [(row.name, row.status) for row in rows] == [("B", "frontier"), ("A", "dominated")]


def test_of_equal_effect_the_cheaper_dominates():
    rows = frontier([Strategy("A", 6.0, 1.0), Strategy("B", 5.0, 1.0)])
    assert [(row.name, row.status) for row in rows] == [("B", "frontier"), ("A", "dominated")]


def test_strategies_equal_in_both_share_their_row():
    rows = frontier(
        [Strategy("B", 30.0, 2.0), Strategy("base", 10.0, 1.0), Strategy("A", 30.0, 2.0)]
    )
    assert rows[1:] == [
        FrontierRow("A", 30.0, 2.0, "frontier", 20.0),
        FrontierRow("B", 30.0, 2.0, "frontier", 20.0),
    ]


def test_equal_successive_icers_stay_on_the_frontier():
    rows = frontier(named([(0, 0), (10, 1), (20, 2)]))
    assert [row.status for row in rows] == ["frontier"] * 3
    assert [row.icer for row in rows] == [None, 10.0, 10.0]


@given(st.one_of(whole, real), st.randoms(use_true_random=False))
def test_the_order_given_does_not_matter(points, random):
    strategies = named(points)
    shuffled = random.sample(strategies, len(strategies))
    assert frontier(shuffled) == frontier(strategies)
    assert optimal(shuffled, 7.0) == optimal(strategies, 7.0)


@given(st.one_of(whole, real))
def test_frontier_costs_effects_and_icers_rise(points):
    rows = [row for row in frontier(named(points)) if row.status == "frontier"]
    distinct = list(dict.fromkeys((row.cost, row.effect, row.icer) for row in rows))
    costs, effects, icers = (list(column) for column in zip(*distinct, strict=True))
    assert costs == sorted(set(costs))
    assert effects == sorted(set(effects))
    assert icers[0] is None
    assert icers[1:] == sorted(icers[1:])
    assert all(icer > 0 for icer in icers[1:])


@given(whole)
def test_dominated_is_being_no_better_in_both_and_worse_in_one(points):
    """Dominance by comparison of all pairs."""
    for row in frontier(named(points)):
        beaten = any(
            cost <= row.cost and effect >= row.effect and (cost, effect) != (row.cost, row.effect)
            for cost, effect in points
        )
        assert (row.status == "dominated") == beaten


@given(whole)
def test_extended_dominance_is_to_be_beaten_by_a_mixture(points):
    """By comparison of all pairs: a mixture with the same effect that costs strictly less."""
    for row in frontier(named(points)):
        if row.status == "dominated":
            continue
        beaten = any(
            low[1] < row.effect < high[1]
            # The mixture's cost, times (high - low) effect: whole numbers, hence exact.
            and low[0] * (high[1] - row.effect) + high[0] * (row.effect - low[1])
            < row.cost * (high[1] - low[1])
            for low in points
            for high in points
        )
        assert (row.status == "extendedly dominated") == beaten


@given(st.one_of(whole, real), st.floats(0.0, 1e5))
def test_the_last_icer_within_the_threshold_has_the_most_net_benefit(points, threshold):
    """Benefits are compared to 1e-9 of the largest cost or effect: at an ICER two are equal."""
    strategies = named(points)
    affordable = [
        row
        for row in frontier(strategies)
        if row.status == "frontier" and (row.icer is None or row.icer <= threshold)
    ]
    chosen = affordable[-1]
    benefits = [threshold * s.effect - s.cost for s in strategies]
    scale = max(threshold * s.effect + s.cost for s in strategies)
    benefit = threshold * chosen.effect - chosen.cost
    assert benefit == pytest.approx(max(benefits), abs=1e-9 * scale + 1e-12)


@given(whole)
def test_the_optimal_strategies_over_all_thresholds_are_the_frontier(points):
    """Between its ICERs each strategy of the frontier is optimal, and nothing else ever is."""
    rows = frontier(named(points))
    on_frontier = {(row.cost, row.effect) for row in rows if row.status == "frontier"}
    icers = sorted({row.icer for row in rows if row.icer is not None})
    edges = [0.0, *icers, 2.0 * icers[-1] if icers else 1.0]
    by_name = {row.name: (row.cost, row.effect) for row in rows}
    midpoints = [(a + b) / 2.0 for a, b in pairwise(edges)]
    ever = {by_name[optimal(named(points), threshold)] for threshold in midpoints}
    always_tied = {
        (a.cost, a.effect)
        for a in rows
        for b in rows
        if a.icer is not None and a.icer == b.icer and a.effect < b.effect
    }
    assert ever == on_frontier - always_tied
    for threshold in np.linspace(0.0, 60.0, 25):
        assert by_name[optimal(named(points), threshold)] in on_frontier


def test_optimal_breaks_ties_by_cost_effect_and_name():
    assert optimal([Strategy("A", 20.0, 2.0), Strategy("B", 10.0, 1.0)], 10.0) == "B"
    assert optimal([Strategy("A", 10.0, 1.0), Strategy("B", 10.0, 2.0)], 0.0) == "B"
    assert optimal([Strategy("B", 10.0, 1.0), Strategy("A", 10.0, 1.0)], 5.0) == "A"


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="same name"):
        frontier([Strategy("A", 1.0, 1.0), Strategy("A", 2.0, 2.0)])
    with pytest.raises(ValueError, match="finite"):
        frontier([Strategy("A", math.nan, 1.0), Strategy("B", 2.0, 2.0)])
    with pytest.raises(ValueError, match="finite"):
        frontier([Strategy("A", 1.0, math.inf)])
    with pytest.raises(ValueError, match="no strategy"):
        optimal([], 1.0)
    for threshold in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="threshold"):
            optimal([Strategy("A", 1.0, 1.0)], threshold)
