"""A cohort counts what its endpoints need once, and reads each from the arms that represent it."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import logit

from sim.clinic.units import DAYS_PER_MONTH
from sim.evidence.cohorts import Cohort, effect_values, numbers, targets
from sim.evidence.observables import Measure, Observed
from sim.evidence.protocol import CohortPlan, Heterogeneity, load_protocol, wrong_names
from sim.simulation.observables import (
    BITS,
    OBSERVED_BINS,
    Moment,
    Observable,
    new_observed,
    observed_bin,
)
from tests.support.places import ROOT
from tests.support.read_once import REGISTER
from tests.support.toy_fit import toy_target

CALIBRATION = ROOT / "calibration"
PROTOCOL = load_protocol(CALIBRATION / "adult_rr.yaml", REGISTER)
RESPONSE = Observable(0, 0, BITS["response"], Moment.START, 0, 0)
SURVIVAL = Observable(0, 0, 0, Moment.START, 1 << Moment.DEATH, 0)
NAMES = ("first", "second", "third")
N = 100


def target(measure, *of, months=None, arm=None, **changes):
    observed = Observed(measure, of, months)
    return toy_target(observed=observed, at_months=months, arm=arm or {"first": 1.0}, **changes)


def cohort(*mine):
    model = SimpleNamespace(strategies=[SimpleNamespace(name=name) for name in NAMES])
    return Cohort("toy", "toy", SimpleNamespace(model=model, patients=40), mine)


def tally(observables, responders, deaths):
    """Return counts of 40 patients under each strategy: responders, and months of death."""
    seen = new_observed(len(observables), len(NAMES))
    seen.patients[:] = 40
    for place, each in enumerate(observables):
        for s in range(len(NAMES)):
            if each == RESPONSE:
                seen.hits[s, place] = responders[s]
            else:
                for months in deaths[s]:
                    seen.events[s, place, observed_bin(months * DAYS_PER_MONTH)] += 1
                seen.events[s, place, OBSERVED_BINS - 1] += 40 - len(deaths[s])
    return SimpleNamespace(counts=SimpleNamespace(observed=seen))


RESPONDERS = (10, 30, 20)
DEATHS = (np.arange(1, 41), np.arange(1, 41) / 2, [])


def shown(*mine):
    made = cohort(*mine)
    counts = tally(made.observables, RESPONDERS, DEATHS)
    return made.observed(counts), made.errors(counts)


# What is counted


def test_what_several_endpoints_need_is_counted_once():
    made = cohort(
        target(Measure.SHARE, RESPONSE),
        target(Measure.MEDIAN, SURVIVAL),
        target(Measure.LANDMARK, SURVIVAL, months=12.0),
        target(Measure.HAZARD_RATIO, SURVIVAL, SURVIVAL, months=24.0, against={"second": 1.0}),
    )
    assert made.observables == (RESPONSE, SURVIVAL)
    assert made.simulated == 40 * len(NAMES)


def test_each_endpoint_is_read_from_its_own_arm():
    found, _ = shown(*(target(Measure.SHARE, RESPONSE, arm={name: 1.0}) for name in NAMES))
    assert found == pytest.approx(logit(np.array(RESPONDERS) / 40))


def test_mixture_is_read_from_its_strategies_by_weight():
    found, _ = shown(target(Measure.SHARE, RESPONSE, arm={"first": 3.0, "second": 1.0}))
    assert found[0] == pytest.approx(logit((3 * 10 + 30) / (4 * 40)))


def test_ratio_compares_its_arm_with_the_other_whichever_comes_first():
    forth = target(Measure.ODDS_RATIO, RESPONSE, RESPONSE, against={"second": 1.0})
    back = target(
        Measure.ODDS_RATIO,
        RESPONSE,
        RESPONSE,
        arm={"second": 1.0},
        against={"first": 1.0, "third": 1.0},
    )
    found, _ = shown(forth, back)
    assert found[0] == pytest.approx(logit(10 / 40) - logit(30 / 40))
    assert found[1] == pytest.approx(logit(30 / 40) - logit(30 / 80))


# Errors


def test_error_of_a_share_is_that_of_a_cohort_of_the_published_size():
    _, errors = shown(
        target(Measure.SHARE, RESPONSE), target(Measure.LANDMARK, SURVIVAL, months=10.0)
    )
    assert errors == pytest.approx(1.0 / np.sqrt(N * np.array([0.25 * 0.75, 0.75 * 0.25])))


# Deaths are uniform over 40 months: density 1/40 at the median of 20.
def test_error_of_a_median_is_that_of_a_cohort_of_the_published_size():
    _, errors = shown(target(Measure.MEDIAN, SURVIVAL))
    assert errors[0] == pytest.approx(1.0 / (2.0 * math.sqrt(N) * 20.0 / 40.0), rel=0.1)


@pytest.mark.parametrize(
    "one",
    [
        target(Measure.MEDIAN, SURVIVAL, arm={"third": 1.0}),
        target(Measure.SHARE, RESPONSE, n=None),
        target(Measure.HAZARD_RATIO, SURVIVAL, SURVIVAL, months=24.0, against={"second": 1.0}),
    ],
    ids=["not reached", "size not known", "ratio"],
)
def test_error_is_the_published_one_where_the_cohort_tells_none(one):
    _, errors = shown(one)
    assert errors[0] == pytest.approx((0.2 + 0.6) / 2.0)


# Parameters


def test_study_effect_adds_to_log_odds_and_multiplies_hazards():
    plan = Heterogeneity(
        parameters=("response.study_log_odds_ratio", "disease.study_hazard_ratio"),
        scale=0.3,
        why="toy",
    )
    assert effect_values(plan, 0.5) == {
        "response.study_log_odds_ratio": 0.5,
        "disease.study_hazard_ratio": math.exp(0.5),
    }


def test_point_gives_the_parameters_that_the_cohort_has():
    first, second, *others = PROTOCOL.priors
    made = SimpleNamespace(question=SimpleNamespace(parameters={first: None}))
    z = np.array([1.0, 2.0, *np.zeros(len(others))])
    effects = np.linspace(-0.5, 0.5, len(PROTOCOL.heterogeneity))
    found = numbers(PROTOCOL, made, z, effects)
    prior = PROTOCOL.priors[first]
    assert prior.to_scale(found[first]) == pytest.approx(prior.to_scale(prior.mean) + prior.sd)
    assert second not in found
    effect_names = {name for plan in PROTOCOL.heterogeneity.values() for name in plan.parameters}
    assert set(found) == {first, *effect_names}


# Mistakes in the plan of a cohort


def mistakes(**changes):
    plan = {
        "scenario": "tower",
        "study": "tower",
        "arms": {"blinatumomab": "blinatumomab", "chemotherapy": "chemotherapy"},
        **changes,
    }
    protocol = PROTOCOL.model_copy(update={"cohorts": (CohortPlan(**plan),), "weights": {}})
    return [
        f"{'.'.join(map(str, each.path))}: {each.problem} ({each.value})"
        for each in wrong_names(protocol, REGISTER, CALIBRATION / "cohorts")
    ]


def test_shipped_plan_of_a_cohort_has_no_mistake():
    assert mistakes() == []
    mixture = {"blinatumomab": 3.0, "chemotherapy": 1.0}
    assert (
        mistakes(trial="dombret", arms={"blinatumomab": mixture, "chemotherapy": "chemotherapy"})
        == []
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trial": "towr"}, "trial: no such study in the register (towr)"),
        ({"study": "towr"}, "study: no such study in the register (towr)"),
        ({"scenario": "towr"}, "scenario: no such scenario in the folder 'cohorts'"),
        (
            {
                "arms": {
                    "blinatumomab": {"blinatumomab": 1.0, "blina": 1.0},
                    "chemotherapy": "chemotherapy",
                }
            },
            "arms.blinatumomab: the scenario 'tower' has no such strategy (blina)",
        ),
        (
            {"arms": {"blinatumomab": "blinatumomab"}},
            "arms: 'blinatumomab.os_hazard_ratio' is against the arm 'chemotherapy'",
        ),
        ({"endpoints": ["blinatumomab.age"]}, "endpoints.0: the study has no such endpoint"),
    ],
)
def test_name_that_is_unknown_in_a_plan_is_a_mistake(changes, said):
    assert any(f"cohorts.0.{said}" in each for each in mistakes(**changes)), mistakes(**changes)


def test_endpoint_of_an_unknown_group_is_nothing_that_a_cohort_shows():
    name = "blinatumomab.response"
    study = REGISTER["tower"]
    odd = study.endpoints[name].model_copy(update={"among": ("left_handed",)})
    register = {**REGISTER, "tower": study.model_copy(update={"endpoints": {name: odd}})}
    plan = CohortPlan(
        scenario="tower", study="tower", arms={"blinatumomab": "blinatumomab"}, endpoints=(name,)
    )
    protocol = PROTOCOL.model_copy(update={"cohorts": (plan,), "weights": {}})
    found = [each.problem for each in wrong_names(protocol, register, CALIBRATION / "cohorts")]
    assert found == ["is nothing that a simulated cohort shows"]
    assert targets(protocol, register) == ()
