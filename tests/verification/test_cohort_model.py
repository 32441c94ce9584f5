"""A cohort model in discrete time, with its own equations, against the microsimulation.

`tests.support.cohort_model` shares no code with the program; it reads the same parameters by name.
n = 200,000 patients per strategy by the core engine, a fixed seed. A difference may be 4 Monte Carlo
standard errors and the discretisation error, which is found by halving the cycle.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from scipy import integrate, stats

from sim.economics.ledger import Account, Category
from sim.simulation.run import run
from tests.support.cohort_grid import Background
from tests.support.cohort_model import Cohort, Person, Plan
from tests.support.one_kind_of_patient import AGE_YEARS, HORIZON_DAYS, ONE_KIND, SIMPLE

PATIENTS = 200_000
SEED = 20261130
WEEK, FINE = 7.0, 0.875
MONTH, YEAR = 30.4375, 365.25
TRAITS = ("prior_hct", "kmt2a", "high_blasts", "extramedullary")
PERSON = Person(age_years=AGE_YEARS)
STRATEGIES = ("salvage_chemotherapy", "blinatumomab")
PRICED = {
    "drug": Category.DRUG,
    "administration": Category.ADMINISTRATION,
    "follow_up": Category.FOLLOW_UP,
    "later_lines": Category.LATER_LINES,
    "end_of_life": Category.END_OF_LIFE,
    "transplant": Category.TRANSPLANT,
}
WHOLE_LIFE = {
    "parameters": ONE_KIND,
    "switches": {"toxicity": False},
}
MEN_US_2019 = Background(
    (18, 25, 35, 45, 55, 65, 75, 85, 95, 105),
    (8.384e-4, 1.539e-3, 2.079e-3, 3.138e-3, 7.375e-3, 0.01578, 0.03161, 0.09257, 0.2863, 0.6718),
)
WOMEN_US_2019 = Background(
    (18, 25, 35, 45, 55, 65, 75, 85, 95, 105),
    (3.231e-4, 5.713e-4, 1.072e-3, 1.862e-3, 4.489e-3, 9.312e-3, 0.02184, 0.06962, 0.2313, 0.5975),
)
BANDS = (25, 35, 45, 55, 65, 75)


# The models, and how far they are apart


def simple_plan(regimen, cycle_days=WEEK):
    return Plan(regimen, HORIZON_DAYS, cycle_days, **delivery(regimen))


def delivery(regimen):
    """How a regimen is given; of an infusion the cohort model counts no bags."""
    infusion = regimen == "blinatumomab"
    return {"infusion": infusion, "chemotherapy": not infusion}


def norm(numbers):
    """Utility of the general population by band of age, from 18 on."""
    values = np.array([numbers[f"norm.age_{first}"] for first in (18, *BANDS)])
    return lambda age: values[np.searchsorted(BANDS, age, side="right")]


def life_plan(numbers, regimen, cycle_days=WEEK, **changes):
    """All that the cohort model has: transplants, a life table, survivors, population norms."""
    plan = Plan(
        regimen,
        math.inf,
        cycle_days,
        **delivery(regimen),
        transplant=True,
        background=MEN_US_2019,
        mortality_ratio=numbers["survivor.mortality_ratio"],
        norm=norm(numbers),
    )
    return plan._replace(**changes)


def simulated_means(arm):
    """Mean and standard error of what both models count."""
    values = {
        "life_years": arm.total(Account.LIFE_YEARS),
        "undiscounted_life_years": arm.total(Account.LIFE_YEARS, discounted=False),
        "qalys": arm.total(Account.QALY),
        **{name: arm.category(category) for name, category in PRICED.items()},
    }
    return {
        name: (each.mean(), each.std(ddof=1) / math.sqrt(len(each)))
        for name, each in values.items()
    }


def counted(totals):
    """The same of the cohort model."""
    years = {
        "life_years": totals.life_years,
        "undiscounted_life_years": totals.undiscounted_life_years,
        "qalys": totals.qalys,
    }
    return years | totals.costs


def too_far(arm, values, *, days, share):
    """Name what differs by more than 4 standard errors and the error of the discretisation.

    `days` of life and of QALYs, and a `share` of each cost.
    """
    found = {}
    for name, (mean, error) in simulated_means(arm).items():
        if name not in values:
            continue
        grid = share * mean if name in PRICED else days / YEAR
        difference = values[name] - mean
        if abs(difference) > 4.0 * error + grid:
            found[name] = f"{values[name]:.5g} instead of {mean:.5g}, {error:.2g} standard error"
    return found


@pytest.fixture(scope="module")
def simple(ask):
    """One line without usual care, transplant, toxicity or background mortality; ten years."""
    question = ask("first_salvage", patients=PATIENTS, seed=SEED, **SIMPLE)
    return question, run(question)


@pytest.fixture(scope="module")
def whole_lives(ask):
    """Transplants, background mortality and usual care in as many lines as patients are fit for."""
    question = ask("first_salvage", patients=PATIENTS, seed=SEED, **WHOLE_LIFE)
    return question, run(question)


# The simple form


@pytest.mark.parametrize("regimen", STRATEGIES)
def test_cohort_and_simulation_agree_on_one_line_without_transplant(simple, regimen):
    """Discretisation at one week: 0.05 days, 0.05 % of a cost."""
    question, answer = simple
    totals = Cohort(question.numbers, PERSON, simple_plan(regimen)).totals()
    assert too_far(answer.arm(regimen), counted(totals), days=0.05, share=5e-4) == {}


def closed_form_years(numbers, response, day, shares):
    """Mean life-years in ten years of patients who all do, or do not, respond at `day`.

    Survival after relapse is averaged over the time of relapse by quadrature; `shares` of MRD.
    """
    median, shape = numbers["disease.refractory_median_months"] * MONTH, "disease.refractory_shape"
    if not response:
        scale = median / math.log(2.0) ** (1.0 / numbers[shape])
        law = stats.weibull_min(numbers[shape], scale=scale)
        return integrate.quad(law.sf, 0.0, HORIZON_DAYS, points=(1.0, median))[0] / YEAR
    left = HORIZON_DAYS - day
    median, shape = numbers["disease.relapsed_median_months"] * MONTH, "disease.relapsed_shape"
    scale = median / math.log(2.0) ** (1.0 / numbers[shape])
    relapsed = stats.weibull_min(numbers[shape], scale=scale)
    rate = numbers["relapse.death_rate_per_month"] / MONTH
    times = np.linspace(0.0, left, 200_001)
    # Time lived from a relapse on, until the horizon.
    lived = np.concatenate(([0.0], np.cumsum(np.diff(times) * mean_of_ends(relapsed.sf(times)))))
    total = day
    for mrd, share in shares.items():
        cured = numbers[f"relapse.cured_probability_mrd_{mrd}"]
        law = stats.lognorm(
            numbers["relapse.sigma"], scale=numbers[f"relapse.median_months_mrd_{mrd}"] * MONTH
        )
        present = np.exp(-rate * np.minimum(times, 728.0))
        free = present * (cured + (1.0 - cured) * law.sf(times))
        density = present * (1.0 - cured) * law.pdf(times)
        after = density * lived[::-1]
        total += share * (np.diff(times) * mean_of_ends(free + after)).sum()
    return total / YEAR


def mean_of_ends(values):
    return (values[1:] + values[:-1]) / 2.0


@pytest.mark.parametrize("response", [False, True])
def test_life_years_of_the_cohort_are_the_closed_form(simple, response):
    """Everybody responds in the first cycle, or nobody: within 0.05 days at one week."""
    numbers = {
        **simple[0].numbers,
        "response.baseline_logit": 50.0 if response else -50.0,
        "blinatumomab.response.first_cycle_share": 1.0,
    }
    negative = numbers["blinatumomab.response.mrd_negative_probability"]
    shares = {"negative": negative, "positive": 1.0 - negative}
    expected = closed_form_years(numbers, response, 28.0, shares)
    totals = Cohort(numbers, PERSON, simple_plan("blinatumomab")).totals()
    assert abs(totals.undiscounted_life_years - expected) < 0.05 / YEAR


def test_discretisation_error_falls_as_the_square_of_the_cycle(simple):
    """Cycles of 28, 14, 7 and 3.5 days against 0.875: halving divides each error by 1.8 at least."""
    numbers = simple[0].numbers

    def values(cycle_days):
        totals = Cohort(numbers, PERSON, simple_plan("salvage_chemotherapy", cycle_days)).totals()
        return np.array([totals.life_years, totals.qalys, totals.costs["later_lines"]])

    fine = values(FINE)
    errors = [np.abs(values(cycle_days) - fine) for cycle_days in (28.0, 14.0, 7.0, 3.5)]
    for longer, shorter in itertools.pairwise(errors):
        assert (longer / shorter >= 1.8).all()
    week = errors[2]
    assert (week[:2] < 0.05 / YEAR).all()
    assert week[2] < 5e-4 * fine[2]


@pytest.mark.parametrize(
    ("planted", "noticed"),
    [
        ({"disease.refractory_median_months": 1.1}, "later_lines"),
        ({"disease.relapsed_median_months": 1.1}, "life_years"),
        ({"relapse.median_months_mrd_negative": 0.9}, "qalys"),
        ({"relapse.study_hazard_ratio": 1.1}, "life_years"),
        ({"relapse.cured_probability_mrd_negative": 0.9}, "life_years"),
        ({"relapse.death_rate_per_month": 1.2}, "end_of_life"),
        ({"blinatumomab.response.mrd_negative_probability": 0.95}, "life_years"),
        ({"blinatumomab.response.complete_share": 0.7}, "qalys"),
    ],
)
def test_a_wrong_parameter_is_noticed(simple, planted, noticed):
    """Parameters of the cohort model multiplied: too far by the bounds of the agreement above."""
    question, answer = simple
    wrong = {name: factor * question.numbers[name] for name, factor in planted.items()}
    totals = Cohort(question.numbers | wrong, PERSON, simple_plan("blinatumomab")).totals()
    assert noticed in too_far(answer.arm("blinatumomab"), counted(totals), days=0.05, share=5e-4)


# Whole lives


@pytest.mark.parametrize("regimen", STRATEGIES)
def test_cohort_and_simulation_agree_on_lives_with_transplant_and_later_lines(whole_lives, regimen):
    """Discretisation at one week: 0.4 days, 0.1 % of a cost."""
    question, answer = whole_lives
    plan = life_plan(question.numbers, regimen, usual_care=True)
    totals = Cohort(question.numbers, PERSON, plan).totals()
    assert too_far(answer.arm(regimen), counted(totals), days=0.4, share=1e-3) == {}


def test_discretisation_of_whole_lives_at_one_week_is_inside_its_bound(whole_lives):
    """Cycles of 14, 7 and 3.5 days: of order 2, a week's error is 4/3 of its step to half a week."""
    numbers = whole_lives[0].numbers

    def values(cycle_days):
        plan = life_plan(numbers, "salvage_chemotherapy", cycle_days, usual_care=True)
        totals = Cohort(numbers, PERSON, plan).totals()
        years = (totals.life_years, totals.undiscounted_life_years, totals.qalys)
        return np.array((*years, totals.costs["later_lines"], totals.costs["transplant"]))

    coarse, week, half = values(14.0), values(WEEK), values(WEEK / 2.0)
    assert (np.abs(coarse - week) / np.abs(week - half) >= 1.8).all()
    error = np.abs(week - half) * 4.0 / 3.0
    assert (error[:3] < 0.4 / YEAR).all()
    assert (error[3:] < 1e-3 * half[3:]).all()


