"""The value of a trial against closed forms, and the order in which values must lie."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.stats import norm

from sim import Scenario, TrialResult, UserError, trial
from sim.analyses.psa.draws_run import COVARIANCE, INCREMENT_SE, SE, Psa, run_psa
from sim.analyses.trial.analysis import of_the_course, reports, trial_analysis
from sim.analyses.trial.design import design_of, sizes_of
from sim.analyses.voi.information import shuffled
from sim.cli import commands
from tests.support.places import SCENARIOS

MAIN = SCENARIOS / "first_salvage.yaml"
THRESHOLD = 100_000.0
DRAWS = 4000
INDIVIDUAL_SD = 2.0
"""Between patients, of the QALYs that a trial of the closed form observes."""


@pytest.fixture(scope="module")
def question():
    return Scenario.load(MAIN).with_(patients=100, seed=3).question


def unit_normal_loss(mean, sd):
    """E[max(0, X)] - max(0, E[X]) of a normal X."""
    return sd * norm.pdf(mean / sd) + mean * norm.cdf(mean / sd) - max(mean, 0.0)


def normal_psa(question, mean, sd, seed=1):
    """A PSA of two strategies whose QALYs differ by a normal parameter and whose costs do not."""
    gain = mean + sd * np.random.default_rng(seed).standard_normal(DRAWS)
    name = min(question.model.used)
    qalys = np.column_stack([np.ones(DRAWS), 1.0 + gain]).ravel()
    table = {"draw": np.repeat(np.arange(DRAWS), 2), "strategy": ["a", "b"] * DRAWS}
    table |= {"cost": 0.0, "qalys": qalys, "life_years": qalys, COVARIANCE: 0.0}
    table |= {f"{kind}{each}": 0.0 for kind in (SE, INCREMENT_SE) for each in ("cost", "qalys")}
    outcomes = pd.DataFrame(table)
    parameters = pd.DataFrame({name: gain})
    return Psa(question, parameters, outcomes, outcomes.iloc[:2], 2), gain


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 0.5), (0.3, 0.5), (-0.2, 0.3)])
def test_value_meets_the_closed_form_of_a_normal_mean_observed_with_normal_noise(
    question, mean, sd
):
    """The gain g ~ N(m, s^2) is observed as the mean of n patients, N(g, v^2 / n). The posterior
    mean is normal around m with variance s^4 / (s^2 + v^2 / n). 4,000 draws, seeds 1 and 2; within
    2 % or 3 standard errors, and so the EVPPI and EVPI."""
    psa, gain = normal_psa(question, mean, sd)
    design = design_of(question, sizes_of("10,40,160,640"), None, None, {})
    noise = np.random.default_rng(2).standard_normal((DRAWS, 1))
    sizes = np.array(design.sizes)
    observed = gain[:, None] + INDIVIDUAL_SD * noise / np.sqrt(sizes)
    found = trial_analysis(psa, design, observed[:, :, None], [THRESHOLD])
    for row in found.table.itertuples():
        spread = sd**2 / math.sqrt(sd**2 + INDIVIDUAL_SD**2 / row.n)
        expected = unit_normal_loss(THRESHOLD * mean, THRESHOLD * spread)
        assert abs(row.evsi - expected) <= max(0.02 * expected, 3.0 * row.se), row.n
        benefit = design.informed_patients(row.n) * row.evsi - design.cost(row.n)
        assert row.enbs == pytest.approx(benefit, rel=1e-12)
    perfect = unit_normal_loss(THRESHOLD * mean, THRESHOLD * sd)
    for value, se in (
        (found.evppi[THRESHOLD].value, found.evppi[THRESHOLD].se),
        found.evpi[THRESHOLD],
    ):
        assert abs(value - perfect) <= max(0.02 * perfect, 3.0 * se)
    assert found.informed == 1


def test_the_best_size_is_that_of_the_closed_form(question):
    """ENBS by the closed form at every size; the size found is the one of the highest, or cannot be
    told from it by two of its paired errors. 4,000 draws."""
    psa, gain = normal_psa(question, 0.05, 0.1)
    given = {"incidence_per_year": 3000.0, "cost_per_patient": 1e4, "recruited_per_year": 800.0}
    design = design_of(question, sizes_of("20:2000"), None, None, given)
    noise = np.random.default_rng(2).standard_normal((DRAWS, 1))
    observed = gain[:, None] + INDIVIDUAL_SD * noise / np.sqrt(np.array(design.sizes))
    found = trial_analysis(psa, design, observed[:, :, None], [THRESHOLD])
    expected = {
        size: design.informed_patients(size)
        * unit_normal_loss(5e3, 1e3 / math.sqrt(0.01 + INDIVIDUAL_SD**2 / size))
        - design.cost(size)
        for size in design.sizes
    }
    right = max(expected, key=expected.get)
    assert right not in (design.sizes[0], design.sizes[-1])
    row = found.table[found.table["n"] == right].iloc[0]
    assert row["below_best"] <= 2.0 * row["below_best_se"]
    best = found.best(THRESHOLD)
    assert best["below_best"] == best["below_best_se"] == 0.0
    assert best["enbs"] == found.table["enbs"].max()


# The model's own trials


@pytest.fixture(scope="module")
def drawn(question):
    return run_psa(question, 400, patients=300, base_patients=2, threads=1)


@pytest.fixture(scope="module")
def valued(question, drawn):
    """Trials of four sizes, valued at a threshold near the ICER."""
    design = design_of(question, sizes_of("10,50,200,1600"), None, None, {})
    return trial_analysis(drawn, design, reports(drawn, design, threads=1), [380_000.0])


def test_values_lie_in_their_order_and_rise_with_the_size(valued):
    """EVSI <= EVPPI of the course <= EVPI of the same draws, and each size at least the one before:
    within three standard errors, and rising by more than them from the first to the last size that
    differ 160-fold. 400 draws of 300 patients."""
    found, everything, course = valued, valued.evpi[380_000.0], valued.evppi[380_000.0]
    assert everything.mean > 3.0 * everything.se
    assert course.value <= everything.mean + 3.0 * everything.se
    values, errors = found.table["evsi"].tolist(), found.table["se"].tolist()
    for value, se in zip(values, errors, strict=True):
        assert value <= course.value + 3.0 * math.hypot(se, course.se)
    for i in range(len(values) - 1):
        assert values[i + 1] >= values[i] - 3.0 * max(errors)
    assert values[-1] > values[0] + 2.0 * errors[-1]
    assert (found.table["enbs"] < found.table["informed_patients"] * found.table["evsi"]).all()


def test_a_trial_that_tells_nothing_is_worth_nothing_within_its_error(question, drawn):
    """Its patients are those of the base case under every draw, so that what it reports is noise;
    the excess over the bias of the regression is below three standard errors."""
    design = design_of(question, sizes_of("20,200"), None, None, {})
    names = list(drawn.parameters)
    fixed = drawn.parameters.assign(**{name: question.numbers[name] for name in names})
    noise = reports(Psa(question, fixed, drawn.outcomes, drawn.deterministic, 2), design, threads=1)
    assert np.ptp(noise[:, 0, 0]) > 0.0
    found = trial_analysis(drawn, design, noise, [380_000.0])
    for row in found.table.itertuples():
        assert abs(row.evsi - row.null) <= 3.0 * row.se
        assert not row.told_from_nothing
    said = " ".join(str(TrialResult(Scenario.load(MAIN), found)).split())
    assert "the value of a trial of these sizes cannot be told from noise" in said


@pytest.mark.parametrize(
    ("evsi", "se", "words"),
    [
        (9e4, 100.0, "the regression finds more than the EVPI"),
        (1e4, 100.0, "the highest ENBS is"),
        (0.0, 0.0, "no trial of these sizes is worth its cost"),
    ],
)
def test_the_answer_says_whether_a_trial_is_worth_its_cost(valued, evsi, se, words):
    benefit = valued.table["informed_patients"] * evsi - valued.table["cost"]
    best = benefit == benefit.max()
    table = valued.table.assign(evsi=evsi, se=se, enbs=benefit, best=best, told_from_nothing=True)
    said = " ".join(str(TrialResult(Scenario.load(MAIN), replace(valued, table=table))).split())
    assert words in said


def test_prices_and_utilities_are_nothing_that_a_trial_informs(drawn):
    informed = of_the_course(drawn)
    assert informed
    assert not [name for name in informed if name.startswith(("cost.", "utility.", "decrement."))]
    left = set(drawn.parameters) - set(informed)
    assert any(name.startswith("cost.") for name in left)
    assert any(name.startswith("utility.") for name in left)
    assert not [name for name in left if name.startswith(("response.", "relapse.", "disease."))]


def test_a_trial_that_can_inform_nothing_is_refused(question, drawn):
    prices = drawn.parameters.drop(columns=of_the_course(drawn))
    alone = Psa(question, prices, drawn.outcomes, drawn.deterministic, 2)
    design = design_of(question, sizes_of("20"), None, None, {})
    with pytest.raises(UserError, match="nothing to inform"):
        trial_analysis(alone, design, np.zeros((400, 1, 1)), [THRESHOLD])


# The command


SMALL = ("trial", str(MAIN), "--n", "10,20", "--draws", "30", "--patients", "20", "--no-cache")


def test_the_command_says_the_value_the_net_benefit_and_where_each_setting_comes_from(tmp_path):
    given = ("--threshold", "380000", "--follow-up", "12", "--out", str(tmp_path))
    result = CliRunner().invoke(commands, [*SMALL, *given])
    assert result.exit_code == 0, result.output
    for words in ("EVPI: everything known", "EVSI: 20 in each arm", "ENBS at $380,000 per QALY"):
        assert words in " ".join(result.stdout.split())
    assert "assumption from Moore 2020" in result.stdout
    told = json.loads((tmp_path / "trial.json").read_text())
    settings = {each["name"]: each for each in told["settings"]}
    assert settings["follow_up_months"]["from"] == "given"
    assert settings["cost_per_patient"]["value"] == 41413.0
    assert "BMJ Open 2020" in (tmp_path / "citations.txt").read_text()
    again = TrialResult.read(MAIN, tmp_path)
    assert again.values.equals(again.tables["trial"])
    assert again.summary == told


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--n", "800:50"), "--n: must rise"),
        (("--arm", "blinatumomap"), "blinatumomab"),
        (("--outcome", "orr"), "no such outcome"),
        (("--follow-up", "0"), "--follow-up"),
        (("--cost", "-1"), "--cost"),
    ],
)
def test_a_mistake_ends_with_one_message(given, words):
    result = CliRunner().invoke(commands, [*SMALL, *given])
    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output


def test_one_strategy_leaves_no_choice_to_inform():
    scenario = Scenario.load(MAIN)
    alone = [{"name": "a", "sequence": ["blinatumomab"], "then": "usual_care"}]
    with pytest.raises(UserError, match="two strategies or more"):
        trial(scenario.with_(strategies=alone, comparator="a"), draws=10, patients=10)


def test_the_null_of_a_closed_form_trial_is_that_of_shuffled_draws(question):
    """The bias in the table is that of `shuffled` for the same numbers."""
    psa, gain = normal_psa(question, 0.0, 0.5)
    design = design_of(question, sizes_of("20"), None, None, {})
    observed = gain[:, None, None]
    row = trial_analysis(psa, design, observed, [THRESHOLD]).table.iloc[0]
    (null,) = shuffled(
        observed[:, 0], psa.values("cost"), psa.values("qalys"), [THRESHOLD], seed=question.seed
    )
    assert (row["null"], row["null_se"]) == (null.mean, null.sd)
