"""Uncertainty and Monte Carlo noise are told apart; numbers of draws and patients follow from it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.analyses.psa.allocation import (
    DRAW_WORK,
    FEWEST_DRAWS,
    FEWEST_PATIENTS,
    LARGEST_NOISE_SHARE,
    NAIVE_PATIENTS,
    PILOT_DRAWS,
    PILOT_PATIENTS,
    Variances,
    allocate,
    variances,
    work,
)
from sim.analyses.psa.analysis import answer
from sim.analyses.psa.draws_run import run_psa
from sim.analyses.psa.noise import MOST_NOISE, split, without_noise
from sim.analyses.shared.outcomes import middle_threshold
from sim.errors import UserError


def patients(draws, count, between, within, seed=1):
    """Patients of each draw, of known variances; shape (draws, patients)."""
    numbers = np.random.default_rng(seed)
    expected = 7.0 + math.sqrt(between) * numbers.standard_normal((draws, 1))
    return expected + math.sqrt(within) * numbers.standard_normal((draws, count))


def means_and_noise(sample):
    return sample.mean(axis=1), sample.var(axis=1, ddof=1) / sample.shape[1]


def test_known_variances_are_recovered():
    """N = 4000 draws of n = 25, b = 4, w = 100: noise 4, so half of what is seen; 5 errors."""
    found = split(*means_and_noise(patients(4000, 25, 4.0, 100.0)))
    assert found.between_sd**2 == pytest.approx(4.0, abs=5 * 8.0 * math.sqrt(2 / 4000))
    assert found.noise_sd**2 == pytest.approx(4.0, rel=5 * math.sqrt(2 / (4000 * 24)))
    assert found.noise_share == pytest.approx(0.5, abs=0.05)
    assert found.mean == pytest.approx(7.0, abs=5 * found.se)
    assert found.se == pytest.approx(math.sqrt(8.0 / 4000), rel=0.06)


def test_interval_is_that_of_the_expectation_not_of_the_noisy_means():
    """N = 20,000, n = 25: quantiles of Normal(7, 2) to 3 %, where the means have sd 2.8."""
    found = split(*means_and_noise(patients(20_000, 25, 4.0, 100.0)))
    low, high = stats.norm(7.0, 2.0).ppf([0.025, 0.975])
    assert (found.low, found.high) == (
        pytest.approx(low, abs=0.12),
        pytest.approx(high, abs=0.12),
    )


def test_variance_ratio_is_that_of_one_way_analysis_of_variance():
    sample = patients(12, 9, 1.0, 30.0)
    ratio = stats.f_oneway(*sample).statistic
    assert split(*means_and_noise(sample)).noise_share == pytest.approx(1.0 / ratio, rel=1e-12)


def test_estimate_of_the_variance_between_draws_is_unbiased():
    """2000 analyses of N = 10, n = 5, b = 1, w = 4, without cutting off at 0; |z| < 4."""
    found = []
    for seed in range(2000):
        means, noise = means_and_noise(patients(10, 5, 1.0, 4.0, seed))
        found.append(means.var(ddof=1) - noise.mean())
    assert abs(np.mean(found) - 1.0) < 4 * np.std(found) / math.sqrt(2000)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40),
    st.floats(0.0, 1e9),
)
def test_taking_noise_out_keeps_mean_and_order(values, noise):
    sample = np.array(values)
    quiet = without_noise(sample, np.full(len(sample), noise))
    scale = 1e-9 * max(1.0, np.abs(sample).max())
    assert quiet.mean() == pytest.approx(sample.mean(), abs=scale)
    ordered = quiet[np.argsort(sample, kind="stable")]
    assert (np.diff(ordered) >= -scale).all()
    left = max(sample.var(ddof=1) - noise, 0.0)
    assert quiet.var(ddof=1) == pytest.approx(left, rel=1e-6, abs=1e-3)


def test_draws_without_noise_stay_as_they_are():
    values = np.array([1.0, 2.0, 5.0])
    assert (without_noise(values, np.zeros(3)) == values).all()


def test_nothing_but_noise_is_its_mean():
    found = split(np.array([1.0, 2.0, 3.0]), np.full(3, 50.0))
    assert (found.between_sd, found.noise_share) == (0.0, 1.0)
    assert without_noise(np.array([1.0, 2.0, 3.0]), np.full(3, 50.0)).tolist() == [2.0, 2.0, 2.0]
    assert not found.has_interval


@pytest.mark.parametrize("values", [[1.0], [1.0, math.inf], [math.nan, 1.0]])
def test_what_cannot_be_told_is_not_a_number(values):
    assert all(math.isnan(value) for value in split(np.array(values), np.zeros(len(values))))


# Numbers of draws and patients

KNOWN = Variances("other", 100_000.0, between=27_000.0**2, within=370_000.0**2)


def test_chosen_numbers_are_the_least_work_for_the_error():
    """Against every number with noise of at most 28 %; rounding up to two digits costs 4 %."""
    se = 700.0
    found = allocate(KNOWN, se=se)
    grid = np.arange(20, 20_000)
    grid = grid[KNOWN.within / grid <= 0.28 * (KNOWN.between + KNOWN.within / grid)]
    draws = (KNOWN.between + KNOWN.within / grid) / se**2
    assert work(found.draws, found.patients) == pytest.approx(work(draws, grid).min(), rel=0.04)
    assert found.se <= se


def test_given_draws_leave_a_twentieth_of_noise():
    found = allocate(KNOWN, draws=1000)
    assert found.draws == found.naive_draws == 1000
    assert 0.045 < found.noise_share <= 0.05
    exact = KNOWN.within / KNOWN.between * 19
    assert exact <= found.patients <= 1.1 * exact


def test_given_draws_and_an_error_decide_the_patients():
    found = allocate(KNOWN, draws=1000, se=900.0)
    assert 0.95 * 900.0 < found.se <= 900.0


def test_given_patients_leave_the_draws_to_the_error():
    found = allocate(KNOWN, patients=2000, se=500.0)
    assert found.patients == 2000
    assert 0.95 * 500.0 < found.se <= 500.0


def test_default_error_is_a_fortieth_of_the_standard_deviation_between_draws():
    assert allocate(KNOWN).se == pytest.approx(27_000.0 / 40, rel=0.05)


def test_noise_leaves_room_for_intervals():
    """w / b = 1000: the least work, 500 patients, would be a noise share of 2/3."""
    found = allocate(Variances("other", 1.0, 1.0, 1000.0))
    assert found.patients == 2600  # 1000 x 0.72 / 0.28, in two digits
    assert found.noise_share == pytest.approx(1000 / 3600)
    assert LARGEST_NOISE_SHARE < MOST_NOISE


def test_saving_is_against_10_000_patients_in_each_draw():
    found = allocate(KNOWN, se=700.0)
    naive = found.naive_draws * (DRAW_WORK + NAIVE_PATIENTS)
    assert found.saved == pytest.approx(1 - found.draws * (DRAW_WORK + found.patients) / naive)
    assert found.saved > 0.5


def test_error_that_no_number_of_patients_reaches_is_refused():
    with pytest.raises(UserError, match=r"--se: 100 draws leave an error of 2,700 however many"):
        allocate(KNOWN, draws=100, se=2000.0)
    with pytest.raises(UserError, match=r"--se: needs more than 1,000,000 draws"):
        allocate(KNOWN, se=1.0)
    with pytest.raises(UserError, match=r"--se: needs more than 1,000,000 draws"):
        allocate(KNOWN, se=1e-300)
    with pytest.raises(UserError, match=r"--patients: needs more than"):
        allocate(KNOWN, draws=1000, se=math.sqrt(27_000.0**2 / 1000) * (1 + 1e-7))


def test_few_draws_and_patients_are_never_chosen():
    easy = Variances("other", 1.0, between=1e6, within=1.0)
    found = allocate(easy, se=1e6)
    assert (found.draws, found.patients) == (FEWEST_DRAWS, FEWEST_PATIENTS)
    nothing = Variances("other", 1.0, between=0.0, within=0.0)
    assert allocate(nothing).draws == FEWEST_DRAWS
    assert allocate(nothing, draws=300).patients == FEWEST_PATIENTS


def test_wanted_error_is_reached_on_synthetic_patients():
    """b = 4, w = 700: 600 analyses of the chosen size; the spread of their means within 20 %.

    The error of a standard deviation of 600 is 3 %.
    """
    found = allocate(Variances("other", 1.0, 4.0, 700.0), se=0.2)
    numbers = np.random.default_rng(2)
    noisy = math.sqrt(4.0 + 700.0 / found.patients)
    means = noisy * numbers.standard_normal((600, found.draws)).mean(axis=1)
    assert np.std(means, ddof=1) == pytest.approx(0.2, rel=0.2)
    assert found.se == pytest.approx(0.2, rel=0.05)


def test_pilot_takes_the_best_of_the_others_at_the_middle_threshold(ask):
    question = ask("blinatumomab_then_inotuzumab", patients=1)
    pilot = run_psa(question, 20, patients=50)
    found = variances(pilot)
    assert found.threshold == middle_threshold(pilot.question.thresholds) == 100_000.0
    benefit = dict(zip(pilot.strategies, pilot.inmb(100_000.0).mean(axis=0), strict=True))
    del benefit[question.scenario.comparator_name]
    assert found.strategy == max(benefit, key=benefit.get)


def test_variance_between_draws_is_not_taken_to_be_0_where_the_pilot_is_too_small(ask):
    """20 draws of 2 patients: nothing but noise."""
    found = variances(run_psa(ask("first_salvage", patients=1), 20, patients=2))
    assert found.between > 0.0
    assert math.isfinite(allocate(found).patients)


def test_single_strategy_is_planned_by_its_own_benefit(ask):
    alone = {"name": "alone", "sequence": ["blinatumomab"], "then": "usual_care"}
    psa = run_psa(ask("first_salvage", patients=1, strategies=[alone]), 30, patients=50)
    found = variances(psa)
    assert found.strategy == "alone"
    assert found.between > 0.0
    assert answer(psa).gains == answer(psa).choices == ()


def test_wanted_error_is_reached_in_a_shipped_scenario(ask):
    """Pilot of 100 draws x 1,000 patients; the error found by the analysis within 20 %."""
    question = ask("first_salvage", patients=1, seed=5)
    pilot = run_psa(question, PILOT_DRAWS, patients=PILOT_PATIENTS)
    planned = allocate(variances(pilot), se=2000.0)
    (gain,) = answer(run_psa(question, planned.draws, patients=planned.patients)).gains
    assert gain.nmb[100_000.0].se == pytest.approx(2000.0, rel=0.2)
    assert gain.nmb[100_000.0].noise_share == pytest.approx(planned.noise_share, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("first_salvage", 3100.0),
        ("later_salvage", 2600.0),
        ("nhs_first_salvage", 1000.0),
    ],
)
def test_the_chosen_numbers_reach_the_wanted_error_in_repeated_analyses(ask, name, wanted):
    """The spread of the mean benefit over 80 repeated analyses is the wanted error within 20 %.

    The pilot is that of the command, with the seed of the scenario. The analyses have draws and
    patients of their own, of another seed; their means are taken from the table of draws. The error
    of a standard deviation of 80 is 8 %, and the error of the pilot's choice as much again; a
    choice with half the draws would give 141 % of the error.
    """
    question = ask(name, patients=1, seed=1)
    found = variances(run_psa(question, PILOT_DRAWS, patients=PILOT_PATIENTS))
    planned = allocate(found, se=wanted)
    assert FEWEST_DRAWS < planned.draws < 200
    assert FEWEST_PATIENTS < planned.patients < PILOT_PATIENTS
    repeated = 80
    table = run_psa(question, repeated * planned.draws, patients=planned.patients, seed=7).outcomes
    by_strategy = table.set_index(["draw", "strategy"])[["cost", "qalys"]].unstack()
    benefit = found.threshold * by_strategy["qalys"] - by_strategy["cost"]
    gain = benefit[found.strategy] - benefit[question.scenario.comparator_name]
    means = gain.to_numpy().reshape(repeated, planned.draws).mean(axis=1)
    assert np.std(means, ddof=1) == pytest.approx(wanted, rel=0.2)
    assert planned.se == pytest.approx(wanted, rel=0.05)
    # At less than half the work of 10,000 patients in each of as many draws as would do.
    assert planned.naive_se <= wanted
    assert planned.saved > 0.5


def test_of_two_thresholds_the_upper_one_is_the_middle():
    """The report, the explorer and all analyses speak of the same one."""
    assert middle_threshold((35_000.0, 25_000.0)) == 35_000.0
    assert middle_threshold((150_000.0, 50_000.0, 100_000.0)) == 100_000.0