@pytest.mark.parametrize(
    ("planted", "noticed"),
    [
        ({"survivor.mortality_ratio": 0.9}, "life_years"),
        ({"transplant.late_mortality_per_month": 1.1}, "life_years"),
        ({"later.next_line_probability": 0.95}, "later_lines"),
        ({"usual_care.response.log_odds_ratio": 1.2}, "transplant"),
    ],
)
def test_a_wrong_parameter_of_whole_lives_is_noticed(whole_lives, planted, noticed):
    """Multiplied in the cohort model: too far by the bounds of the agreement above."""
    question, answer = whole_lives
    regimen = "salvage_chemotherapy"
    wrong = {name: factor * question.numbers[name] for name, factor in planted.items()}
    numbers = question.numbers | wrong
    totals = Cohort(numbers, PERSON, life_plan(numbers, regimen, usual_care=True)).totals()
    assert noticed in too_far(answer.arm(regimen), counted(totals), days=0.4, share=1e-3)


# Many kinds of patient


def ages(numbers):
    """Ages at entry and their weights, by Gauss's rule with one or two ages in each interval.

    Half of the patients are evenly between the youngest and the median age, half between that and the
    oldest. Nobody is a candidate for a transplant above an age: who is close to it at entry is too
    old in a later remission, and who is very close already in the first.
    """
    young, middle, old = (
        numbers[f"population.age_{name}_years"] for name in ("minimum", "median", "maximum")
    )
    last = numbers["candidacy.maximum_age_years"]
    edges = (young, middle, last - 2.0, last - 0.15, last, old)
    for (low, high), nodes in zip(itertools.pairwise(edges), (2, 2, 1, 1, 1), strict=True):
        half = middle - young if high <= middle else old - middle
        mass = 0.5 * (high - low) / half
        for node, weight in zip(*np.polynomial.legendre.leggauss(nodes), strict=True):
            yield low + (high - low) * (node + 1.0) / 2.0, mass * weight / 2.0


