"""Intervals over draws carry honest errors of their ends, or are not given."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.analyses.psa.acceptability import quiet_shares
from sim.analyses.psa.noise import FEWEST_DRAWS, LARGEST_ERROR, MOST_NOISE, quantile_error, split
from sim.cli import commands
from tests.support.places import ROOT

MAIN = ROOT / "scenarios" / "first_salvage.yaml"
REPEATS, PATIENTS = 40, 50


def draws(seed, count, noise_share, patients=PATIENTS):
    """Means of draws of a linear model of 3 normal parameters, of variance 1, and their noise."""
    numbers = np.random.default_rng(seed)
    expected = numbers.standard_normal((count, 3)) @ np.array([0.6, 0.64, 0.48])
    within = patients * noise_share / (1.0 - noise_share)
    luck = math.sqrt(within) * numbers.standard_normal((count, patients))
    sample = expected[:, None] + luck
    return sample.mean(axis=1), sample.var(axis=1, ddof=1) / patients


@pytest.mark.parametrize("noise_share", [0.05, 0.3, 0.4])
@pytest.mark.parametrize("count", [300, 1000])
def test_the_truth_lies_within_two_errors_of_an_end(count, noise_share):
    """40 seeds, 80 ends: 95 % inside, at least 70 (2.6 binomial standard errors)."""
    truth = stats.norm.ppf([0.025, 0.975])
    found = [split(*draws(seed, count, noise_share)) for seed in range(REPEATS)]
    inside = [
        abs(end - true) <= 2.0 * error
        for each in found
        for end, error, true in zip(
            (each.low, each.high), (each.low_se, each.high_se), truth, strict=True
        )
        if each.has_interval
    ]
    assert len(inside) >= 1.8 * REPEATS
    assert np.mean(inside) >= 70 / 80


@pytest.mark.parametrize("noise_share", [0.05, 0.4])
def test_the_error_is_as_large_as_the_ends_scatter(noise_share):
    """200 seeds of 1,000 draws: the standard deviation has an error of 5 %; 4 of these."""
    found = [split(*draws(seed, 1000, noise_share)) for seed in range(200)]
    for end in ("low", "high"):
        scatter = np.nanstd([getattr(each, end) for each in found], ddof=1)
        errors = [getattr(each, f"{end}_se") for each in found]
        assert np.nanmedian(errors) == pytest.approx(scatter, rel=0.2)


@pytest.mark.parametrize("count", [2, 99])
def test_few_draws_have_no_interval(count):
    found = split(*draws(1, count, 0.05))
    assert not found.has_interval
    assert math.isnan(found.low_se)
    assert found.more_draws * count >= FEWEST_DRAWS


@pytest.mark.parametrize("seed", range(10))
def test_an_interval_that_is_mostly_noise_is_not_given(seed):
    found = split(*draws(seed, 1000, 0.94))
    assert not found.has_interval
    assert found.more_patients > 1.0


@pytest.mark.parametrize("noise_share", [0.6, 0.8])
def test_so_many_patients_as_are_said_to_be_needed_are_enough(noise_share):
    """1,000 draws, 10 seeds: the median of what is said gives an interval in most of 10 others."""
    found = [split(*draws(seed, 1000, noise_share)) for seed in range(10)]
    factor = np.median([each.more_patients for each in found if not each.has_interval])
    patients = factor * PATIENTS
    share = noise_share / (noise_share + (1.0 - noise_share) * patients / PATIENTS)
    again = [split(*draws(seed, 1000, share)).has_interval for seed in range(10, 20)]
    assert sum(again) >= 7


@given(st.integers(2, 400), st.floats(0.0, 0.99), st.integers(0, 2**32))
def test_an_interval_that_is_given_keeps_the_stated_limits(count, noise_share, seed):
    found = split(*draws(seed, count, noise_share, patients=5))
    if found.has_interval:
        assert count >= FEWEST_DRAWS
        assert found.noise_share <= MOST_NOISE
        assert max(found.low_se, found.high_se) <= LARGEST_ERROR * (found.high - found.low)
    else:
        assert max(found.more_draws, found.more_patients) > 1.0


def test_the_error_of_a_quantile_is_that_of_the_bootstrap():
    """20,000 resamples of 300 draws; the interpolated quantile differs a little from its rank."""
    values = np.random.default_rng(1).gamma(3.0, size=300)
    resampled = np.random.default_rng(2).choice(values, (20_000, 300))
    for probability in (0.025, 0.5, 0.975):
        bootstrap = np.quantile(resampled, probability, axis=1).std()
        assert quantile_error(values, probability) == pytest.approx(bootstrap, rel=0.1)


def test_skewness_that_noise_hides_is_part_of_the_error():
    """Lognormal of sigma 0.6, 30 % noise: the low end is off by 11 % of the width, so not given."""
    numbers = np.random.default_rng(3)
    raw = np.exp(0.6 * numbers.standard_normal(5000))
    noise = 0.3 / 0.7 * raw.var()
    found = split(raw + math.sqrt(noise) * numbers.standard_normal(5000), np.full(5000, noise))
    assert not found.has_interval
    assert math.isinf(found.more_draws)


def test_the_error_of_a_probability_without_noise_is_honest():
    """400 draws, 40 seeds, half noise: the truth is P(N(0.5, 1) > 0) = 69.1 %; 2 errors, 35 of 40."""
    inside = []
    for seed in range(REPEATS):
        values, noise = draws(seed, 400, 0.5)
        benefits = np.column_stack([np.zeros(400), values + 0.5])
        found = quiet_shares(benefits, np.column_stack([np.zeros(400), noise]))
        inside.append(abs(found.value[1] - stats.norm.cdf(0.5)) <= 2.0 * found.se[1])
    assert sum(inside) >= 35


def test_a_psa_of_few_patients_prints_words_in_place_of_intervals(tmp_path):
    out = tmp_path / "found"
    options = ("--draws", "100", "--patients", "10", "--no-cache", "--out", str(out))
    found = CliRunner().invoke(commands, ["psa", str(MAIN), *options])
    assert found.exit_code == 0, found.output
    line = next(each for each in found.stdout.splitlines() if each.startswith("QALYs"))
    assert line.count("no interval") == 2
    assert " to " not in line
    assert "No interval is given" in found.stdout
    content = json.loads((out / "psa.json").read_text())
    qalys = content["strategies"][0]["outcomes"]["qalys"]
    assert qalys["low"] is qalys["low_se"] is qalys["high"] is None
    assert set(qalys["interval_needs"]) == {"draws", "patients"}
    chance = content["decision"][0]["strategies"][0]["probability"]
    assert chance["without_noise_se"] >= 0.0
