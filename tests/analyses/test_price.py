"""The price of a drug: what is read off a straight line is what a run at that price gives."""

import json
import math
from contextlib import nullcontext
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from click.testing import CliRunner

from sim.analyses.price import result as report
from sim.analyses.price.analysis import only_regimen, price_parameter, priced_results
from sim.analyses.psa.acceptability import ceac
from sim.analyses.psa.analysis import Work
from sim.analyses.psa.draws_run import run_psa
from sim.cli import commands
from sim.economics.ledger import Category
from sim.errors import UserError
from sim.layout.style import styled
from sim.simulation.question import with_numbers
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.places import SMALLER

MAIN = SMALLER / "first_salvage.yaml"
DRAWS, PATIENTS = 16, 40
WORK = Work(None, cached=False, bar=lambda _: nullcontext(lambda _: None))


@pytest.fixture(scope="module")
def priced(ask):
    """Return a function that puts a shipped scenario at three prices; 16 draws, 40 patients."""

    @cache
    def answer(name, regimen):
        question = ask(name, patients=PATIENTS, seed=3)
        return priced_results(question, regimen, simulate)

    return answer


def simulate(question):
    return run_psa(question, DRAWS, patients=PATIENTS)


def at(found, price):
    """The question with another price, in the patients of the deterministic run."""
    question = found.psa.question
    asked = with_numbers(question, {**question.numbers, found.parameter: price})
    return replace(asked, patients=DRAWS * PATIENTS, seed=question.seed)


CASES = (
    ("first_salvage", "blinatumomab"),
    ("nhs_first_salvage", "blinatumomab"),
    ("blinatumomab_then_inotuzumab", "inotuzumab"),
    ("blinatumomab_then_inotuzumab", "blinatumomab"),
    ("mrd_positive", "blinatumomab_mrd"),
    ("ph_positive_tki", "blinatumomab_tki"),
)


@pytest.mark.parametrize(("name", "regimen"), CASES)
def test_the_price_is_the_net_benefit_of_the_free_drug_by_the_vial(priced, name, regimen):
    """(threshold E - C) / V, with C at price 0 and V from the cost of two prices."""
    found = priced(name, regimen)
    free, paid = (each.deterministic.set_index("strategy") for each in found.results[:2])
    comparator = found.psa.strategies[found.psa.comparator]
    for limit in found.limits:
        gains = [
            each.loc[limit.strategy] - each.loc[comparator]
            for each in (free[["cost", "qalys"]], paid[["cost", "qalys"]])
        ]
        vials = (gains[1]["cost"] - gains[0]["cost"]) / found.step
        expected = (limit.threshold * gains[0]["qalys"] - gains[0]["cost"]) / vials
        assert limit.base.mean == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("name", "regimen"), CASES)
def test_a_run_at_the_price_has_the_threshold_as_its_icer(priced, name, regimen):
    """In as many patients as the analysis says that its base case has."""
    found = priced(name, regimen)
    told = report.price_summary(found.analysis())["base_case_patients"]
    assert at(found, 1.0).patients == told == found.psa.draws * found.psa.question.patients
    limits = list(found.limits)
    assert len(limits) == len(found.compared) * len(found.psa.question.thresholds)
    for limit in limits:
        if limit.base.mean < 0.0:
            with pytest.raises(UserError, match="cost.drug -"):
                run(at(found, limit.base.mean), keep_patients=False)
            continue
        summary = summarise(run(at(found, limit.base.mean), keep_patients=False))
        gain = next(
            each.increment
            for each in summary.comparisons
            if each.increment.strategy == limit.strategy
        )
        assert gain.icer == pytest.approx(limit.threshold, rel=1e-9)
        # The error of the price is that of the net benefit, which is 0 there, in vials.
        vials = abs(found.base_vials(limit.strategy))
        assert limit.base.se * vials == pytest.approx(gain.nmb(limit.threshold).se, rel=1e-6)


@pytest.mark.parametrize("factor", [0.37, 1.0, 1.9])
def test_draws_at_any_price_are_those_simulated_at_it(priced, factor):
    found = priced(*CASES[2])
    price = factor * found.price
    direct = simulate(replace(at(found, price), patients=PATIENTS))
    for threshold in (0.0, 80_000.0):
        inmb, noise = direct.inmb(threshold), direct.inmb_noise(threshold)
        np.testing.assert_allclose(found.inmb(threshold, price), inmb, rtol=1e-9, atol=1e-5)
        np.testing.assert_allclose(found.inmb_noise(threshold, price), noise, rtol=1e-6, atol=1.0)


def test_the_mean_over_draws_meets_the_threshold_on_average(priced):
    found = priced(*CASES[0])
    for limit in found.limits:
        s = found.psa.strategies.index(limit.strategy)
        benefit = found.inmb(limit.threshold, limit.mean.mean)[:, s]
        assert benefit.mean() == pytest.approx(0.0, abs=1e-5)
        vials = found.vials[:, s].mean()
        error = benefit.std(ddof=1) / math.sqrt(DRAWS) / vials
        assert limit.mean.se == pytest.approx(error, rel=1e-9)


