"""Endpoints of the register are estimated from counts as they would be from single patients.

The estimate is held against the textbook's from the same patients: scipy's Kaplan-Meier curve,
quantiles, tables by hand. Hazard ratios are in `test_hazard_ratios.py`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import CensoredData, ecdf
from scipy.stats.contingency import odds_ratio

from sim.clinic.units import DAYS_PER_MONTH, NEVER
from sim.evidence.observables import (
    CURVES,
    INCIDENCES,
    SHARES,
    Measure,
    counted,
    estimate,
    is_between_arms,
    log_median_error,
    logit_of,
    median_months,
    observed,
    unknown_words,
)
from sim.evidence.study import ENDPOINTS
from sim.simulation.observables import (
    BINS_PER_MONTH,
    BITS,
    OBSERVED_BINS,
    OBSERVED_MONTHS,
    Moment,
    observed_bin,
)
from tests.support.counted_people import (
    Person,
    arm,
    columns,
    endpoint,
    estimated,
    expected,
    of_times,
    tally_of,
)
from tests.support.read_once import REGISTER

TIME_AND_RATIO = ("percent", "months", "ratio")
NOT_SHOWN = {"cycles_median", "cytopenia_severe"}
"""Words of the register that no simulated cohort shows."""
A_BIN = 1.0 / BINS_PER_MONTH


def sixteenths(rng, median, size):
    """Return exponential times, rounded up to whole bins, of which some are equal."""
    return np.ceil(rng.exponential(median / math.log(2.0), size) * BINS_PER_MONTH) / BINS_PER_MONTH


# Bins


def test_bins_are_closed_at_their_later_end_and_the_last_is_open():
    width = DAYS_PER_MONTH / BINS_PER_MONTH
    last = OBSERVED_BINS - 1
    assert [observed_bin(k * width) for k in (-1, 0, 1, 2, 16)] == [0, 0, 0, 1, 15]
    assert observed_bin(1.001 * width) == 1
    assert observed_bin(OBSERVED_MONTHS * DAYS_PER_MONTH - 0.1) == last - 1
    assert observed_bin(OBSERVED_MONTHS * DAYS_PER_MONTH) == observed_bin(NEVER) == last


# Kaplan and Meier


@pytest.fixture(scope="module")
def cohort():
    """200 patients in remission from month 1 on: relapse, death, and allo-HCT for 80."""
    rng = np.random.default_rng(17)
    relapse, death = (1.0 + sixteenths(rng, median, 200) for median in (9.0, 14.0))
    hct = np.where(np.arange(200) < 80, 1.0 + sixteenths(rng, 4.0, 200), math.inf)
    return [
        Person(
            remission=1.0,
            relapse=r if r < d else math.inf,
            relapse_after_hct=r if t < r < d else math.inf,
            failure=r if r < d else math.inf,
            death=d,
            hct=t if t < min(r, d) else math.inf,
            has=("ph_positive",) if i % 3 == 0 else (),
        )
        for i, (r, d, t) in enumerate(zip(relapse, death, hct, strict=True))
    ]


def kaplan_meier(events, endings):
    """Return scipy's survival of single patients, and its median."""
    times = np.minimum(events, endings)
    curve = ecdf(CensoredData.right_censored(times, np.asarray(endings) < np.asarray(events))).sf
    below = curve.quantiles[curve.probabilities <= 0.5]
    return curve, float(below[0]) if len(below) else math.inf


# Equal times and censored patients; both estimates are the same numbers, to rounding.
@pytest.mark.parametrize("months", [1.0, 3.5, 12.0, 18.0])
def test_survival_censored_at_transplant_is_that_of_kaplan_and_meier(cohort, months):
    relapse, death, hct = columns(cohort, "relapse", "death", "hct")
    curve, _ = kaplan_meier(np.minimum(relapse, death) - 1.0, hct - 1.0)
    one = endpoint("rfs_percent", at_months=months, censored_at="transplant")
    assert expit(estimated(one, cohort)) == pytest.approx(curve.evaluate(months), abs=1e-12)


def test_censoring_matters_in_these_patients(cohort):
    whole = endpoint("rfs_percent", at_months=12.0)
    censored = endpoint("rfs_percent", at_months=12.0, censored_at="transplant")
    assert abs(estimated(whole, cohort) - estimated(censored, cohort)) > 0.05


