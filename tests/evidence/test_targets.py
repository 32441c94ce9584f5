"""Published endpoints become targets: scales, errors, counts, weights, and roles that stay."""

import math
from pathlib import Path

import pytest
from scipy.special import expit, logit

from sim.evidence.cohorts import NORMAL_97_5, cohorts, targets
from sim.evidence.protocol import CohortPlan, load_protocol
from sim.evidence.study import Study, exact_interval
from tests.support.each import for_each
from tests.support.places import ROOT
from tests.support.read_once import REGISTER, plain

PROTOCOL = load_protocol(ROOT / "calibration" / "adult_rr.yaml")
TARGETS = {target.name: target for target in targets(PROTOCOL, REGISTER)}
ROLES = plain(Path(__file__).with_name("roles.yaml"))
ENDPOINT = {"source": "s", "place": "p", "role": "held_out", "why": "w"}


def study(arm_n=100, **endpoints):
    """Return a study of one arm, whose endpoints are given by their words."""
    content = {
        "study": "Toy: a study",
        "design": "d",
        "patients": "p",
        "sources": ["s"],
        "arms": {"a": {"label": "A", "n": arm_n, "treatment": "t"}},
        "endpoints": {
            f"a.{word}": {"arm": "a", "endpoint": word, **ENDPOINT, **written}
            for word, written in endpoints.items()
        },
    }
    return Study.model_validate(content)


def targets_of(toy, **plan):
    cohort = CohortPlan(**{"scenario": "c", "study": "toy", "arms": {"a": "blinatumomab"}, **plan})
    protocol = PROTOCOL.model_copy(update={"cohorts": (cohort,)})
    return {target.word: target for target in targets(protocol, {"toy": toy})}


def only(**written):
    (target,) = targets_of(study(**written)).values()
    return target


# roles.yaml holds the roles as they are, and as they were fixed before the first fit.


def test_no_endpoint_has_changed_its_role():
    now = {
        role: sorted(
            f"{name}/{key}"
            for name, each in REGISTER.items()
            for key, endpoint in each.endpoints.items()
            if endpoint.role == role
        )
        for role in ("fit", "held_out")
    }
    assert now == {role: sorted(names) for role, names in ROLES["now"].items()}


def test_what_the_first_fit_was_fitted_to_is_not_judged_now():
    """The posterior has seen it: whatever its role, it would be inside."""
    assert set(ROLES["first"]["fit"]) & set(ROLES["now"]["held_out"]) == set()


def test_every_endpoint_with_a_role_has_a_cohort():
    assert sorted(TARGETS) == sorted([*ROLES["now"]["fit"], *ROLES["now"]["held_out"]])


def test_each_endpoint_is_of_one_cohort_only():
    of = {name: [] for name in TARGETS}
    for name, target in TARGETS.items():
        endpoint = REGISTER[target.study].endpoints[target.endpoint]
        plans = [plan for plan in PROTOCOL.cohorts if plan.study == target.study]
        claimed = {each for plan in plans for each in plan.endpoints or ()}
        for plan in plans:
            whole = plan.endpoints is None and target.endpoint not in claimed
            named = target.endpoint in (plan.endpoints or ())
            if endpoint.arm in plan.arms and (whole or named):
                of[name].append(plan.scenario)
    assert {name: plans for name, plans in of.items() if len(plans) != 1} == {}
    assert all(TARGETS[name].cohort == plans[0] for name, plans in of.items())


# Weights


def test_weight_of_the_pooled_trials_is_their_share_of_patients_outside_tower():
    tower = REGISTER["tower"].arms["blinatumomab"].n
    pooled = sum(arm.n for arm in REGISTER["topp_2021"].arms.values())
    assert PROTOCOL.weight("topp_2021") == pytest.approx(1 - tower / pooled, abs=0.005)
    assert PROTOCOL.weight("tower") == 1.0


def test_fitted_studies_share_patients_only_where_a_weight_says_so():
    fitted = {target.study for target in TARGETS.values() if target.role == "fit"}
    sharing = {one for one in fitted for other in fitted if other in REGISTER.overlaps(one)}
    weighted = {one for one in sharing if PROTOCOL.weight(one) < 1.0}
    # Of two studies that share patients, one is weighted.
    assert all(
        sharing & set(REGISTER.overlaps(one)) & weighted or one in weighted for one in sharing
    )


