"""What informed a parameter is what its variance rises without, computed a second time."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sim.evidence.identification import _gains, identification
from sim.evidence.protocol import Protocol
from sim.evidence.sampler import Evidence, Posterior, Surface

PRIOR = {"scale": "identity", "mean": 1.0, "sd": 0.5, "why": "toy"}
NAMES = ("first", "second", "third")
STUDIES = ("s", "t")
MISSED = 0.1


@pytest.fixture
def protocol():
    return Protocol.model_validate(
        {
            "title": "Toy",
            "seed": 7,
            "design": {"waves": [1], "spread": 1.0},
            "sampler": {"chains": 1, "warmup": 1, "samples": 1},
            "weights": {"t": {"weight": 0.5, "why": "toy"}},
            "heterogeneity": {"kind": {"parameters": ["effect"], "scale": 0.4, "why": "toy"}},
            "toxicity": {"sd": 0.25, "why": "toy"},
            "cohorts": [{"scenario": "c", "study": "s", "arms": {"a": "a"}}],
            "priors": dict.fromkeys(NAMES, PRIOR),
        }
    )


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


def test_the_rise_without_an_endpoint_is_that_of_inverting_again(protocol, fitted):
    """Two studies of two endpoints each; to 1e-5 of the rise."""
    evidence, posterior = fitted
    gains = _gains(protocol, evidence, posterior)
    whole = variances(evidence, posterior)
    for endpoint in range(4):
        rise = variances(evidence, posterior, left_out=endpoint) / whole - 1.0
        assert gains[endpoint] == pytest.approx(rise, rel=1e-5)


def test_spread_left_is_the_deviation_of_the_scores(protocol, fitted):
    evidence, posterior = fitted
    table = identification(protocol, evidence, posterior).set_index("parameter")
    for name in NAMES:
        left = posterior.scores[name].std()
        assert table.loc[name, "spread_left"] == pytest.approx(left, rel=1e-12)
        assert table.loc[name, "posterior_sd"] == pytest.approx(0.5 * left, rel=1e-12)
        mean = 1.0 + 0.5 * posterior.scores[name].mean()
        assert table.loc[name, "posterior_mean"] == pytest.approx(mean, rel=1e-12)


def test_endpoints_are_named_by_how_much_they_inform(protocol, fitted):
    evidence, posterior = fitted
    gains = _gains(protocol, evidence, posterior)
    names = [one.name for each in evidence for one in each.targets]
    table = identification(protocol, evidence, posterior)
    for place, named in enumerate(table["informed_by"]):
        order = [names[k] for k in np.argsort(-gains[:, place])[:3] if gains[k, place] >= 0.02]
        assert named.split("; ") == order