def test_the_curve_counts_the_draws_that_meet_the_threshold(priced):
    found = priced(*CASES[0])
    curve = found.curve()
    for threshold in found.psa.question.thresholds:
        chosen = curve[curve["threshold"] == threshold]
        limits = found.inmb(threshold, 0.0)[:, 1] / found.vials[:, 1]
        expected = [(limits > price).mean() for price in chosen["price"]]
        np.testing.assert_allclose(chosen["probability"], expected, rtol=0, atol=1e-12)
        assert (np.diff(chosen["probability"]) <= 0.0).all()
        assert chosen["price"].iloc[0] == 0.0
        assert chosen["price"].iloc[-1] > found.price
        assert chosen["without_noise"].between(0.0, 1.0).all()


def test_the_chance_at_the_price_of_the_scenario_is_that_of_its_own_draws(priced):
    """And at the price of the base case that of draws simulated at it; 16 draws of 5 strategies."""
    found = priced(*CASES[2])
    for limit in list(found.limits)[::4]:
        for price in (found.price, max(limit.base.mean, 0.0)):
            direct = simulate(replace(at(found, price), patients=PATIENTS))
            shares = ceac(direct.values("cost"), direct.values("qalys"), [limit.threshold])[0]
            chances = found.chances(limit.threshold, price)
            assert [chances[name].share for name in direct.strategies] == pytest.approx(shares)
            assert sum(each.without_noise for each in chances.values()) == pytest.approx(1.0)


def test_probabilities_of_all_strategies_with_the_drug_add_up_to_at_most_one(priced):
    curve = priced(*CASES[2]).curve()
    assert set(curve["strategy"]) == {
        "inotuzumab",
        "blinatumomab_inotuzumab",
        "inotuzumab_blinatumomab",
    }
    total = curve.groupby(["threshold", "price"])["probability"].sum()
    assert total.max() <= 1.0 + 1e-12


@pytest.mark.parametrize("regimen", ["blinatumomab", "inotuzumab"])
def test_what_the_drug_costs_is_whole_vials_times_the_price(ask, regimen):
    # n = 150 patients, every entry of their ledgers.
    sequence = [{"name": "one", "sequence": [regimen], "then": "usual_care"}]
    question = ask("first_salvage", patients=150, strategies=sequence)
    price = question.numbers[f"cost.{regimen}.vial"]
    simulation = run(question, trace=150)
    paid = [
        entry.undiscounted
        for trace in simulation.traces
        for entry in trace.ledger
        if entry.category == Category.DRUG
    ]
    vials = np.array(paid) / price
    assert len(vials) > 1000 if regimen == "blinatumomab" else len(vials) > 300
    np.testing.assert_allclose(vials, np.round(vials), rtol=1e-12)
    arm = simulation.arm("one")
    total = arm.category(Category.DRUG, discounted=False).sum()
    assert total == pytest.approx(price * vials.sum(), rel=1e-12)


def test_the_price_moves_the_cost_of_the_drug_and_nothing_else(priced):
    none, one, two = priced(*CASES[2]).results
    same = [
        name
        for name in one.outcomes.columns
        if not name.split(":")[-1].startswith(("cost", "draw", "strategy"))
        or name.endswith(("transplant", "toxicity", "later_lines", "follow_up", "end_of_life"))
    ]
    assert len(same) > 60
    for other in (none, two):
        assert other.outcomes[same].equals(one.outcomes[same])
        assert other.parameters.equals(one.parameters)
    np.testing.assert_allclose(
        two.values("cost") - one.values("cost"),
        one.values("cost") - none.values("cost"),
        rtol=1e-9,
        atol=1e-6,
    )


def test_vials_per_cycle_are_those_of_the_cycles_started(priced):
    found = priced(*CASES[0])
    simulation = run(at(found, found.price))
    arm = simulation.arm("blinatumomab")
    vials = arm.category(Category.DRUG, discounted=False).sum() / found.price
    cycles = arm.outcomes["cycles_first_line"].sum()
    assert found.vials_per_cycle("blinatumomab") == pytest.approx(vials / cycles, rel=1e-9)
    # A whole cycle of the label is 28 bags of a vial each, fewer where it is cut short.
    assert 15.0 < found.vials_per_cycle("blinatumomab") <= 28.0
    assert math.isnan(priced(*CASES[2]).vials_per_cycle("blinatumomab_inotuzumab"))


def test_regimens_of_one_drug_have_one_price(priced):
    """Blinatumomab alone and with a TKI come from the same vials, so both strategies are priced."""
    found, other = (
        priced("ph_positive_tki", name) for name in ("blinatumomab", "blinatumomab_tki")
    )
    assert found.parameter == other.parameter == "cost.blinatumomab.vial"
    assert found.compared == other.compared == ["blinatumomab", "blinatumomab_tki"]
    assert list(found.limits) == list(other.limits)
    assert priced("mrd_positive", "blinatumomab_mrd").parameter == "cost.blinatumomab.vial"
    assert 15.0 < priced("mrd_positive", "blinatumomab_mrd").vials_per_cycle("blinatumomab_mrd")