# Scipy gives the end of the bin in which survival falls to a half; ours lies within that bin.
@pytest.mark.parametrize("censored_at", [None, "transplant"])
@pytest.mark.parametrize("word", ["rfs_median_months", "dor_median_months", "os_median_months"])
def test_median_lies_in_the_bin_in_which_half_have_the_event(cohort, word, censored_at):
    relapse, death, hct = columns(cohort, "relapse", "death", "hct")
    event, since = (death, 0.0) if word.startswith("os") else (np.minimum(relapse, death), 1.0)
    endings = hct if censored_at else np.full(len(hct), math.inf)
    _, median = kaplan_meier(event - since, endings - since)
    found = math.exp(estimated(endpoint(word, censored_at=censored_at), cohort))
    assert median - A_BIN - 1e-9 <= found <= median + 1e-9


# 10^6 expected patients; within a bin the exponential is nearly a straight line.
@pytest.mark.parametrize("median", [0.8, 5.3, 40.0])
def test_median_of_exponential_times_is_the_closed_form(median):
    assert median_months(expected(median, 1e6)) == pytest.approx(median, rel=2e-3)


# Two thirds are alive after the ten years that are counted: the hazard of these goes on.
def test_median_beyond_the_counts_takes_the_hazard_to_go_on():
    hazard = -math.log(2.0 / 3.0) / OBSERVED_MONTHS
    found = median_months(of_times([60.0] * 10 + [math.inf] * 20))
    assert found == pytest.approx(math.log(2.0) / hazard)
    assert found > OBSERVED_MONTHS


def test_median_of_nobody_or_without_an_event_is_finite():
    assert math.isfinite(median_months(of_times([])))
    assert OBSERVED_MONTHS < median_months(of_times([math.inf] * 5)) < math.inf


def test_survival_of_nobody_is_half_a_patient_of_the_cohort():
    one = endpoint("os_percent", at_months=6.0)
    assert estimated(one, [Person(death=3.0)] * 40) == logit_of(0.0, 40.0) == logit_of(0.5, 40.0)


# Density λ/2 at the median ln 2/λ: 1/(√n ln 2); the window of ±20 % misses it by less than 1 %.
@pytest.mark.parametrize("n", [25.0, 400.0])
@pytest.mark.parametrize("median", [2.0, 9.0, 30.0])
def test_error_of_a_median_of_exponential_times_is_the_closed_form(n, median):
    error = log_median_error(expected(median), n)
    assert error == pytest.approx(1.0 / (math.sqrt(n) * math.log(2.0)), rel=1e-2)


# 4000 samples of 101 lognormal times: the error of a standard deviation is 1.1 %.
def test_error_of_a_median_is_the_spread_of_sampled_medians():
    rng = np.random.default_rng(11)
    medians = np.median(rng.lognormal(2.0, 0.8, (4000, 101)), axis=1)
    error = log_median_error(of_times(rng.lognormal(2.0, 0.8, 100_000)), 101.0)
    assert error == pytest.approx(np.log(medians).std(), rel=0.05)


def test_median_that_is_not_reached_has_no_finite_error():
    assert log_median_error(of_times([math.inf] * 10), 10.0) == math.inf
    assert log_median_error(of_times([]), 10.0) == math.inf


# Incidences


def test_incidence_is_the_share_whose_event_comes_first_by_the_time(cohort):
    relapse, death = columns(cohort, "relapse", "death")
    for months in (3.0, 12.0, 24.0):
        first = (relapse - 1.0 <= months) & (relapse <= death)
        found = estimated(endpoint("relapse_percent", at_months=months), cohort)
        assert expit(found) == pytest.approx(first.mean(), abs=1e-12)


def test_incidences_of_competing_events_add_up_to_what_survival_leaves(cohort):
    shown = observed(endpoint("relapse_percent", at_months=18.0))
    other = shown.of[0]._replace(events=shown.of[0].endings, endings=shown.of[0].events)
    tally = tally_of((shown.of[0], other), cohort)
    relapses, deaths = (
        expit(estimate(shown, [counted(tally, {0: 1.0}, place)])) for place in (0, 1)
    )
    free = expit(estimated(endpoint("rfs_percent", at_months=18.0), cohort))
    assert relapses + deaths == pytest.approx(1.0 - free, abs=1e-12)
    assert min(relapses, deaths, free) > 0.05


