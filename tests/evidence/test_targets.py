"""Published endpoints become targets: scales, errors, counts, weights, and roles that stay."""

import math
from pathlib import Path

import pytest
import yaml
from scipy.special import expit, logit

from sim.evidence.protocol import CohortPlan, load_protocol
from sim.evidence.register import load_register
from sim.evidence.study import Study, exact_interval
from sim.evidence.targets import NORMAL_97_5, targets
from tests.support.places import ROOT

REGISTER = load_register(ROOT / "calibration" / "evidence")
PROTOCOL = load_protocol(ROOT / "calibration" / "adult_rr.yaml")
TARGETS = {target.name: target for target in targets(PROTOCOL, REGISTER)}
ROLES = yaml.safe_load((Path(__file__).parent / "roles.yaml").read_text(encoding="utf-8"))
ENDPOINT = {"source": "s", "place": "p", "role": "fit", "why": "w"}


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


# Roles were fixed before anything was fitted; tests/roles.yaml holds them as they were then.


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
    assert now == {role: sorted(names) for role, names in ROLES.items()}


def test_every_endpoint_with_a_role_has_a_cohort():
    assert sorted(TARGETS) == sorted([*ROLES["fit"], *ROLES["held_out"]])


def test_each_endpoint_is_of_one_cohort_only():
    found = targets(PROTOCOL, REGISTER)
    assert len({target.name for target in found}) == len(found)


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


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_shipped_target_is_finite_and_counts_what_is_published(name):
    target = TARGETS[name]
    assert all(math.isfinite(x) for x in (target.value, target.below, target.above))
    assert target.below > 0
    assert target.above > 0
    if target.is_count:
        # Whole patients, printed to the per cent; the register names where the print is off.
        printed = REGISTER[target.study].endpoints[target.endpoint]
        tolerance = max(0.51 / target.n, 0.01 if printed.printed_exception else 0.00501)
        assert target.events / target.n == pytest.approx(expit(target.value), abs=tolerance)
