"""The QALY shortfall, its weight and the weighted results, against hand calculations."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim.analyses.psa.acceptability import quiet_shares
from sim.analyses.psa.draws_run import run_psa
from sim.analyses.severity.analysis import (
    AGE,
    MALE,
    SAMPLE,
    general_population,
    groups_of,
    severity_analysis,
    weighted,
)
from sim.cli import commands
from sim.economics.estimates import Estimate
from sim.economics.incremental import Increment
from sim.economics.ledger import Account
from sim.scenario.severity import Level, levels_of, weights
from sim.simulation.question import with_numbers
from sim.simulation.run import baselines_of, run
from tests.support.one_kind_of_patient import AGE_YEARS, ONE_KIND
from tests.support.places import SCENARIOS, SMALLER

ENGLAND = SMALLER / "nhs_first_salvage.yaml"
NICE = (Level(12.0, 0.85, 1.2), Level(18.0, 0.95, 1.7))
UTILITIES = (
    *("on_treatment", "complete_remission", "incomplete_remission", "relapsed_refractory"),
    *("transplant_first_year", "after_transplant"),
)
WELL = {
    # Everyone responds to the first cycle, nobody relapses or dies in remission, and no state is
    # worse than the norm of the population.
    "response.baseline_logit": 50.0,
    "salvage_chemotherapy.response.log_odds_ratio": 0.0,
    "salvage_chemotherapy.response.first_cycle_share": 1.0,
    "relapse.cured_probability_mrd_negative": 1.0,
    "relapse.cured_probability_mrd_positive": 1.0,
    "relapse.death_rate_per_month": 0.0,
    **{f"utility.{state}": 1.0 for state in UTILITIES},
}


def without_disease(ask, patients, **changes):
    """The question of people of one age and sex who have no disease."""
    return ask(
        "nhs_first_salvage",
        patients=patients,
        parameters={**ONE_KIND, **WELL},
        switches={"toxicity": False, "transplant": False, "survivor_mortality_ratio": False},
        strategies=[
            {
                "name": "standard_care",
                "sequence": ["salvage_chemotherapy"],
                "then": "supportive_care",
            }
        ],
        **changes,
    )


def test_people_of_one_age_without_disease_and_deaths_have_no_shortfall(ask, tmp_path):
    """Expected and simulated QALYs are the same integral: 20 years of norms, discounted."""
    table = tmp_path / "nobody_dies.csv"
    rows = "".join(f"{age},{0.5 * (age > 109)},{0.5 * (age > 109)}\n" for age in range(18, 111))
    table.write_text(f"age,qx_male,qx_female\n{rows}", encoding="utf-8")
    question = without_disease(ask, 50, horizon_years=20, life_table=str(table))
    (everyone,) = groups_of(question, NICE)
    found = everyone.shortfall
    expected = 0.0
    for year in range(20):
        norm = 0.9508566 + 0.0212126 - 0.0002587 * (45 + year) - 3.32e-05 * (45 + year) ** 2
        expected += norm * 1.035**-year * (1.0 - 1.0 / 1.035) / math.log(1.035)
    assert AGE_YEARS == 45.0
    assert found.population.mean == pytest.approx(expected, rel=1e-12)
    assert found.care.mean == pytest.approx(expected, rel=1e-12)
    assert found.absolute.mean == pytest.approx(0.0, abs=1e-12)
    assert found.absolute.se == pytest.approx(0.0, abs=1e-7)
    assert found.proportional.mean == pytest.approx(0.0, abs=1e-12)
    assert found.weight == 1.0


def test_people_of_one_age_without_disease_lose_nothing_within_the_error(ask):
    """n = 20,000 who die as the life table says; within 3 standard errors, seed 4."""
    question = without_disease(ask, 20_000, seed=4)
    (everyone,) = groups_of(question, NICE)
    assert everyone.patients == 20_000
    assert abs(everyone.shortfall.absolute.mean) < 3.0 * everyone.shortfall.absolute.se
    assert everyone.shortfall.absolute.se < 0.05
    assert everyone.shortfall.weight == 1.0


def test_shortfall_of_three_patients_is_that_of_a_hand_calculation(tmp_path):
    """Means of P and Q over a file of three patients, 20 lives each; errors by their formulas."""
    file = tmp_path / "three.csv"
    file.write_text("age_years,sex\n30.5,male\n50,female\n70.25,male\n", encoding="utf-8")
    path = tmp_path / "question.yaml"
    path.write_text(
        f"extends: {SCENARIOS / 'nhs_first_salvage.yaml'}\n"
        f"patients: {{file: {file}, number: 60}}\n",
        encoding="utf-8",
    )
    question = sim.Scenario.load(path).question
    (everyone,) = groups_of(question, NICE)
    care = run(question).arms[0].total(Account.QALY)
    ages = baselines_of(question)(0, 60)[:, AGE]
    assert sorted(ages) == sorted([30.5, 50.0, 70.25] * 20)
    of_three = general_population(question).qalys(np.array([30.5, 50, 70.25]), np.array([1, 0, 1]))
    like_them = np.array([dict(zip((30.5, 50.0, 70.25), of_three, strict=True))[a] for a in ages])
    found, lost = everyone.shortfall, like_them - care
    assert found.population.mean == pytest.approx(of_three.mean(), rel=1e-12)
    assert found.care.mean == pytest.approx(care.mean(), rel=1e-12)
    assert found.absolute.mean == pytest.approx(lost.mean(), rel=1e-12)
    assert found.absolute.se == pytest.approx(lost.std(ddof=1) / math.sqrt(60), rel=1e-9)
    ratio = lost.mean() / like_them.mean()
    assert found.proportional.mean == pytest.approx(ratio, rel=1e-12)
    error = (lost - ratio * like_them).std(ddof=1) / math.sqrt(60) / like_them.mean()
    assert found.proportional.se == pytest.approx(error, rel=1e-9)


@pytest.mark.parametrize(
    ("population", "care", "weight"),
    [
        # An example of the rule: 12.1 QALYs are lost, 85.2 %.
        (14.2, 2.1, 1.2),
        # Either suffices, on the cut-off the higher level applies, and the higher weight counts.
        (24.0, 12.0, 1.2),
        (20.0, 3.0, 1.2),
        (30.0, 12.0, 1.7),
        (10.0, 0.5, 1.7),
        (24.0, 12.0 + 1e-9, 1.0),
        (10.0, 1.5 + 1e-9, 1.0),
        (10.0, 10.0, 1.0),
    ],
)
def test_weight_is_that_of_the_rule(population, care, weight):
    lost = population - care
    assert float(weights(NICE, lost, lost / population)) == weight


@given(st.lists(st.tuples(st.floats(0.0, 25.0), st.floats(0.0, 1.0)), min_size=1, max_size=20))
def test_weight_never_falls_where_a_shortfall_rises(pairs):
    absolute, proportional = np.array(pairs).T
    found = weights(NICE, absolute, proportional)
    assert set(found) <= {1.0, 1.2, 1.7}
    assert (weights(NICE, absolute + 1.0, proportional) >= found).all()
    assert (weights(NICE, absolute, proportional + 0.05) >= found).all()


def test_england_has_the_rule_of_the_manual(ask):
    question = ask("nhs_first_salvage", patients=1)
    assert levels_of(question.numbers, question.values()) == NICE
    assert {name for name in question.used if ".severity_" in name} == {
        f"perspective.severity_{level}.{field}" for level in (1, 2) for field in Level._fields
    }


def test_a_weight_divides_the_icer_and_raises_the_threshold():
    """26,000 per QALY at 1.2 are 21,667 per weighted QALY."""
    cost, qalys, years = Estimate(26e3, 900.0), Estimate(1.0, 0.1), Estimate(1.4, 0.2)
    gain = Increment("new", "old", cost, qalys, years, 33.0)
    found = weighted(gain, 1.2)
    assert found.icer == pytest.approx(26e3 / 1.2)
    assert found.icer_se == pytest.approx(gain.icer_se / 1.2)
    for threshold in (0.0, 25e3, 60e3):
        assert found.nmb(threshold).mean == pytest.approx(gain.nmb(1.2 * threshold).mean)
        assert found.nmb(threshold).se == pytest.approx(gain.nmb(1.2 * threshold).se)


@pytest.fixture(scope="module")
def drawn(ask):
    """40 draws in 50 patients each, seed 3, and the shortfall of 2000 patients."""
    question = ask("nhs_first_salvage", patients=50, seed=3)
    psa = run_psa(question, 40, patients=50, base_patients=2000)
    groups = groups_of(replace(question, patients=2000), NICE)
    return psa, groups


def test_draws_with_the_weight_of_the_base_case_are_those_at_a_higher_threshold(drawn):
    psa, groups = drawn
    found = severity_analysis(psa, groups, NICE)
    weight = found.weight
    assert weight == 1.2
    for each in found.results.itertuples():
        if each.weighting == "each_draw":
            continue
        at = each.threshold * each.weight
        assert each.weight == (1.0 if each.weighting == "none" else weight)
        benefit = psa.inmb(at)
        assert each.mean_nmb == pytest.approx(benefit[:, 1].mean())
        chance = quiet_shares(benefit, psa.inmb_noise(at))
        assert each.probability == pytest.approx(chance.value[1])


def test_each_draw_has_the_weight_of_its_own_shortfall(drawn):
    """With cut-offs in the middle of the draws; net benefits draw by draw."""
    psa, groups = drawn
    plain = severity_analysis(psa, groups, NICE)
    middle = float(plain.drawn["proportional"].median())
    levels = (Level(99.0, middle, 1.5),)
    found = severity_analysis(psa, groups, levels)
    table = found.drawn
    lost = table["population_qalys"] - table["qalys"]
    with_noise = np.where(lost / table["population_qalys"] >= middle, 1.5, 1.0)
    assert table["weight_with_noise"].tolist() == with_noise.tolist()
    silent = np.where(table["proportional"] >= middle, 1.5, 1.0)
    assert table["weight"].tolist() == silent.tolist()
    assert [each.weight for each in found.shares] == [1.0, 1.5]
    assert found.shares[1].without_noise == (silent == 1.5).mean() == 0.5
    assert found.shares[1].share == (with_noise == 1.5).mean()
    assert sum(each.without_noise for each in found.shares) == pytest.approx(1.0)
    gains, costs = psa.increments("qalys")[:, 1], psa.increments("cost")[:, 1]
    for each in found.results.itertuples():
        if each.weighting == "each_draw":
            assert math.isnan(each.cost)
            assert each.weight == silent.mean()
            expected = each.threshold * silent * gains - costs
            assert each.mean_nmb == pytest.approx(expected.mean())


def test_population_of_a_draw_is_that_of_its_own_ages(drawn, ask):
    """Medians of age are uncertain here; the second draw is asked as a question of its own."""
    psa, groups = drawn
    found = severity_analysis(psa, groups, NICE)
    row = psa.parameters.iloc[1]
    names = [name for name in psa.parameters if name.startswith("population.")]
    assert names
    asked = with_numbers(psa.question, {name: float(row[name]) for name in names})
    both = []
    for question in (psa.question, asked):
        baseline = baselines_of(question)(0, SAMPLE)
        general = general_population(question)
        both.append(general.qalys(baseline[:, AGE], baseline[:, MALE]).mean())
    expected = groups[0].shortfall.population.mean + both[1] - both[0]
    assert found.drawn["population_qalys"][1] == pytest.approx(expected, rel=1e-12)


def test_subgroups_add_up_to_all_patients(ask):
    question = ask("nhs_first_salvage", patients=3000, subgroups={"age_years": [40, 60]})
    everyone, *parts = groups_of(question, NICE)
    assert [each.label for each in parts] == ["below 40", "40 to below 60", "60 or more"]
    assert sum(each.patients for each in parts) == everyone.patients == 3000
    for name in ("population", "care", "absolute"):
        total = sum(each.patients * getattr(each.shortfall, name).mean for each in parts)
        assert total / 3000 == pytest.approx(getattr(everyone.shortfall, name).mean, rel=1e-12)
    young, _, old = (each.shortfall for each in parts)
    assert young.population.mean > everyone.shortfall.population.mean > old.population.mean


def test_a_perspective_without_a_rule_is_refused_in_one_message(tmp_path):
    out = tmp_path / "out"
    arguments = ["severity", str(SCENARIOS / "first_salvage.yaml"), "--out", str(out)]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 2
    assert "first_salvage.yaml: perspective: weights no QALYs by severity" in done.output
    assert "nhs_england" in done.output
    assert not out.exists()


def test_an_own_weight_of_the_scenario_is_used(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(
        f"extends: {ENGLAND}\nparameters: {{perspective.severity_1.weight: 1.3}}\n",
        encoding="utf-8",
    )
    arguments = ["severity", str(path), "--draws", "4", "--patients", "20", "--no-cache", "--json"]
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["weight"] == 1.3


def test_a_short_horizon_counts_for_both_and_is_said():
    scenario = sim.Scenario.load(ENGLAND).with_(horizon_years=5)
    found = sim.severity(scenario, draws=4, patients=20, cached=False)
    assert found.shortfalls["population_qalys"][0] < 5.0
    assert "QALYs are those of 5 years" in str(found)


@pytest.mark.draws
def test_the_figure_shows_draws_base_case_and_cut_offs():
    found = sim.severity(ENGLAND, draws=10, patients=20, cached=False)
    upper, lower = found.figure().axes
    assert upper.get_xlabel() == "Absolute QALY shortfall"
    assert [round(line.get_xdata()[0], 9) for line in upper.lines[1:]] == [12.0, 18.0]
    assert [round(line.get_xdata()[0], 9) for line in lower.lines[1:]] == [85.0, 95.0]
    shortfalls = found.shortfalls
    assert upper.lines[0].get_xdata()[0] == shortfalls["absolute"][0]
    assert sum(bar.get_height() for bar in upper.patches) == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("severity_results.csv", "one row for each strategy, threshold"),
        ("severity.csv", "must begin with all patients"),
    ],
)
def test_results_that_lack_rows_are_refused(tmp_path, file, message):
    sim.severity(ENGLAND, draws=4, patients=10, cached=False, out=tmp_path)
    heading, *_ = (tmp_path / file).read_text(encoding="utf-8").splitlines()
    (tmp_path / file).write_text(f"{heading}\n", encoding="utf-8")
    with pytest.raises(sim.UserError, match=message):
        sim.SeverityResult.read(ENGLAND, tmp_path)
