"""The budget impact: years since entry against the ledger, calendar years against hand calculations."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim.analyses.budget.analysis import (
    ALIVE,
    LATER,
    MEASURES,
    TOTAL,
    YEARS,
    Means,
    budget_impact,
    entering,
    linear,
    weights,
    yearly_means,
)
from sim.analyses.psa.draws_run import run_psa
from sim.cli import commands
from sim.economics.clerk import entries
from sim.economics.ledger import COST_CATEGORIES, Account, Category
from sim.engine.reference import simulate
from sim.simulation.parameter_draws import draw_parameters
from sim.simulation.run import run
from tests.support.places import SCENARIOS

YEAR_DAYS = 365.25
PLAN = {
    "first_year": 2026,
    "years": 3,
    "patients_per_year": [100, 120, 150],
    "uptake": {"blinatumomab": [0.1, 0.5, 0.8]},
}
SCENARIO = SCENARIOS / "nhs_budget_impact.yaml"


def nothing(_):
    """Progress that is shown to nobody."""


@pytest.fixture(scope="module")
def question(ask):
    return ask("nhs_first_salvage", patients=200, seed=5, budget=PLAN)


@pytest.fixture(scope="module")
def means(question):
    return next(yearly_means(question, 3, progress=nothing))


@pytest.fixture(scope="module")
def impact(question, means):
    return budget_impact(question, means, [means, means], parameters=0, base_patients=200)


def by_year_of_the_ledger(question, years, first=1.0):
    """Split the ledgers of the reference engine into years: (patient, strategy, year, measure)."""
    strategies = question.model.strategies
    found = np.zeros((question.patients, len(strategies), years + 1, len(MEASURES)))
    for s, strategy in enumerate(strategies):
        regimens = tuple(each.name for each in strategy.regimens)
        lives = simulate(question.model, strategy, seed=question.seed, patients=question.patients)
        for patient, log in lives:
            row = found[patient.number, s]
            for entry in entries(question.accounts, regimens, patient, log):
                if entry.category.account == Account.COST:
                    measure = COST_CATEGORIES.index(entry.category)
                elif entry.category == Category.LIFE:
                    measure = YEARS
                else:
                    continue
                length = entry.end_days - entry.start_days
                for year in range(years + 1):
                    begin = YEAR_DAYS * (first + year - 1.0) if year else 0.0
                    end = YEAR_DAYS * (first + year) if year < years else math.inf
                    if length == 0.0:
                        share = float(
                            begin < entry.start_days <= end or entry.start_days == begin == 0.0
                        )
                    else:
                        inside = min(entry.end_days, end) - max(entry.start_days, begin)
                        share = max(inside, 0.0) / length
                    row[year, measure] += share * entry.undiscounted
            for year in range(years):
                row[year, ALIVE] = log[-1].time_days > YEAR_DAYS * (first + year)
    found[..., TOTAL] = found[..., :TOTAL].sum(axis=-1)
    return found


@pytest.mark.parametrize("name", ["nhs_first_salvage", "blinatumomab_then_inotuzumab", "car_t"])
def test_years_since_entry_are_those_of_the_ledger(ask, name):
    """Another engine and no horizon: each entry of 60 lives split at its anniversaries."""
    question = ask(name, patients=60, seed=2)
    found = next(yearly_means(question, 4, progress=nothing))
    single = by_year_of_the_ledger(question, 4)
    np.testing.assert_allclose(found.mean, single.mean(axis=0), rtol=1e-9, atol=1e-7)
    flat = single.reshape(60, -1, len(MEASURES))
    for measure in (0, TOTAL, YEARS):
        expected = np.cov(flat[:, :, measure], rowvar=False) / 60
        np.testing.assert_allclose(found.covariance[measure], expected, rtol=1e-6, atol=1e-3)


def test_patients_who_enter_in_the_middle_have_half_a_year_first(ask):
    """Each entry of 60 lives split half a year after entry, and at the anniversaries of that."""
    question = ask("nhs_first_salvage", patients=60, seed=2)
    found = next(yearly_means(question, 3, mid_year=True, progress=nothing))
    expected = by_year_of_the_ledger(question, 3, first=0.5).mean(axis=0)
    np.testing.assert_allclose(found.mean, expected, rtol=1e-9, atol=1e-7)
    whole = next(yearly_means(question, 3, progress=nothing))
    assert found.mean[..., TOTAL].sum() == pytest.approx(whole.mean[..., TOTAL].sum(), rel=1e-12)
    assert found.mean[:, 0, YEARS].max() < 0.5 < whole.mean[:, 0, YEARS].max()


def test_the_plan_says_when_patients_enter():
    scenario = sim.Scenario.load(SCENARIO).with_(patients=50)
    early = sim.budget(scenario, draws=2, patients=5, cached=False)
    plan = {**PLAN, "years": 5, "patients_per_year": 100, "uptake": {"blinatumomab": 0.5}}
    late = sim.budget(
        scenario.with_(budget={**plan, "mid_year": True}), draws=2, patients=5, cached=False
    )
    assert "enter at its beginning" in " ".join(str(early).split())
    assert "enter in its middle" in " ".join(str(late).split())
    first = [each.costs["cost"].iloc[len(COST_CATEGORIES)] for each in (early, late)]
    assert 0.0 < first[1] < first[0]


def test_years_add_up_to_the_undiscounted_lifetime_cost_of_the_same_patients(question, means):
    """By category and strategy; relative 1e-12, the rounding of the sums."""
    arms = run(question).arms
    for s, arm in enumerate(arms):
        for measure, category in enumerate(COST_CATEGORIES):
            total = arm.category(category, discounted=False).mean()
            assert means.mean[s, :, measure].sum() == pytest.approx(total, rel=1e-12, abs=1e-12)
        total = arm.total(Account.COST, discounted=False).mean()
        assert means.mean[s, :, TOTAL].sum() == pytest.approx(total, rel=1e-12)


def test_table_of_years_since_entry_adds_up_to_the_lifetime_cost(question, impact):
    table = impact.since_entry
    assert table["year"].unique().tolist() == ["1", "2", "3", LATER]
    total = table[table["category"] == "total"].groupby("strategy", sort=False)["cost"].sum()
    for arm in run(question).arms:
        cost = arm.total(Account.COST, discounted=False).mean()
        assert total[arm.strategy.name] == pytest.approx(cost, rel=1e-12)


def test_all_calendar_years_are_the_patients_of_all_years_at_their_costs(question, means, impact):
    """Computed by loops over years of entry and years since, for both situations and the net."""
    current, uptake = [100.0, 120.0, 150.0], [0.1, 0.5, 0.8]
    for year in range(3):
        spent = {"current": 0.0, "with_uptake": 0.0}
        alive = {"current": 0.0, "with_uptake": 0.0}
        for entry in range(year + 1):
            chemo, blina = (means.mean[s, year - entry] for s in (0, 1))
            u = uptake[entry]
            spent["current"] += current[entry] * chemo[TOTAL]
            alive["current"] += current[entry] * chemo[ALIVE]
            spent["with_uptake"] += current[entry] * ((1 - u) * chemo[TOTAL] + u * blina[TOTAL])
            alive["with_uptake"] += current[entry] * ((1 - u) * chemo[ALIVE] + u * blina[ALIVE])
        for situation, cost in spent.items():
            assert impact.cost(situation, "total")[year].mean == pytest.approx(cost, rel=1e-12)
            people = impact.patients[
                (impact.patients["year"] == 2026 + year)
                & (impact.patients["situation"] == situation)
            ]
            assert people["alive"].sum() == pytest.approx(alive[situation], rel=1e-12)
        net = spent["with_uptake"] - spent["current"]
        assert impact.cost("net", "total")[year].mean == pytest.approx(net, rel=1e-9)
    treated = impact.patients[impact.patients["situation"] == "with_uptake"]
    assert treated["treated"].tolist() == pytest.approx([90, 10, 60, 60, 30, 120])


def test_error_of_the_net_impact_is_that_of_the_patients_own_impacts(question, impact):
    """The net impact of each simulated patient, weighed by hand; its standard error."""
    single = by_year_of_the_ledger(question, 3)[..., TOTAL]
    weight = weights(entering(question)["net"])
    for year in range(3):
        own = np.einsum("psy,sy->p", single, weight[year])
        found = impact.cost("net", "total")[year]
        assert found.mean == pytest.approx(own.mean(), rel=1e-9)
        assert found.se == pytest.approx(own.std(ddof=1) / math.sqrt(200), rel=1e-6)


def test_an_uptake_of_nothing_is_an_impact_of_nothing(ask):
    plan = {**PLAN, "uptake": {"blinatumomab": 0.0}}
    question = ask("nhs_first_salvage", patients=50, budget=plan)
    means = next(yearly_means(question, 3, progress=nothing))
    found = budget_impact(question, means, [means, means], parameters=0, base_patients=50)
    net = found.table[found.table["situation"] == "net"]
    assert net["cost"].tolist() == [0.0] * len(net)
    assert net["se"].tolist() == [0.0] * len(net)
    assert found.drawn["net"].tolist() == [0.0] * len(found.drawn)
    assert found.total == (0.0, 0.0)


@given(
    uptake=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=2),
    patients=st.lists(st.floats(0.0, 1e4), min_size=2, max_size=2),
    costs=st.lists(st.floats(0.0, 1e6), min_size=6, max_size=6),
)
def test_impact_is_linear_in_uptake_and_incidence(uptake, patients, costs):
    """Of two strategies and two years; nothing is lost from one year to the next."""
    entered = np.array(patients)[:, None] * np.array([[-u, u] for u in uptake])
    mean = np.zeros((2, 3, len(MEASURES)))
    mean[..., TOTAL] = np.reshape(costs, (2, 3))
    means = Means(mean, np.zeros((len(MEASURES), 6, 6)))
    gap = mean[1, :, TOTAL] - mean[0, :, TOTAL]
    weight = weights(entered)
    first, second = (linear(means, weight[year], TOTAL).mean for year in (0, 1))
    one, two = (n * u for n, u in zip(patients, uptake, strict=True))
    assert first == pytest.approx(one * gap[0], rel=1e-9, abs=1e-6)
    assert second == pytest.approx(two * gap[0] + one * gap[1], rel=1e-9, abs=1e-2)


def test_draws_are_those_of_the_probabilistic_analysis(question):
    """Over the whole horizon they cost what `psa` says, draw by draw, undiscounted; relative 1e-9."""
    asked = replace(question, patients=20)
    parameters = draw_parameters(asked, 5, asked.seed)
    psa = run_psa(asked, 5, patients=20, base_patients=20)
    expected = psa.values("cost_undiscounted")
    for draw, found in enumerate(yearly_means(asked, 2, parameters, threads=2, progress=nothing)):
        total = found.mean[..., TOTAL].sum(axis=1)
        np.testing.assert_allclose(total, expected[draw], rtol=1e-9)


def test_a_horizon_within_the_budget_ends_all_costs(ask):
    question = ask("nhs_first_salvage", patients=50, horizon_years=1.5, budget=PLAN)
    means = next(yearly_means(question, 3, progress=nothing))
    assert means.mean[:, 1, TOTAL].min() > 0.0
    assert means.mean[:, 2:, :ALIVE].max() == 0.0


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{first_year: 2026, patients_per_year: 10, uptake: {blina: 0.1}}", "is no strategy"),
        ("{first_year: 2026, patients_per_year: [1, 2], uptake: {}}", "each of the 5 years"),
        (
            "{first_year: 2026, patients_per_year: 1, uptake: {*}}".replace(
                "*", "blinatumomab: 0.7, salvage_chemotherapy: 0.4"
            ),
            "those of 2026 are more",
        ),
        (
            "{first_year: 2026, patients_per_year: 1, uptake: {}, current: {blinatumomab: 0.4}}",
            "add up to 1",
        ),
        ("{first_year: 2026, patients_per_year: -1, uptake: {}}", "patients_per_year"),
        ("{patients_per_year: 1, uptake: {}}", "first_year"),
    ],
)
def test_a_wrong_plan_is_refused_in_one_message(tmp_path, written, message):
    path = tmp_path / "wrong.yaml"
    base = SCENARIOS / "nhs_first_salvage.yaml"
    path.write_text(f"extends: {base}\nbudget: {written}\n", encoding="utf-8")
    done = CliRunner().invoke(commands, ["budget", str(path)])
    assert done.exit_code == 2
    assert message in done.output
    assert done.output.count("error:") == 1


def test_a_scenario_without_a_plan_is_refused_in_one_message(tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(
        commands, ["budget", str(SCENARIOS / "first_salvage.yaml"), "--out", str(out)]
    )
    assert done.exit_code == 2
    assert "first_salvage.yaml: budget: is missing: it says incidence and uptake" in done.output
    assert not out.exists()


@pytest.mark.draws
def test_the_figure_has_bars_that_add_up_to_the_net_impact():
    scenario = sim.Scenario.load(SCENARIO).with_(patients=200)
    found = sim.budget(scenario, draws=4, patients=20, cached=False)
    (axes,) = found.figure().axes
    net = found.costs[(found.costs["situation"] == "net") & (found.costs["category"] == "total")]
    heights = pd.Series(
        [bar.get_height() for bar in axes.patches],
        index=[round(bar.get_x() + bar.get_width() / 2.0) for bar in axes.patches],
    )
    total = heights.groupby(level=0).sum()
    assert total.tolist() == pytest.approx(net["cost"].tolist())
    assert total.index.tolist() == [2026, 2027, 2028, 2029, 2030]


@pytest.mark.parametrize(
    "file", ["budget.csv", "budget_patients.csv", "budget_since_entry.csv", "budget_draws.csv"]
)
def test_results_that_lack_rows_are_refused(tmp_path, file):
    scenario = sim.Scenario.load(SCENARIO).with_(patients=50)
    sim.budget(scenario, draws=2, patients=5, cached=False, out=tmp_path)
    heading, *_ = (tmp_path / file).read_text(encoding="utf-8").splitlines()
    (tmp_path / file).write_text(f"{heading}\n", encoding="utf-8")
    with pytest.raises(sim.UserError, match="must have [0-9]+ rows"):
        sim.BudgetResult.read(scenario, tmp_path)


def test_results_of_another_plan_are_not_read(tmp_path):
    scenario = sim.Scenario.load(SCENARIO).with_(patients=50)
    sim.budget(scenario, draws=2, patients=5, cached=False, out=tmp_path)
    other = scenario.with_(budget={**PLAN, "years": 5, "patients_per_year": 7, "uptake": {}})
    with pytest.raises(sim.UserError, match="holds other results"):
        sim.BudgetResult.read(other, tmp_path)
