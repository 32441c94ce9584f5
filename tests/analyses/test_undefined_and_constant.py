"""What has no value comes first and is named; what does not vary has no indices."""

from __future__ import annotations

import json
import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sim.analyses.psa.noise import split
from sim.analyses.shared.outcomes import is_constant
from sim.analyses.tornado.analysis import Bar, Found, order
from sim.cli import commands
from sim.economics.estimates import Estimate
from sim.simulation.question import ask
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.global_sensitivity import morris_of, sobol_of
from tests.support.places import ROOT

MAIN = ROOT / "scenarios" / "first_salvage.yaml"


def asked(tmp_path, text):
    path = tmp_path / "asked.yaml"
    path.write_text(f"extends: {MAIN}\n{text}\n")
    return path


def invoke(command, path, *arguments):
    found = CliRunner().invoke(commands, [command, str(path), *map(str, arguments)])
    assert found.exit_code == 0, found.output
    return found.stdout


@given(
    st.floats(-1e9, 1e9).filter(lambda value: abs(value) > 1e-3),
    st.lists(st.integers(-2, 2), min_size=1, max_size=30),
)
def test_a_spread_of_rounding_is_constant_and_any_other_is_not(value, last_places):
    noisy = [value * (1.0 + place * 2.0**-50) for place in last_places]
    assert is_constant(noisy)
    assert not is_constant([*noisy, value * (1.0 + 1e-9)])


def test_what_is_not_a_number_is_not_constant():
    assert not is_constant([math.nan, math.nan])
    assert is_constant([0.0, 0.0])


@pytest.mark.parametrize("value", [0.0, 3.7, -1e6])
def test_an_outcome_that_does_not_vary_has_neither_indices_nor_effects(value):
    def model(points):
        return value * (1.0 + 2.0**-52 * (points[:, 0] > 0.5))

    assert sobol_of(model, list("ab"), draws=8, seed=1).isna().all().all()
    assert morris_of(model, list("ab"), trajectories=4, seed=1).isna().all().all()
    constant = split(np.full(200, value), np.zeros(200))
    assert constant.is_constant
    assert math.isnan(constant.noise_share)


@pytest.mark.parametrize(
    ("command", "size", "words"),
    [
        ("sobol", ("--draws", 4, "--check"), "The outcome does not vary: no indices."),
        ("morris", ("--trajectories", 2), "The outcome does not vary: no effects and no ranks."),
    ],
)
def test_severe_crs_without_toxicity_has_no_indices(tmp_path, command, size, words):
    path, out = asked(tmp_path, "switches: {toxicity: false}"), tmp_path / "found"
    options = ("--outcome", "severe_crs_percent", "--patients", 20, "--out", out)
    printed = invoke(command, path, *size, *options)
    assert words in printed
    assert "interaction" not in printed
    table = pd.read_csv(out / f"{command}.csv").select_dtypes("number")
    numbers = table.drop(columns="parameters", errors="ignore")
    assert len(table) > 5
    assert numbers.isna().all().all()
    text = (out / f"{command}.json").read_text()
    assert json.loads(text)["varies"] is False
    assert "NaN" not in text


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """Return a function that varies each input alone, once: the scenario, the folder, the words."""

    @cache
    def found(text, patients, outcome):
        folder = tmp_path_factory.mktemp("varied")
        path, out = asked(folder, text), folder / "found"
        options = ("--outcome", outcome, "--patients", patients, "--out", out)
        return path, out, invoke("tornado", path, *options)

    return found


WITHOUT_EFFECTS = ("switches: {toxicity: false}", 20, "severe_crs_percent")


def test_a_tornado_without_effects_shows_no_widest_bars(varied):
    _, _, printed = varied(*WITHOUT_EFFECTS)
    assert "does not vary with any parameter" in printed
    assert "Widest" not in printed


