"""What a simulated trial reports: by hand, by other libraries, and from patients of its own."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from sim import Scenario, UserError
from sim.analyses.psa.draws_run import run_psa
from sim.analyses.trial.analysis import (
    FIRST_PATIENT,
    PATIENTS_OF_A_DRAW,
    first_patient,
    question_of,
    report_of,
    reports,
)
from sim.analyses.trial.design import MOST_PATIENTS, design_of, sizes_of
from sim.clinic.units import DAYS_PER_MONTH
from sim.engine.outcomes import outcome
from sim.engine.reference import enrol, lived, new_life, simpy
from sim.engine.streams import Streams
from sim.layout.endpoint_words import TRIAL_OUTCOMES
from sim.limits import MOST_DRAWS
from sim.limits import MOST_PATIENTS as MOST_OF_THE_MODEL
from sim.scenario.schema import MOST_STRATEGIES
from sim.simulation.question import with_numbers
from tests.support.places import SCENARIOS


@pytest.fixture(scope="module")
def question():
    return Scenario.load(SCENARIOS / "first_salvage.yaml").with_(patients=100, seed=3).question


@pytest.fixture(scope="module")
def psa(question):
    return run_psa(question, 8, patients=2, base_patients=2, threads=1)


def design(question, n="5,10", outcomes=tuple(TRIAL_OUTCOMES), arms=None, **given):
    return design_of(question, sizes_of(n), arms, outcomes, given)


# By hand


def test_a_trial_of_five_patients_an_arm_reports_what_a_hand_counts(question):
    """Follow-up of 12 months. Arm 1: deaths at 1, 3, 8 months, two alive at the end. Arm 2: deaths at
    2 and 11 months; the median is not reached. Responses 2 and 4 of five, allo-HCT 0 and 1."""
    asked = design(
        question, outcomes=["response", "hct", "os_percent", "os_median"], follow_up_months=12
    )
    months = np.array([[1.0, 2.0], [3.0, 11.0], [8.0, 30.0], [13.0, 40.0], [math.inf, math.inf]])
    response = np.array([[100, 100], [100, 100], [0, 100], [0, 100], [0, 0]], dtype=float)
    hct = np.array([[0, 100], [0, 0], [0, 0], [0, 0], [0, 0]], dtype=float)
    found = report_of(asked, months * DAYS_PER_MONTH, [response, hct])
    medians = np.array([8.0, 12.0]) * DAYS_PER_MONTH
    assert found == pytest.approx([40.0, 80.0, 0.0, 20.0, 40.0, 60.0, *medians], rel=1e-12)


def test_the_hazard_ratio_maximises_the_partial_likelihood_of_the_patients(question):
    """Cox's likelihood of the single patients, maximised by scipy; times in different bins, so that
    there are no ties. 60 patients an arm, seed 1, hazards of 0.10 and 0.05 a month; tolerance 1e-5."""
    asked = design(question, n="60", outcomes=["os_hazard_ratio"], follow_up_months=18)
    generator = np.random.default_rng(1)
    bins = generator.choice(400, (60, 2), replace=False) + 0.5
    times = bins / 16.0 * np.array([0.7, 1.0])
    times = np.where(np.abs(times * 16.0 % 1.0) < 1e-9, times + 0.01, times)
    places = np.ceil(times * 16.0)
    assert len(np.unique(places)) > 100
    months = (places - 0.5) / 16.0
    group = np.broadcast_to([0.0, 1.0], months.shape).ravel()
    flat = months.ravel()

    def minus_log_likelihood(effect):
        total = 0.0
        for t, g in zip(flat, group, strict=True):
            if t <= 18.0:
                total += effect * g - math.log(np.exp(effect * group[flat >= t]).sum())
        return -total

    expected = minimize_scalar(minus_log_likelihood, bracket=(-1.0, 1.0), tol=1e-10).x
    (found,) = report_of(asked, months * DAYS_PER_MONTH, [])
    assert found == pytest.approx(expected, abs=1e-5)


@given(st.lists(st.floats(0.1, 2000.0), min_size=10, max_size=40), st.randoms())
@settings(max_examples=50)
def test_the_order_of_the_patients_does_not_matter(question, days, order):
    asked = design(question, outcomes=["os_percent", "os_median", "os_hazard_ratio"])
    half = len(days) // 2
    arms = np.array([days[:half], days[half : 2 * half]]).T
    again = np.array([order.sample(list(column), half) for column in arms.T]).T
    assert report_of(asked, arms, []) == pytest.approx(report_of(asked, again, []), rel=1e-9)


# Patients of their own


def test_no_patient_of_a_trial_is_one_of_the_model_or_of_another_draw():
    assert MOST_OF_THE_MODEL * MOST_DRAWS < FIRST_PATIENT
    assert MOST_PATIENTS * MOST_STRATEGIES <= PATIENTS_OF_A_DRAW
    assert first_patient(MOST_DRAWS) + PATIENTS_OF_A_DRAW < 2**63
    assert first_patient(1) - first_patient(0) == PATIENTS_OF_A_DRAW


def test_patients_of_a_trial_live_as_the_other_engine_says(question, psa):
    """The reference engine lives the same patients one event at a time: shares and days of ten
    patients of the last draw, each in the arm of its place."""
    asked = design(question, n="5", outcomes=["response", "hct", "os_percent", "os_median"])
    found = reports(psa, asked, threads=1)[-1, 0]
    drawn = psa.parameters.iloc[-1].to_dict()
    model = with_numbers(question_of(question, asked), drawn).model
    strategies = {each.name: each for each in model.strategies}
    first = first_patient(psa.draws - 1)
    streams = Streams(question.seed, first, 10)
    rows = {arm: [] for arm in asked.arms}
    for place in range(10):
        arm = asked.arms[place % 2]
        life = new_life(model, strategies[arm], enrol(first + place, model, streams), streams)
        environment = simpy.Environment()
        environment.process(lived(environment, model.world(question.seed), life))
        environment.run()
        rows[arm].append(outcome(life.log))
    days = np.array([[each.death_days for each in rows[arm]] for arm in asked.arms]).T
    shares = [
        100.0 * np.array([[getattr(each, name) for each in rows[arm]] for arm in asked.arms]).T
        for name in ("response", "hct_in_remission")
    ]
    assert found == pytest.approx(report_of(asked, days, shares), rel=1e-12)


def test_a_smaller_trial_is_the_beginning_of_a_larger_one(question, psa):
    """To the last bit, at any number of threads and of draws."""
    both = reports(psa, design(question, n="5,20"), threads=2)
    assert both.shape == (8, 2, 2 * 6 + 1)
    assert np.array_equal(both[:, [0]], reports(psa, design(question, n="5"), threads=1))
    assert np.array_equal(both[:, [1]], reports(psa, design(question, n="20"), threads=1))
    fewer = replace(psa, parameters=psa.parameters.iloc[:3])
    assert np.array_equal(both[:3], reports(fewer, design(question, n="5,20"), threads=1))


def test_arms_are_in_the_order_of_the_comparator_first(question, psa):
    """A hazard ratio is against the comparator, in whichever order the arms are named."""
    asked = design(question, arms=["blinatumomab", "salvage_chemotherapy"])
    assert asked.arms == ("salvage_chemotherapy", "blinatumomab")
    alone = design(question, arms=["blinatumomab"], outcomes=["response", "os_hazard_ratio"])
    assert reports(psa, alone, threads=1).shape == (8, 2, 1)


# The design


def test_sizes_are_an_interval_or_a_list():
    assert sizes_of("50:800") == (50, 71, 100, 140, 200, 280, 400, 570, 800)
    assert sizes_of("7:9") == (7, 8, 9)
    assert sizes_of("200, 50,50") == sizes_of([50, 200]) == (50, 200)
    assert sizes_of("30:30") == (30,)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "interval such as 50:800"),
        ("50-800", "interval such as 50:800"),
        ("800:50", "must rise"),
        ("1:50", "from 5 to 100,000"),
        ("50,200000", "from 5 to 100,000"),
        ([], "from 5 to 100,000"),
        (["many"], "from 5 to 100,000"),
    ],
)
def test_sizes_that_cannot_be_are_refused(given, problem):
    with pytest.raises(UserError, match=problem):
        sizes_of(given)


def test_results_are_used_after_recruitment_follow_up_and_delay(question):
    """By hand: 2 arms of 120 at 60 a year are 4 years, 24 months are 2, and a delay of 1.5: from year
    7.5. Until year 10, 100 patients a year, at 3 %: 100 (1.03^-7.5 - 1.03^-10) / ln 1.03. They cost
    5 million and 240 times 40,000."""
    asked = design(
        question,
        n="120,500",
        recruited_per_year=60.0,
        follow_up_months=24.0,
        delay_years=1.5,
        incidence_per_year=100.0,
        horizon_years=10.0,
        fixed_cost=5e6,
        cost_per_patient=4e4,
    )
    assert asked.used_from_years(120) == pytest.approx(7.5)
    expected = 100.0 * (1.03**-7.5 - 1.03**-10.0) / math.log(1.03)
    assert asked.informed_patients(120) == pytest.approx(expected, rel=1e-9)
    assert asked.cost(120) == pytest.approx(14.6e6)
    assert asked.informed_patients(500) == 0.0


def test_settings_come_from_options_then_the_scenario_then_the_catalogue():
    scenario = Scenario.load(SCENARIOS / "first_salvage.yaml")
    asked = design(
        scenario.with_(parameters={"trial.delay_years": 2}).question, follow_up_months=6.0
    )
    assert (asked["follow_up_months"], asked["delay_years"], asked["horizon_years"]) == (6, 2, 10)
    assert [each.name for each in asked.settings if each.is_given] == ["follow_up_months"]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"arms": ["blinatumomap"]}, "--arm"),
        ({"outcomes": ["os"]}, "--outcome"),
        ({"outcomes": ["os_hazard_ratio"], "arms": ["blinatumomab"]}, "--outcome"),
        ({"follow_up_months": 1e-9}, "--follow-up"),
    ],
)
def test_a_design_that_cannot_be_is_refused_by_its_option(question, changes, key):
    with pytest.raises(UserError) as refused:
        design(question, **changes)
    assert refused.value.key == key


def test_follow_up_beyond_the_horizon_is_refused():
    question = Scenario.load(SCENARIOS / "first_salvage.yaml").with_(horizon_years=1).question
    with pytest.raises(UserError, match="longer than the horizon"):
        design(question)


def test_a_perspective_of_the_users_own_without_settings_names_the_option(question):
    for name, words in (("cost_per_patient", "or with --cost"), ("fixed_cost", "needs it")):
        left = {n: each for n, each in question.parameters.items() if n != f"trial.{name}"}
        with pytest.raises(UserError, match=words):
            design(replace(question, parameters=left))
        assert design(replace(question, parameters=left), **{name: 5.0})[name] == 5.0