def test_where_the_comparator_takes_the_drug_the_price_is_a_floor(ask):
    question = ask("first_salvage", patients=PATIENTS, comparator="blinatumomab")
    found = priced_results(question, "blinatumomab", simulate)
    (limit, *_) = found.limits
    assert limit.strategy == "salvage_chemotherapy"
    assert limit.direction == "at least"
    other = priced_results(ask("first_salvage", patients=PATIENTS), "blinatumomab", simulate).limit(
        "blinatumomab", limit.threshold
    )
    assert other.direction == "at most"
    assert limit.base.mean == pytest.approx(other.base.mean, rel=1e-9)


def test_a_drug_for_nothing_has_a_price_that_meets_the_threshold(ask):
    free = {"cost.blinatumomab.vial": 0.0}
    question = ask("first_salvage", patients=PATIENTS, seed=3, parameters=free)
    found = priced_results(question, "blinatumomab", simulate)
    assert (found.price, found.step) == (0.0, 1.0)
    listed = priced_results(
        ask("first_salvage", patients=PATIENTS, seed=3), "blinatumomab", simulate
    )
    for limit, other in zip(found.limits, listed.limits, strict=True):
        assert limit.base.mean == pytest.approx(other.base.mean, rel=1e-7)


@pytest.mark.parametrize(
    ("regimen", "problem"), [("blina", "did you mean"), ("salvage_chemotherapy", "by the cycle")]
)
def test_what_has_no_price_per_vial_is_refused(ask, regimen, problem):
    with pytest.raises(UserError, match=problem):
        price_parameter(ask("first_salvage", patients=2), regimen)


@pytest.mark.parametrize(
    ("name", "regimen"),
    [("first_salvage", "blinatumomab"), ("mrd_positive", "blinatumomab_mrd")],
)
def test_the_only_drug_that_comes_in_vials_need_not_be_named(ask, name, regimen):
    assert only_regimen(ask(name, patients=1)) == regimen


def test_regimens_of_one_drug_are_one_choice(ask):
    assert only_regimen(ask("ph_positive_tki", patients=1)) == "blinatumomab"


def test_one_of_several_drugs_must_be_named(ask):
    with pytest.raises(UserError, match="several drugs come in vials. Allowed: blinatumomab, inot"):
        only_regimen(ask("blinatumomab_then_inotuzumab", patients=1))


def test_a_strategy_alone_has_no_price_that_meets_a_threshold(ask):
    only = [{"name": "one", "sequence": ["blinatumomab"], "then": "usual_care"}]
    with pytest.raises(UserError, match="needs a strategy to compare with"):
        price_parameter(ask("first_salvage", patients=2, strategies=only), "blinatumomab")


# Files and the command


def invoked(*arguments):
    given = ["price", str(MAIN), "--regimen", "blinatumomab", "--draws", "4", "--patients", "30"]
    return CliRunner().invoke(commands, [*given, "--no-cache", *map(str, arguments)])


def test_files_hold_what_json_holds_at_any_number_of_threads(tmp_path):
    printed = invoked("--threads", "1", "--out", tmp_path / "1")
    assert printed.exit_code == 0, printed.output
    for text in (
        "Base case, per vial",
        "Mean over draws",
        "per cycle",
        "Probability most cost-effective, %",
        "at the price of the scenario",
        "medical",
    ):
        assert text in printed.stdout
    told = invoked("--threads", "2", "--out", tmp_path / "2", "--json").stdout
    for folder in ("1", "2"):
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == sorted(report.NAMES)
    for name in report.NAMES:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    assert (tmp_path / "1" / "price.json").read_text() == told
    header, *rows = (tmp_path / "1" / "price.csv").read_text().splitlines()
    assert tuple(header.split(",")) == report.TABLE.names
    assert len(rows) == 6
    assert float(rows[0].split(",")[4]) == json.loads(told)["prices"][0]["price_per_vial"]


def test_a_mistake_ends_with_one_message():
    result = CliRunner().invoke(commands, ["price", str(MAIN), "--regimen", "blina"])
    assert result.exit_code == 2
    assert "Allowed: blinatumomab, salvage_chemotherapy" in result.stderr


def test_the_figure_has_a_panel_for_each_strategy_and_a_line_for_each_threshold(priced):
    from sim.analyses.price.figure import price_figure

    found = priced(*CASES[2])
    labels = {name: name for name in found.psa.strategies}
    with styled():
        figure = price_figure(
            found.curve(), list(found.limits), labels, drug="InO", price=1.0, symbol="$"
        )
    assert len(figure.axes) == 3
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 101]
    assert len(lines) == 3