# Scales and errors


def test_share_is_a_count_on_the_logit_scale():
    target = only(response={"events": 44, "n": 80, "value": 55.0})
    assert target.is_count
    assert (target.events, target.n) == (44, 80)
    assert target.value == pytest.approx(logit(0.55))


def test_share_without_counts_takes_the_nearest_whole_patients_of_its_arm():
    target = only(response={"value": 44.4, "interval": [34.0, 55.0], "level": 95})
    assert (target.events, target.n) == (44, 100)


def test_error_of_a_share_without_interval_is_that_of_its_counts():
    target = only(response={"events": 44, "n": 80})
    assert target.below == target.above == pytest.approx(math.sqrt(1 / 44 + 1 / 36))


def test_interval_that_is_not_symmetric_has_an_error_on_each_side():
    target = only(os_median_months={"value": 10.0, "interval": [8.0, 16.0], "level": 95})
    assert target.below == pytest.approx(math.log(10 / 8) / NORMAL_97_5)
    assert target.above == pytest.approx(math.log(16 / 10) / NORMAL_97_5)
    assert not target.is_count


def test_printed_interval_of_a_share_is_on_the_logit_scale():
    low, high = exact_interval(119, 271, 95.0)
    written = {"value": 43.9, "events": 119, "n": 271, "interval": [low, high], "level": 95}
    target = only(response=written)
    assert target.below == pytest.approx((logit(0.439) - logit(low / 100)) / NORMAL_97_5)
    assert target.above == pytest.approx((logit(high / 100) - logit(0.439)) / NORMAL_97_5)


# An end that was not reached is at least as far off as the other.
def test_open_end_is_not_nearer_than_the_other():
    above = only(rfs_median_months={"value": 32.1, "interval": [9.5, None], "level": 95, "n": 149})
    assert above.above >= above.below == pytest.approx(math.log(32.1 / 9.5) / NORMAL_97_5)
    below = only(rfs_median_months={"value": 5.0, "interval": [None, 9.0], "level": 95, "n": 40})
    assert below.below == below.above == pytest.approx(math.log(9 / 5) / NORMAL_97_5)


def test_median_without_interval_has_the_error_of_exponential_times():
    target = only(os_median_months={"value": 6.0, "n": 36})
    assert target.below == target.above == pytest.approx(1 / (math.log(2) * 6))


def test_landmark_is_read_from_a_curve_and_is_no_count():
    target = only(os_percent={"value": 30.0, "at_months": 24.0, "n": 90})
    assert not target.is_count
    assert (target.events, target.survival, target.at_months) == (None, 0.3, 24.0)
    assert target.below == pytest.approx(1 / math.sqrt(90 * 0.3 * 0.7))


def test_median_and_landmark_of_an_arm_are_of_one_curve():
    found = targets_of(
        study(
            os_median_months={"value": 6.0, "n": 50},
            os_percent={"value": 30.0, "at_months": 24.0, "n": 50},
            dor_median_months={"value": 6.0, "n": 20},
            rfs_median_months={"value": 6.0, "n": 20},
        )
    )
    assert found["os_median_months"].curve == found["os_percent"].curve
    assert found["dor_median_months"].curve == found["rfs_median_months"].curve
    assert found["os_percent"].curve != found["rfs_median_months"].curve


def test_size_of_the_arm_stands_for_that_of_the_whole_arm_only():
    interval = {"value": 6.0, "interval": [4.0, 9.0], "level": 95}
    found = targets_of(study(os_median_months=interval, rfs_median_months=interval))
    assert found["os_median_months"].n == 100
    assert found["rfs_median_months"].n is None


def test_endpoint_that_another_cohort_claims_is_left_to_it():
    toy = study(response={"value": 44.0, "n": 100}, hct_ever={"value": 20.0, "n": 100})
    whole = CohortPlan(scenario="c", study="toy", arms={"a": "x"})
    part = CohortPlan(scenario="d", study="toy", arms={"a": "x"}, endpoints=("a.hct_ever",))
    protocol = PROTOCOL.model_copy(update={"cohorts": (whole, part)})
    found = {target.word: target.cohort for target in targets(protocol, {"toy": toy})}
    assert found == {"response": "c", "hct_ever": "d"}


# Arms and references


