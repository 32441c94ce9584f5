"""A wave spreads as the posterior before it; what informed a parameter is computed a second time."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sim.evidence.calibration import _design, _gains, identification
from sim.evidence.protocol import Prior
from sim.evidence.sampler import Evidence, Posterior, Surface
from tests.support.toy_fit import toy_protocol

POINTS = 4096
SPREAD_SCALE = 0.4
NAMES = ("first", "second", "third")
STUDIES = ("s", "t")
MISSED = 0.1
PROTOCOL = toy_protocol(NAMES, prior=(1.0, 0.5), weights={"t": 0.5}, scale=SPREAD_SCALE)
NINE = toy_protocol(tuple("abcdefghi"), weights={}, scale=SPREAD_SCALE)


# Priors and waves


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
    z, effects = _design(NINE, 0, POINTS, None)
    assert z.mean(axis=0) == pytest.approx(np.zeros(9), abs=0.01)
    assert np.cov(z, rowvar=False) == pytest.approx(np.eye(9), abs=0.01)
    assert effects.std(axis=0) == pytest.approx([SPREAD_SCALE], rel=0.01)


def test_a_later_wave_has_mean_and_covariance_of_the_posterior_before():
    """Nine scores, neighbours correlated, of falling spread; within 0.02."""
    random = np.random.default_rng(3)
    mixing = np.tril(random.normal(0.0, 0.4, (9, 9))) + np.eye(9)
    scores = pd.DataFrame(random.normal(size=(2000, 9)) @ mixing.T + 0.5, columns=list(NINE.priors))
    nothing = pd.DataFrame()
    z, _ = _design(NINE, 1, POINTS, Posterior(scores, nothing, nothing, nothing))
    assert z.mean(axis=0) == pytest.approx(scores.mean().to_numpy(), abs=0.02)
    expected = np.cov(scores.to_numpy(), rowvar=False)
    assert np.abs(np.cov(z, rowvar=False) - expected).max() < 0.03


# What informed a parameter


def target(value, error, study):
    return SimpleNamespace(name=f"{study}/{value}", study=study, below=error, above=error)


def surface(rng, endpoints):
    width = len(NAMES) + 1
    square = rng.normal(0.0, 0.05, (endpoints, width, width))
    return Surface(
        rng.normal(size=endpoints),
        rng.normal(size=(endpoints, width)),
        (square + square.transpose(0, 2, 1)) / 2.0,
        np.full(endpoints, MISSED),
    )


@pytest.fixture
def fitted():
    rng = np.random.default_rng(5)
    evidence = [
        Evidence(
            study, (target(0.1, 0.3, study=study), target(0.2, 0.6, study=study)), surface(rng, 2)
        )
        for study in STUDIES
    ]
    scores = pd.DataFrame(rng.normal([0.3, -0.2, 0.1], [0.5, 0.8, 1.0], (400, 3)), columns=NAMES)
    spread = pd.DataFrame({"spread.kind": rng.uniform(0.2, 0.4, 400)})
    return evidence, Posterior(scores, pd.DataFrame(), spread, pd.DataFrame())


def variances(evidence, posterior, left_out=None):
    """Return the variances of the scores by inverting the whole precision, without one endpoint."""
    at = np.append(posterior.scores.mean().to_numpy(), 0.0)
    spread = float(posterior.spread["spread.kind"].mean())
    precision = np.eye(len(NAMES) + len(STUDIES))
    place = 0
    for study, each in zip(STUDIES, evidence, strict=True):
        for k, one in enumerate(each.targets):
            # The slope by finite differences of the surface itself.
            steps = np.eye(len(at)) * 1e-5
            slope = [(each.surface(at + h)[k] - each.surface(at - h)[k]) / 2e-5 for h in steps]
            row = np.zeros(len(precision))
            row[: len(NAMES)] = slope[: len(NAMES)]
            row[len(NAMES) + STUDIES.index(study)] = slope[-1] * spread
            weight = 0.5 if study == "t" else 1.0
            if place != left_out:
                precision += np.outer(row, row) * weight / (one.below**2 + MISSED**2)
            place += 1
    return np.diag(np.linalg.inv(precision))[: len(NAMES)]


def test_the_rise_without_an_endpoint_is_that_of_inverting_again(fitted):
    """Two studies of two endpoints each; to 1e-5 of the rise."""
    evidence, posterior = fitted
    gains = _gains(PROTOCOL, evidence, posterior)
    whole = variances(evidence, posterior)
    for endpoint in range(4):
        rise = variances(evidence, posterior, left_out=endpoint) / whole - 1.0
        assert gains[endpoint] == pytest.approx(rise, rel=1e-5)


def test_spread_left_is_the_deviation_of_the_scores(fitted):
    evidence, posterior = fitted
    table = identification(PROTOCOL, evidence, posterior).set_index("parameter")
    for name in NAMES:
        left = posterior.scores[name].std()
        assert table.loc[name, "spread_left"] == pytest.approx(left, rel=1e-12)
        assert table.loc[name, "posterior_sd"] == pytest.approx(0.5 * left, rel=1e-12)
        mean = 1.0 + 0.5 * posterior.scores[name].mean()
        assert table.loc[name, "posterior_mean"] == pytest.approx(mean, rel=1e-12)


def test_endpoints_are_named_by_how_much_they_inform(fitted):
    evidence, posterior = fitted
    gains = _gains(PROTOCOL, evidence, posterior)
    names = [one.name for each in evidence for one in each.targets]
    table = identification(PROTOCOL, evidence, posterior)
    for place, named in enumerate(table["informed_by"]):
        order = [names[k] for k in np.argsort(-gains[:, place])[:3] if gains[k, place] >= 0.02]
        assert named.split("; ") == order