# Ten are transplanted in month 2: four die without relapse, after 1, 3, 5 and 30 months more; three
# relapse 2 months after it and die in month 6; one relapsed before it and dies 20 months after it.
NRM = [
    *(Person(remission=1.0, hct=2.0, death=2.0 + months) for months in (1.0, 3.0, 5.0, 30.0)),
    *(Person(hct=2.0, relapse=4.0, relapse_after_hct=4.0, death=6.0) for _ in range(3)),
    Person(failure=1.0, relapse=1.0, hct=2.0, death=22.0),
    *(Person(hct=2.0) for _ in range(2)),
    Person(death=3.0),
]


@pytest.mark.parametrize(
    ("word", "months", "dead"),
    [
        ("nrm_100_days_percent", None, 2),
        ("nrm_percent", 4.0, 2),
        ("nrm_percent", 5.0, 3),
        ("nrm_percent", 20.0, 4),
        ("nrm_percent", None, 4),
        ("nrm_percent", 36.0, 5),
    ],
)
def test_death_after_transplant_without_relapse_is_counted_by_hand(word, months, dead):
    found = estimated(endpoint(word, at_months=months), NRM)
    assert expit(found) == pytest.approx(dead / 10)


def test_relapse_before_the_transplant_is_no_event_after_it():
    one = endpoint("rfs_percent", at_months=3.0, **{"from": "transplant"})
    # Of the ten, one dies after 1 month, one after 3, and three relapse after 2.
    assert expit(estimated(one, NRM)) == pytest.approx(5 / 10)


# Shares


PEOPLE = [
    *(Person(("complete_remission", "mrd_negative"), remission=1.0) for _ in range(4)),
    *(Person(("mrd_negative",), remission=1.0, hct=3.0) for _ in range(2)),
    *(Person(remission=2.0) for _ in range(3)),
    *(Person(("interrupted", "third_cycle"), failure=2.0) for _ in range(10)),
    Person(("cd19_lost",), failure=2.0),
]


@pytest.mark.parametrize(
    ("word", "hits", "of"),
    [
        ("response", 9, 20),
        ("complete_remission", 4, 20),
        ("mrd_negative_of_all", 6, 20),
        ("mrd_negative_of_responders", 6, 9),
        ("hct_ever", 2, 20),
        ("third_cycle", 10, 20),
        ("interrupted_for_toxicity", 10, 20),
        ("cd19_negative", 1, 11),
    ],
)
def test_shares_are_those_counted_by_hand(word, hits, of):
    assert estimated(endpoint(word), PEOPLE) == pytest.approx(logit(hits / of))


def test_shares_among_a_group_and_among_all_others():
    assert estimated(endpoint("response", among=["mrd_negative"]), PEOPLE) == logit_of(6, 6)
    others = estimated(endpoint("response", among=["not_mrd_negative"]), PEOPLE)
    assert others == pytest.approx(logit(3 / 14))
    both = endpoint("hct_ever", among=["response", "not_complete_remission"])
    assert estimated(both, PEOPLE) == pytest.approx(logit(2 / 5))


def test_shares_of_none_and_all_stay_finite():
    assert logit_of(0, 20) == pytest.approx(logit(0.5 / 20))
    assert logit_of(20, 20) == pytest.approx(-logit(0.5 / 20))
    assert logit_of(7, 20) == pytest.approx(logit(7 / 20))
    assert math.isfinite(logit_of(0, 0))
    assert math.isfinite(estimated(endpoint("vod", among=["hct_in_remission"]), PEOPLE))


def test_odds_ratio_of_two_groups_is_that_of_their_table():
    one = endpoint("response_odds_ratio", among=["mrd_negative"], against="without")
    table = [[6, 1], [3, 11]]
    assert estimated(one, [*PEOPLE, Person(("mrd_negative",))]) == pytest.approx(
        math.log(odds_ratio(table, kind="sample").statistic)
    )