def two_arms(**ratio):
    """Return a study of two arms, with a ratio between them unless it is within the first."""
    toy = study(
        response={"value": 44.0, "n": 100},
        os_hazard_ratio={
            "value": 0.7,
            "interval": [0.5, 0.9],
            "level": 95,
            "against": "b",
            **ratio,
        },
    )
    arms = {**toy.arms, "b": toy.arms["a"]}
    return toy.model_copy(update={"arms": arms})


def test_arm_may_be_a_mixture_of_strategies():
    mixture = {"blinatumomab": 32.0, "blinatumomab_tki": 23.0}
    found = targets_of(two_arms(), arms={"a": mixture, "b": "chemotherapy"})
    assert found["response"].arm == mixture
    assert found["response"].against is None
    assert found["response"].treatment == "blinatumomab"
    ratio = found["os_hazard_ratio"]
    assert (ratio.arm, ratio.against) == (mixture, {"chemotherapy": 1.0})


def test_treatment_of_a_mixture_is_the_strategy_with_the_largest_weight():
    arms = {"a": {"blinatumomab": 1.0, "inotuzumab": 2.0}}
    found = targets_of(study(response={"value": 44.0, "n": 100}), arms=arms)
    assert found["response"].treatment == "inotuzumab"


def test_ratio_of_two_groups_has_no_other_arm():
    within = targets_of(two_arms(among=["ph_positive"], against="without"))
    assert within["os_hazard_ratio"].against is None
    assert len(within["os_hazard_ratio"].observed.of) == 2


def test_endpoint_of_an_arm_that_the_cohort_does_not_stand_for_is_left_out():
    toy = study(response={"value": 44.0, "n": 100})
    assert targets_of(toy, arms={"b": "blinatumomab"}) == {}
    assert list(targets_of(toy)) == ["response"]


def test_endpoint_of_a_group_has_not_the_size_of_the_arm():
    found = targets_of(
        study(
            response={"value": 44.0, "interval": [34.0, 55.0], "level": 95, "among": ["cns"]},
            hct_ever={"value": 20.0, "interval": [13.0, 29.0], "level": 95},
        )
    )
    assert found["response"].n is None
    assert found["hct_ever"].n == 100


# Endpoints of several publications on one trial share its effects, not their names.


@pytest.mark.parametrize(
    "plan",
    [plan for plan in PROTOCOL.cohorts if plan.trial is not None],
    ids=lambda plan: f"{plan.study} of {plan.scenario}",
)
def test_patients_of_a_trial_have_its_effects(plan):
    wanted = [target for target in TARGETS.values() if target.study == plan.study]
    mine = [t for t in wanted if t.cohort == plan.scenario]
    assert mine
    made = cohorts(PROTOCOL, mine, ROOT / "calibration" / "cohorts", patients=10)
    assert [cohort.study for cohort in made] == [plan.trial]
    assert {target.study for cohort in made for target in cohort.targets} == {plan.study}


# Medians that were not reached


def test_median_that_was_not_reached_is_beyond_a_time():
    target = only(os_median_months={"value": None, "beyond_months": 29.5, "n": 84})
    assert target.beyond
    assert target.value == pytest.approx(math.log(29.5))
    assert not only(os_median_months={"value": 29.5, "n": 84}).beyond


def test_median_that_was_not_reached_by_an_unknown_time_is_no_target():
    assert targets_of(study(os_median_months={"value": None, "n": 84})) == {}


def test_a_median_that_was_not_reached_judges_the_fit():
    beyond = {name: target.role for name, target in TARGETS.items() if target.beyond}
    assert len(beyond) > 3
    assert set(beyond.values()) == {"held_out"}


def share_published(target):
    """Return the share of a count, which is of none where the logit is infinite."""
    return target.events / target.n


@for_each({name: {"name": name} for name in TARGETS})
def test_shipped_target_is_finite_and_counts_what_is_published(name):
    target = TARGETS[name]
    nobody_or_all = target.is_count and share_published(target) in (0.0, 1.0)
    assert math.isfinite(target.value) != nobody_or_all
    assert 0 < target.below < math.inf
    assert 0 < target.above < math.inf
    if target.is_count:
        # Whole patients, printed to the per cent; the register names where the print is off.
        printed = REGISTER[target.study].endpoints[target.endpoint]
        tolerance = max(0.51 / target.n, 0.01 if printed.printed_exception else 0.00501)
        assert share_published(target) == pytest.approx(expit(target.value), abs=tolerance)
