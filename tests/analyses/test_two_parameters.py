"""Two parameters over a grid, and the value of one at which the decision flips."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sim.analyses.shared.ranges import asked_range
from sim.analyses.threshold.analysis import GRID, PRECISION, SEARCH, Search
from sim.analyses.threshold.result import threshold_table
from sim.analyses.twoway.analysis import TABLE, two_way
from sim.errors import UserError
from sim.simulation.question import ask, with_numbers
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.places import SCENARIOS

MAIN = SCENARIOS / "first_salvage.yaml"
SEVERAL = SCENARIOS / "blinatumomab_then_inotuzumab.yaml"
VIAL = "cost.blinatumomab.vial"
DAY = "cost.inpatient_day"
CURED = "relapse.cured_probability_mrd_negative"


def varied(question, name, *ends):
    return asked_range(question, name, ends or None, None, "--x")


def gains(question, values):
    """Return the increment of a run of its own."""
    (comparison,) = summarise(run(with_numbers(question, values), keep_patients=False)).comparisons
    return comparison.increment


# Two-way analysis, in 400 patients.


@pytest.fixture(scope="module")
def grid():
    question = ask(MAIN, patients=400)
    x, y = varied(question, VIAL, 0.0, 6000.0), varied(question, DAY)
    return two_way(question, x, y, steps=5).run(threads=2)


def test_the_grid_has_every_pair_of_values_ends_included(grid):
    pairs = [(point.x, point.y) for point in grid.compared.itertuples()]
    xs = np.linspace(0.0, 6000.0, 5)
    ys = np.linspace(grid.y.low, grid.y.high, 5)
    assert pairs == [(x, y) for y in ys.tolist() for x in xs.tolist()]


def test_a_point_is_what_a_run_of_its_own_gives(grid):
    best = grid.table["strategy"][grid.table["optimal"]]
    for point, optimal in zip(grid.compared[::6].itertuples(), best[::6], strict=True):
        gain = gains(grid.question, {VIAL: point.x, DAY: point.y}).nmb(1e5)
        # The same sums in another order.
        assert (point.inmb, point.inmb_se) == pytest.approx(tuple(gain), rel=1e-9)
        assert optimal == ("blinatumomab" if gain.mean > 0.0 else "salvage_chemotherapy")


def test_two_prices_give_a_plane(grid):
    """Costs are bilinear in two prices that never multiply: mixed differences vanish."""
    benefits = grid.compared["inmb"].to_numpy().reshape(5, 5)
    mixed = np.diff(np.diff(benefits, axis=0), axis=1)
    assert np.abs(mixed).max() < 1e-9 * np.abs(benefits).max()


def test_refinement_keeps_the_points_and_the_plane(grid):
    xs, ys, benefits = grid.refined(4 * len(grid.xs))
    assert benefits[::4, ::4] == pytest.approx(grid.grid(), rel=1e-12)
    assert xs[::4] == pytest.approx(grid.xs)
    assert benefits.shape == (17, 17, 2)
    assert ys[2] == pytest.approx((grid.ys[0] + grid.ys[1]) / 2.0)


def test_the_table_names_the_optimal_strategy_once_per_point(grid):
    table = grid.table
    assert tuple(table.columns) == TABLE.names
    assert (table.groupby(["x", "y"])["optimal"].sum() == 1).all()
    comparator = table[table["strategy"] == "salvage_chemotherapy"]
    assert (comparator["inmb"] == 0.0).all()


def test_threads_do_not_matter(grid):
    again = two_way(grid.question, grid.x, grid.y, steps=5).run(threads=1)
    assert again.table.to_csv() == grid.table.to_csv()


def test_the_same_parameter_twice_is_refused():
    question = ask(MAIN, patients=10)
    x = varied(question, VIAL)
    with pytest.raises(UserError, match="--y: must be another parameter than --x"):
        two_way(question, x, x, steps=2)


# Threshold analysis, in 400 patients.


def test_a_price_flips_the_decision_exactly_where_the_line_crosses():
    """Closed form: INMB = a - b price, from two runs of their own."""
    question = ask(MAIN, patients=400)
    found = Search(question, varied(question, VIAL, 0.0, 20_000.0)).run()
    assert found.linear
    free, dear = (gains(question, {VIAL: price}) for price in (0.0, 10_000.0))
    for threshold in question.thresholds:
        (flip,) = found.flips_at(threshold)
        start, end = free.nmb(threshold).mean, dear.nmb(threshold).mean
        assert flip.value == pytest.approx(10_000.0 * start / (start - end), rel=1e-9)
        assert (flip.below, flip.above) == ("blinatumomab", "salvage_chemotherapy")
        at = gains(question, {VIAL: flip.value}).nmb(threshold)
        assert abs(at.mean) < 1e-6 * abs(start)
        slope = (start - end) / 10_000.0
        assert flip.se == pytest.approx(at.se / slope, rel=1e-6)


def test_the_error_of_a_flip_is_what_other_patients_would_give():
    """Twelve other seeds, n = 400: the spread of the flips is their error within 50 %.

    With 11 degrees of freedom the ratio lies within 0.5 and 1.5 in 97 % of such tests.
    """
    values, errors = [], []
    for seed in range(12):
        question = ask(MAIN, patients=400, seed=seed)
        found = Search(question, varied(question, VIAL, 0.0, 20_000.0)).run()
        (flip,) = found.flips_at(question.thresholds[0])
        values.append(flip.value)
        errors.append(flip.se)
    assert np.std(values, ddof=1) == pytest.approx(np.mean(errors), rel=0.5)


def test_a_curved_parameter_is_closed_in_on():
    question = ask(MAIN, patients=400)
    question = with_numbers(question, {VIAL: 2600.0})
    found = Search(question, varied(question, CURED, 0.0, 1.0)).run()
    assert not found.linear
    flips = [flip for flip in found.flips if flip.below == "salvage_chemotherapy"]
    assert flips
    for flip in flips:
        step = PRECISION
        signs = [
            gains(question, {CURED: flip.value + shift}).nmb(flip.threshold).mean > 0.0
            for shift in (-step, step)
        ]
        assert signs == [False, True]
        assert flip.se > 0.0


def test_a_decision_that_does_not_flip_is_said_to_stand():
    question = ask(MAIN, patients=100)
    found = Search(question, varied(question, "utility.complete_remission")).run()
    assert found.flips == ()
    table = threshold_table(found)
    assert table["value"].isna().all()
    assert list(table["threshold"]) == list(question.thresholds)
    assert (table["optimal_below"] == table["optimal_above"]).all()


def test_between_more_than_two_strategies_each_flip_joins_the_next():
    """Five strategies over the price of the vial: what is optimal is a chain without gaps."""
    question = ask(SEVERAL, patients=300)
    found = Search(question, varied(question, VIAL, 0.0, 20_000.0)).run()
    for threshold, decision in found.decisions.items():
        flips = found.flips_at(threshold)
        chain = [decision.low, *(flip.above for flip in flips)]
        assert [flip.below for flip in flips] == chain[:-1]
        assert chain[-1] == decision.high
        assert all(one.value < other.value for one, other in pairwise(flips))


def test_threshold_analysis_does_not_depend_on_threads():
    question = ask(MAIN, patients=200)
    question = with_numbers(question, {VIAL: 2600.0})
    interval = varied(question, CURED, 0.0, 1.0)
    one, two = (Search(question, interval).run(threads=n) for n in (1, 2))
    assert threshold_table(one).to_csv() == threshold_table(two).to_csv()


def test_progress_counts_the_grid_and_the_searches():
    question = ask(MAIN, patients=10)
    finished = []
    search = Search(question, varied(question, VIAL))
    search.run(progress=finished.append)
    assert finished == [1] * GRID + [SEARCH] * len(question.thresholds)
    assert sum(finished) == search.left(set())