def test_odds_ratio_of_two_arms_is_that_of_their_table():
    others = [*PEOPLE[:3], *PEOPLE[9:]]
    table = [[9, 11], [3, 11]]
    assert estimated(endpoint("response_odds_ratio"), PEOPLE, others) == pytest.approx(
        math.log(odds_ratio(table, kind="sample").statistic)
    )


# Every word


def test_event_free_survival_counts_those_without_response_from_the_first_day():
    people = [Person(remission=1.0, death=9.0), Person(remission=1.0, relapse=3.0, death=4.0)]
    people += [Person(failure=2.0, death=20.0), Person(failure=2.0, death=30.0)]
    for months, free in ((1.0, 2), (3.0, 1), (8.0, 1)):
        found = estimated(endpoint("efs_percent", at_months=months), people)
        assert expit(found) == pytest.approx(free / 4)
    # Progression is counted when it is found instead.
    assert estimated(endpoint("pfs_percent", at_months=1.0), people) == logit_of(4, 4)
    assert expit(estimated(endpoint("pfs_percent", at_months=2.5), people)) == 0.5


def test_time_to_transplant_is_of_those_transplanted_in_remission():
    transplanted = [
        Person(("hct_in_remission",), remission=1.0, hct=1.0 + months) for months in (2.0, 3.0, 4.0)
    ]
    found = estimated(endpoint("time_to_hct_median_months"), [*transplanted, *PEOPLE])
    assert math.exp(found) == pytest.approx(3.0, abs=A_BIN)


def test_duration_of_remission_and_relapse_free_survival_are_one_curve():
    dor, rfs = (observed(endpoint(f"{word}_median_months")) for word in ("dor", "rfs"))
    assert dor == rfs


@pytest.mark.parametrize(
    ("origin", "moment"),
    [
        ("randomisation", Moment.START),
        ("start", Moment.START),
        ("remission", Moment.REMISSION),
        ("mrd_assessment", Moment.MRD_ASSESSMENT),
        ("transplant", Moment.TRANSPLANT),
        ("failure", Moment.FAILURE),
    ],
)
def test_times_are_counted_from_where_the_register_says(origin, moment):
    (of,) = observed(endpoint("os_median_months", **{"from": origin})).of
    assert of.origin == moment
    (usual,) = observed(endpoint("rfs_median_months")).of
    assert usual.origin == Moment.REMISSION


def test_survival_from_failure_is_that_after_it():
    people = [
        Person(failure=f, death=f + after) for f, after in ((1.0, 2.0), (5.0, 3.0), (9.0, 7.0))
    ]
    found = estimated(endpoint("os_median_months", **{"from": "failure"}), [*people, Person()])
    assert math.exp(found) == pytest.approx(3.0, abs=A_BIN)


def test_every_word_of_the_register_is_shown_but_for_those_without_a_count():
    words = {word for word, kind in ENDPOINTS.items() if kind in TIME_AND_RATIO}
    made = {
        word: endpoint(word, at_months=12.0 if word.endswith("_percent") else None)
        for word in words
    }
    shown = {word for word, one in made.items() if observed(one) is not None}
    assert set(ENDPOINTS) - shown == NOT_SHOWN
    known = {*SHARES, *INCIDENCES}
    known |= {f"{curve}_{end}" for curve in CURVES for end in ("median_months", "percent")}
    assert {word for word in shown if not word.endswith("_ratio")} <= known


def test_measure_follows_from_the_kind_of_number():
    expected_measures = {
        "response": Measure.SHARE,
        "relapse_percent": Measure.INCIDENCE,
        "os_percent": Measure.LANDMARK,
        "os_median_months": Measure.MEDIAN,
        "os_hazard_ratio": Measure.HAZARD_RATIO,
        "hct_hazard_ratio": Measure.HCT_HAZARD_RATIO,
        "response_odds_ratio": Measure.ODDS_RATIO,
    }
    for word, measure in expected_measures.items():
        at = {"at_months": 12.0} if word.endswith("_percent") else {}
        assert observed(endpoint(word, **at)).measure == measure


def test_every_used_endpoint_of_the_register_is_shown():
    used = {
        f"{name}/{key}": each
        for name, study in REGISTER.items()
        for key, each in study.endpoints.items()
        if each.role != "described"
    }
    assert len(used) > 80
    assert [name for name, each in used.items() if observed(each) is None] == []


