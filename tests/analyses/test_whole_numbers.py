"""Counts have whole values only, in every analysis that varies them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sim.analyses.shared.cube import cube
from sim.analyses.shared.ranges import Range, range_of
from sim.analyses.threshold import analysis as threshold
from sim.analyses.tornado.analysis import factors
from sim.catalog.distribution import Lognormal, Uniform
from sim.cli import commands
from sim.simulation import parameter_draws as draws
from sim.simulation.parameter_draws import quantile, values_between, within
from sim.simulation.question import ask
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.places import ROOT

MAIN = ROOT / "scenarios" / "first_salvage.yaml"
CONSOLIDATION = "blinatumomab.schedule.consolidation_cycles"
INDUCTION = "blinatumomab.schedule.induction_cycles"


def uncertain_count(distribution):
    """The shipped question with an uncertain number of consolidation cycles."""
    question = ask(MAIN, patients=20)
    parameter = replace(question.parameters[CONSOLIDATION], distribution=distribution)
    return replace(question, parameters={**question.parameters, CONSOLIDATION: parameter})


@given(st.integers(0, 40), st.integers(1, 60), st.integers(2, 30))
def test_whole_values_are_distinct_even_and_hold_the_ends(low, width, count):
    found = values_between("count", float(low), float(low + width), count)
    steps = np.diff(found)
    assert all(value.is_integer() for value in found)
    assert (found[0], found[-1]) == (low, low + width)
    assert len(found) == min(count, width + 1)
    assert steps.min() >= 1.0
    assert steps.max() - steps.min() <= 1.0


@given(st.floats(0.0, 50.0), st.floats(0.0, 50.0))
def test_interval_of_a_count_has_whole_ends_inside_it_where_it_holds_any(one, other):
    low, high = sorted((one, other))
    first, last = within("count", low, high)
    assert first.is_integer()
    assert last.is_integer()
    assert first <= last
    if math.ceil(low) <= math.floor(high):
        assert low <= first <= last <= high


def test_other_units_keep_their_fractions():
    assert values_between("USD", 0.0, 1.0, 3) == [0.0, 0.5, 1.0]
    assert within("months", 0.3, 1.7) == (0.3, 1.7)


def test_default_range_of_a_fixed_count_is_0_to_twice_its_value():
    found = range_of(ask(MAIN, patients=20), CONSOLIDATION)
    assert (found.low, found.high) == (0.0, 6.0)


def test_every_whole_number_of_a_uniform_count_is_equally_likely():
    """1 to 4 at 4,000 equally spaced probabilities: 1,000 each."""
    question = uncertain_count(Uniform(1.0, 4.0))
    value_at = quantile(question.parameters[CONSOLIDATION])
    values, counts = np.unique(
        [value_at((i + 0.5) / 4000) for i in range(4000)], return_counts=True
    )
    assert values.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert counts.tolist() == [1000] * 4


@pytest.mark.parametrize("distribution", [Uniform(1.0, 4.0), Lognormal(3.0, 0.4)])
def test_no_analysis_of_an_uncertain_count_simulates_a_fraction(distribution):
    question = uncertain_count(distribution)
    drawn = draws.draw_parameters(question, 200, 1)[CONSOLIDATION]
    space = cube(question, None)
    corners = space.values(np.random.default_rng(1).random((200, len(space.coordinates))))
    ends = next(f for f in factors(question, None) if f.name == CONSOLIDATION).ends
    posterior = pd.DataFrame({CONSOLIDATION: np.linspace(1.2, 4.7, 50)})
    together = [
        end.ask().numbers[CONSOLIDATION]
        for factor in factors(question, posterior)
        if CONSOLIDATION in factor.name or factor.name.startswith("component")
        for end in factor.ends
    ]
    looked_at = [*drawn, *corners[CONSOLIDATION], *(end.value for end in ends), *together]
    assert all(float(value).is_integer() for value in looked_at)
    assert len(set(drawn)) > 2


def test_the_grid_of_two_counts_holds_whole_numbers_only(tmp_path):
    arguments = (
        "--x",
        INDUCTION,
        "--y",
        CONSOLIDATION,
        "--steps",
        "4",
        "--patients",
        "20",
        "--json",
    )
    found = CliRunner().invoke(commands, ["twoway", str(MAIN), *arguments])
    assert found.exit_code == 0, found.output
    summary = json.loads(found.stdout)
    assert summary["x_values"] == [0.0, 1.0, 3.0, 4.0]
    assert summary["y_values"] == [0.0, 2.0, 4.0, 6.0]
    assert len(summary["grid"]) == 16 * 2


def test_a_range_with_more_steps_than_whole_numbers_has_one_point_for_each():
    arguments = ("--x", INDUCTION, "--y", "blinatumomab.vial_mcg", "--steps", "3", "--json")
    ends = ("--x-range", "1,2", "--y-range", "30,40", "--patients", "20")
    found = CliRunner().invoke(commands, ["twoway", str(MAIN), *arguments, *ends])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["x_values"] == [1.0, 2.0]


def flipping():
    """Return values with which one strategy is optimal at one consolidation cycle, another at two.

    The low threshold lies between the ICERs at both; the others are far above them.
    """
    vial = {"cost.blinatumomab.vial": 1500.0}
    gains = [
        summarise(run(ask(MAIN, patients=300, overrides={**vial, CONSOLIDATION: count})))
        for count in (1.0, 2.0)
    ]
    one, two = (
        each.comparisons[0].increment.cost.mean / each.comparisons[0].increment.qalys.mean
        for each in gains
    )
    assert 0.0 < one < two
    low = round((one + two) / 2.0, 2)
    names = ("low", "middle", "high")
    return vial | {
        f"perspective.threshold_{name}": low * 100.0**place for place, name in enumerate(names)
    }


@pytest.mark.parametrize("highest", [6.0, 40.0])
def test_a_count_flips_between_two_neighbouring_whole_numbers(highest):
    """At 40 there are more whole numbers than the grid has values; both halve to the same flip."""
    question = ask(MAIN, patients=300, overrides=flipping())
    varied = range_of(question, CONSOLIDATION)._replace(high=highest)
    found = threshold.Search(question, varied).run()
    assert found.flips
    for flip in found.flips:
        assert flip.value - flip.last_below == 1.0
        assert math.isnan(flip.se)
        sides = [
            np.argmax(threshold.Search(question, varied).means_at(at).net_benefits(flip.threshold))
            for at in (flip.last_below, flip.value)
        ]
        names = [strategy.name for strategy in question.model.strategies]
        assert [names[int(side)] for side in sides] == [flip.below, flip.above]
    assert all(means.value.is_integer() for means in found.grid)
    assert (found.flips[0].last_below, found.flips[0].value) == (1.0, 2.0)


def test_a_flip_of_a_count_is_said_to_be_a_jump(tmp_path):
    out, cheap = tmp_path / "found", tmp_path / "cheap.yaml"
    values = json.dumps(flipping())
    cheap.write_text(f"title: t\nextends: {MAIN}\nparameters: {values}\n", encoding="utf-8")
    arguments = ("--parameter", CONSOLIDATION, "--patients", "300", "--out", str(out))
    found = CliRunner().invoke(commands, ["threshold", str(cheap), *arguments])
    assert found.exit_code == 0, found.output
    assert "between 1 and 2 " in found.stdout
    assert "a jump from one to the next" in found.stdout
    table = pd.read_csv(out / "threshold.csv").dropna(subset=["value"])
    assert table["se"].isna().all()
    assert table[["last_below", "value"]].to_numpy().tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("moved", ["factors: {%s: 1.5}", "shifts: {%s: 0.5}"])
def test_a_what_if_that_makes_a_count_a_fraction_is_refused_in_one_message(tmp_path, moved):
    path = tmp_path / "asked.yaml"
    text = f"extends: {MAIN}\nwhat_ifs:\n  more: {{{moved % CONSOLIDATION}}}\n"
    path.write_text(text)
    found = CliRunner().invoke(commands, ["scenarios", str(path)])
    assert found.exit_code == 2
    assert "must be a whole number" in found.output
    assert len(found.output.strip().splitlines()) == 1


def test_a_range_with_fractions_is_refused():
    arguments = ("--parameter", CONSOLIDATION, "--range", "0.5,3")
    found = CliRunner().invoke(commands, ["threshold", str(MAIN), *arguments])
    assert found.exit_code == 2
    assert "must be a whole number" in found.output


def test_refined_benefits_of_a_count_are_those_of_the_nearest_whole_number():
    from sim.analyses.twoway.analysis import two_way

    question = ask(MAIN, patients=20)
    x = range_of(question, INDUCTION)
    y = Range("blinatumomab.schedule.maintenance_cycles", "y", "count", 0.0, 1.0)
    found = two_way(question, x, y, steps=3).run()
    xs, _, benefits = found.refined(90)
    assert (xs[0], xs[-1]) == (-0.5, 4.5)
    assert {*np.unique(benefits[0, :, 1])} == {*np.unique(found.grid()[0, :, 1])}


def test_a_count_is_the_nearest_whole_number_of_two_the_upper():
    found = draws.nearest(np.array([0.4, 0.5, 1.49, 2.51]))
    assert found.tolist() == [0.0, 1.0, 1.0, 3.0]
