"""What a tally shows is what patients show, one by one."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import logit

from sim.clinic.units import DAYS_PER_MONTH
from sim.evidence.protocol import known, log_hazard_ratio, log_median_error, logit_of, observe
from sim.evidence.study import ENDPOINTS
from sim.evidence.targets import Target
from sim.simulation.tally import BINS, BINS_PER_MONTH, ROW, bin_of


def counted(months):
    """Count times in months as the tally does."""
    bins = [bin_of(time * DAYS_PER_MONTH) for time in months]
    return np.bincount(bins, minlength=BINS)


def expected(median, patients=1e9):
    """Return the expected counts of exponential times, as whole numbers."""
    edges = np.append(np.arange(BINS) / BINS_PER_MONTH, math.inf)
    survival = 0.5 ** (edges / median)
    return np.round(patients * -np.diff(survival)).astype(np.int64)


def partial_likelihood(times, arm, follow_up):
    """Return minus the log partial likelihood with Breslow's ties, patient by patient."""

    def minus(effect):
        risk = np.exp(effect * arm)
        return -sum(
            effect * arm[i] - math.log(risk[times >= times[i]].sum())
            for i in range(len(times))
            if times[i] <= follow_up
        )

    return minus


# n = 60 against 50, ties at whole months; both maximise the same function, to 1e-6.
@pytest.mark.parametrize("follow_up", [None, 12.0, 4.0])
def test_hazard_ratio_maximises_the_partial_likelihood_of_single_patients(follow_up):
    rng = np.random.default_rng(3)
    mine, theirs = np.ceil(rng.exponential(9.0, 60)), np.ceil(rng.exponential(5.0, 50))
    times = np.concatenate([mine, theirs])
    arm = np.repeat([1.0, 0.0], [60, 50])
    minus = partial_likelihood(times, arm, follow_up or math.inf)
    found = minimize_scalar(minus, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9}).x
    effect = log_hazard_ratio(counted(mine), counted(theirs), follow_up)
    assert effect == pytest.approx(found, abs=1e-6)


# Times in bins of 1/16 month: the ratio of two rates is met to 1e-2 of its logarithm.
@pytest.mark.parametrize("follow_up", [None, 24.0, 6.0])
def test_hazard_ratio_of_exponential_times_is_the_ratio_of_their_rates(follow_up):
    effect = log_hazard_ratio(expected(8.0), expected(4.0), follow_up)
    assert effect == pytest.approx(math.log(0.5), rel=1e-2)


def test_hazard_ratio_changes_sign_when_the_arms_are_exchanged():
    one, other = expected(7.0, 1e5), expected(5.0, 1e5)
    forth, back = log_hazard_ratio(one, other, 24.0), log_hazard_ratio(other, one, 24.0)
    assert forth == pytest.approx(-back, abs=1e-12)


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
    error = log_median_error(counted(rng.lognormal(2.0, 0.8, 200_000)), 101.0)
    assert error == pytest.approx(np.log(medians).std(), rel=0.05)


def test_median_that_is_not_reached_has_no_finite_error():
    never = np.zeros(BINS, dtype=np.int64)
    never[-1] = 10
    assert log_median_error(never, 10.0) == math.inf
    assert log_median_error(np.zeros(BINS, dtype=np.int64), 10.0) == math.inf


def test_shares_of_none_and_all_stay_finite():
    assert logit_of(0, 20) == pytest.approx(logit(0.5 / 20))
    assert logit_of(20, 20) == pytest.approx(-logit(0.5 / 20))
    assert logit_of(7, 20) == pytest.approx(logit(7 / 20))
    assert math.isfinite(logit_of(0, 0))


@pytest.fixture
def tally():
    """One strategy, 8 patients: 5 respond, 4 MRD-negative; deaths after 1, 2, ... 8 months."""
    flags = np.zeros((1, len(ROW)), dtype=np.int64)
    for name, hits in (("response", 5), ("mrd_negative", 4), ("hct_ever", 3), ("severe_crs", 0)):
        flags[0, ROW.index(name)] = hits
    counts = SimpleNamespace(
        flags=flags,
        deaths=counted(np.arange(1, 9))[None],
        relapses=counted([3, 3, 6, 9, 12])[None],
        failures=counted(np.arange(8) + 0.5)[None],
    )
    return SimpleNamespace(patients=8, counts=counts)


# Hand computed; a median lies in the bin of 1/16 month in which half have the event.
@pytest.mark.parametrize(
    ("word", "at_months", "value"),
    [
        ("response", None, logit(5 / 8)),
        ("mrd_negative_of_all", None, logit(4 / 8)),
        ("mrd_negative_of_responders", None, logit(4 / 5)),
        ("hct_ever", None, logit(3 / 8)),
        ("crs_severe", None, logit(0.5 / 8)),
        ("os_median_months", None, math.log(4.0)),
        ("os_percent", 2.0, logit(6 / 8)),
        ("os_percent", 2.5, logit(6 / 8)),
        ("efs_percent", 3.0, logit(5 / 8)),
        ("rfs_percent", 6.0, logit(2 / 5)),
        ("dor_median_months", None, math.log(6.0)),
    ],
)
def test_endpoints_are_those_counted_by_hand(tally, word, at_months, value):
    assert known(word)
    assert observe(tally, 0, word, at_months) == pytest.approx(value, abs=0.03)


def test_words_that_are_not_simulated_are_not_known():
    shown = {word for word in ENDPOINTS if known(word)}
    assert {"response", "os_median_months", "os_hazard_ratio", "efs_percent"} <= shown
    assert shown.isdisjoint({"vod", "acute_gvhd", "cycles_median", "death_percent"})


def test_ratio_and_landmark_need_what_they_are_of(tally):
    with pytest.raises(ValueError, match="against"):
        observe(tally, 0, "os_hazard_ratio", 24.0)
    with pytest.raises(ValueError, match="time"):
        observe(tally, 0, "os_percent")


def test_share_is_a_count_and_what_is_read_from_a_curve_is_none():
    common = {
        "study": "s",
        "endpoint": "e",
        "cohort": "c",
        "arm": "a",
        "against": None,
        "role": "fit",
        "value": 0.0,
        "below": 0.1,
        "above": 0.1,
        "n": 10,
        "curve": "x",
    }
    share = Target(**common, word="response", at_months=None, events=5.0, survival=None)
    landmark = Target(**common, word="os_percent", at_months=12.0, events=None, survival=0.5)
    assert share.is_count
    assert not landmark.is_count
