"""Predictive intervals are those of closed forms, and the summary counts as it says."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit, ndtri
from scipy.stats import binom

from sim.analyses.validate.result import TABLE
from sim.evidence import validation
from sim.evidence.observables import Measure, Observed
from sim.evidence.protocol import load_protocol
from sim.evidence.register import Register
from sim.evidence.validation import BIAS_COLUMNS, SUMMARY_COLUMNS, bias, natural, summary, validate
from sim.simulation.observables import Moment, Observable
from tests.support.places import ROOT
from tests.support.toy_fit import toy_target

PROTOCOL = load_protocol(ROOT / "calibration" / "adult_rr.yaml")
GRID = (np.arange(400) + 0.5) / 400
"""Evenly spread probabilities: 400 posterior draws without noise."""
LOG_TEN = math.log(10.0)
OBSERVED = Observed(
    Measure.MEDIAN, (Observable(0, 0, 0, Moment.START, 1 << Moment.DEATH, 1 << Moment.TRANSPLANT),)
)
"""Followed to transplant, so that no curve is drawn of it."""


def target(word="os_median_months", value=LOG_TEN, **changes):
    usual = {"endpoint": f"a.{word}", "observed": OBSERVED, "role": "held_out", "above": 0.4}
    return toy_target(word=word, value=value, **{**usual, **changes})


def predicted(one, middle, spread, error, monkeypatch):
    """Predict an endpoint whose simulated values are normal with this middle and spread."""
    shown = middle + spread * ndtri(np.random.default_rng(1).permutation(GRID))
    cohort = SimpleNamespace(
        name="toy",
        study="toy",
        question=SimpleNamespace(parameters={}),
        asked=None,
        targets=(one,),
        simulated=1,
        observed=lambda value: np.array([value]),
        errors=lambda _: np.array([error]),
    )

    def readings(_question, sets, read, **_):
        return (read(value) for value, _ in zip(shown, sets, strict=True))

    monkeypatch.setattr(validation, "readings", readings)
    posterior = pd.DataFrame({"unknown": np.zeros(400)})
    found = validate(PROTOCOL, (cohort,), posterior, {}, draws=400)
    assert list(found.table.columns) == list(TABLE.names)
    assert found.draws == 400
    return found.table.iloc[0]


# 400 x 20 draws: the standard error of a 2.5 % quantile is 3 % of an sd.
@pytest.mark.parametrize(("spread", "error"), [(0.3, 0.4), (0.0, 0.4), (0.5, 0.0)])
def test_interval_of_a_median_is_lognormal_with_both_variances(spread, error, monkeypatch):
    row = predicted(target(), math.log(8.0), spread, error, monkeypatch)
    whole = math.hypot(spread, error)
    ends = 8.0 * np.exp(whole * ndtri([0.025, 0.975]))
    assert np.log([row.predicted_low, row.predicted_high]) == pytest.approx(
        np.log(ends), abs=0.1 * whole
    )
    assert row.predicted == pytest.approx(8.0, rel=0.05 * max(whole, 0.1))
    assert row.published == pytest.approx(10.0)
    assert row.z == pytest.approx((math.log(10.0) - math.log(8.0)) / whole, rel=0.02)


def test_interval_of_a_certain_share_is_binomial(monkeypatch):
    one = target("response", logit(0.45), events=45.0)
    row = predicted(one, logit(0.4), 0.0, 0.2, monkeypatch)
    assert row.predicted_low == binom.ppf(0.025, 100, 0.4)
    assert row.predicted_high == binom.ppf(0.975, 100, 0.4)
    assert row.width_ratio == pytest.approx(1.0)
    assert row.inside


# Variance of a binomial mixed over its share: n p q + n (n - 1) var p.
def test_interval_of_an_uncertain_share_is_wider_by_its_uncertainty(monkeypatch):
    one = target("response", logit(0.45), events=45.0)
    row = predicted(one, logit(0.4), 0.5, 0.2, monkeypatch)
    share = expit(logit(0.4) + 0.5 * ndtri(GRID))
    p, var = share.mean(), share.var()
    sd = math.sqrt(100 * p * (1 - p) + 100 * 99 * var)
    assert row.predicted_high - row.predicted_low == pytest.approx(2 * 1.96 * sd, rel=0.06)
    assert row.width_ratio > 2.0


def test_share_that_sampling_leaves_no_room_for_has_no_width_to_compare(monkeypatch):
    row = predicted(target("response", logit(0.1), events=1.0, n=10), -9.0, 0.0, 1.0, monkeypatch)
    assert (row.predicted_low, row.predicted_high) == (0.0, 0.0)
    assert row.width_ratio == math.inf


def test_published_value_beyond_the_interval_is_not_inside(monkeypatch):
    assert not predicted(target(), math.log(3.0), 0.1, 0.3, monkeypatch).inside
    assert predicted(target(), math.log(9.0), 0.1, 0.3, monkeypatch).inside


# A median that was not reached is known to be longer than a time.
def test_median_that_was_not_reached_is_inside_where_a_longer_one_is_predicted(monkeypatch):
    beyond = target(beyond=True)
    assert not predicted(beyond, math.log(3.0), 0.1, 0.3, monkeypatch).inside
    longer = predicted(beyond, math.log(90.0), 0.1, 0.3, monkeypatch)
    assert longer.predicted_low > 10.0
    assert longer.inside
    assert math.isnan(longer.z)
    assert not predicted(target(), math.log(90.0), 0.1, 0.3, monkeypatch).inside


# Toxicity differs between studies by more than the posterior knows: variances add on the logit scale.
@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_toxicity_differs_between_studies(spread, monkeypatch):
    error = 0.2
    one = target("crs_severe", logit(0.3), survival=0.3)
    row = predicted(one, logit(0.3), spread, error, monkeypatch)
    whole = math.sqrt(spread**2 + PROTOCOL.toxicity.sd**2 + error**2)
    ends = logit(0.3) + whole * ndtri([0.025, 0.975])
    found = logit(np.array([row.predicted_low, row.predicted_high]) / 100.0)
    assert found == pytest.approx(ends, abs=0.15 * whole)
    other = predicted(
        target("response", logit(0.3), survival=0.3), logit(0.3), spread, error, monkeypatch
    )
    assert other.predicted_high - other.predicted_low < row.predicted_high - row.predicted_low


def test_count_of_nobody_has_a_finite_distance_from_its_prediction(monkeypatch):
    none = target("response", -math.inf, events=0.0, n=40)
    row = predicted(none, logit(0.1), 0.3, 0.5, monkeypatch)
    # Half a patient is counted in place of none.
    expected = (logit(0.5 / 40) - logit(0.1)) / math.hypot(0.3, 0.5)
    assert row.z == pytest.approx(expected, rel=0.02)
    assert row.published == row.low == row.high == 0.0
    assert predicted(none, logit(0.02), 0.3, 0.5, monkeypatch).inside


def test_published_interval_keeps_its_two_sides(monkeypatch):
    row = predicted(target(), math.log(8.0), 0.1, 0.3, monkeypatch)
    assert row.low == pytest.approx(10.0 * math.exp(-1.96 * 0.2), rel=1e-3)
    assert row.high == pytest.approx(10.0 * math.exp(1.96 * 0.4), rel=1e-3)


def test_numbers_come_in_per_cent_months_and_ratios():
    assert natural(target("os_percent"), np.array([0.0])) == pytest.approx(50.0)
    assert natural(target("os_median_months"), np.log([6.0])) == pytest.approx(6.0)
    assert natural(target("os_hazard_ratio"), np.log([0.7])) == pytest.approx(0.7)


# Effects of studies: a fitted study has its own, any other those of a study to come.


def test_study_that_was_fitted_is_predicted_with_its_own_effects():
    name = "response.study_log_odds_ratio"
    posterior = pd.DataFrame({name: [0.1, 0.2], "response.baseline_logit": [1.0, 2.0]})
    question = SimpleNamespace(parameters={name: None, "response.baseline_logit": None})
    studies = {"mine.response": np.array([0.7, 0.9])}
    mine, other = (SimpleNamespace(study=study, question=question) for study in ("mine", "other"))
    known = validation._numbers(PROTOCOL, mine, posterior, studies, 1)
    fresh = validation._numbers(PROTOCOL, other, posterior, studies, 1)
    assert known[name] == 0.9
    assert fresh[name] == 0.2
    assert known["response.baseline_logit"] == fresh["response.baseline_logit"] == 2.0


# The summary


def table(*rows):
    frame = pd.DataFrame(rows, columns=["study", "role", "inside"])
    return frame.assign(width_ratio=[1.0 + 0.1 * i for i in range(len(frame))])


def register(overlaps, fitted):
    studies = {
        name: SimpleNamespace(
            overlaps=dict.fromkeys(others, "some"),
            endpoints={"e": SimpleNamespace(role="fit" if name in fitted else "held_out")},
        )
        for name, others in overlaps.items()
    }
    return Register(studies, {})


def test_summary_tells_apart_what_the_fit_knows_nothing_of():
    found = summary(
        table(
            ("trial", "fit", True),
            ("trial", "fit", False),
            ("trial", "held_out", True),
            ("pooled", "held_out", False),
            ("other", "held_out", True),
            ("other", "held_out", True),
        ),
        # Overlaps count whichever of the two says so.
        register({"trial": ["pooled"], "pooled": [], "other": []}, {"trial"}),
    ).set_index("group")
    assert list(found.reset_index().columns) == list(SUMMARY_COLUMNS)
    assert found["endpoints"].to_dict() == {
        "fit": 2,
        "held_out": 4,
        "held_out_other_studies": 3,
        "held_out_other_patients": 2,
    }
    assert found["inside"].tolist() == [1, 3, 2, 2]
    assert found["inside_percent"].tolist() == pytest.approx([50.0, 75.0, 200 / 3, 100.0])
    assert found["studies"].tolist() == [1, 3, 2, 1]
    assert found["median_width_ratio"].tolist() == pytest.approx([1.05, 1.35, 1.4, 1.45])


def test_bias_is_the_mean_difference_of_each_topic_and_role():
    rows = [
        ("response", "fit", 1.0),
        ("response", "held_out", -2.0),
        ("response", "held_out", 4.0),
        ("median", "held_out", math.nan),
        ("toxicity", "held_out", -0.5),
    ]
    found = bias(pd.DataFrame(rows, columns=["topic", "role", "z"])).set_index("topic")
    assert list(found.reset_index().columns) == list(BIAS_COLUMNS)
    assert found.index.tolist() == ["response", "toxicity"]
    assert found["endpoints"].tolist() == [3, 1]
    assert found["mean_z"].tolist() == pytest.approx([1.0, -0.5])
    assert found.at["response", "mean_z_fit"] == 1.0
    assert found.at["response", "mean_z_held_out"] == 1.0
    assert math.isnan(found.at["toxicity", "mean_z_fit"])


def test_group_without_endpoints_is_left_out():
    found = summary(table(("trial", "fit", True)), register({"trial": []}, {"trial"}))
    assert found["group"].tolist() == ["fit"]
