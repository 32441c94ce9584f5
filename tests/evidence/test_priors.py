"""Priors are normal on their own scale, and the points of a wave have the spread of the posterior."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sim.evidence.calibration import _design
from sim.evidence.protocol import Prior
from sim.evidence.sampler import Posterior
from tests.evidence.test_sampler import NAMES, SPREAD_SCALE, protocol

POINTS = 4096


@pytest.mark.parametrize(
    ("scale", "quantile"),
    [
        ("identity", stats.norm(0.3, 0.2).ppf),
        ("log", stats.lognorm(0.2, scale=0.3).ppf),
        ("logit", lambda p: 1 / (1 + math.exp(-stats.norm(math.log(0.3 / 0.7), 0.2).ppf(p)))),
    ],
)
@pytest.mark.parametrize("p", [0.01, 0.5, 0.9])
def test_a_prior_score_is_a_quantile_on_the_scale_of_the_prior(scale, quantile, p):
    prior = Prior(scale=scale, mean=0.3, sd=0.2, why="toy")
    assert prior.value(float(stats.norm.ppf(p))) == pytest.approx(float(quantile(p)), rel=1e-12)
    assert prior.to_scale(prior.value(1.5)) == pytest.approx(prior.to_scale(0.3) + 0.3, rel=1e-12)


def test_the_first_wave_is_the_prior():
    """4,096 scrambled Sobol points: moments within 0.01."""
    z, effects = _design(protocol(), 0, POINTS, None)
    assert z.mean(axis=0) == pytest.approx(np.zeros(len(NAMES)), abs=0.01)
    assert np.cov(z, rowvar=False) == pytest.approx(np.eye(len(NAMES)), abs=0.01)
    assert effects.std(axis=0) == pytest.approx([SPREAD_SCALE], rel=0.01)


def test_a_later_wave_has_mean_and_covariance_of_the_posterior_before():
    """Nine scores, neighbours correlated, of falling spread; within 0.02."""
    random = np.random.default_rng(3)
    mixing = np.tril(random.normal(0.0, 0.4, (len(NAMES), len(NAMES)))) + np.eye(len(NAMES))
    scores = pd.DataFrame(random.normal(size=(2000, len(NAMES))) @ mixing.T + 0.5, columns=NAMES)
    nothing = pd.DataFrame()
    z, _ = _design(protocol(), 1, POINTS, Posterior(scores, nothing, nothing, nothing))
    assert z.mean(axis=0) == pytest.approx(scores.mean().to_numpy(), abs=0.02)
    expected = np.cov(scores.to_numpy(), rowvar=False)
    assert np.abs(np.cov(z, rowvar=False) - expected).max() < 0.03