def bar(name, *outcomes, benefit=0.0):
    ends = tuple(
        Found(1.0, each, Estimate(each, 0.1), "b", benefit, "dominant" if math.isnan(each) else "")
        for each in outcomes
    )
    return Bar("parameter", name, name, "", ends)


@given(
    st.permutations(
        [("zero", (0.0, 0.0), 0.0), ("wide", (-9.0, 9.0), 1.0), ("thin", (-1.0, 1.0), 8.0)]
        + [("little", (math.nan, 1.0), 2.0), ("much", (5.0, math.nan), -7.0)]
    )
)
def test_undefined_bars_come_first_by_net_benefit_then_others_by_swing(bars):
    made = [bar(name, *ends, benefit=benefit) for name, ends, benefit in bars]
    ordered = [each.name for each in sorted(made, key=order)]
    assert ordered == ["much", "little", "wide", "thin", "zero"]


@cache
def nearly_equal_costs(patients=1000):
    """Return a tornado's question: prices at which blinatumomab costs $2,000 more than the comparator in these patients.

    Costs are linear in the price of a day in hospital, of which the comparator needs more.
    """
    prices, costs = (5000.0, 15_000.0), []
    for price in prices:
        values = {"cost.blinatumomab.vial": 300.0, "cost.inpatient_day": price}
        (found,) = summarise(run(ask(MAIN, patients=patients, overrides=values))).comparisons
        assert found.increment.qalys.mean > 0.0
        costs.append(found.increment.cost.mean)
    slope = (costs[1] - costs[0]) / (prices[1] - prices[0])
    assert slope < 0.0
    price = prices[0] + (2000.0 - costs[0]) / slope
    text = f"parameters: {{cost.blinatumomab.vial: 300, cost.inpatient_day: {price:.2f}}}"
    return text, patients, "icer"


def test_bars_that_flip_dominance_are_named_and_first(varied):
    _, out, printed = varied(*nearly_equal_costs())
    table = pd.read_csv(out / "tornado.csv")
    parameters = table[table["group"] == "parameter"]
    undefined = parameters["swing"].isna().to_numpy()
    assert 0 < undefined.sum() < len(undefined)
    assert undefined[: undefined.sum()].all()
    states = parameters[["state_low", "state_high"]].notna()
    missing = parameters[["outcome_low", "outcome_high"]].isna()
    assert (states.to_numpy() == missing.to_numpy()).all()
    moved = parameters.loc[undefined, ["benefit_low", "benefit_high"]].abs().max(axis=1)
    assert moved.is_monotonic_decreasing
    assert "dominant" in printed
    assert printed.index("dominant") < printed.index("Swing") + 700
    assert "come first" in printed


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (nearly_equal_costs, "to dominant"),
        (lambda: WITHOUT_EFFECTS, "does not vary with any"),
    ],
)
def test_the_report_names_what_has_no_value_and_what_does_not_vary(
    varied, tmp_path, question, says
):
    _, patients, _ = asks = question()
    path, results, _ = varied(*asks)
    invoke("run", path, "--patients", patients, "--out", results)
    page = tmp_path / "page.html"
    invoke("report", path, "--from", results, "--out", page)
    assert says in page.read_text()


def test_an_undefined_base_is_named(tmp_path):
    path = asked(tmp_path, "parameters: {cost.blinatumomab.vial: 1, cost.inpatient_day: 12000}")
    printed = invoke(
        "tornado", path, "--outcome", "icer", "--patients", 100, "--out", tmp_path / "found"
    )
    assert "Base         dominant" in printed
    assert json.loads((tmp_path / "found" / "tornado.json").read_text())["state"] == "dominant"


def test_a_what_if_without_a_ratio_is_named(tmp_path):
    path = asked(
        tmp_path,
        "what_ifs:\n  free: {factors: {cost.blinatumomab.vial: 0.0002, cost.inpatient_day: 3}}",
    )
    assert "dominant" in invoke("scenarios", path, "--patients", 100)