def groups(numbers):
    """Every kind of patient of the population, with its life table and its share."""
    share = {name: numbers[f"population.{name}_probability"] for name in TRAITS}
    soon = stats.norm.cdf(
        math.log(12.0 / numbers["population.first_remission_median_months"])
        / numbers["population.first_remission_sigma"]
    )
    refractory = numbers["population.primary_refractory_probability"] / (1.0 - share["prior_hct"])
    men = numbers["population.male_probability"]
    for age, weight in ages(numbers):
        for present in itertools.product((True, False), repeat=len(TRAITS)):
            traits = dict(zip(TRAITS, present, strict=True))
            early = soon if traits["prior_hct"] else soon * (1.0 - refractory)
            part = weight * math.prod(
                share[name] if there else 1.0 - share[name] for name, there in traits.items()
            )
            for relapsed, chance in ((True, early), (False, 1.0 - early)):
                person = Person(age_years=age, early_relapse=relapsed, **traits)
                yield person, MEN_US_2019, part * chance * men
                yield person, WOMEN_US_2019, part * chance * (1.0 - men)


def mean_over_groups(question, plan):
    """The cohort model's values, averaged over every kind of patient."""
    total = defaultdict(float)
    everybody = 0.0
    for person, table, share in groups(question.numbers):
        if share > 0.0:
            totals = Cohort(question.numbers, person, plan._replace(background=table)).totals()
            everybody += share
            for name, value in counted(totals).items():
                total[name] += share * value
    assert everybody == pytest.approx(1.0, abs=1e-12)
    return total


@pytest.mark.slow
def test_cohort_averaged_over_the_population_agrees_with_the_simulation(ask):
    """The shipped scenario but for toxicity; nobody has extramedullary disease, to save time.

    224 groups of like patients, cycles of 14 days: discretisation 1.5 days, 0.2 % of a cost.
    """
    question = ask(
        "first_salvage",
        patients=PATIENTS,
        seed=SEED,
        parameters={"population.extramedullary_probability": 0.0},
        switches={"toxicity": False},
    )
    arm = run(question).arm("salvage_chemotherapy")
    plan = life_plan(question.numbers, "salvage_chemotherapy", cycle_days=14.0, usual_care=True)
    mean = mean_over_groups(question, plan)
    assert too_far(arm, mean, days=1.5, share=2e-3) == {}