# What is not known


@pytest.mark.parametrize("written", [{"among": ["philadelphia"]}, {"among": ["not_fit"]}])
def test_group_that_is_unknown_is_named_and_not_shown(written):
    one = endpoint("response", **written)
    assert unknown_words(one) == written["among"]
    assert observed(one) is None


def test_unknown_group_of_the_reference_is_named_too():
    one = endpoint("os_hazard_ratio", among=["early_relapse"], against_among=["cns", "late"])
    assert unknown_words(one) == ["late"]
    assert observed(one) is None


def test_known_groups_are_not_named():
    one = endpoint("response", among=["ph_positive", "not_age_from_55"])
    assert unknown_words(one) == []
    assert observed(one) is not None


def test_origin_and_words_that_are_unknown_are_not_shown():
    assert observed(endpoint("os_median_months", **{"from": "diagnosis"})) is None
    assert observed(endpoint("other.pain")) is None
    assert observed(endpoint("other.odd_ratio")) is None


# The other group of a ratio


def test_reference_of_a_group_is_its_complement():
    one = observed(endpoint("os_hazard_ratio", among=["ph_positive"]))
    assert [(of.required, of.excluded) for of in one.of] == [
        (BITS["ph_positive"], 0),
        (0, BITS["ph_positive"]),
    ]
    other = observed(endpoint("os_hazard_ratio", among=["not_ph_positive"]))
    assert other.of == one.of[::-1]


def test_complement_of_two_words_has_to_be_given():
    two = ["ph_positive", "cns"]
    assert observed(endpoint("os_hazard_ratio", among=two)) is None
    given = observed(endpoint("os_hazard_ratio", among=two, against_among=["not_cns"]))
    assert given.of[1].excluded == BITS["cns"]
    assert given.of[1].required == 0


def test_ratio_without_a_group_is_between_arms():
    between = endpoint("os_hazard_ratio")
    assert is_between_arms(between)
    first, second = observed(between).of
    assert first == second
    for within in (
        endpoint("os_hazard_ratio", among=["cns"]),
        endpoint("hct_hazard_ratio"),
        endpoint("os_median_months"),
    ):
        assert not is_between_arms(within)


# Mixtures of arms


def mixed(one, weights, *arms):
    shown = observed(one)
    tally = tally_of(shown.of, *arms)
    return estimate(shown, [counted(tally, weights, place) for place in range(len(shown.of))])


# Two arms of the same size in the proportion 3 to 1: the first one's patients three times over.
@pytest.mark.parametrize(
    "one",
    [
        endpoint("response"),
        endpoint("os_percent", at_months=9.0),
        endpoint("os_median_months", censored_at="transplant"),
        endpoint("nrm_percent", at_months=9.0),
        endpoint("os_hazard_ratio", among=["ph_positive"]),
        endpoint("hct_hazard_ratio"),
    ],
    ids=lambda one: one.endpoint,
)
def test_mixture_of_arms_is_estimated_from_patients_pooled_by_weight(cohort, one):
    rng = np.random.default_rng(6)
    other = [*arm(rng, 4.0, 100), *arm(rng, 3.0, 100, ("ph_positive",))]
    pooled = estimated(one, [*cohort * 3, *other])
    assert mixed(one, {0: 3.0, 1: 1.0}, cohort, other) == pytest.approx(pooled, abs=1e-9)
    assert mixed(one, {0: 0.3, 1: 0.1}, cohort, other) == pytest.approx(pooled, abs=1e-9)
    assert abs(pooled - estimated(one, cohort)) > 1e-3


def test_mixture_of_one_is_the_arm_itself(cohort):
    one = endpoint("os_median_months")
    assert mixed(one, {0: 7.0}, cohort) == estimated(one, cohort)


def test_mixture_keeps_the_number_of_patients_of_an_arm(cohort):
    of = observed(endpoint("response")).of
    both = counted(tally_of(of, cohort, PEOPLE * 10), {0: 1.0, 1: 1.0}, 0)
    assert both.patients == pytest.approx(200.0)
    assert both.hits == pytest.approx((200 + 90) / 2)
